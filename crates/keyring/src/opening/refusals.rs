//! What the provider answered a moment ago about wrapped keys that did not open.
use std::time::Duration;

use datakey_loads::later;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::{entry::OpeningId, limits::OpeningLimits};
use crate::{error::KeyringError, kept::store::memory, watch::record::Counter};

/// By the digests of wrapped key and context.
type Digests = ([u8; 32], [u8; 32]);

/// A bounded memory of what did not open.
#[derive(Debug)]
pub(crate) struct Refusals {
    /// Refusals of key or message, which spare a call.
    refused: Cache<Digests, Refusal>,
    /// Failures that pass, which let another wrapped key of the message go first.
    failed: Cache<Digests, Instant>,
    ttl: Duration,
    pub(crate) spared: Counter,
}

/// A refusal, until it lapses.
#[derive(Debug, Clone)]
struct Refusal {
    error: KeyringError,
    lapses: Instant,
}

impl Refusals {
    /// As many as the limits say; whether those that go are to be the same in each process.
    pub(crate) fn new(limits: &OpeningLimits, repeats: bool) -> Self {
        Self {
            refused: memory(limits.max_refusals(), repeats),
            failed: memory(limits.max_refusals(), repeats),
            ttl: limits.refusal_ttl(),
            spared: Counter::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.refused.len()
    }

    /// Remembers a refusal of key or message.
    pub(crate) fn refused(&self, id: &OpeningId, error: &KeyringError, now: Instant) {
        let refusal = Refusal {
            error: error.clone(),
            lapses: later(now, self.ttl),
        };
        self.refused.insert(id.digests(), refusal);
    }

    /// The refusal of a wrapped key, if there was one a moment ago.
    pub(crate) fn of(&self, id: &OpeningId, now: Instant) -> Option<KeyringError> {
        if self.refused.is_empty() {
            return None;
        }
        let digests = id.digests();
        let refusal = self.refused.get(&digests)?;
        if now >= refusal.lapses {
            self.refused.remove(&digests);
            return None;
        }
        self.spared.add(1);
        Some(refusal.error)
    }

    /// Remembers for a while that a wrapped key failed for the moment.
    pub(crate) fn failed(&self, id: &OpeningId, for_a_while: Duration, now: Instant) {
        self.failed.insert(id.digests(), later(now, for_a_while));
    }

    /// Whether a wrapped key failed a moment ago, so that others go first.
    pub(crate) fn has_failed(&self, id: &OpeningId, now: Instant) -> bool {
        !self.failed.is_empty() && self.failed.get(&id.digests()).is_some_and(|until| now < until)
    }

    pub(crate) fn forget_lapsed(&self, now: Instant) {
        self.refused.retain(|_, refusal| now < refusal.lapses);
        self.failed.retain(|_, until| now < *until);
    }

    /// Forgets one. True if there was a refusal.
    pub(crate) fn forget(&self, id: &OpeningId) -> bool {
        let digests = id.digests();
        self.failed.remove(&digests);
        self.refused.remove(&digests).is_some()
    }

    pub(crate) fn forget_all(&self) {
        self.refused.clear();
        self.failed.clear();
    }
}

#[cfg(test)]
mod tests {
    use datakey_provider::{EncryptionContext, ErrorClass, Operation, ProviderError, WrappedKey};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_lapses_at_a_moment_is_forgotten_at_that_moment() {
        let refusals = Refusals::new(&OpeningLimits::default(), false);
        let wrapped = WrappedKey::new("key", vec![1]).unwrap();
        let id = OpeningId::new(&wrapped, &EncryptionContext::empty());
        let error = ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt).into();
        let now = Instant::now();
        let lapses = now + refusals.ttl;
        let nearly = lapses - Duration::from_nanos(1);
        refusals.refused(&id, &error, now);
        refusals.failed(&id, refusals.ttl, now);
        refusals.forget_lapsed(nearly);
        assert!(refusals.of(&id, nearly).is_some() && refusals.has_failed(&id, nearly));
        assert_eq!((refusals.len(), refusals.failed.len()), (1, 1));
        refusals.forget_lapsed(lapses);
        assert_eq!((refusals.len(), refusals.failed.len()), (0, 0));
    }
}
