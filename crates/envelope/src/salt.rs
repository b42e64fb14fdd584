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
///
/// Only systems without random bytes of the operating system make salts themselves; all others call `seal`, which draws one.
pub struct Salt([u8; SALT_LEN]);

impl Salt {
    /// A salt from the operating system.
    ///
    /// # Errors
    /// [`SealError::Random`] when the operating system has no random bytes to give.
    #[cfg(feature = "getrandom")]
    pub fn random() -> Result<Self, SealError> {
        let mut bytes = [0; SALT_LEN];
        crate::fips::fill(&mut bytes).map_err(|error| SealError::Random(RandomError(error)))?;
        Ok(Self(bytes))
    }

    /// A salt of given bytes: for test vectors, and for systems with a random source of their own.
    ///
    /// The bytes must come from a cryptographic random source and be used once. What happens otherwise stands above.
    ///
    /// ```
    /// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
    /// # use datakey_envelope::{Params, SealingKey};
    /// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};
    /// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKeys::from(WrappedKey::new("local:dev", b"opaque".to_vec())?);
    /// # let context = EncryptionContext::new([("tenant", "acme")])?;
    /// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
    /// # let opening = datakey_envelope::OpeningKey::new(&data_key, &context)?;
    /// use datakey_envelope::{Aad, Salt};
    ///
    /// // A test vector. In production this salt would have to be drawn anew for each message.
    /// let vector = || Salt::danger_from_bytes([1; datakey_envelope::SALT_LEN]);
    /// let (mut one, mut other) = (Vec::new(), Vec::new());
    /// sealing.seal_with_salt(vector(), b"one order", Aad::EMPTY, &mut one)?;
    /// sealing.seal_with_salt(vector(), b"one order", Aad::EMPTY, &mut other)?;
    /// assert_eq!(one, other);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
