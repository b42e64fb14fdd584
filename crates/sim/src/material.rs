//! Data keys that count what is done with them.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use datakey_keyring::{OpeningMaterial, SealingMaterial};
use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey, ProviderError, WrappedKeys};
use tokio::time::Instant;

use crate::{Cache, Limit, tally::Tally};

/// Makes data keys that count what they seal. A simulation seals nothing with them, so the key itself is dropped at once.
#[derive(Debug, Clone)]
pub(crate) struct CountedSealing {
    pub(crate) tally: Arc<Tally>,
    pub(crate) limits: Option<Cache>,
}

/// A data key in use to seal.
#[derive(Debug)]
pub(crate) struct SealingKey {
    wrapped: WrappedKeys,
    made: Instant,
    messages: AtomicU64,
    bytes: AtomicU64,
    /// After so many microseconds it was last used.
    used: AtomicU64,
    by: CountedSealing,
}

impl SealingMaterial for CountedSealing {
    type Key = SealingKey;

    fn prepare(&self, made: GeneratedDataKey, _: &EncryptionContext) -> Result<SealingKey, ProviderError> {
        self.tally.sealing_keys.fetch_add(1, Relaxed);
        Ok(SealingKey {
            wrapped: made.wrapped_keys().clone(),
            made: Instant::now(),
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            used: AtomicU64::new(0),
            by: self.clone(),
        })
    }
}

impl SealingKey {
    pub(crate) const fn wrapped(&self) -> &WrappedKeys {
        &self.wrapped
    }

    /// Messages of so many bytes together are sealed with it now.
    pub(crate) fn count(&self, messages: u64, bytes: u64) {
        self.messages.fetch_add(messages, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        let age = u64::try_from(self.made.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.used.store(age, Relaxed);
    }

    /// The limit that it came close enough to for the keyring to replace it: see `datakey-keyring` on refreshing ahead.
    fn ended_by(&self, cache: &Cache) -> Option<Limit> {
        let near = |used: &AtomicU64, most: u64| used.load(Relaxed) >= most.saturating_sub(most / 8);
        if near(&self.messages, cache.messages) {
            Some(Limit::KeyMessages)
        } else if near(&self.bytes, cache.bytes) {
            Some(Limit::KeyBytes)
        } else if self.made.elapsed() >= cache.soft_age.duration().mul_f64(0.7) {
            Some(Limit::KeyAge)
        } else {
            None
        }
    }
}

impl Drop for SealingKey {
    fn drop(&mut self) {
        let CountedSealing { tally, limits } = &self.by;
        tally.sealing_keys.fetch_sub(1, Relaxed);
        let messages = self.messages.load(Relaxed);
        if messages > 0 {
            let used = Duration::from_micros(self.used.load(Relaxed));
            tally.expose(messages, self.bytes.load(Relaxed), used);
        }
        // After the end there is no clock to ask either.
        if let (Some(cache), false) = (limits, tally.is_over())
            && let Some(limit) = self.ended_by(cache)
        {
            tally.limits.add(limit, 1);
        }
    }
}

/// Makes opened data keys that count how many there are.
#[derive(Debug, Clone)]
pub(crate) struct CountedOpening(pub(crate) Arc<Tally>);

/// A data key in use to open.
#[derive(Debug)]
pub(crate) struct OpeningKey(Arc<Tally>);

impl OpeningMaterial for CountedOpening {
    type Key = OpeningKey;

    fn prepare(&self, _: DataKey, _: &EncryptionContext) -> Result<OpeningKey, ProviderError> {
        self.0.opening_keys.fetch_add(1, Relaxed);
        Ok(OpeningKey(Arc::clone(&self.0)))
    }
}

impl Drop for OpeningKey {
    fn drop(&mut self) {
        self.0.opening_keys.fetch_sub(1, Relaxed);
    }
}
