//! Both keyrings over one provider, as a process that seals and opens has them.
use std::time::{Duration, SystemTime};

use datakey_keyring::{
    ConfigError, DataKeys, OpeningKeyring, OpeningKeyringBuilder, OpeningLimits, OpeningMaterial,
    OpeningStats, Revocations, SealingKeyring, SealingKeyringBuilder, SealingLimits, SealingMaterial,
    SealingStats,
};
use datakey_provider::{EncryptionContext, KeyProvider};

/// Both keyrings over one provider.
#[derive(Debug)]
pub struct Keyrings<M: SealingMaterial + OpeningMaterial = DataKeys> {
    /// The one that seals.
    pub sealing: SealingKeyring<M>,
    /// The one that opens.
    pub opening: OpeningKeyring<M>,
}

impl<M: SealingMaterial + OpeningMaterial> Clone for Keyrings<M> {
    fn clone(&self) -> Self {
        Self {
            sealing: self.sealing.clone(),
            opening: self.opening.clone(),
        }
    }
}

impl Keyrings {
    /// With the defaults.
    pub fn new(provider: impl KeyProvider + Clone + 'static) -> Self {
        Self {
            sealing: SealingKeyring::new(provider.clone()),
            opening: OpeningKeyring::new(provider),
        }
    }

    /// Without a cache.
    pub fn uncached(provider: impl KeyProvider + Clone + 'static) -> Self {
        Self {
            sealing: SealingKeyring::uncached(provider.clone()),
            opening: OpeningKeyring::uncached(provider),
        }
    }

    /// With settings, the same for both where both have them.
    pub fn builder() -> KeyringsBuilder<DataKeys> {
        KeyringsBuilder {
            sealing: SealingKeyring::builder(),
            opening: OpeningKeyring::builder(),
        }
    }
}

impl<M: SealingMaterial + OpeningMaterial> Keyrings<M> {
    /// Of both.
    pub fn invalidate_context(&self, context: &EncryptionContext) -> usize {
        self.sealing.invalidate_context(context) + self.opening.invalidate_context(context)
    }

    /// Of both.
    pub fn invalidate_key(&self, name: &str) -> usize {
        let dropped = [
            self.sealing.invalidate_key(name),
            self.opening.invalidate_key(name),
        ];
        dropped.into_iter().map(Result::unwrap_or_default).sum()
    }

    /// Has both told what either learns of wrapping keys.
    #[must_use]
    pub fn sharing_revocations(self) -> Self {
        let shared = Revocations::new();
        self.sealing.share_revocations(&shared);
        self.opening.share_revocations(&shared);
        self
    }

    /// Of both.
    pub fn invalidate_all(&self) -> usize {
        self.sealing.invalidate_all() + self.opening.invalidate_all()
    }

    /// Both.
    pub fn shutdown(&self) {
        self.sealing.shutdown();
        self.opening.shutdown();
    }

    /// What both did.
    pub fn stats(&self) -> Stats {
        let (sealing, opening) = (self.sealing.stats(), self.opening.stats());
        Stats {
            in_flight: sealing.in_flight + opening.in_flight,
            calls_made: sealing.calls_made + opening.calls_made,
            calls_avoided: sealing.calls_avoided + opening.calls_avoided,
            locked_bytes: sealing.locked_bytes + opening.locked_bytes,
            lock_failures: sealing.lock_failures + opening.lock_failures,
            sealing,
            opening,
        }
    }
}

/// The statistics of both, and the sums of what both count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Of the one that seals.
    pub sealing: SealingStats,
    /// Of the one that opens.
    pub opening: OpeningStats,
    /// Of both.
    pub in_flight: u64,
    /// Of both.
    pub calls_made: u64,
    /// Of both.
    pub calls_avoided: u64,
    /// Of both.
    pub locked_bytes: u64,
    /// Of both.
    pub lock_failures: u64,
}

/// Settings of both.
#[derive(Debug, Clone)]
pub struct KeyringsBuilder<M> {
    sealing: SealingKeyringBuilder<M>,
    opening: OpeningKeyringBuilder<M>,
}

impl<M: SealingMaterial + OpeningMaterial> KeyringsBuilder<M> {
    fn with(
        self,
        sealing: impl FnOnce(SealingKeyringBuilder<M>) -> SealingKeyringBuilder<M>,
        opening: impl FnOnce(OpeningKeyringBuilder<M>) -> OpeningKeyringBuilder<M>,
    ) -> Self {
        Self {
            sealing: sealing(self.sealing),
            opening: opening(self.opening),
        }
    }

    /// How keys are prepared.
    pub fn material<N: SealingMaterial + OpeningMaterial + Clone>(self, material: N) -> KeyringsBuilder<N> {
        KeyringsBuilder {
            sealing: self.sealing.material(material.clone()),
            opening: self.opening.material(material),
        }
    }

    /// The limits of sealing.
    pub fn sealing(self, limits: SealingLimits) -> Self {
        self.with(|sealing| sealing.limits(limits), |opening| opening)
    }

    /// The limits of opening.
    pub fn opening(self, limits: OpeningLimits) -> Self {
        self.with(|sealing| sealing, |opening| opening.limits(limits))
    }

    /// Of both.
    pub fn load_timeout(self, timeout: Duration) -> Self {
        self.with(|own| own.load_timeout(timeout), |own| own.load_timeout(timeout))
    }

    /// Of each.
    pub fn max_loads(self, loads: usize) -> Self {
        self.with(|own| own.max_loads(loads), |own| own.max_loads(loads))
    }

    /// Of each.
    pub fn max_queued(self, loads: usize) -> Self {
        self.with(|own| own.max_queued(loads), |own| own.max_queued(loads))
    }

    /// Of opening.
    pub fn hedge_delay(self, delay: Duration) -> Self {
        self.with(|own| own, |own| own.hedge_delay(delay))
    }

    /// Of both.
    pub fn seed(self, seed: u64) -> Self {
        self.with(|own| own.seed(seed), |own| own.seed(seed))
    }

    /// Of both.
    pub fn wall_clock(self, clock: impl Fn() -> SystemTime + Clone + Send + Sync + 'static) -> Self {
        let own = clock.clone();
        self.with(
            |sealing| sealing.wall_clock(own),
            |opening| opening.wall_clock(clock),
        )
    }

    /// Both.
    pub fn uncached(self) -> Self {
        self.with(SealingKeyringBuilder::uncached, OpeningKeyringBuilder::uncached)
    }

    /// Around a provider.
    ///
    /// # Errors
    /// Those of either.
    pub fn build(self, provider: impl KeyProvider + Clone + 'static) -> Result<Keyrings<M>, ConfigError> {
        Ok(Keyrings {
            sealing: self.sealing.build(provider.clone())?,
            opening: self.opening.build(provider)?,
        })
    }
}
