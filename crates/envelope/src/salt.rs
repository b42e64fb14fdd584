//! The random bytes that make each message's key its own.
use core::fmt;

use crate::SALT_LEN;

#[cfg(feature = "getrandom")]
use crate::{SealError, error::RandomError};

/// The salt of one message: 24 random bytes, drawn for it alone.
///
/// Deliberately neither `Clone` nor `Copy`: two messages under one data key with the same salt, context and
/// associated data would share a key and its nonces, which breaks both. Sealing takes the salt by value.
///
/// ```
/// # use datakey_envelope::Salt;
/// # #[cfg(feature = "getrandom")]
/// let salt = Salt::random()?;
/// # Ok::<(), datakey_envelope::SealError>(())
/// ```
pub struct Salt([u8; SALT_LEN]);

impl Salt {
    /// A salt from the operating system.
    ///
    /// # Errors
    /// [`SealError::Random`] when the operating system has no random bytes to give.
    #[cfg(feature = "getrandom")]
    pub fn random() -> Result<Self, SealError> {
        let mut bytes = [0; SALT_LEN];
        getrandom::fill(&mut bytes).map_err(|error| SealError::Random(RandomError(error)))?;
        Ok(Self(bytes))
    }

    /// A salt of given bytes: for test vectors, and for systems with a random source of their own.
    ///
    /// The bytes must come from a cryptographic random source and be used once. What happens otherwise stands above.
    #[must_use]
    pub const fn danger_from_bytes(bytes: [u8; SALT_LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; SALT_LEN] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}
