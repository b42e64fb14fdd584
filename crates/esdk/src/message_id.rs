//! What makes each message's keys its own.
use core::fmt;

/// A message id: 32 random bytes, of which the suites that do not commit use the first 16.
///
/// Each message needs its own; two messages of one data key with the same id would use the same key and the same IVs. So it
/// cannot be cloned, and sealing takes it by value.
///
/// For whoever has no operating system's random numbers, and for test vectors, which repeat byte for byte:
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec())?.into();
/// # let context = EncryptionContext::new([("tenant", "acme")])?;
/// # let params = datakey_esdk::Params::new().with_suite(datakey_esdk::Suite::Aes256GcmHkdfSha512CommitKey);
/// # let sealing = datakey_esdk::SealingKey::new(&data_key, &wrapped, &context, None, &params)?;
/// # let mut sealed = Vec::new();
/// # sealing.seal(b"one order", &mut sealed)?;
/// use datakey_esdk::MessageId;
///
/// let vector = || MessageId::from_random_bytes([7; 32]); // in a test, and nowhere else
/// let (mut one, mut other) = (Vec::new(), Vec::new());
/// sealing.seal_with_id(vector(), b"one order", &mut one)?;
/// sealing.seal_with_id(vector(), b"one order", &mut other)?;
/// assert_eq!(one, other);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MessageId([u8; 32]);

impl MessageId {
    /// Takes bytes from a source of randomness that is not the operating system's. They must never repeat.
    ///
    /// A counter will do as little as a constant: whoever restores a backup of the counter repeats it.
    #[must_use]
    pub const fn from_random_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Draws from the operating system.
    ///
    /// # Errors
    /// [`SealError::Random`](crate::SealError::Random) where it gives none.
    #[cfg(feature = "getrandom")]
    pub fn random() -> Result<Self, crate::SealError> {
        let mut bytes = [0; 32];
        crate::fips::fill(&mut bytes).map_err(|error| crate::SealError::Random(crate::RandomError(error)))?;
        Ok(Self(bytes))
    }

    pub(crate) fn of_len(&self, len: usize) -> &[u8] {
        self.0.get(..len).unwrap_or(&self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageId")
    }
}
