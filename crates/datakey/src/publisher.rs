//! Everything that is published, in one hand.
use std::{future::Future, time::Duration};

use datakey_keyring::KeyringMetrics;
use datakey_provider::{NoProviders, Several};
use datakey_retry::{Guarded, Metrics, Policy};
use tokio::time::{MissedTickBehavior, interval};

/// Publishes what keyrings and calls do through the `metrics` facade, for whichever exporter the process has. Cheap to clone; one
/// does for a process. Needs the feature `metrics`.
///
/// ```
/// use std::time::Duration;
/// use datakey::{ConfigError, Opener, Publisher, Sealer, describe_metrics, provider::KeyProvider};
///
/// fn start(kms: impl KeyProvider + Clone + 'static) -> Result<(Sealer, Opener), ConfigError> {
///     describe_metrics(); // once the exporter is installed
///     let publisher = Publisher::new();
///     let sealer = Sealer::builder(kms.clone()).metrics(&publisher).build()?;
///     let opener = Opener::builder(kms).metrics(&publisher).build()?;
///     tokio::spawn(publisher.every(Duration::from_secs(10)));
///     Ok((sealer, opener))
/// }
/// ```
///
/// | what | published by | names in the table of |
/// |---|---|---|
/// | a sealer, an opener, or both: their keyrings, calls, retries, rates, breakers | `metrics` of the builders | [`SealingStats::publish`](crate::keyring::SealingStats::publish), [`Metrics`] |
/// | the Regions of [`several`](crate::several), each with its breaker | [`Publisher::several`] | [`Metrics`] |
/// | branch keys: keyrings, the store, KMS | `BranchKeysBuilder::metrics(publisher.keyrings(), publisher.calls())` | both |
/// | other keyrings and policies | [`keyrings`](Self::keyrings), [`policy`](Self::policy) | both |
///
/// Attempts, calls and waits are published as they happen; statistics, ages and states when [`publish`](Self::publish) says so, on a timer
/// or before a scrape. So a hit costs what it costs without it. Labels are bounded in number: no encryption context is among
/// them, and key ids only with [`tell_scopes`](Self::tell_scopes).
///
/// What to draw and what to alert on is in `docs/operate`, with a dashboard; the first two are calls avoided, and the age of the oldest
/// key.
#[derive(Debug, Clone, Default)]
pub struct Publisher {
    keyrings: KeyringMetrics,
    calls: Metrics,
}

impl Publisher {
    /// Watches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has the gauges of breakers tell the wrapping key: the first 64 of them, and the rest as one. See [`Metrics::tell_scopes`].
    #[must_use]
    pub fn tell_scopes(mut self) -> Self {
        self.calls = self.calls.tell_scopes();
        self
    }

    /// What publishes keyrings, for those that no builder of the facade made.
    #[must_use]
    pub const fn keyrings(&self) -> &KeyringMetrics {
        &self.keyrings
    }

    /// What publishes calls.
    #[must_use]
    pub const fn calls(&self) -> &Metrics {
        &self.calls
    }

    /// This policy, with its calls published, and its budget, rate and breaker: for a [`Retry`](crate::retry::Retry) of your own. The
    /// builders do that with theirs.
    #[must_use]
    pub fn policy(&self, policy: Policy) -> Policy {
        policy.with_metrics(&self.calls)
    }

    /// As [`several`](crate::several), with the breaker of each provider published: which Region is out.
    ///
    /// ```
    /// use datakey::{Opener, Publisher, provider::{NoProviders, OpeningProvider}};
    ///
    /// fn of_two_regions<P: OpeningProvider + 'static>(near: P, far: P) -> Result<Opener, NoProviders> {
    ///     let publisher = Publisher::new();
    ///     let regions = publisher.several([near, far])?;
    ///     Ok(Opener::builder(regions).metrics(&publisher).build().expect("the defaults"))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`NoProviders`] when there are none.
    pub fn several<P>(
        &self,
        providers: impl IntoIterator<Item = P>,
    ) -> Result<Several<Guarded<P>>, NoProviders> {
        let guarded = |provider| Guarded::new(provider).with_metrics(&self.calls);
        Several::new(providers.into_iter().map(guarded))
    }

    /// Publishes how everything stands at the moment, and what was counted so far.
    pub fn publish(&self) {
        self.keyrings.publish();
        self.calls.publish();
    }

    /// Publishes at once and then each time so long after the last time, until it is dropped. Zero counts as a millisecond.
    pub fn every(&self, period: Duration) -> impl Future<Output = ()> + Send + use<> {
        let own = self.clone();
        async move {
            let mut tick = interval(period.max(Duration::from_millis(1)));
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                own.publish();
            }
        }
    }
}

/// Describes everything that is published, with units, to the recorder of the `metrics` facade. Call it once, after the recorder is
/// installed. Needs the feature `metrics`.
pub fn describe_metrics() {
    datakey_keyring::describe_metrics();
    datakey_retry::describe_metrics();
}
