//! What a sealing key's age and its provider's last failure allow: the decision, without the doing.
use std::time::Duration;

use datakey_provider::ErrorClass;
use tokio::time::Instant;

use crate::{SealingLimits, jitter::Draw};

/// The first pause after a refresh that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between refreshes that fail.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A load that has not ended after this long counts as failing: retries beneath the keyring go on for much longer, and
/// nobody should wait for them beside a key that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// A refresh begins between these parts of the soft age, in thousandths, at a point drawn for each key: so early that
/// a slow call ends in time, and so spread that a fleet started together does not refresh in step.
const REFRESH_FROM: u32 = 700;
const REFRESH_TO: u32 = 950;

/// When a key is due, old, and too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) created: Instant,
    pub(crate) refresh: Instant,
    pub(crate) soft: Instant,
    pub(crate) hard: Instant,
}

impl Times {
    pub(crate) fn new(created: Instant, limits: &SealingLimits, draw: &mut Draw) -> Self {
        let part = draw.between(REFRESH_FROM, REFRESH_TO);
        Self {
            created,
            refresh: later(created, thousandths(limits.soft_age(), part)),
            soft: later(created, limits.soft_age()),
            hard: later(created, limits.hard_age()),
        }
    }
}

/// When an opening key in use is unwrapped anew, by the same parts of its life.
pub(crate) fn refresh_of(created: Instant, ttl: Duration, draw: &mut Draw) -> Instant {
    later(created, thousandths(ttl, draw.between(REFRESH_FROM, REFRESH_TO)))
}

/// The provider's last failure to replace a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) class: Option<ErrorClass>,
    /// How many in a row.
    pub(crate) times: u32,
    /// No further attempt before this.
    pub(crate) pause_until: Instant,
    /// Past this the failure no longer says anything about the provider.
    pub(crate) telling_until: Instant,
}

impl Failure {
    pub(crate) fn next(
        before: Option<&Self>,
        class: Option<ErrorClass>,
        server_delay: Option<Duration>,
        now: Instant,
        draw: &mut Draw,
    ) -> Self {
        let times = before.map_or(0, |failure| failure.times).saturating_add(1);
        let doubled = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(times.saturating_sub(1)))
            .min(LONGEST_PAUSE);
        let drawn = thousandths(doubled, draw.between(500, 1000));
        let pause = drawn.max(server_delay.unwrap_or_default());
        Self {
            class,
            times,
            pause_until: later(now, pause),
            telling_until: later(now, pause.saturating_mul(2)),
        }
    }

    fn is_retryable(&self) -> bool {
        self.class.is_some_and(ErrorClass::is_retryable)
    }
}

/// What may be done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Serve.
    Fresh,
    /// Serve, and load the next one in the background.
    Due,
    /// Serve, because the provider is failing and this key is not past its hard age.
    Stale {
        because: ErrorClass,
        /// Also try again in the background.
        due: bool,
    },
    /// Load another one first.
    Expired,
}

/// Decides by the clock, the last failure, and since when an attempt is under way.
pub(crate) fn standing(
    times: &Times,
    failure: Option<&Failure>,
    since: Option<Instant>,
    now: Instant,
) -> Standing {
    let attempting = since.is_some();
    if now < times.soft {
        let pausing = failure.is_some_and(|failure| now < failure.pause_until);
        return if now < times.refresh || pausing || attempting {
            Standing::Fresh
        } else {
            Standing::Due
        };
    }
    // A failure says something about an attempt that it led to, however long that takes.
    let telling = failure.filter(|failure| since.unwrap_or(now) < failure.telling_until);
    match telling {
        Some(
            failure @ Failure {
                class: Some(because), ..
            },
        ) if now < times.hard && failure.is_retryable() => Standing::Stale {
            because: *because,
            due: !attempting && now >= failure.pause_until,
        },
        None if now < times.hard && since.is_some_and(|since| now >= later(since, PATIENCE)) => {
            Standing::Stale {
                because: ErrorClass::Timeout,
                due: false,
            }
        }
        _ => Standing::Expired,
    }
}

/// `now + by`, or thirty years ahead where that cannot be written down.
pub(crate) fn later(now: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    now.checked_add(by)
        .or_else(|| now.checked_add(FAR))
        .unwrap_or(now)
}

fn thousandths(of: Duration, part: u32) -> Duration {
    of.checked_mul(part)
        .and_then(|product| product.checked_div(1000))
        .unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn start() -> Instant {
        Instant::now()
    }

    fn times(start: Instant) -> Times {
        Times {
            created: start,
            refresh: later(start, seconds(80)),
            soft: later(start, seconds(100)),
            hard: later(start, seconds(300)),
        }
    }

    fn failed(class: ErrorClass, at: Instant) -> Failure {
        Failure {
            class: Some(class),
            times: 1,
            pause_until: later(at, seconds(1)),
            telling_until: later(at, seconds(2)),
        }
    }

    fn at(age: u64, failure: Option<(ErrorClass, u64)>, attempting: bool) -> Standing {
        let start = start();
        let failure = failure.map(|(class, at)| failed(class, later(start, seconds(at))));
        let now = later(start, seconds(age));
        standing(&times(start), failure.as_ref(), attempting.then_some(now), now)
    }

    #[test]
    fn a_failure_that_lapsed_says_nothing_about_an_attempt_that_begins_later() {
        let start = start();
        let failure = failed(ErrorClass::Throttled, later(start, seconds(150)));
        let seen = |age, begun| {
            let since = Some(later(start, seconds(begun)));
            standing(&times(start), Some(&failure), since, later(start, seconds(age)))
        };
        let because = |because| Standing::Stale { because, due: false };
        assert_eq!(
            seen(190, 151),
            because(ErrorClass::Throttled),
            "it led to this attempt"
        );
        assert_eq!(seen(190, 190), Standing::Expired);
        assert_eq!(
            seen(191, 190),
            because(ErrorClass::Timeout),
            "but that is slow, too"
        );
    }

    #[test]
    fn past_soft_a_load_that_does_not_end_keeps_a_key_alive() {
        let start = start();
        let seen = |age, begun| {
            let now = later(start, seconds(age));
            standing(&times(start), None, Some(later(start, seconds(begun))), now)
        };
        let stale = Standing::Stale {
            because: ErrorClass::Timeout,
            due: false,
        };
        assert_eq!(seen(99, 90), Standing::Fresh);
        assert_eq!(seen(100, 99), stale);
        assert_eq!(seen(100, 100), Standing::Expired, "it may still end in time");
        assert_eq!(seen(299, 100), stale);
        assert_eq!(seen(300, 100), Standing::Expired, "the hard age is hard");
        let denied = failed(ErrorClass::Denied, later(start, seconds(119)));
        let now = later(start, seconds(120));
        assert_eq!(
            standing(
                &times(start),
                Some(&denied),
                Some(later(start, seconds(119))),
                now
            ),
            Standing::Expired
        );
    }

    #[test]
    fn without_a_failure_age_alone_decides() {
        let seen: Vec<_> = [0, 79, 80, 99, 100, 299, 300]
            .iter()
            .map(|s| at(*s, None, false))
            .collect();
        use Standing::{Due, Expired, Fresh};
        assert_eq!(seen, [Fresh, Fresh, Due, Due, Expired, Expired, Expired]);
    }

    #[test]
    fn an_attempt_under_way_or_a_pause_is_not_due_again() {
        assert_eq!(at(85, None, true), Standing::Fresh);
        assert_eq!(at(85, Some((ErrorClass::Throttled, 85)), false), Standing::Fresh);
        assert_eq!(at(86, Some((ErrorClass::Throttled, 85)), false), Standing::Due);
    }

    #[test]
    fn past_soft_only_retryable_classes_keep_a_key_alive() {
        for class in ErrorClass::ALL {
            let expected = if class.is_retryable() {
                Standing::Stale {
                    because: class,
                    due: false,
                }
            } else {
                Standing::Expired
            };
            assert_eq!(at(150, Some((class, 150)), false), expected, "{class:?}");
            assert_eq!(at(300, Some((class, 300)), false), Standing::Expired, "{class:?}");
            assert_eq!(at(300, Some((class, 300)), true), Standing::Expired, "{class:?}");
        }
    }

    #[test]
    fn a_failure_tells_for_a_while_then_callers_find_out_anew() {
        let stale = |due| Standing::Stale {
            because: ErrorClass::Timeout,
            due,
        };
        let failure = Some((ErrorClass::Timeout, 150));
        assert_eq!(at(150, failure, false), stale(false));
        assert_eq!(at(151, failure, false), stale(true));
        assert_eq!(at(152, failure, false), Standing::Expired);
        assert_eq!(at(152, failure, true), Standing::Expired);
    }

    #[test]
    fn a_first_attempt_under_way_is_no_reason_to_serve_past_soft() {
        assert_eq!(at(120, None, true), Standing::Expired);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_honour_the_server() {
        let (now, mut draw) = (start(), Draw::seeded(7));
        let mut failure: Option<Failure> = None;
        for nominal in [1, 2, 4, 8, 16, 30, 30] {
            let next = Failure::next(failure.as_ref(), None, None, now, &mut draw);
            let pause = next.pause_until.duration_since(now);
            assert!(
                pause >= Duration::from_millis(nominal * 500) && pause <= seconds(nominal),
                "{pause:?}"
            );
            failure = Some(next);
        }
        let told = Failure::next(None, None, Some(seconds(90)), now, &mut draw);
        assert_eq!(told.pause_until.duration_since(now), seconds(90));
    }

    #[test]
    fn refreshes_spread_over_their_window() {
        let (now, mut draw) = (start(), Draw::seeded(1));
        let limits = SealingLimits::default().with_ages(seconds(1000), seconds(2000));
        let drawn: Vec<_> = (0..100)
            .map(|_| {
                Times::new(now, &limits, &mut draw)
                    .refresh
                    .duration_since(now)
                    .as_secs()
            })
            .collect();
        assert!(drawn.iter().all(|age| (700..=950).contains(age)));
        assert!(drawn.iter().max() > drawn.iter().min().map(|least| least + 150).as_ref());
    }

    #[test]
    fn ages_without_end_do_not_overflow() {
        let limits = SealingLimits::default().with_ages(Duration::MAX, Duration::MAX);
        let times = Times::new(start(), &limits, &mut Draw::seeded(1));
        assert_eq!(
            standing(&times, None, None, later(start(), seconds(86_400))),
            Standing::Fresh
        );
    }
}
