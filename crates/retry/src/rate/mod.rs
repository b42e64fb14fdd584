//! Client-side admission at a rate learnt from throttles.
#[cfg(feature = "experiments")]
mod experiments;
mod governor;
mod lately;
mod meter;
mod priority;
mod queue;
mod quota;
mod quotas;
mod turn;

use std::{fmt, sync::Arc};

use datakey_provider::Scope;
use tokio::time::Instant;

use governor::Governor;
use quotas::Quotas;

pub use priority::Priority;
pub(crate) use quota::{Quota, Sent};

/// Admits calls at rates learnt from throttles, one for each quota. Clones share them, and so should all clients in a process.
///
/// What is throttled on one quota keeps nobody from another. Providers name the quota that a call counts against
/// ([`Scope`]): for KMS that is the caller's account and the Region, and a custom key store's own.
/// [`Policy::with_quota`](crate::Policy::with_quota) names it for all calls of a policy. Of one quota the first throttle is
/// taken to be about the *key* alone, as nobody knows yet whether it has a quota to itself; once another key is throttled too, all
/// keys keep to one rate. [1,024](crate::defaults::RATE_QUOTAS) quotas are kept apart, idle ones make room.
///
/// A quota's rate does nothing until the first throttle. Then every attempt, first ones too, waits for its turn:
///
/// 1. *Seeking*: all calls hold, and the rate climbs from a tenth of what succeeded in the last second, doubled in short
///    steps, with a pause where one call at a time is under way, until the next throttle. What succeeded between the two
///    throttles is a measurement of the quota, or of this process's share of it.
/// 2. *Following*: alone on its quota, it stays just under what it measured and probes for more after some seconds without
///    a throttle.
///    Throttled time and again under what it measured, it is not alone: then it grows while calls wait and gives way at
///    each throttle, and clients that share a quota without knowing of each other come to equal shares.
/// 3. After a minute in which no call was throttled and none had to wait, it is forgotten.
///
/// A throttled call keeps its place by age, so its next attempt goes first, at the lowered rate: it needs no backoff of
/// its own, and nobody waits much longer than anybody else. Where the service asks for a delay, the next attempt of all waits for
/// it, and the order stays.
///
/// Where a call would wait for more than 100 ms, its provider [ranks](datakey_provider::OpeningProvider::rank) behind those
/// that are not busy, so that another Region's wrapped key is tried first, and so is another Region that opens the same one. A
/// throttle that another Region made good is told to its quota too.
///
/// Nobody waits for a call that is not polled, because its runtime is not driven, its worker computes, or it was forgotten:
/// such a call loses its place, and its turn if it does not take it, within 300 ms to the next that is awake. When it is
/// polled again it goes on where it was. What an attempt answered is left out of account if it was read only after the
/// attempt's time was up.
///
/// ```
/// use datakey_retry::{AdaptiveRate, Policy};
///
/// let rate = AdaptiveRate::new();
/// let policy = Policy::default().with_adaptive_rate(rate.clone());
/// assert_eq!(rate.state().rate, None); // no throttle yet, nothing to learn from
/// # let _ = policy;
/// ```
#[derive(Clone)]
pub struct AdaptiveRate(Arc<Quotas>);

/// How an [`AdaptiveRate`] stands, or one of its quotas.
///
/// ```
/// use datakey_fake_kms::{FakeKms, Quota};
/// use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
/// use datakey_retry::{Policy, Retry};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::builder().quota(Quota::per_second(10)).build()?;
/// let kms = Retry::new(fake.provider(&fake.create_key()?), Policy::default());
/// let callers = (0..40).map(|_| {
///     let kms = kms.clone();
///     tokio::spawn(async move { kms.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await })
/// });
/// for caller in callers.collect::<Vec<_>>() {
///     caller.await??; // forty calls on a quota of ten, and each has its key
/// }
/// let state = kms.policy().adaptive_rate().expect("there is one by default").state();
/// assert!(state.throttled > 0 && state.rate.is_some()); // learnt from the first few
/// assert_eq!(state.waiting, 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RateState {
    /// Calls admitted per second, on the slowest quota; `None` while no throttle has made it learn a rate.
    pub rate: Option<f64>,
    /// Calls that wait for admission.
    pub waiting: usize,
    /// Throttled attempts seen so far.
    pub throttled: u64,
}

impl AdaptiveRate {
    /// One that has not learnt anything yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Quotas::new(Governor::CHOSEN)))
    }

    /// How it stands at the moment, over all quotas.
    #[must_use]
    pub fn state(&self) -> RateState {
        let all = self.0.all();
        let states = all.iter().map(|(_, quota)| quota.state());
        states.fold(RateState::NOTHING, |sum, one| RateState {
            rate: sum.rate.into_iter().chain(one.rate).reduce(f64::min),
            waiting: sum.waiting.saturating_add(one.waiting),
            throttled: sum.throttled.saturating_add(one.throttled),
        })
    }

    /// How one quota stands at the moment; that without a name is `""`.
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::{Policy, retry};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = Policy::default().with_quota("eu-west-1").with_max_attempts(2);
    /// let throttled = async || Err::<(), _>(ProviderError::new(ErrorClass::Throttled, Operation::Decrypt));
    /// assert!(retry(&policy, throttled).await.is_err());
    /// let rate = policy.adaptive_rate().expect("there is one by default");
    /// assert_eq!(rate.throttled_quotas(), ["eu-west-1".into()]); // for a health page
    /// assert!(rate.state_of("eu-west-1").rate.is_some() && rate.state_of("us-east-1").rate.is_none());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn state_of(&self, quota: &str) -> RateState {
        self.0
            .find(quota)
            .map_or(RateState::NOTHING, |quota| quota.state())
    }

    /// The quotas that a throttle has made it learn a rate for, and that have not been forgotten since.
    ///
    /// ```
    /// # use datakey_retry::AdaptiveRate;
    /// assert!(AdaptiveRate::new().throttled_quotas().is_empty());
    /// ```
    #[must_use]
    pub fn throttled_quotas(&self) -> Vec<Box<str>> {
        let all = self.0.all().into_iter();
        all.filter(|(_, quota)| quota.state().rate.is_some())
            .map(|(name, _)| name)
            .collect()
    }

    /// Finds it again as long as anybody has it.
    #[cfg(feature = "metrics")]
    pub(crate) fn weakly(&self) -> impl Fn() -> Option<Self> + Send + Sync + 'static {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map(Self)
    }

    /// Whether both are clones of one.
    #[cfg(feature = "metrics")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The quota of this name.
    pub(crate) fn quota(&self, name: &str) -> Arc<Quota> {
        self.0.get(name)
    }

    /// Whether a call of this scope would wait for long.
    pub(crate) fn is_busy(&self, scope: Scope<'_>) -> bool {
        self.0
            .find(scope.quota)
            .is_some_and(|quota| quota.is_busy(scope.key))
    }
}

impl RateState {
    const NOTHING: Self = Self {
        rate: None,
        waiting: 0,
        throttled: 0,
    };
}

impl Quota {
    fn state(&self) -> RateState {
        let mut state = self.lock();
        state.pass_over(self.now());
        RateState {
            rate: state.governor.rate(),
            waiting: state.queue.len(),
            throttled: state.throttled,
        }
    }
}

/// Waits for the turn of a call under a key that began at `started`; `None` if `deadline` came first.
///
/// Dropping the future gives up the place, or the turn if it came at the same moment.
pub(crate) async fn admit(
    quota: &Arc<Quota>,
    key: &str,
    (priority, started): (Priority, Instant),
    deadline: Option<Instant>,
) -> Option<Turn> {
    if !quota.holds(key) {
        return Some(Turn::free());
    }
    let order = quota.since_start(started).saturating_add(priority.handicap());
    let came = turn::come(quota, order, deadline).await;
    came.then(|| Turn {
        quota: Some(Arc::clone(quota)),
        is_spent: false,
    })
}

/// A call's turn to make one attempt. Dropped before the attempt was made, it is the next one's.
#[must_use]
pub(crate) struct Turn {
    /// `None` where nobody waits for turns.
    quota: Option<Arc<Quota>>,
    is_spent: bool,
}

impl Turn {
    /// One that nobody waited for.
    pub(crate) const fn free() -> Self {
        Self {
            quota: None,
            is_spent: false,
        }
    }

    /// The attempt is on its way.
    pub(crate) const fn spend(&mut self) {
        self.is_spent = true;
    }

    /// The attempt came to an end and nothing was sent: the turn is the next one's after all.
    pub(crate) fn put_back(mut self) {
        self.is_spent = false;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(quota) = self.quota.take().filter(|_| !self.is_spent)
            && quota.is_active()
        {
            let mut state = quota.lock();
            let now = quota.now();
            state.governor.put_back();
            state.advance(now);
            state.queue.nudge(now);
        }
    }
}

/// A uniform draw from 0 to 1.
pub(crate) fn unit(draw: u64) -> f64 {
    let high = u32::try_from(draw >> 32).unwrap_or(u32::MAX);
    f64::from(high) / f64::from(u32::MAX)
}

impl Default for AdaptiveRate {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AdaptiveRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}
