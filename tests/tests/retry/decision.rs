//! The decision as a table, and the defaults as documented.
use std::time::Duration;

use datakey_provider::{ErrorClass, Operation, ProviderError};
use datakey_retry::{Backoff, Decision, Outcome, Policy, Progress, Reason, Rules, defaults};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn rules() -> Rules {
    let mut rules = Rules::default();
    rules.throttled = Backoff::full().with_base(ms(1000)).with_cap(ms(8000));
    rules.transient = Backoff::full().with_base(ms(100)).with_cap(ms(800));
    rules.max_attempts = 5.try_into().unwrap();
    rules.server_delay_cap = ms(3000);
    rules
}

const fn after(millis: u64) -> Decision {
    Decision::Retry { after: ms(millis) }
}

#[test]
fn every_class_is_retried_or_not() {
    for class in ErrorClass::ALL {
        let decision = rules().decide(
            &mut Progress::default(),
            Outcome::of(class),
            None,
            false,
            u64::MAX,
        );
        let expected = match class {
            ErrorClass::Throttled => after(1000),
            ErrorClass::Transient | ErrorClass::Timeout | ErrorClass::Unauthenticated => after(100),
            ErrorClass::Denied
            | ErrorClass::UnavailableKey
            | ErrorClass::InvalidRequest
            | ErrorClass::NotAuthentic
            | ErrorClass::ShutDown
            | ErrorClass::Internal => Decision::GiveUp(Reason::Permanent),
            other => panic!("{other:?} is in no table"),
        };
        assert_eq!(decision, expected, "{class:?}");
    }
}

#[test]
fn one_failed_attempt_decided() {
    use ErrorClass::{Throttled, Timeout, Transient};
    let rules = rules();
    let server = |class, delay| Outcome {
        server_delay: Some(ms(delay)),
        ..Outcome::of(class)
    };
    let last = Outcome {
        is_final: true,
        ..Outcome::of(Transient)
    };
    let gives_up = Decision::GiveUp;
    // outcome, remaining, paced, draw, decision
    let table = [
        (Outcome::of(Throttled), None, false, 0, after(0)),
        (Outcome::of(Throttled), None, false, u64::MAX, after(1000)),
        (Outcome::of(Throttled), None, true, u64::MAX, after(0)),
        (Outcome::of(Transient), None, true, u64::MAX, after(100)),
        (Outcome::of(Timeout), None, false, u64::MAX, after(100)),
        (server(Throttled, 250), None, false, 0, after(250)),
        (server(Throttled, 250), None, false, u64::MAX, after(1250)),
        // The rate was told of the delay, and the call keeps its place in the queue.
        (server(Throttled, 250), None, true, u64::MAX, after(0)),
        (server(Transient, 99_000), None, false, u64::MAX, after(3100)),
        (Outcome::of(Transient), Some(ms(101)), false, u64::MAX, after(100)),
        (
            Outcome::of(Transient),
            Some(ms(100)),
            false,
            u64::MAX,
            gives_up(Reason::Deadline),
        ),
        (
            server(Throttled, 250),
            Some(ms(250)),
            true,
            0,
            gives_up(Reason::Deadline),
        ),
        (
            Outcome::of(Throttled),
            Some(ms(0)),
            true,
            0,
            gives_up(Reason::Deadline),
        ),
        (last, None, false, 0, gives_up(Reason::GivenUpBelow)),
        (last, Some(ms(0)), false, 0, gives_up(Reason::GivenUpBelow)),
    ];
    for (row, (outcome, remaining, paced, draw, expected)) in table.into_iter().enumerate() {
        let decision = rules.decide(&mut Progress::default(), outcome, remaining, paced, draw);
        assert_eq!(decision, expected, "row {row}");
    }
}

#[test]
fn attempts_run_out_and_each_family_of_failures_grows_by_itself() {
    use ErrorClass::{Throttled, Transient};
    let (rules, mut progress) = (rules(), Progress::default());
    let mut next = |class| rules.decide(&mut progress, Outcome::of(class), None, false, u64::MAX);
    assert_eq!(next(Transient), after(100));
    assert_eq!(next(Throttled), after(1000));
    assert_eq!(next(Transient), after(200));
    assert_eq!(next(Throttled), after(2000));
    assert_eq!(next(Transient), Decision::GiveUp(Reason::Attempts));
    assert_eq!(progress.attempts, 5);
}

#[test]
fn an_outcome_is_what_the_error_says() {
    let error = ProviderError::new(ErrorClass::Throttled, Operation::Decrypt).with_delay(ms(70));
    let expected = Outcome {
        class: ErrorClass::Throttled,
        server_delay: Some(ms(70)),
        is_final: false,
    };
    assert_eq!(Outcome::from_error(&error), expected);
    let error = ProviderError::new(ErrorClass::Denied, Operation::Decrypt);
    assert_eq!(Outcome::from_error(&error), Outcome::of(ErrorClass::Denied));
}

/// Pins the table of defaults in the crate's documentation.
#[test]
fn the_defaults_are_as_documented() {
    let rules = *Policy::default().rules();
    assert_eq!(rules.max_attempts.get(), 32);
    assert_eq!(rules.deadline, Some(Duration::from_secs(60)));
    assert_eq!(rules.attempt_timeout, Some(Duration::from_secs(5)));
    assert_eq!(
        rules.throttled,
        Backoff::full()
            .with_base(ms(500))
            .with_cap(Duration::from_secs(20))
    );
    assert_eq!(
        rules.transient,
        Backoff::full().with_base(ms(50)).with_cap(Duration::from_secs(5))
    );
    assert_eq!(rules.server_delay_cap, Duration::from_secs(20));
    let budget = Policy::default().budget().state();
    assert_eq!(
        (budget.capacity, budget.available, budget.refused),
        (10_000, 10_000, 0)
    );
    assert_eq!(defaults::BUDGET_REFILL_PER_SECOND, 100);
    assert_eq!((defaults::THROTTLED_COST, defaults::TRANSIENT_COST), (1, 10));
    assert_eq!(Policy::default().adaptive_rate().unwrap().state().rate, None);
    assert_eq!(
        (defaults::BREAKER_FAILURES, defaults::BREAKER_AFTER),
        (10, Duration::from_secs(1))
    );
    assert_eq!(
        (defaults::BREAKER_WAIT, defaults::BREAKER_WAIT_CAP),
        (ms(500), ms(1000))
    );
    assert_eq!(
        (defaults::BREAKER_REST, defaults::BREAKER_REST_CAP),
        (ms(5000), Duration::from_secs(60))
    );
    assert_eq!(defaults::BREAKER_ABANDONED_AFTER, ms(250));
    assert!(Policy::default().breaker().is_some() && Policy::never().breaker().is_none());
    let never = *Policy::never().rules();
    assert_eq!((never.max_attempts.get(), never.deadline), (1, None));
}

/// The row of the table of defaults that begins so holds these words, as made from the constants.
fn row(name: &str, words: &[String]) {
    let source = include_str!("../../../crates/retry/src/lib.rs");
    let row = source
        .lines()
        .find(|line| line.starts_with(&format!("//! | {name} |")));
    let row = row.unwrap_or_else(|| panic!("there is no row `{name}`"));
    for word in words {
        assert!(row.contains(word), "`{word}` is not in `{row}`");
    }
    let why = row.split('|').nth(3).unwrap_or_default().trim();
    assert!(!why.is_empty(), "no reason in `{row}`");
}

#[test]
fn the_table_of_defaults_says_what_the_constants_are() {
    use defaults as d;
    let secs = |duration: Duration| {
        format!("{duration:?}")
            .replace("ms", " ms")
            .replace("0s", "0 s")
            .replace("5s", "5 s")
    };
    let jitter = |base: Duration, cap: Duration| vec![format!("{} to {}", secs(base), secs(cap))];
    row("attempts of one call", &[d::MAX_ATTEMPTS.to_string()]);
    row("deadline of one call", &[secs(d::DEADLINE)]);
    row("timeout of one attempt", &[secs(d::ATTEMPT_TIMEOUT)]);
    row("wait after a throttle, adaptive rate on", &["its turn".into()]);
    row(
        "wait after a throttle, adaptive rate off",
        &jitter(d::THROTTLED_BASE, d::THROTTLED_CAP),
    );
    row(
        "wait after a transient failure or timeout",
        &jitter(d::TRANSIENT_BASE, d::TRANSIENT_CAP),
    );
    row(
        "delay asked for by the service",
        &[format!("up to {}", secs(d::SERVER_DELAY_CAP))],
    );
    assert_eq!(d::BUDGET_CAPACITY, 10_000);
    row(
        "budget",
        &[
            "10,000 tokens".into(),
            format!("{} more", d::BUDGET_REFILL_PER_SECOND),
        ],
    );
    row(
        "a retry costs",
        &[
            format!("{} token after", d::THROTTLED_COST),
            format!("{} after other", d::TRANSIENT_COST),
        ],
    );
    row("adaptive rate", &["idle until the first throttle".into()]);
    row(
        "breaker, for each wrapping key by itself",
        &[
            format!("after {} failures", d::BREAKER_FAILURES),
            format!("over {} s or more", d::BREAKER_AFTER.as_secs()),
            format!("counting for {};", d::BREAKER_TIMEOUT_COUNTS),
            format!(
                "{} ms to {} s",
                d::BREAKER_WAIT.as_millis(),
                d::BREAKER_WAIT_CAP.as_secs()
            ),
        ],
    );
    row(
        "rank of what has failed, where there is another way",
        &[format!(
            "for {} s to {} s",
            d::BREAKER_REST.as_secs(),
            d::BREAKER_REST_CAP.as_secs()
        )],
    );
    row("random source", &["seeded by the system".into()]);
}
