//! The service itself: the keys of an account in a Region, and what is done with them. Does not wait, and knows
//! nothing of quotas.
mod alias;
mod aws_managed;
mod blob;
mod crypto;
mod grant;
mod granting;
mod key;
mod listing;
mod managing;
mod material;
mod metadata;
mod multi_region;
mod naming;
mod policies;
mod rotation;
#[cfg(feature = "http")]
mod snapshot;
mod store;
mod tags;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, RwLock},
};

use crate::{
    arn::{KeyId, Place},
    clock::Clock,
};

pub(crate) use alias::Alias;
pub use crypto::{
    Ciphertext, DataKeyPair, Decrypted, MAX_CIPHERTEXT_LEN, MAX_PLAINTEXT_LEN, MAX_RANDOM_LEN, ReEncrypted,
};
#[cfg(feature = "http")]
pub(crate) use grant::{Grant, GrantRequest};
#[cfg(feature = "http")]
pub(crate) use granting::{GrantChoice, GrantFilter};
use key::Key;
#[cfg(feature = "http")]
pub(crate) use listing::{Page, Paging};
pub use managing::NewKey;
#[cfg(feature = "http")]
pub(crate) use material::Schedule;
pub use metadata::{KeyMetadata, KeyState, MultiRegion};
#[cfg(feature = "http")]
pub(crate) use policies::POLICY_NAME;
#[cfg(feature = "http")]
pub(crate) use rotation::RotationEntry;
#[cfg(feature = "http")]
pub(crate) use snapshot::{Families, RegionRecord, restore_families};

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

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}
