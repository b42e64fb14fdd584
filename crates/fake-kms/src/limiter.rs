//! A quota in use.
use std::time::Duration;

use crate::{Quota, quota::Kind};

const NANOS: u128 = 1_000_000_000;

/// A quota in use. It counts in whole calls and in billionths of a token, so that nothing is rounded away.
#[derive(Debug)]
pub(crate) struct Limiter {
    quota: Quota,
    window: u64,
    used: u64,
    level: u128,
    filled_at: Duration,
}

impl Limiter {
    /// Starts afresh: an empty window, or a full bucket.
    pub(crate) fn new(quota: Quota, now: Duration) -> Self {
        let level = match quota.0 {
            Kind::TokenBucket { burst, .. } => u128::from(burst).saturating_mul(NANOS),
            Kind::Unlimited | Kind::PerSecond { .. } => 0,
        };
        Self {
            quota,
            window: now.as_secs(),
            used: 0,
            level,
            filled_at: now,
        }
    }

    /// Whether a call at `now`, the time since the start of the fake, is within the quota; if so, it is counted.
    pub(crate) fn admit(&mut self, now: Duration) -> bool {
        match self.quota.0 {
            Kind::Unlimited => true,
            Kind::PerSecond { calls } => self.admit_in_window(now, calls),
            Kind::TokenBucket { rate, burst } => self.admit_from_bucket(now, rate, burst),
        }
    }

    fn admit_in_window(&mut self, now: Duration, calls: u64) -> bool {
        // Callers read the clock before they take the lock, so that `now` may be a little behind: never go back.
        if now.as_secs() > self.window {
            self.window = now.as_secs();
            self.used = 0;
        }
        let admitted = self.used < calls;
        if admitted {
            self.used = self.used.saturating_add(1);
        }
        admitted
    }

    fn admit_from_bucket(&mut self, now: Duration, rate: u64, burst: u64) -> bool {
        let elapsed = now.saturating_sub(self.filled_at);
        self.filled_at = self.filled_at.max(now);
        let gained = elapsed.as_nanos().saturating_mul(u128::from(rate));
        let full = u128::from(burst).saturating_mul(NANOS);
        self.level = self.level.saturating_add(gained).min(full);
        match self.level.checked_sub(NANOS) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn admitted(limiter: &mut Limiter, at: Duration, tries: u32) -> usize {
        (0..tries).filter(|_| limiter.admit(at)).count()
    }

    #[test]
    fn a_window_is_exact_to_one_call() {
        let mut limiter = Limiter::new(Quota::per_second(3), Duration::ZERO);
        let last = SECOND.saturating_sub(Duration::from_nanos(1));
        assert_eq!(admitted(&mut limiter, Duration::ZERO, 2), 2);
        assert_eq!(admitted(&mut limiter, last, 5), 1);
        assert_eq!(admitted(&mut limiter, SECOND, 5), 3);
        assert_eq!(
            admitted(&mut limiter, last, 5),
            0,
            "a clock read late opens no old window"
        );
        assert_eq!(admitted(&mut limiter, SECOND.saturating_mul(9), 5), 3);
        let mut none = Limiter::new(Quota::per_second(0), Duration::ZERO);
        assert_eq!(admitted(&mut none, SECOND, 5), 0);
    }

    #[test]
    fn a_bucket_is_exact_to_one_nanosecond() {
        let mut limiter = Limiter::new(Quota::token_bucket(3, 5), Duration::ZERO);
        assert_eq!(admitted(&mut limiter, Duration::ZERO, 9), 5);
        // A third of a second is no whole number of nanoseconds: the token is there with the next one.
        let (before, after) = (
            Duration::from_nanos(333_333_333),
            Duration::from_nanos(333_333_334),
        );
        assert_eq!(admitted(&mut limiter, before, 9), 0);
        assert_eq!(admitted(&mut limiter, after, 9), 1);
        assert_eq!(admitted(&mut limiter, Duration::from_nanos(999_999_999), 9), 1);
        assert_eq!(
            admitted(&mut limiter, SECOND, 9),
            1,
            "nothing is rounded away: 3 in a second"
        );
        assert_eq!(
            admitted(&mut limiter, SECOND.saturating_mul(60), 9),
            5,
            "never more than the burst"
        );
    }
}
