//! How long to wait before each retry, as an iterator of durations.
use std::time::Duration;

use rand::Rng;

use crate::defaults;

/// How long to wait before each retry: a kind of jitter, a base and a cap.
///
/// The wait before retry `n` (counted from 0) grows from `v = min(cap, base * 2^n)`. The cap applies before the
/// random draw, so that many callers at the cap still spread out. All arithmetic saturates: retry 10,000 waits like
/// any other at the cap.
///
/// | kind | wait | when |
/// |---|---|---|
/// | [`full`](Self::full) | 0 to `v` | the default: the least work for the service under contention |
/// | [`equal`](Self::equal) | `v / 2` to `v` | a minimum wait matters more than spreading |
/// | [`decorrelated`](Self::decorrelated) | `base` to `min(cap, 3 * previous)` | finishes slightly sooner, makes more calls |
/// | [`without_jitter`](Self::without_jitter) | `v` | a single caller; many in step make a storm each time |
/// | [`constant`](Self::constant) | always the same | polling |
///
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, and its published simulator.
///
/// ```
/// use std::time::Duration;
/// use datakey_retry::Backoff;
/// use rand::{SeedableRng as _, rngs::Xoshiro256PlusPlus};
///
/// let backoff = Backoff::full().with_base(Duration::from_millis(100)).with_cap(Duration::from_secs(1));
/// let random = Xoshiro256PlusPlus::seed_from_u64(7);
/// let waits: Vec<Duration> = backoff.delays(random).take(4).collect();
/// for (wait, at_most) in waits.iter().zip([100, 200, 400, 800]) {
///     assert!(*wait <= Duration::from_millis(at_most));
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    kind: Kind,
    base: Duration,
    cap: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Full,
    Equal,
    Decorrelated,
    WithoutJitter,
    Constant,
}

impl Backoff {
    const fn of(kind: Kind) -> Self {
        Self {
            kind,
            base: defaults::TRANSIENT_BASE,
            cap: defaults::TRANSIENT_CAP,
        }
    }

    /// From nothing to `min(cap, base * 2^n)`.
    ///
    /// On average it waits for half as long as the ceiling says, and spreads callers that were refused together over all of it.
    #[must_use]
    pub const fn full() -> Self {
        Self::of(Kind::Full)
    }

    /// From half of `min(cap, base * 2^n)` to the whole.
    ///
    /// For a service that should be left alone for some time at the least.
    #[must_use]
    pub const fn equal() -> Self {
        Self::of(Kind::Equal)
    }

    /// From `base` to three times the previous wait, at most `cap`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_retry::Backoff;
    ///
    /// let backoff = Backoff::decorrelated().with_base(Duration::from_millis(10)).with_cap(Duration::from_secs(1));
    /// let previous = Some(Duration::from_millis(100));
    /// assert_eq!(backoff.delay(5, previous, 0), Duration::from_millis(10)); // the number of the retry is of no account
    /// assert_eq!(backoff.delay(5, previous, u64::MAX), Duration::from_millis(300));
    /// ```
    #[must_use]
    pub const fn decorrelated() -> Self {
        Self::of(Kind::Decorrelated)
    }

    /// Exactly `min(cap, base * 2^n)`.
    ///
    /// Callers that failed together come back together, and fail together again.
    #[must_use]
    pub const fn without_jitter() -> Self {
        Self::of(Kind::WithoutJitter)
    }

    /// Sets the first ceiling, which doubles with each retry: [50 ms](defaults::TRANSIENT_BASE) unless said otherwise.
    #[must_use]
    pub const fn with_base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets the longest ceiling: [5 s](defaults::TRANSIENT_CAP) unless said otherwise. A longer base counts as this.
    #[must_use]
    pub const fn with_cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// The same wait each time; zero retries at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_retry::{Backoff, Policy};
    ///
    /// // Asks each five seconds whether something is done, for an hour.
    /// let polling = Policy::default()
    ///     .with_transient_backoff(Backoff::constant(Duration::from_secs(5)))
    ///     .with_max_attempts(720)
    ///     .with_deadline(Duration::from_secs(3600));
    /// assert_eq!(polling.rules().transient.delay(100, None, 7), Duration::from_secs(5));
    /// ```
    #[must_use]
    pub const fn constant(delay: Duration) -> Self {
        Self {
            kind: Kind::Constant,
            base: delay,
            cap: delay,
        }
    }

    /// The waits one after another, without end, drawn from `random`. A `&mut` to a generator is one too.
    pub const fn delays<R: Rng>(&self, random: R) -> Delays<R> {
        Delays {
            backoff: *self,
            random,
            retry: 0,
            previous: None,
        }
    }

    /// The wait before retry `retry` (from 0), given the `previous` wait and a uniform `draw`: 0 gives the shortest
    /// wait, `u64::MAX` the longest. [`delays`](Self::delays) keeps count and draws.
    ///
    /// ```
    /// # use datakey_retry::Backoff;
    /// # use std::time::Duration;
    /// let backoff = Backoff::equal().with_base(Duration::from_millis(100)).with_cap(Duration::from_secs(1));
    /// assert_eq!(backoff.delay(1, None, 0), Duration::from_millis(100));
    /// assert_eq!(backoff.delay(1, None, u64::MAX), Duration::from_millis(200));
    /// assert_eq!(backoff.delay(10_000, None, u64::MAX), Duration::from_secs(1));
    /// ```
    #[must_use]
    pub fn delay(&self, retry: u32, previous: Option<Duration>, draw: u64) -> Duration {
        let (base, cap) = (nanos(self.base), nanos(self.cap));
        let ceiling = base
            .saturating_mul(1_u64.checked_shl(retry).unwrap_or(u64::MAX))
            .min(cap);
        let wait = match self.kind {
            Kind::Constant => base,
            Kind::WithoutJitter => ceiling,
            Kind::Full => between(0, ceiling, draw),
            Kind::Equal => between(ceiling / 2, ceiling, draw),
            Kind::Decorrelated => {
                let (lowest, previous) = (base.min(cap), previous.map_or(base, nanos));
                between(lowest, previous.saturating_mul(3).clamp(lowest, cap), draw)
            }
        };
        Duration::from_nanos(wait)
    }
}

/// A duration in nanoseconds; 584 years and all that is longer are the same wait.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The point between `low` and `high`, both included, that `draw` stands for.
fn between(low: u64, high: u64, draw: u64) -> u64 {
    let width = u128::from(high.saturating_sub(low));
    let part = width
        .saturating_mul(u128::from(draw))
        .checked_div(u128::from(u64::MAX));
    low.saturating_add(part.and_then(|part| u64::try_from(part).ok()).unwrap_or(u64::MAX))
}

/// The waits of a [`Backoff`], one for each retry, without end. Made by [`Backoff::delays`].
///
/// ```
/// use std::time::Duration;
/// use datakey_retry::Backoff;
/// use rand::{SeedableRng as _, rngs::Xoshiro256PlusPlus};
///
/// // For a loop of one's own, that waits for something else than a provider.
/// let delays = Backoff::without_jitter().with_base(Duration::from_millis(10)).with_cap(Duration::from_millis(60));
/// let waits: Vec<u128> = delays.delays(Xoshiro256PlusPlus::seed_from_u64(7)).take(5).map(|wait| wait.as_millis()).collect();
/// assert_eq!(waits, [10, 20, 40, 60, 60]);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Delays<R> {
    backoff: Backoff,
    random: R,
    retry: u32,
    previous: Option<Duration>,
}

impl<R: Rng> Iterator for Delays<R> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let delay = self
            .backoff
            .delay(self.retry, self.previous, self.random.next_u64());
        self.retry = self.retry.saturating_add(1);
        self.previous = Some(delay);
        Some(delay)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
