//! Whether the FIPS module of AWS-LC computes, and what is refused when it does.
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
use datakey_provider::EncryptionContext;

#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
use crate::Suite;

/// Whether ciphers, hashes, codes and random numbers of this crate are those of the FIPS module of AWS-LC, in its approved mode.
///
/// It takes the feature `fips` here, and the feature `fips` of `aws-lc-rs` in the program, which links the module. Then
/// [`Suite::ChaCha20Poly1305`](crate::Suite::ChaCha20Poly1305) is refused with
/// [`LimitError::NotApproved`](crate::LimitError::NotApproved) for whoever seals, and with
/// [`OpenError::NotApproved`](crate::OpenError::NotApproved) for whoever opens.
///
/// # What the module computes
///
/// The digests of associated data and encryption context, the derivation of keys and commitments as calls of HMAC-SHA-256, AES-256-GCM, and
/// salts. Messages are the same bytes either way.
///
/// # What an auditor may ask
///
/// The nonces of frames are counted here, under a key that is each message's own. The module encrypts so, and its service indicator does not
/// name that an approved service, as it does with nonces that the module makes. Opening it does.
///
/// # Without the module
///
/// A program with the feature and without the module computes as one without the feature, and this function says so. The facade, `datakey`,
/// refuses to build there instead.
///
/// ```
/// use datakey_envelope::{Suite, is_fips};
///
/// let suite = if is_fips() { Suite::Aes256Gcm } else { Suite::default() };
/// # let _ = suite;
/// ```
#[must_use]
pub fn is_fips() -> bool {
    #[cfg(feature = "fips")]
    let is = aws_lc_rs::try_fips_mode().is_ok();
    #[cfg(not(feature = "fips"))]
    let is = false;
    is
}

/// Whether a suite may be used.
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub(crate) fn permits(suite: Suite) -> bool {
    match suite {
        Suite::Aes256Gcm => true,
        Suite::ChaCha20Poly1305 => !is_fips(),
    }
}

/// The digest of an encryption context, computed anew by the module where that is what computes.
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub(crate) fn context_digest(context: &EncryptionContext) -> [u8; 32] {
    #[cfg(feature = "fips")]
    if is_fips() {
        return sha256(&[EncryptionContext::DIGEST_LABEL, context.encoded()]);
    }
    *context.digest()
}

/// SHA-256 of the module.
#[cfg(feature = "fips")]
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    parts.iter().for_each(|part| hash.update(part));
    let mut digest = [0; 32];
    digest
        .iter_mut()
        .zip(hash.finish().as_ref())
        .for_each(|(to, byte)| *to = *byte);
    digest
}

/// Random bytes for salts: of the module where that is what computes, and otherwise of the operating system.
#[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))]
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    #[cfg(feature = "fips")]
    if is_fips() {
        return aws_lc_rs::rand::fill(bytes).map_err(|_opaque| getrandom::Error::UNEXPECTED);
    }
    getrandom::fill(bytes)
}
