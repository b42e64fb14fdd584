//! A budget with numbers of one's own.
use super::Budget;
use crate::defaults;

/// Builds a [`Budget`] whose numbers are not the [defaults](crate::defaults).
///
/// ```
/// use datakey_retry::{Budget, Policy};
///
/// let budget = Budget::builder().with_capacity(200).with_refill_per_second(5).build();
/// let policy = Policy::default().with_budget(budget);
/// # let _ = policy;
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct BudgetBuilder {
    capacity: u32,
    refill_per_second: u32,
}

impl Budget {
    /// Starts with the defaults.
    pub const fn builder() -> BudgetBuilder {
        BudgetBuilder {
            capacity: defaults::BUDGET_CAPACITY,
            refill_per_second: defaults::BUDGET_REFILL_PER_SECOND,
        }
    }
}

impl BudgetBuilder {
    /// Sets how many tokens each quota has when nothing was taken: [10,000](crate::defaults::BUDGET_CAPACITY) unless said
    /// otherwise.
    ///
    /// It is how large a storm of failures is met with retries before they stop: capacity over ten for outages.
    pub const fn with_capacity(mut self, tokens: u32) -> Self {
        self.capacity = tokens;
        self
    }

    /// Sets how many tokens each quota gains a second, up to the capacity:
    /// [100](crate::defaults::BUDGET_REFILL_PER_SECOND) unless said otherwise.
    ///
    /// What is let through while nothing succeeds: a tenth of it a second, for outages. With none, a budget that is empty stays so until
    /// calls succeed which have tokens out.
    pub const fn with_refill_per_second(mut self, tokens: u32) -> Self {
        self.refill_per_second = tokens;
        self
    }

    /// A full budget with these numbers.
    #[must_use]
    pub fn build(self) -> Budget {
        Budget::of(self.capacity, self.refill_per_second)
    }
}
