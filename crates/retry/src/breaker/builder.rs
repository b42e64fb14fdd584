//! A breaker with numbers of one's own.
use std::time::Duration;

use super::{Breaker, settings::Settings};

/// Builds a [`Breaker`] whose numbers are not the [defaults](crate::defaults).
///
/// ```
/// use std::time::Duration;
/// use datakey_retry::{Breaker, Policy};
///
/// let breaker = Breaker::builder()
///     .with_failures(3)
///     .with_longest_wait(Duration::from_millis(200))
///     .build();
/// let policy = Policy::default().with_breaker(breaker);
/// # let _ = policy;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct BreakerBuilder(Settings);

impl Breaker {
    /// Starts with the defaults.
    pub const fn builder() -> BreakerBuilder {
        BreakerBuilder(Settings::DEFAULT)
    }
}

impl BreakerBuilder {
    /// Sets how many attempts in a row must fail for a scope to open: [10](crate::defaults::BREAKER_FAILURES) unless said
    /// otherwise. Zero counts as one.
    ///
    /// Lower it where a service has one host, so that two failures in a row are no chance.
    pub const fn with_failures(mut self, failures: u32) -> Self {
        self.0.failures = failures;
        self
    }

    /// Sets how many failures a timeout counts for: [4](crate::defaults::BREAKER_TIMEOUT_COUNTS) unless said otherwise.
    ///
    /// One has timeouts open it as slowly as failures do.
    pub const fn with_timeout_counts(mut self, failures: u32) -> Self {
        self.0.timeout_counts = failures;
        self
    }

    /// Sets how long attempts must have been failing: [1 s](crate::defaults::BREAKER_AFTER) unless said otherwise.
    ///
    /// It keeps a thousand calls that one broken connection ended together from counting as a thousand failures.
    pub const fn with_after(mut self, after: Duration) -> Self {
        self.0.after = after;
        self
    }

    /// Sets how long calls fail at once before the first try: [500 ms](crate::defaults::BREAKER_WAIT) unless said
    /// otherwise.
    pub const fn with_first_wait(mut self, wait: Duration) -> Self {
        self.0.first_wait = wait;
        self
    }

    /// Sets the longest time from one try to the next: [1 s](crate::defaults::BREAKER_WAIT_CAP) unless said otherwise, and
    /// never less than the first wait.
    ///
    /// It bounds how long calls go on being refused after the service is back, and how often one is tried while it is not.
    pub const fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.0.longest_wait = wait;
        self
    }

    /// Sets how long what has failed ranks last at first: [5 s](crate::defaults::BREAKER_REST) unless said otherwise.
    ///
    /// Only where there is another way: how long that is taken before one call looks whether the nearer one is back.
    pub const fn with_first_rest(mut self, rest: Duration) -> Self {
        self.0.first_rest = rest;
        self
    }

    /// Sets the longest time for which what fails ranks last before a call tries it again:
    /// [60 s](crate::defaults::BREAKER_REST_CAP) unless said otherwise, and never less than the first.
    pub const fn with_longest_rest(mut self, rest: Duration) -> Self {
        self.0.longest_rest = rest;
        self
    }

    /// Sets how long a call lasts that says by being dropped that the service is slow:
    /// [250 ms](crate::defaults::BREAKER_ABANDONED_AFTER) unless said otherwise.
    pub const fn with_abandoned_after(mut self, after: Duration) -> Self {
        self.0.abandoned_after = after;
        self
    }

    /// A closed breaker with these numbers.
    #[must_use]
    pub fn build(self) -> Breaker {
        let mut settings = self.0;
        settings.failures = settings.failures.max(1);
        settings.longest_wait = settings.longest_wait.max(settings.first_wait);
        settings.longest_rest = settings.longest_rest.max(settings.first_rest);
        Breaker::with_settings(settings)
    }
}
