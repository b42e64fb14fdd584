//! The retry budget: a token bucket that all calls of a policy share.
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use datakey_provider::ErrorClass;
use tokio::time::Instant;

use crate::defaults;

/// A token bucket that bounds how much of the load is retries. Clones share it.
///
/// A retry takes tokens: [`THROTTLED_COST`](defaults::THROTTLED_COST) after a throttle,
/// [`TRANSIENT_COST`](defaults::TRANSIENT_COST) after any other failure. A call that succeeds in the end returns all
/// that its retries took; a call that fails forfeits them, and time refills the bucket. So the budget measures retries
/// that have not helped yet: throttled bulk jobs, whose retries do help, hardly touch it, while an outage drains it
/// and then lets through only what the refill pays for.
///
/// A call that is dropped while it waits returns what it took for the retry it did not send.
///
/// ```
/// use datakey_retry::Budget;
///
/// let budget = Budget::new(500, 10);
/// let shared = budget.clone();
/// assert_eq!(shared.state().available, 500);
/// assert_eq!(shared.state().refused, 0);
/// ```
#[derive(Clone)]
pub struct Budget(Option<Arc<Shared>>);

struct Shared {
    capacity: u32,
    refill_per_second: u32,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
    refused: u64,
}

/// How a [`Budget`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetState {
    /// Whole tokens that can be taken at the moment.
    pub available: u32,
    /// The most tokens it holds; `u32::MAX` if unlimited.
    pub capacity: u32,
    /// Retries refused so far for want of tokens.
    pub refused: u64,
}

impl Budget {
    /// A full bucket of `capacity` tokens that gains `refill_per_second` tokens a second up to its capacity.
    #[must_use]
    pub fn new(capacity: u32, refill_per_second: u32) -> Self {
        let bucket = Bucket {
            tokens: f64::from(capacity),
            at: Instant::now(),
            refused: 0,
        };
        Self(Some(Arc::new(Shared {
            capacity,
            refill_per_second,
            bucket: Mutex::new(bucket),
        })))
    }

    /// No bound on retries but attempts and deadline: for tests, and for callers that bound retries themselves.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// How it stands at the moment.
    #[must_use]
    pub fn state(&self) -> BudgetState {
        let Some(shared) = &self.0 else {
            return BudgetState {
                available: u32::MAX,
                capacity: u32::MAX,
                refused: 0,
            };
        };
        let bucket = shared.refilled();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between zero and a capacity of 32 bits; a float cast saturates"
        )]
        let available = bucket.tokens as u32;
        BudgetState {
            available,
            capacity: shared.capacity,
            refused: bucket.refused,
        }
    }

    /// Tokens that a retry after a failure of this class takes.
    pub(crate) const fn cost(class: ErrorClass) -> u32 {
        match class {
            ErrorClass::Throttled => defaults::THROTTLED_COST,
            _ => defaults::TRANSIENT_COST,
        }
    }

    fn take(&self, cost: u32) -> bool {
        let Some(shared) = &self.0 else {
            return true;
        };
        let mut bucket = shared.refilled();
        let enough = bucket.tokens >= f64::from(cost);
        if enough {
            bucket.tokens -= f64::from(cost);
        } else {
            bucket.refused = bucket.refused.saturating_add(1);
        }
        enough
    }

    fn put_back(&self, cost: u32) {
        if let Some(shared) = &self.0
            && cost > 0
        {
            let mut bucket = shared.refilled();
            bucket.tokens = (bucket.tokens + f64::from(cost)).min(f64::from(shared.capacity));
        }
    }
}

impl Shared {
    fn refilled(&self) -> MutexGuard<'_, Bucket> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(bucket.at).as_secs_f64();
        let gained = elapsed * f64::from(self.refill_per_second);
        bucket.tokens = (bucket.tokens + gained).min(f64::from(self.capacity));
        bucket.at = now;
        bucket
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(defaults::BUDGET_CAPACITY, defaults::BUDGET_REFILL_PER_SECOND)
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
    unsent: u32,
    spent: u32,
}

impl<'a> Withdrawals<'a> {
    pub(crate) const fn new(budget: &'a Budget) -> Self {
        Self {
            budget,
            unsent: 0,
            spent: 0,
        }
    }

    /// Takes tokens for the next retry; false if there are not enough.
    pub(crate) fn take(&mut self, cost: u32) -> bool {
        let taken = self.budget.take(cost);
        if taken {
            self.unsent = self.unsent.saturating_add(cost);
        }
        taken
    }

    /// The retry is on its way.
    pub(crate) const fn sent(&mut self) {
        self.spent = self.spent.saturating_add(self.unsent);
        self.unsent = 0;
    }

    /// The call succeeded.
    pub(crate) fn succeeded(&mut self) {
        self.sent();
        self.budget.put_back(core::mem::take(&mut self.spent));
    }
}

impl Drop for Withdrawals<'_> {
    fn drop(&mut self) {
        self.budget.put_back(self.unsent);
    }
}
