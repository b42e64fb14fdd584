//! Signatures over a whole message, whichever library they come from.
use alloc::{string::String, vec::Vec};
use core::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "aws-lc")]
use aws_lc as backend;
#[cfg(not(feature = "aws-lc"))]
mod rustcrypto;
#[cfg(not(feature = "aws-lc"))]
use rustcrypto as backend;

use crate::{SealError, cipher::Refused, der, suite::Curve};

/// The key pair that signs the messages of one data key. The private half is wiped when it is dropped.
///
/// Its public half stands in the encryption context under [`PUBLIC_KEY`](crate::PUBLIC_KEY), so it is made before the data key
/// is.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// use datakey_esdk::{SigningKey, Suite};
///
/// let key = SigningKey::generate(Suite::default())?.expect("the default suite signs");
/// assert_eq!(key.public_key().len(), 68);
/// assert!(SigningKey::generate(Suite::Aes256GcmHkdfSha512CommitKey)?.is_none());
/// # }
/// # Ok::<(), datakey_esdk::SealError>(())
/// ```
///
/// # How long it lives
///
/// As long as its data key, and no longer: both are made together, and a cache keeps them together. It is no identity. That it belongs to a
/// writer is said by the key service, which bound its public half into the encryption context of a data key that this writer was allowed to
/// make.
///
/// # Where it is
///
/// The private half is on the heap, wiped when dropped, and shared by the streams that are sealed with it. It is never written anywhere.
pub struct SigningKey {
    curve: Curve,
    private: backend::PrivateKey,
    public: String,
}

impl SigningKey {
    /// A new key pair on the curve of a suite; `None` for a suite that does not sign.
    ///
    /// # Errors
    /// [`SealError::Random`] where the operating system gives no random bytes.
    #[cfg(feature = "getrandom")]
    pub fn generate(suite: crate::Suite) -> Result<Option<Self>, SealError> {
        let Some(curve) = suite.curve() else {
            return Ok(None);
        };
        let private = backend::PrivateKey::generate(curve)?;
        let public = BASE64_STANDARD.encode(private.public_point());
        Ok(Some(Self {
            curve,
            private,
            public,
        }))
    }

    /// The public half, as it stands in the encryption context: the compressed point in Base64.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public
    }

    pub(crate) const fn curve(&self) -> Curve {
        self.curve
    }

    pub(crate) fn sign(&self, message: Hasher) -> Result<Vec<u8>, SealError> {
        let numbers = self
            .private
            .sign(message.0)
            .map_err(|Refused| SealError::Cipher)?;
        let mut signature = Vec::with_capacity(self.curve.signature_len());
        der::encode(self.curve, numbers.as_ref(), &mut signature);
        Ok(signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("public_key", &self.public)
            .finish_non_exhaustive()
    }
}

/// The hash of a message as it comes.
#[derive(Clone)]
pub(crate) struct Hasher(backend::Hasher);

impl Hasher {
    pub(crate) fn new(curve: Curve) -> Self {
        Self(backend::Hasher::new(curve))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// The public half, decompressed once for all messages of a data key.
pub(crate) struct VerifyingKey {
    curve: Curve,
    public: backend::PublicKey,
}

impl VerifyingKey {
    /// From the text in an encryption context; `None` if it is no point of the curve.
    pub(crate) fn parse(curve: Curve, text: &str) -> Option<Self> {
        let point = BASE64_STANDARD.decode(text).ok()?;
        if point.len() != curve.point_len() {
            return None;
        }
        let public = backend::PublicKey::parse(curve, &point)?;
        Some(Self { curve, public })
    }

    pub(crate) const fn curve(&self) -> Curve {
        self.curve
    }

    pub(crate) fn verify(&self, message: Hasher, signature: &[u8]) -> Result<(), Refused> {
        self.public.verify(message.0, signature)
    }
}
