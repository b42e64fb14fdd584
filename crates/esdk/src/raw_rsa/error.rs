//! What can be wrong with an RSA key.
use alloc::boxed::Box;

use thiserror::Error;

use crate::RawKeyError;

/// Why something is not a raw RSA key. Never holds any of the key.
///
/// ```
/// use datakey_esdk::{RawRsaKeyError, RawRsaPublicKey, RsaPadding};
///
/// let password_store = b"correct horse battery staple";
/// let refused = RawRsaPublicKey::from_pem("shop", "2026", RsaPadding::OaepSha512Mgf1, password_store);
/// assert!(matches!(refused, Err(RawRsaKeyError::Pem)));
/// assert!(!refused.unwrap_err().to_string().contains("horse")); // errors are logged, and repeat nothing of it
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RawRsaKeyError {
    /// Namespace or name.
    #[error(transparent)]
    Names(#[from] RawKeyError),
    /// Not PEM.
    #[error("the key is not in PEM, or its text is damaged")]
    Pem,
    /// PEM of something else, such as the other half, an encrypted key or a certificate.
    #[error(
        "the PEM is a {0:?}; a public key is a `PUBLIC KEY` or `RSA PUBLIC KEY`, a private one a `PRIVATE KEY` or \
         `RSA PRIVATE KEY`, not encrypted"
    )]
    Label(Box<str>),
    /// Not an RSA key, or one that does not have 2048 to 8192 bits.
    #[error("the PEM holds no RSA key of 2048 to 8192 bits")]
    Rejected,
    /// The padding is not approved, and the FIPS module is what computes: see [`is_fips`](crate::is_fips).
    #[error(
        "PKCS#1 v1.5 and OAEP with SHA-1 are not approved by FIPS 140, and this program computes with the FIPS module of AWS-LC; take OAEP with SHA-256 or longer"
    )]
    NotApproved,
}

impl RawRsaKeyError {
    /// Whether the same may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}
