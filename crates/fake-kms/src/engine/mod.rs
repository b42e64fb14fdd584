//! The service itself: the keys of an account in a Region, and what is done with them. Does not wait, and knows
//! nothing of quotas.
mod aliases;
mod blob;
mod crypto;
mod grants;
mod key;
mod keys;
mod listing;
mod material;
mod multi_region;
mod policies;
mod rotation;
#[cfg(feature = "http")]
mod snapshot;
mod store;
mod tags;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use tokio::time::Instant;

use crate::arn::{KeyId, Place};

pub(crate) use aliases::Alias;
pub use crypto::{
    Ciphertext, DataKeyPair, Decrypted, MAX_CIPHERTEXT_LEN, MAX_PLAINTEXT_LEN, MAX_RANDOM_LEN, ReEncrypted,
};
pub(crate) use grants::Grant;
#[cfg(feature = "http")]
pub(crate) use grants::{GrantChoice, GrantFilter, GrantRequest};
pub(crate) use key::Key;
pub use key::{KeyMetadata, KeyState, MultiRegion};
pub use keys::NewKey;
pub(crate) use listing::{Page, Paging};
pub(crate) use material::Schedule;
#[cfg(feature = "http")]
pub(crate) use policies::POLICY_NAME;
#[cfg(feature = "http")]
pub(crate) use rotation::RotationEntry;
#[cfg(feature = "http")]
pub(crate) use snapshot::{Families, RegionRecord, restore_families};
pub(crate) use store::constraint;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `tokio::time`, and tells it as the time since 1970 that KMS answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) started: Instant,
    pub(crate) unix_at_start: Duration,
}

impl Clock {
    pub(crate) fn since_start(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn unix(&self) -> Duration {
        self.unix_at_start.saturating_add(self.since_start())
    }
}

pub(crate) struct Engine {
    place: Place,
    clock: Clock,
    keys: RwLock<HashMap<KeyId, Arc<Key>>>,
    aliases: RwLock<BTreeMap<Box<str>, Alias>>,
}

impl Engine {
    pub(crate) fn new(place: Place, clock: Clock) -> Self {
        Self {
            place,
            clock,
            keys: RwLock::default(),
            aliases: RwLock::default(),
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

// Every critical section leaves its data whole, so that a poisoned lock guards nothing worse than an unpoisoned one.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
