//! Whether the region answers, remembered from the calls that are made anyway.
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use datakey_provider::{ErrorClass, ProviderError, Rank};
use tokio::time::Instant;

/// How long a region that did not answer ranks last, after its first failure: 5 seconds, as long as a call may take.
///
/// Doubled each time that the call which tries it again fails too, up to [`MAX_REST`]. Shorten it where the far region
/// is costly, lengthen it where each slow call is. See
/// [`unhealthy_for`](crate::KmsProviderBuilder::unhealthy_for).
pub const FIRST_REST: Duration = Duration::from_secs(5);

/// The longest time for which a region ranks last before a call tries it again: 60 seconds.
///
/// The price of an outage is one slow call each time, the price of waiting longer that the far region is used for
/// longer than it must be.
pub const MAX_REST: Duration = Duration::from_secs(60);

/// A call that was given up before it was answered says that the region is slow if it lasted for this long: 250
/// milliseconds, several times what KMS takes within a region.
///
/// Whoever asks another region meanwhile drops the slow call when the other one answers. Without this, a region that
/// hangs would never be found out.
pub const ABANDONED_AFTER: Duration = Duration::from_millis(250);

/// What is known about a region.
#[derive(Debug)]
pub(crate) struct Health {
    first_rest: Duration,
    max_rest: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When a call may try the region again, and for how long it rests this time; `None` while it answers.
    rest: Option<(Instant, Duration)>,
    /// Whether a call tries it again at the moment.
    probing: bool,
}

/// A call under way. Dropped without [`Watch::ended`], it counts as abandoned.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    health: &'a Health,
    started: Instant,
    /// Whether it tries a region again that rested.
    probe: bool,
    ended: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self::resting(FIRST_REST, MAX_REST)
    }
}

impl Health {
    /// A region that is well, and will rest for these times when it is not.
    pub(crate) fn resting(first: Duration, longest: Duration) -> Self {
        Self {
            first_rest: first,
            max_rest: longest.max(first),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rank of a provider: its own while the region answers, else behind every healthy one, in the same order.
    pub(crate) fn rank(&self, own: Rank) -> Rank {
        if self.rests(Instant::now()) {
            Rank(Rank::UNHEALTHY.0.saturating_add(own.0 / 4))
        } else {
            own
        }
    }

    pub(crate) fn rests(&self, now: Instant) -> bool {
        let state = self.state();
        state.rest.is_some_and(|(until, _)| now < until || state.probing)
    }

    /// Notes that a call starts. After a rest, the first one is the probe: until it ends, the region goes on resting
    /// for all others.
    pub(crate) fn watch(&self) -> Watch<'_> {
        let started = Instant::now();
        let mut state = self.state();
        let probe = !state.probing && state.rest.is_some_and(|(until, _)| until <= started);
        state.probing |= probe;
        Watch {
            health: self,
            started,
            probe,
            ended: false,
        }
    }
}

impl Watch<'_> {
    /// Notes how a call ended. Any answer is a sign of health but one that says that KMS itself fails; a throttled
    /// region is a living one.
    pub(crate) fn ended<T>(mut self, result: &Result<T, ProviderError>) {
        self.ended = true;
        let failed = result
            .as_ref()
            .is_err_and(|error| matches!(error.class(), ErrorClass::Transient | ErrorClass::Timeout));
        if failed {
            self.failed();
        } else {
            *self.health.state() = State::default();
        }
    }

    fn failed(&self) {
        let now = Instant::now();
        let mut state = self.health.state();
        let rest = match state.rest {
            Some((_, rest)) if self.probe => rest.saturating_mul(2).min(self.health.max_rest),
            // Calls that were under way when the region failed first say nothing new.
            Some((until, _)) if state.probing || now < until => return,
            Some((_, rest)) => rest,
            None => self.health.first_rest,
        };
        state.probing = false;
        // A sum beyond what the clock can show does not happen with a minute.
        state.rest = now.checked_add(rest).map(|until| (until, rest));
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.started.elapsed() >= ABANDONED_AFTER {
            self.failed();
            return;
        }
        if self.probe {
            self.health.state().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use datakey_provider::Operation;
    use tokio::time::advance;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn end(watch: Watch<'_>, class: ErrorClass) {
        watch.ended::<()>(&Err(ProviderError::new(class, Operation::Decrypt)));
    }

    fn well(health: &Health) -> bool {
        health.rank(Rank::LOCAL) == Rank::LOCAL
    }

    #[tokio::test(start_paused = true)]
    async fn what_says_that_the_region_does_not_answer_and_what_says_that_it_does() {
        for class in ErrorClass::ALL {
            let health = Health::default();
            end(health.watch(), class);
            let dead = matches!(class, ErrorClass::Transient | ErrorClass::Timeout);
            assert_eq!(well(&health), !dead, "{class:?}");
            // Whatever is answered later makes it well.
            end(health.watch(), ErrorClass::Throttled);
            assert!(well(&health));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_tries_again_and_the_rest_doubles_to_its_bound() {
        let health = Health::default();
        end(health.watch(), ErrorClass::Timeout);
        let mut rest = FIRST_REST;
        for _ in 0..6 {
            advance(rest - MS).await;
            assert!(!well(&health), "after {rest:?}");
            advance(MS).await;
            assert!(well(&health), "after {rest:?}");
            let probe = health.watch();
            assert!(!well(&health), "others keep away while one tries");
            let other = health.watch();
            advance(MS).await;
            end(other, ErrorClass::Timeout);
            assert!(!well(&health), "only the probe decides");
            end(probe, ErrorClass::Timeout);
            rest = (rest * 2).min(MAX_REST);
        }
        assert_eq!(rest, MAX_REST);
        advance(MAX_REST).await;
        health.watch().ended(&Ok(()));
        assert!(well(&health));
        end(health.watch(), ErrorClass::Timeout);
        advance(FIRST_REST).await;
        assert!(well(&health), "a success starts over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_calls_that_fail_together_are_one_failure() {
        let health = Health::default();
        let watches: Vec<_> = (0..100).map(|_| health.watch()).collect();
        advance(MS).await;
        for watch in watches {
            end(watch, ErrorClass::Timeout);
        }
        advance(FIRST_REST).await;
        assert!(well(&health));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_given_up_late_is_a_failure_and_one_given_up_soon_is_nothing() {
        let health = Health::default();
        let soon = health.watch();
        advance(ABANDONED_AFTER - MS).await;
        drop(soon);
        assert!(well(&health));
        let late = health.watch();
        advance(ABANDONED_AFTER).await;
        drop(late);
        assert!(!well(&health));
        advance(FIRST_REST).await;
        let probe = health.watch();
        drop(probe);
        assert!(well(&health), "the next one tries");
    }

    #[tokio::test(start_paused = true)]
    async fn the_sick_keep_their_order_behind_the_healthy() {
        let health = Health::default();
        end(health.watch(), ErrorClass::Transient);
        assert_eq!(health.rank(Rank::LOCAL), Rank::UNHEALTHY);
        assert!(health.rank(Rank::LOCAL) < health.rank(Rank::REMOTE));
        assert!(health.rank(Rank(u8::MAX)) >= Rank::UNHEALTHY);
    }
}
