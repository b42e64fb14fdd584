//! What age and failures allow, case by case.
use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    jitter::{Draw, Jitter},
    later::later,
    life::*,
    loads::Begun,
    pulse::Pulse,
    slept::Slept,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Throttled,
    Timeout,
    Denied,
}

impl Class {
    const ALL: [Self; 3] = [Self::Throttled, Self::Timeout, Self::Denied];

    fn passes(self) -> bool {
        self != Self::Denied
    }
}

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

fn failed(class: Class, at: Instant) -> Failure<Class> {
    Failure {
        passes: class.passes().then_some(class),
        times: 1,
        pause_until: later(at, seconds(1)),
        counts_until: later(at, seconds(2)),
    }
}

fn at(age: u64, failure: Option<(Class, u64)>, attempting: bool) -> Standing<Class> {
    let start = start();
    let failure = failure.map(|(class, at)| failed(class, later(start, seconds(at))));
    let now = later(start, seconds(age));
    standing(&times(start), failure.as_ref(), attempting.then_some(now), now)
}

#[test]
fn a_failure_that_lapsed_says_nothing_about_an_attempt_that_begins_later() {
    let start = start();
    let failure = failed(Class::Throttled, later(start, seconds(150)));
    let seen = |age, begun| {
        let since = Some(later(start, seconds(begun)));
        standing(&times(start), Some(&failure), since, later(start, seconds(age)))
    };
    let because = |because| Standing::Stale { because, due: false };
    assert_eq!(
        seen(190, 151),
        because(Because::Fails(Class::Throttled)),
        "it led to this attempt"
    );
    assert_eq!(seen(190, 190), Standing::Expired);
    assert_eq!(seen(191, 190), because(Because::Slow), "but that is slow, too");
}

#[test]
fn past_soft_a_load_that_does_not_end_keeps_a_key_alive() {
    let start = start();
    let seen = |age, begun| {
        let now = later(start, seconds(age));
        standing::<Class>(&times(start), None, Some(later(start, seconds(begun))), now)
    };
    let stale = Standing::Stale {
        because: Because::Slow,
        due: false,
    };
    assert_eq!(seen(99, 90), Standing::Fresh);
    assert_eq!(seen(100, 99), stale);
    assert_eq!(seen(100, 100), Standing::Expired, "it may still end in time");
    assert_eq!(seen(299, 100), stale);
    assert_eq!(seen(300, 100), Standing::Expired, "the hard age is hard");
    let denied = failed(Class::Denied, later(start, seconds(119)));
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
    assert_eq!(at(85, Some((Class::Throttled, 85)), false), Standing::Fresh);
    assert_eq!(at(86, Some((Class::Throttled, 85)), false), Standing::Due);
}

#[test]
fn past_soft_only_retryable_classes_keep_a_key_alive() {
    for class in Class::ALL {
        let expected = if class.passes() {
            Standing::Stale {
                because: Because::Fails(class),
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
        because: Because::Fails(Class::Timeout),
        due,
    };
    let failure = Some((Class::Timeout, 150));
    assert_eq!(at(150, failure, false), stale(false));
    assert_eq!(at(151, failure, false), stale(true));
    assert_eq!(at(152, failure, false), Standing::Expired);
    assert_eq!(at(152, failure, true), Standing::Expired);
}

#[test]
fn a_first_attempt_under_way_is_no_reason_to_serve_past_soft() {
    assert_eq!(at(120, None, true), Standing::Expired);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_nobody_works_on_is_not_under_way() {
    let (start, jitter) = (Instant::now(), Jitter::new(Some(1)));
    let ages = Ages {
        soft: seconds(100),
        hard: seconds(300),
    };
    let life = Life::<Class>::new(start, ages, &jitter, &Slept::default());
    let pulse = Arc::new(Pulse::new(later(start, seconds(96))));
    life.note_load(
        Begun {
            since: later(start, seconds(96)),
            pulse: &pulse,
        },
        true,
    );
    let at = |millis| life.standing(later(start, Duration::from_millis(millis)));
    assert_eq!(at(96_400), Standing::Fresh, "it may still be polled");
    assert_eq!(
        at(96_600),
        Standing::Due,
        "it sleeps, and whoever comes begins another"
    );
    assert_eq!(
        at(100_000),
        Standing::Expired,
        "nor does it let the key serve past its soft age"
    );
    assert_eq!(at(200_000), Standing::Expired);
    pulse.beat(later(start, seconds(200)));
    let slow = Standing::Stale {
        because: Because::Slow,
        due: false,
    };
    assert_eq!(at(200_100), slow, "as one does that somebody works on");
}

#[test]
fn pauses_double_up_to_the_longest_and_honour_the_server() {
    let (now, mut draw) = (start(), Draw::seeded(7));
    let far = now + seconds(900);
    let mut failure: Option<Failure<Class>> = None;
    for nominal in [1, 2, 4, 8, 16, 30, 30] {
        let next = Failure::next(failure.as_ref(), None, None, (now, far), &mut draw);
        let pause = next.pause_until.duration_since(now);
        assert!(
            pause >= Duration::from_millis(nominal * 500) && pause <= seconds(nominal),
            "{pause:?}"
        );
        failure = Some(next);
    }
    for (asked, kept) in [(10, 10), (20, 20), (3600, 20), (u64::MAX, 20)] {
        let told = Failure::<Class>::next(None, None, Some(seconds(asked)), (now, far), &mut draw);
        assert_eq!(
            told.pause_until.duration_since(now),
            seconds(kept),
            "asked for {asked} s"
        );
    }
}

#[test]
fn refreshes_spread_over_their_window() {
    let (now, mut draw) = (start(), Draw::seeded(1));
    let limits = Ages {
        soft: seconds(1000),
        hard: seconds(2000),
    };
    let drawn: Vec<_> = (0..100)
        .map(|_| {
            Times::new(now, limits, &mut draw)
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
    let limits = Ages {
        soft: Duration::MAX,
        hard: Duration::MAX,
    };
    let times = Times::new(start(), limits, &mut Draw::seeded(1));
    assert_eq!(
        standing::<Class>(&times, None, None, later(start(), seconds(86_400))),
        Standing::Fresh
    );
}
