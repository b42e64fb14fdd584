//! Whether to try again, and after how long: a function of plain values.
use std::{num::NonZeroU32, time::Duration};

use datakey_provider::ErrorClass;

use crate::{Backoff, Classify, Reason, defaults};

/// The numbers of a policy. See the crate's table of defaults for each field's reason.
///
/// They are plain numbers, and [`decide`](Self::decide) is a pure function of them: what a policy will do can be asked without waiting for
/// it.
///
/// ```
/// use std::time::Duration;
/// use datakey_provider::ErrorClass;
/// use datakey_retry::{Decision, Outcome, Progress, Reason, Rules};
///
/// let mut rules = Rules::default();
/// rules.server_delay_cap = Duration::from_secs(2);
/// let mut asks = Outcome::of(ErrorClass::Throttled);
/// asks.server_delay = Some(Duration::from_secs(3600));
/// // A header that asks for an hour counts as two seconds. The shortest draw adds no jitter.
/// let decided = rules.decide(&mut Progress::default(), asks, None, false, 0);
/// assert_eq!(decided, Decision::Retry { after: Duration::from_secs(2) });
/// let denied = rules.decide(&mut Progress::default(), Outcome::of(ErrorClass::Denied), None, false, 0);
/// assert_eq!(denied, Decision::GiveUp(Reason::Permanent));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// Waits after a throttled attempt, where no adaptive rate spaces the retries.
    pub throttled: Backoff,
    /// Waits after an attempt that failed for the moment or gave no answer in time.
    pub transient: Backoff,
    /// The most attempts of one call, the first included.
    pub max_attempts: NonZeroU32,
    /// How long one call may take with all its attempts and waits.
    pub deadline: Option<Duration>,
    /// How long one attempt may take.
    pub attempt_timeout: Option<Duration>,
    /// The least that the measured time for one attempt comes to, where an attempt may take several times what answers take
    /// ([`Policy::with_measured_attempt_timeout`](crate::Policy::with_measured_attempt_timeout)). None: `attempt_timeout` holds
    /// at all times.
    pub shortest_timeout: Option<Duration>,
    /// The longest delay asked for by the service that is honoured in full; longer ones count as this.
    pub server_delay_cap: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            throttled: Backoff::full()
                .with_base(defaults::THROTTLED_BASE)
                .with_cap(defaults::THROTTLED_CAP),
            transient: Backoff::full()
                .with_base(defaults::TRANSIENT_BASE)
                .with_cap(defaults::TRANSIENT_CAP),
            max_attempts: defaults::MAX_ATTEMPTS,
            deadline: Some(defaults::DEADLINE),
            attempt_timeout: Some(defaults::ATTEMPT_TIMEOUT),
            shortest_timeout: None,
            server_delay_cap: defaults::SERVER_DELAY_CAP,
        }
    }
}

/// How an attempt failed, in plain values.
///
/// For whoever decides without an error at hand: in a simulation, a test, or a loop of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The kind of failure.
    pub class: ErrorClass,
    /// The delay that the service asked for.
    pub server_delay: Option<Duration>,
    /// Whether the error says of itself that trying again is pointless.
    pub is_final: bool,
}

impl Outcome {
    /// A failure of a class, without a server delay, final if the class is not retryable.
    #[must_use]
    pub const fn of(class: ErrorClass) -> Self {
        Self {
            class,
            server_delay: None,
            is_final: !class.is_retryable(),
        }
    }

    /// What an error says of itself.
    #[must_use]
    pub fn from_error(error: &impl Classify) -> Self {
        Self {
            class: error.class(),
            server_delay: error.delay(),
            is_final: error.is_final(),
        }
    }
}

/// How far a call has come. Starts as the default, and [`Rules::decide`] moves it on.
///
/// One for each call. It remembers how often each kind of wait came, so that a throttle after three timeouts begins its own row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Attempts that have failed.
    pub attempts: u32,
    throttled: Waits,
    transient: Waits,
}

/// The retries of one family of failures: its own exponent, and what decorrelated jitter needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Waits {
    retries: u32,
    previous: Option<Duration>,
}

/// What to do after a failed attempt.
///
/// It says what, and does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try again after this time.
    Retry {
        /// How long to wait first.
        after: Duration,
    },
    /// Return the error.
    GiveUp(Reason),
}

impl Rules {
    /// Decides what to do after a failed attempt, and counts it in `progress`.
    ///
    /// `remaining` is the time to the call's deadline. `paced` says that an adaptive rate will space the retry, so that
    /// a throttled attempt needs no backoff of its own, nor a wait for the delay that the service asks for: the rate was told
    /// of it. `draw` is a uniform random number. A server delay, cut to [`server_delay_cap`](Self::server_delay_cap), is a floor where
    /// nothing else spaces the retry: it never comes sooner, and the jitter comes on top, so that callers told the same delay do
    /// not return together. A delay or wait that would end at or after the deadline gives up at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_provider::ErrorClass;
    /// use datakey_retry::{Decision, Outcome, Progress, Reason, Rules};
    ///
    /// let (rules, mut progress) = (Rules::default(), Progress::default());
    /// let failed = Outcome::of(ErrorClass::Transient);
    /// assert_eq!(
    ///     rules.decide(&mut progress, failed, None, false, u64::MAX),
    ///     Decision::Retry { after: Duration::from_millis(50) },
    /// );
    /// let left = Some(Duration::from_millis(100));
    /// assert_eq!(
    ///     rules.decide(&mut progress, failed, left, false, u64::MAX),
    ///     Decision::GiveUp(Reason::Deadline),
    /// );
    /// ```
    #[must_use]
    pub fn decide(
        &self,
        progress: &mut Progress,
        outcome: Outcome,
        remaining: Option<Duration>,
        paced: bool,
        draw: u64,
    ) -> Decision {
        progress.attempts = progress.attempts.saturating_add(1);
        if outcome.is_final {
            let below = outcome.class.is_retryable();
            return Decision::GiveUp(if below {
                Reason::GivenUpBelow
            } else {
                Reason::Permanent
            });
        }
        if progress.attempts >= self.max_attempts.get() {
            return Decision::GiveUp(Reason::Attempts);
        }
        let own = match outcome.class {
            ErrorClass::Throttled if paced => Duration::ZERO,
            ErrorClass::Throttled => progress.throttled.next(&self.throttled, draw),
            _ => progress.transient.next(&self.transient, draw),
        };
        let after = self.asked(outcome).saturating_add(own);
        match remaining {
            Some(remaining) if after >= remaining => Decision::GiveUp(Reason::Deadline),
            _ if paced && outcome.class == ErrorClass::Throttled => Decision::Retry {
                after: Duration::ZERO,
            },
            _ => Decision::Retry { after },
        }
    }

    /// The delay that the service asked for, as far as it is honoured.
    pub(crate) fn asked(&self, outcome: Outcome) -> Duration {
        let asked = outcome.server_delay.unwrap_or_default();
        asked.min(self.server_delay_cap)
    }
}

impl Waits {
    fn next(&mut self, backoff: &Backoff, draw: u64) -> Duration {
        let delay = backoff.delay(self.retries, self.previous, draw);
        self.retries = self.retries.saturating_add(1);
        self.previous = Some(delay);
        delay
    }
}
