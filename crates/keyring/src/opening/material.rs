//! What an unwrapped data key is made into before it is kept.
use std::ops::Range;

use datakey_provider::{DataKey, EncryptionContext, ProviderError};

/// How an unwrapped data key is prepared for opening, once per key, so that a hit hands out something ready.
///
/// As [`SealingMaterial`](crate::SealingMaterial), for the other side.
pub trait OpeningMaterial: Send + Sync + 'static {
    /// What opens: kept per wrapped key and encryption context.
    type Key: Send + Sync + 'static;

    /// Prepares a data key that the provider just unwrapped.
    ///
    /// # Errors
    /// Where the key cannot be used; shared with every caller that waits for this load.
    fn prepare(&self, data_key: DataKey, context: &EncryptionContext) -> Result<Self::Key, ProviderError>;

    /// Names the memory outside of a key itself in which it owns secrets, as
    /// [`SealingMaterial::memory`](crate::SealingMaterial::memory) does.
    fn memory(&self, _key: &Self::Key, _lock: &mut dyn FnMut(Range<*const u8>)) {}
}
