//! Keys that a sealing keyring of the same process made: kept for opening, without a call.
use std::sync::Arc;

use datakey_loads::{Ending, Janitor, Life};
use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey};
use tokio::time::Instant;

use super::{
    core::Core,
    entry::{Entry, OpeningId},
};
use crate::{
    kept::{
        handle::Handles,
        secret::{Range, Secret},
    },
    material::OpeningMaterial,
};

/// Where keys that were just made are kept for opening.
pub(crate) trait Prime: Send + Sync {
    /// To be asked before a key is made: how often keys were forgotten. What is forgotten from here on is not kept.
    fn forgotten(&self) -> u64;

    /// Keeps a key that was just made, unless keys were forgotten since then.
    fn keep(self: Arc<Self>, seen: u64, context: &EncryptionContext, made: &GeneratedDataKey);
}

impl<M: OpeningMaterial> Prime for Core<M> {
    fn forgotten(&self) -> u64 {
        self.forgotten.get()
    }

    fn keep(self: Arc<Self>, seen: u64, context: &EncryptionContext, made: &GeneratedDataKey) {
        let now = Instant::now();
        if self.uncached || self.loads.is_shut_down() {
            return;
        }
        // The one that an opening of the message would ask for first.
        let able = self.able(context, made.wrapped_keys(), now).unwrap_or_default();
        let (Some(wrapped), Some(copy)) = (
            able.into_iter().next(),
            DataKey::from_slice(made.data_key().expose_secret()),
        ) else {
            return;
        };
        let Ok(key) = self.material.prepare(copy, context) else {
            return;
        };
        let elsewhere = |key: &_, lock: &mut dyn FnMut(Range)| self.material.memory(key, lock);
        let ages = self.ages();
        let entry = Arc::new(Entry {
            handles: Handles::new(Secret::new(key, &self.locker, elsewhere)),
            life: Life::new(now, ages, &self.jitter, &self.slept),
        });
        let id = OpeningId::new(&wrapped, context);
        // Under the lock of all loads, so that an invalidation comes before it or after it.
        let gone = self.loads.end(
            Ending::Invalidated,
            |_| false,
            || {
                (self.forgotten.get() == seen).then(|| {
                    self.primed.add(1);
                    self.store.insert(&id, entry)
                })
            },
        );
        drop(gone);
        Janitor::tend(&self);
    }
}
