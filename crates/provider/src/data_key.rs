//! Secret bytes: created in place, boxed once, wiped on drop.
use alloc::boxed::Box;
use core::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::WrappedKeys;

/// The length of every data key, in bytes.
pub const DATA_KEY_LEN: usize = 32;

/// A 256-bit data key in plaintext.
///
/// The bytes live in one heap allocation, which moving the `DataKey` does not copy, and are overwritten when it is
/// dropped. There is deliberately no `Clone`, no `PartialEq` and no `Debug` that shows them; share one behind an
/// `Arc`, compare with [`ct_eq`](Self::ct_eq).
///
/// ```
/// # use datakey_provider::DataKey;
/// let key = DataKey::init(|bytes| bytes.fill(0x42));
/// assert_eq!(format!("{key:?}"), "DataKey(..)");
/// ```
pub struct DataKey(Box<[u8; DATA_KEY_LEN]>);

impl DataKey {
    /// Creates a key by writing its bytes in place, so that no copy is left on the stack.
    pub fn init(fill: impl FnOnce(&mut [u8; DATA_KEY_LEN])) -> Self {
        let mut key = Self(Box::new([0; DATA_KEY_LEN]));
        fill(&mut key.0);
        key
    }

    /// Creates a key by writing its bytes in place with a source that can fail, such as the operating system's.
    ///
    /// # Errors
    /// Whatever `fill` returns; the half-written key is wiped.
    pub fn try_init<E>(fill: impl FnOnce(&mut [u8; DATA_KEY_LEN]) -> Result<(), E>) -> Result<Self, E> {
        let mut key = Self(Box::new([0; DATA_KEY_LEN]));
        fill(&mut key.0)?;
        Ok(key)
    }

    /// Copies a key out of a slice; `None` unless it is exactly 32 bytes. Wiping the source is the caller's part.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; DATA_KEY_LEN] = bytes.try_into().ok()?;
        Some(Self::init(|own| own.copy_from_slice(bytes)))
    }

    /// The bytes themselves, for handing them to a key derivation or a wrapping cipher.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; DATA_KEY_LEN] {
        &self.0
    }

    /// Whether two keys are equal, in time that does not depend on where they differ.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for DataKey {}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// A fresh data key together with its wrapped forms: what `GenerateDataKey` answers.
#[derive(Debug)]
#[must_use]
pub struct GeneratedDataKey {
    data_key: DataKey,
    wrapped: WrappedKeys,
}

impl GeneratedDataKey {
    /// Pairs a data key with what it was wrapped into.
    pub fn new(data_key: DataKey, wrapped: impl Into<WrappedKeys>) -> Self {
        Self {
            data_key,
            wrapped: wrapped.into(),
        }
    }

    /// The plaintext key.
    #[must_use]
    pub fn data_key(&self) -> &DataKey {
        &self.data_key
    }

    /// The wrapped forms, at least one.
    #[must_use]
    pub fn wrapped_keys(&self) -> &WrappedKeys {
        &self.wrapped
    }

    /// Takes the pair apart.
    #[must_use]
    pub fn into_parts(self) -> (DataKey, WrappedKeys) {
        (self.data_key, self.wrapped)
    }
}
