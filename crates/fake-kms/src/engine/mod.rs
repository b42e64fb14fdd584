//! The service itself: keys, aliases, and what is done with them. Does not wait, and knows nothing of quotas.
mod blob;
mod crypto;
mod key;
mod keys;
mod store;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use tokio::time::Instant;

use crate::arn::{KeyId, Place};

pub use crypto::{
    Ciphertext, DataKeyPair, Decrypted, MAX_CIPHERTEXT_LEN, MAX_PLAINTEXT_LEN, MAX_RANDOM_LEN, ReEncrypted,
};
pub use key::{KeyMetadata, KeyState};
#[cfg(feature = "http")]
pub(crate) use keys::{KeyList, MAX_LISTED_KEYS};
#[cfg(feature = "http")]
pub(crate) use store::constraint;

use key::Key;

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
    aliases: RwLock<BTreeMap<Box<str>, KeyId>>,
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

// Every critical section leaves its data whole, so that a poisoned lock guards nothing worse than an unpoisoned one.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
