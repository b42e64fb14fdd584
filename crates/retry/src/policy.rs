//! A policy: the rules, and what the calls under it share.
use std::{num::NonZeroU32, sync::Arc, time::Duration};

use datakey_provider::Operation;
use rand::Rng;

use crate::{
    AdaptiveRate, Backoff, Breaker, Budget, Observer, Priority, Rules, observer::Observed, random::Random,
    timeouts::Timeouts,
};

/// When and how often to try again: the [`Rules`], with the budget, the adaptive rate, the breaker and the random source that
/// all calls under it share.
///
/// A clone shares them, so a clone with another deadline or priority still draws on the same budget and keeps to the same
/// rates. One policy does for a whole process: budget and rate are kept for each quota, as the provider names it, and the
/// breaker for each key. Give a policy of its own to what should have other rules.
///
/// ```
/// use std::time::Duration;
/// use datakey_retry::{Policy, Priority};
///
/// let policy = Policy::default().with_deadline(Duration::from_secs(10));
/// let background = policy.clone().with_priority(Priority::Background).with_deadline(Duration::from_secs(60));
/// assert_eq!(policy.rules().deadline, Some(Duration::from_secs(10)));
/// # let _ = background;
/// ```
///
/// It is `Send` and `Sync`, cheap to clone, and made once: two policies with the same numbers do not know of each other's throttles,
/// retries and outages. What differs between clones is what `with_` methods changed on one of them: numbers, names, priority, observer.
#[derive(Debug, Clone)]
pub struct Policy {
    rules: Rules,
    budget: Budget,
    rate: Option<AdaptiveRate>,
    breaker: Option<Breaker>,
    scope: Option<Arc<str>>,
    quota: Option<Arc<str>>,
    by_operation: Vec<(Operation, Rules)>,
    timeouts: Timeouts,
    random: Random,
    observed: Observed,
    priority: Option<Priority>,
}

impl Default for Policy {
    /// The default rules, a budget and an adaptive rate of its own. See the crate's table of defaults.
    fn default() -> Self {
        Self::new(Rules::default())
    }
}

impl Policy {
    /// These rules, with a default budget, adaptive rate and random source.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            budget: Budget::default(),
            rate: Some(AdaptiveRate::new()),
            breaker: Some(Breaker::new()),
            scope: None,
            quota: None,
            by_operation: Vec::new(),
            timeouts: Timeouts::default(),
            random: Random::default(),
            observed: Observed::default(),
            priority: None,
        }
    }

    /// One attempt and no waiting at all; the attempt timeout stays.
    ///
    /// For one layer of several that could retry: only one should.
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::{Policy, Reason, retry};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut attempts = 0;
    /// let once = Policy::never();
    /// let failed = retry(&once, || {
    ///     attempts += 1;
    ///     async { Err::<(), _>(ProviderError::new(ErrorClass::Throttled, Operation::Decrypt)) }
    /// });
    /// assert_eq!(failed.await.unwrap_err().reason(), Reason::Attempts);
    /// assert_eq!(attempts, 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn never() -> Self {
        Self::default()
            .with_max_attempts(1)
            .without_adaptive_rate()
            .without_breaker()
            .without_deadline()
    }

    /// Sets the most attempts of one call, the first included. Zero counts as one.
    ///
    /// The deadline should end a call before this does; it is the net under failures that come at once.
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.rules.max_attempts = NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// Sets how long one call may take with all its attempts and waits.
    ///
    /// It is never slept past. A call whose next wait would end after it is given up at once, with the time that is left:
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::{Backoff, Policy, Reason, retry};
    /// use tokio::time::Instant;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let slow = Backoff::constant(Duration::from_secs(4));
    /// let policy = Policy::default().with_transient_backoff(slow).with_deadline(Duration::from_secs(10));
    /// let start = Instant::now();
    /// let failed = retry(&policy, async || Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt)));
    /// let gave_up = failed.await.unwrap_err();
    /// assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Deadline, 3)); // at 0, 4 and 8 seconds
    /// assert!(start.elapsed() < Duration::from_secs(9)); // and not at 10
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.rules.deadline = Some(deadline);
        self
    }

    /// Lets a call take as long as its attempts do.
    ///
    /// Attempts, budget and breaker end it still. For jobs that nobody waits for.
    #[must_use]
    pub const fn without_deadline(mut self) -> Self {
        self.rules.deadline = None;
        self
    }

    /// Sets how long one attempt may take.
    ///
    /// An attempt that is ended by it is dropped, and counts as a timeout: several failures to the breaker, and ten tokens to the budget.
    /// What the service did with it is not known.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_provider::ProviderError;
    /// use datakey_retry::{Policy, retry};
    /// use tokio::time::{Instant, sleep};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = Policy::default().with_attempt_timeout(Duration::from_millis(500));
    /// let (mut calls, start) = (0, Instant::now());
    /// let answer = retry(&policy, || {
    ///     calls += 1;
    ///     let takes = if calls == 1 { 3600 } else { 0 }; // the first hangs
    ///     async move {
    ///         sleep(Duration::from_secs(takes)).await;
    ///         Ok::<_, ProviderError>("answered")
    ///     }
    /// });
    /// assert_eq!(answer.await.unwrap(), "answered");
    /// assert!(start.elapsed() < Duration::from_secs(1));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.rules.attempt_timeout = Some(timeout);
        self
    }

    /// Lets an attempt take as long as it does: one that hangs then takes the whole deadline.
    ///
    /// For clients that have a timeout of their own which says more when it ends.
    #[must_use]
    pub const fn without_attempt_timeout(mut self) -> Self {
        self.rules.attempt_timeout = None;
        self
    }

    /// Has the time that an attempt may take follow the time that answers take: several times that, at least `shortest` and at
    /// most the [attempt timeout](Self::with_attempt_timeout), which holds until some attempts were answered. It is measured for
    /// each quota, and each timeout doubles it, from a millisecond at least, until the next answer.
    ///
    /// For whoever would rather not wait for seconds where answers take milliseconds. See [`Rules::shortest_timeout`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_retry::Policy;
    ///
    /// let policy = Policy::default().with_measured_attempt_timeout(Duration::from_millis(250));
    /// # let _ = policy;
    /// ```
    #[must_use]
    pub const fn with_measured_attempt_timeout(mut self, shortest: Duration) -> Self {
        self.rules.shortest_timeout = Some(shortest);
        self
    }

    /// Sets rules of their own for one operation of a provider, which begin as those set so far for all.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_provider::Operation;
    /// use datakey_retry::Policy;
    ///
    /// // A reader waits for ten seconds, a new data key may take a minute.
    /// let policy = Policy::default()
    ///     .with_rules_for(Operation::Decrypt, |rules| rules.deadline = Some(Duration::from_secs(10)));
    /// assert_eq!(policy.rules_for(Operation::Decrypt).deadline, Some(Duration::from_secs(10)));
    /// assert_eq!(policy.rules_for(Operation::GenerateDataKey), policy.rules());
    /// ```
    #[must_use]
    pub fn with_rules_for(mut self, operation: Operation, change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = *self.rules_for(operation);
        change(&mut rules);
        self.by_operation.retain(|(own, _)| *own != operation);
        self.by_operation.push((operation, rules));
        self
    }

    /// Sets the waits after throttled attempts, where no adaptive rate spaces the retries.
    #[must_use]
    pub const fn with_throttled_backoff(mut self, backoff: Backoff) -> Self {
        self.rules.throttled = backoff;
        self
    }

    /// Sets the waits after transient failures and timeouts.
    #[must_use]
    pub const fn with_transient_backoff(mut self, backoff: Backoff) -> Self {
        self.rules.transient = backoff;
        self
    }

    /// Sets the budget to draw on, which may be shared with other policies. It has so many tokens for each quota.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets the adaptive rate to keep to, which may be shared with other policies.
    #[must_use]
    pub fn with_adaptive_rate(mut self, rate: AdaptiveRate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Leaves the spacing of throttled calls to backoff alone.
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::{Policy, retry};
    /// use tokio::time::Instant;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = Policy::default().without_adaptive_rate().with_max_attempts(4);
    /// let start = Instant::now();
    /// let throttled = async || Err::<(), _>(ProviderError::new(ErrorClass::Throttled, Operation::Decrypt));
    /// let gave_up = retry(&policy, throttled).await.unwrap_err();
    /// // Full jitter under ceilings of 0.5, 1 and 2 seconds.
    /// assert!(gave_up.waited() <= std::time::Duration::from_millis(3_500));
    /// assert!(policy.adaptive_rate().is_none() && start.elapsed() >= gave_up.waited());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn without_adaptive_rate(mut self) -> Self {
        self.rate = None;
        self
    }

    /// Sets the breaker that fails calls while the service is down, which may be shared with other policies of the same
    /// service.
    ///
    /// Two policies of one service with other numbers share what is known of its outages:
    ///
    /// ```
    /// use datakey_retry::{Breaker, Policy};
    ///
    /// let breaker = Breaker::new();
    /// let reads = Policy::default().with_breaker(breaker.clone());
    /// let writes = Policy::default().with_max_attempts(3).with_breaker(breaker);
    /// assert!(reads.breaker().zip(writes.breaker()).is_some_and(|(one, other)| one.down() == other.down()));
    /// ```
    #[must_use]
    pub fn with_breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// Sends calls to a service however long it has been failing.
    ///
    /// For tests that are about retries, and for calls each of which goes somewhere else.
    #[must_use]
    pub fn without_breaker(mut self) -> Self {
        self.breaker = None;
        self
    }

    /// Names what the calls under this policy go to, for the [`Breaker`]: calls of one name are taken to fail together.
    ///
    /// Needed where one policy is for several services that go down one by one. [`Retry`](crate::Retry) knows the keys that it
    /// opens and seals with, and has a scope for each, unless this names one.
    ///
    /// ```
    /// use datakey_retry::Policy;
    ///
    /// let policy = Policy::default();
    /// let near = policy.clone().with_scope("eu-west-1"); // one deadline and random source with the other,
    /// let far = policy.with_scope("eu-central-1");       // but an outage of its own
    /// # assert_eq!((near.scope(), far.scope()), (Some("eu-west-1"), Some("eu-central-1")));
    /// ```
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<Arc<str>>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Names the quota that the calls under this policy count against, for budget and rate: instead of what the provider says,
    /// or where there is no provider to say it.
    ///
    /// ```
    /// use datakey_retry::Policy;
    ///
    /// let policy = Policy::default();
    /// let (reads, writes) = (policy.clone().with_quota("reads"), policy.with_quota("writes"));
    /// # let _ = (reads, writes);
    /// ```
    ///
    /// What is throttled under one name leaves calls under the other alone:
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::{Policy, retry};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = Policy::default().with_max_attempts(1);
    /// let (reads, writes) = (policy.clone().with_quota("reads"), policy.with_quota("writes"));
    /// let throttled = async || Err::<(), _>(ProviderError::new(ErrorClass::Throttled, Operation::GetItem));
    /// assert!(retry(&reads, throttled).await.is_err());
    /// let rate = reads.adaptive_rate().expect("there is one by default");
    /// assert_eq!(rate.state_of("reads").throttled, 1);
    /// assert_eq!(rate.state_of("writes").throttled, 0); // one rate object, two quotas
    /// assert!(retry(&writes, async || Ok::<_, ProviderError>(())).await.is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_quota(mut self, quota: impl Into<Arc<str>>) -> Self {
        self.quota = Some(quota.into());
        self
    }

    /// Sets the random source of the jitter. With a seeded one and a paused clock, runs repeat exactly.
    ///
    /// ```
    /// use datakey_retry::Policy;
    /// use rand::{SeedableRng as _, rngs::Xoshiro256PlusPlus};
    ///
    /// let policy = Policy::default().with_random(Xoshiro256PlusPlus::seed_from_u64(7));
    /// # let _ = policy;
    /// ```
    #[must_use]
    pub fn with_random(mut self, source: impl Rng + Send + 'static) -> Self {
        self.random = Random::new(source);
        self
    }

    /// Has an observer told of each attempt, wait and end of the calls under this policy.
    ///
    /// The clones that are made afterwards have it too; those from before do not.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observed = self.observed.by(observer);
        self
    }

    /// Has calls under this policy published, and how its budget, rate and breaker stand. Beside the
    /// [observer](Self::with_observer), if there is one. Needs the feature `metrics`.
    ///
    /// ```
    /// use datakey_retry::{Metrics, Policy};
    ///
    /// let metrics = Metrics::new();
    /// let policy = Policy::default().with_metrics(&metrics);
    /// metrics.publish(); // on a timer, or before a scrape
    /// # let _ = policy;
    /// ```
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics(mut self, metrics: &crate::Metrics) -> Self {
        metrics.watch(&self.budget, self.rate.as_ref(), self.breaker.as_ref());
        self.observed = self.observed.metered(metrics.clone());
        self
    }

    /// Sets the urgency of all calls under this policy, instead of each operation's own.
    ///
    /// ```
    /// use datakey_retry::{Policy, Priority};
    ///
    /// let policy = Policy::default();
    /// let refresh = policy.clone().with_priority(Priority::Background);
    /// // They wait in one queue: somebody's call overtakes a refresh that came up to five seconds before.
    /// assert!(Priority::Normal.head_start() > Priority::Background.head_start());
    /// # let _ = (policy, refresh);
    /// ```
    #[must_use]
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// The numbers.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The numbers for one operation of a provider: those set for it, otherwise those for all.
    ///
    /// What a call goes by that names its operation, as those of `Retry` do.
    #[must_use]
    pub fn rules_for(&self, operation: Operation) -> &Rules {
        let own = self.by_operation.iter().find(|(own, _)| *own == operation);
        own.map_or(&self.rules, |(_, rules)| rules)
    }

    /// The budget that calls under this policy draw on.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The adaptive rate that calls under this policy keep to, if any.
    #[must_use]
    pub const fn adaptive_rate(&self) -> Option<&AdaptiveRate> {
        self.rate.as_ref()
    }

    /// The breaker that calls under this policy heed, if any.
    #[must_use]
    pub const fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_ref()
    }

    /// The name of what calls under this policy go to, if it has one.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The quota that calls under this policy count against, if it names one.
    #[must_use]
    pub fn quota(&self) -> Option<&str> {
        self.quota.as_deref()
    }

    pub(crate) const fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    pub(crate) const fn observed(&self) -> &Observed {
        &self.observed
    }

    pub(crate) const fn random(&self) -> &Random {
        &self.random
    }

    pub(crate) fn priority_or(&self, own: Priority) -> Priority {
        self.priority.unwrap_or(own)
    }
}
