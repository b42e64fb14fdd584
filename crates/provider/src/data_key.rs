//! Secret bytes: created in place, boxed once, wiped on drop.
use alloc::{boxed::Box, vec};
use core::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::WrappedKeys;

/// How long a data key is: what the message format that it is for takes.
///
/// The format of `datakey-envelope` takes [`Bytes32`](Self::Bytes32). The AWS Encryption SDK has suites for each of them.
///
/// ```
/// # use datakey_provider::DataKeyLength;
/// assert_eq!(DataKeyLength::Bytes32.bytes(), 32);
/// assert_eq!(DataKeyLength::from_bytes(24), Some(DataKeyLength::Bytes24));
/// assert_eq!(DataKeyLength::from_bytes(31), None);
/// ```
///
/// A provider makes whichever is asked for, or refuses 16 and 24 as an invalid request; 32 it always makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DataKeyLength {
    /// 128 bits.
    Bytes16,
    /// 192 bits.
    Bytes24,
    /// 256 bits.
    Bytes32,
}

impl DataKeyLength {
    /// Every length, the shortest first.
    pub const ALL: [Self; 3] = [Self::Bytes16, Self::Bytes24, Self::Bytes32];

    /// The length in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bytes16 => 16,
            Self::Bytes24 => 24,
            Self::Bytes32 => 32,
        }
    }

    /// The length of so many bytes; `None` where no data key is as long.
    #[must_use]
    pub const fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            16 => Some(Self::Bytes16),
            24 => Some(Self::Bytes24),
            32 => Some(Self::Bytes32),
            _ => None,
        }
    }
}

impl fmt::Display for DataKeyLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes())
    }
}

/// A data key in plaintext, of 16, 24 or 32 bytes.
///
/// The bytes live in one heap allocation, which moving the `DataKey` does not copy, and are overwritten when it is
/// dropped. There is deliberately no `Clone`, no `PartialEq` and no `Debug` that shows them; share one behind an
/// `Arc`, compare with [`ct_eq`](Self::ct_eq).
///
/// ```
/// # use datakey_provider::{DataKey, DataKeyLength};
/// let key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x42));
/// assert_eq!(key.length(), DataKeyLength::Bytes32);
/// assert_eq!(format!("{key:?}"), "DataKey(32 bytes)");
/// ```
///
/// It is `Send` and `Sync`: any thread may use it, and the one that drops it last overwrites it. How it comes about and where it may still
/// be found is in the page `guide::secrets`.
pub struct DataKey {
    bytes: Box<[u8]>,
    length: DataKeyLength,
}

impl DataKey {
    fn zeros(length: DataKeyLength) -> Self {
        Self {
            bytes: vec![0; length.bytes()].into(),
            length,
        }
    }

    /// Creates a key by writing its bytes in place, so that no copy is left on the stack. `fill` gets as many bytes as
    /// `length` says, all zero.
    pub fn init(length: DataKeyLength, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut key = Self::zeros(length);
        fill(&mut key.bytes);
        key
    }

    /// Creates a key by writing its bytes in place with a source that can fail, such as the operating system's.
    ///
    /// ```
    /// use datakey_provider::{DataKey, DataKeyLength};
    ///
    /// let made = DataKey::try_init(DataKeyLength::Bytes32, getrandom::fill)?;
    /// assert_eq!(made.expose_secret().len(), 32);
    /// let refused = DataKey::try_init(DataKeyLength::Bytes32, |_bytes| Err("no entropy yet"));
    /// assert_eq!(refused.unwrap_err(), "no entropy yet");
    /// # Ok::<(), getrandom::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever `fill` returns; the half-written key is wiped.
    pub fn try_init<E>(
        length: DataKeyLength,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut key = Self::zeros(length);
        fill(&mut key.bytes)?;
        Ok(key)
    }

    /// Copies a key out of a slice; `None` unless it has 16, 24 or 32 bytes. Wiping the source is the caller's part.
    ///
    /// ```
    /// # use datakey_provider::DataKey;
    /// assert!(DataKey::from_slice(&[7; 16]).is_some());
    /// assert!(DataKey::from_slice(&[7; 17]).is_none());
    /// ```
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let length = DataKeyLength::from_bytes(bytes.len())?;
        Some(Self::init(length, |own| own.copy_from_slice(bytes)))
    }

    /// How long it is.
    #[must_use]
    pub const fn length(&self) -> DataKeyLength {
        self.length
    }

    /// The bytes themselves, for handing them to a key derivation or a wrapping cipher: as many as
    /// [`length`](Self::length) says.
    ///
    /// The name is long on purpose: a search for it finds every place where a key leaves its wrapper. What is made of the bytes (an
    /// expanded key, a state of a hash) is as secret as they are, and is for its maker to overwrite.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether two keys are equal, in time that does not depend on where they differ.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use datakey_provider::{DataKey, DataKeyLength};
    ///
    /// let key = Arc::new(DataKey::init(DataKeyLength::Bytes16, |bytes| bytes.fill(7))); // shared, and never copied
    /// let same = DataKey::from_slice(key.expose_secret()).expect("sixteen bytes");
    /// assert!(key.ct_eq(&same));
    /// let longer = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    /// assert!(!key.ct_eq(&longer));
    /// ```
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl ZeroizeOnDrop for DataKey {}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.length)
    }
}

/// A fresh data key together with its wrapped forms: what `GenerateDataKey` answers.
///
/// ```
/// use datakey_provider::{DataKey, DataKeyLength, GeneratedDataKey, WrappedKey};
///
/// let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// let made = GeneratedDataKey::new(data_key, WrappedKey::new("local:dev", *b"opaque")?);
/// assert!(!format!("{made:?}").contains("7, 7")); // neither the pair nor its parts show the key
/// let (data_key, wrapped) = made.into_parts(); // to keep one and store the other
/// assert_eq!((data_key.length(), wrapped.first().key_id()), (DataKeyLength::Bytes32, "local:dev"));
/// # Ok::<(), datakey_provider::WrappedKeyError>(())
/// ```
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
