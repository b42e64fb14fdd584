//! The state of each opening key.
use std::time::Duration;

use datakey_provider::EncryptionContext;

/// An opening key that is kept, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpeningSnapshot {
    /// What it is kept for.
    pub context: EncryptionContext,
    /// The id of the key that it is wrapped under.
    pub key_id: Box<str>,
    /// How long ago it was unwrapped.
    pub age: Duration,
    /// How often it was handed out.
    pub uses: u64,
}
