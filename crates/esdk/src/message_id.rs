//! What makes each message's keys its own.
use core::fmt;

/// A message id: 32 random bytes, of which the suites that do not commit use the first 16.
///
/// Each message needs its own; two messages of one data key with the same id would use the same key and the same IVs. So it
/// cannot be cloned, and sealing takes it by value.
pub struct MessageId([u8; 32]);

impl MessageId {
    /// Takes bytes from a source of randomness that is not the operating system's. They must never repeat.
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
        getrandom::fill(&mut bytes).map_err(|error| crate::SealError::Random(crate::RandomError(error)))?;
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
