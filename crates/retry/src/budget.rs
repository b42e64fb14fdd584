//! The retry budget: a token bucket for each quota that all calls of a policy share.
mod builder;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use datakey_provider::ErrorClass;
use tokio::time::Instant;

use crate::defaults;

pub use builder::BudgetBuilder;

/// Token buckets that bound how much of the load is retries, one for each quota. Clones share them.
///
/// A retry takes tokens: [`THROTTLED_COST`](defaults::THROTTLED_COST) after a throttle,
/// [`TRANSIENT_COST`](defaults::TRANSIENT_COST) after any other failure. A call that succeeds in the end returns all
/// that its retries took; a call that fails forfeits them, and time refills the bucket. So the budget measures retries
/// that have not helped yet: throttled bulk jobs, whose retries do help, hardly touch it, while an outage drains it
/// and then lets through only what the refill pays for.
///
/// Each quota has a bucket of its own, under the name that the provider gives it ([`Scope`](datakey_provider::Scope)): the
/// outage of one Region takes no retries from another. Buckets that are full take no memory.
///
/// A call that is dropped while it waits returns what it took for the retry it did not send.
///
/// ```
/// use datakey_retry::Budget;
///
/// let budget = Budget::builder().with_capacity(500).with_refill_per_second(10).build();
/// let shared = budget.clone();
/// assert_eq!(shared.state().available, 500);
/// assert_eq!(shared.state().refused, 0);
/// ```
#[derive(Clone)]
pub struct Budget(Option<Arc<Shared>>);

struct Shared {
    capacity: u32,
    refill_per_second: u32,
    buckets: Mutex<Buckets>,
}

#[derive(Default)]
struct Buckets {
    by_quota: BTreeMap<Box<str>, Bucket>,
    refused: u64,
}

/// One that is not full.
struct Bucket {
    missing: f64,
    at: Instant,
}

/// How a [`Budget`] stands.
///
/// `refused` grows where retries are wanted and not paid for: an outage, or a capacity that is too small for so many callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetState {
    /// Whole tokens that can be taken at the moment; for the quota that has the fewest, where there are several.
    pub available: u32,
    /// The most tokens a quota has; `u32::MAX` if unlimited.
    pub capacity: u32,
    /// Retries refused so far for want of tokens.
    pub refused: u64,
}

impl Budget {
    /// No bound on retries but attempts and deadline: for tests, and for callers that bound retries themselves.
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::{Budget, Policy, Reason, retry};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = Policy::default().with_budget(Budget::unlimited()).without_breaker().with_max_attempts(1_000).without_deadline();
    /// let down = async || Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt));
    /// assert_eq!(retry(&policy, down).await.unwrap_err().reason(), Reason::Attempts); // all of the thousand
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn unlimited() -> Self {
        Self(None)
    }

    fn of(capacity: u32, refill_per_second: u32) -> Self {
        Self(Some(Arc::new(Shared {
            capacity,
            refill_per_second,
            buckets: Mutex::default(),
        })))
    }

    /// How it stands at the moment, over all quotas.
    ///
    /// Of several quotas it tells the one with the fewest tokens, so that one that is empty shows. A budget without bound has `u32::MAX` of
    /// them.
    ///
    /// ```
    /// use datakey_retry::Budget;
    ///
    /// let budget = Budget::builder().with_capacity(50).build();
    /// assert_eq!((budget.state().available, budget.state().capacity), (50, 50));
    /// assert_eq!(Budget::unlimited().state().available, u32::MAX);
    /// // Clones are the same budget; what was built twice is not.
    /// assert_eq!(budget.clone().state(), budget.state());
    /// ```
    #[must_use]
    pub fn state(&self) -> BudgetState {
        self.state_where(|_| true)
    }

    /// How it stands for one quota; that without a name is `""`.
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::{Budget, Policy, Reason, retry};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let budget = Budget::builder().with_capacity(15).with_refill_per_second(0).build();
    /// let policy = Policy::default().with_budget(budget.clone());
    /// let down = async || Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt));
    /// let gave_up = retry(&policy, down).await.unwrap_err();
    /// // One retry after an outage costs ten of the fifteen, so there is none for a second.
    /// assert_eq!((gave_up.reason(), gave_up.attempts()), (Reason::Budget, 2));
    /// assert_eq!((budget.state_of("").available, budget.state().refused), (5, 1));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn state_of(&self, quota: &str) -> BudgetState {
        self.state_where(|name| name == quota)
    }

    fn state_where(&self, concerns: impl Fn(&str) -> bool) -> BudgetState {
        let Some(shared) = &self.0 else {
            return BudgetState {
                available: u32::MAX,
                capacity: u32::MAX,
                refused: 0,
            };
        };
        let mut buckets = shared.lock();
        buckets.refill(shared.refill_per_second);
        let asked = buckets.by_quota.iter().filter(|(name, _)| concerns(name));
        let missing = asked.map(|(_, bucket)| bucket.missing).fold(0.0, f64::max);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between zero and a capacity of 32 bits; a float cast saturates"
        )]
        let available = (f64::from(shared.capacity) - missing) as u32;
        BudgetState {
            available,
            capacity: shared.capacity,
            refused: buckets.refused,
        }
    }

    /// Finds it again as long as anybody has it; `None` if it is unlimited.
    #[cfg(feature = "metrics")]
    pub(crate) fn weakly(&self) -> Option<impl Fn() -> Option<Self> + Send + Sync + 'static> {
        let weak = Arc::downgrade(self.0.as_ref()?);
        Some(move || weak.upgrade().map(|shared| Self(Some(shared))))
    }

    /// Whether both are clones of one.
    #[cfg(feature = "metrics")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        matches!((&self.0, &other.0), (Some(one), Some(other)) if Arc::ptr_eq(one, other))
    }

    /// Tokens that a retry after a failure of this class takes.
    pub(crate) const fn cost(class: ErrorClass) -> u32 {
        match class {
            ErrorClass::Throttled => defaults::THROTTLED_COST,
            _ => defaults::TRANSIENT_COST,
        }
    }

    fn take(&self, quota: &str, cost: u32) -> bool {
        let Some(shared) = &self.0 else {
            return true;
        };
        let mut buckets = shared.lock();
        buckets.refill(shared.refill_per_second);
        let missing = buckets.by_quota.get(quota).map_or(0.0, |bucket| bucket.missing);
        let enough = missing + f64::from(cost) <= f64::from(shared.capacity);
        if enough {
            buckets.bucket(quota).missing += f64::from(cost);
        } else {
            buckets.refused = buckets.refused.saturating_add(1);
        }
        enough
    }

    fn put_back(&self, quota: &str, cost: u32) {
        if let Some(shared) = &self.0
            && cost > 0
            && let Some(bucket) = shared.lock().by_quota.get_mut(quota)
        {
            bucket.missing = (bucket.missing - f64::from(cost)).max(0.0);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buckets {
    /// Brings all up to now, and forgets those that are full.
    fn refill(&mut self, per_second: u32) {
        if self.by_quota.is_empty() {
            return;
        }
        let now = Instant::now();
        self.by_quota.retain(|_, bucket| {
            let elapsed = now.saturating_duration_since(bucket.at).as_secs_f64();
            bucket.missing -= elapsed * f64::from(per_second);
            bucket.at = now;
            bucket.missing > 0.0
        });
    }

    /// The bucket of a quota; it takes the place of the fullest other one if there are too many.
    fn bucket(&mut self, quota: &str) -> &mut Bucket {
        if !self.by_quota.contains_key(quota) && self.by_quota.len() >= defaults::RATE_QUOTAS {
            let fullest = self
                .by_quota
                .iter()
                .min_by(|(_, one), (_, other)| one.missing.total_cmp(&other.missing));
            if let Some(name) = fullest.map(|(name, _)| name.clone()) {
                self.by_quota.remove(&name);
            }
        }
        self.by_quota.entry(quota.into()).or_insert_with(|| Bucket {
            missing: 0.0,
            at: Instant::now(),
        })
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(defaults::BUDGET_CAPACITY, defaults::BUDGET_REFILL_PER_SECOND)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}

/// The tokens of one call. Dropping it returns those of a retry that was not sent.
pub(crate) struct Withdrawals<'a> {
    budget: &'a Budget,
    unsent: Option<(Box<str>, u32)>,
    /// By quota.
    spent: Vec<(Box<str>, u32)>,
}

impl<'a> Withdrawals<'a> {
    pub(crate) const fn new(budget: &'a Budget) -> Self {
        Self {
            budget,
            unsent: None,
            spent: Vec::new(),
        }
    }

    /// Takes tokens for the next retry; false if there are not enough.
    pub(crate) fn take(&mut self, quota: &str, cost: u32) -> bool {
        self.sent();
        let taken = self.budget.take(quota, cost);
        if taken {
            self.unsent = Some((quota.into(), cost));
        }
        taken
    }

    /// The retry is on its way.
    pub(crate) fn sent(&mut self) {
        let Some((quota, cost)) = self.unsent.take() else {
            return;
        };
        match self.spent.iter_mut().find(|(own, _)| *own == quota) {
            Some((_, spent)) => *spent = spent.saturating_add(cost),
            None => self.spent.push((quota, cost)),
        }
    }

    /// The call succeeded.
    pub(crate) fn succeeded(&mut self) {
        self.sent();
        for (quota, cost) in self.spent.drain(..) {
            self.budget.put_back(&quota, cost);
        }
    }
}

impl Drop for Withdrawals<'_> {
    fn drop(&mut self) {
        if let Some((quota, cost)) = &self.unsent {
            self.budget.put_back(quota, *cost);
        }
    }
}
