//! The governor under made-up histories.
use super::*;

/// One that was throttled at 100 s, when ten calls a second succeeded, and has calls waiting.
fn throttled_once() -> Governor {
    let mut governor = Governor::by(&CHOSEN);
    governor.on_throttle(100.0, 99.99, 10.0, (0.0, 0.5));
    governor
}

fn close(left: f64, right: f64) {
    assert!(
        (left - right).abs() < 1e-6 * right.abs().max(1.0),
        "{left} is not {right}"
    );
}

#[test]
fn it_admits_everything_until_the_first_throttle() {
    let mut governor = Governor::by(&CHOSEN);
    governor.advance(50.0, false);
    assert!((0..1000).all(|_| governor.take()) && governor.rate().is_none());
    governor.on_throttle(100.0, 99.9, 400.0, (0.0, 0.5));
    assert_eq!(governor.rate(), Some(40.0));
    assert!(!governor.take(), "the quota is used up at that moment");
}

#[test]
fn seeking_doubles_while_calls_wait_and_only_then() {
    let mut governor = throttled_once();
    governor.advance(101.0, false);
    assert_eq!(governor.rate(), Some(10.0));
    governor.advance(101.05, true);
    close(governor.rate().unwrap(), 20.0);
    let mut slow = throttled_once();
    slow.latency = 0.1;
    slow.advance(100.2, true);
    close(slow.rate().unwrap(), 20.0);
}

#[test]
fn the_wait_foretold_is_the_wait_that_it_takes() {
    for (ahead, waiting) in [(0, true), (3, true), (30, true)] {
        let mut governor = throttled_once();
        governor.ceiling = f64::INFINITY;
        let wait = governor.wait(ahead);
        let (mut taken, steps) = (0, 10_000);
        for step in 1..=steps {
            governor.advance(100.0 + wait * f64::from(step) / f64::from(steps), waiting);
            if governor.take() {
                taken += 1;
            }
            assert!(
                taken <= ahead || step == steps,
                "{ahead}: too early, at step {step}"
            );
        }
        assert_eq!(taken, ahead + 1);
    }
}

#[test]
fn a_second_throttle_measures_the_quota() {
    let mut governor = throttled_once();
    for call in 1..=49 {
        governor.on_answer(100.0 + f64::from(call) / 100.0, 100.0 + f64::from(call) / 100.0);
    }
    governor.rate = 300.0;
    governor.burst = 1000.0;
    governor.on_throttle(100.5, 100.5, 49.0, (0.0, 0.5));
    assert!((95.0..100.0).contains(&governor.rate), "{governor:?}");
    assert_eq!(governor.phase, Phase::Following);
    let rate = governor.rate;
    governor.on_throttle(100.501, 100.499, 49.0, (0.0, 0.5));
    close(governor.rate, rate);
}

/// Follows at 100 a second since 101 s, as measured.
fn following() -> Governor {
    let mut governor = throttled_once();
    governor.phase = Phase::Following;
    governor.rate = 100.0;
    governor.burst = 10.0;
    governor.measured = Measured {
        rate: 100.0,
        doubt: 0.01,
    };
    governor.epoch = Epoch::starting(101.0);
    (governor.at, governor.throttled_at, governor.answered_at) = (101.0, 101.0, 101.0);
    governor.seconds = Seconds::UNKNOWN;
    governor
}

#[test]
fn throttles_in_a_row_slow_the_pace_and_not_the_rate() {
    let mut governor = following();
    for throttle in 1..=20 {
        let now = 101.0 + f64::from(throttle) / 10.0;
        governor.advance(now, true);
        governor.on_throttle(now, now - 0.01, 0.0, (0.0, 0.5));
    }
    let rate = governor.rate;
    close(rate, 85.0);
    close(governor.pace(), 2.0);
    assert!(governor.on_answer(103.2, 103.1), "an answer restores the pace");
    close(governor.pace(), rate);
    assert!(!governor.on_answer(103.3, 103.2));
}

#[test]
fn a_rate_refused_for_long_is_given_up() {
    let mut governor = following();
    for throttle in 1..=60 {
        let now = 101.0 + f64::from(throttle) / 2.0;
        governor.advance(now, true);
        governor.on_throttle(now, now - 0.01, 0.0, (0.0, 0.5));
    }
    assert_eq!(governor.phase, Phase::Seeking);
    assert!(
        governor.rate < 1.0 && governor.pace() >= CHOSEN.probe_min,
        "{governor:?}"
    );
    governor.on_answer(131.2, 131.1);
    governor.advance(131.2, true);
    governor.advance(135.0, true);
    assert!(
        governor.rate <= CHOSEN.ceiling,
        "no faster than answers come: {governor:?}"
    );
}

#[test]
fn a_lone_client_keeps_its_rate_and_probes_after_a_while() {
    let mut governor = following();
    governor.advance(101.0 + CHOSEN.quiet_max, true);
    assert!((100.0..103.0).contains(&governor.rate), "{governor:?}");
    governor.on_answer(101.0 + CHOSEN.quiet_max, 101.0 + CHOSEN.quiet_max);
    for tenth in 1..=20 {
        governor.advance(101.0 + CHOSEN.quiet_max + f64::from(tenth) / 10.0, true);
    }
    assert!((200.0..=300.0).contains(&governor.rate), "{governor:?}");
}

#[test]
fn throttles_that_come_early_tell_of_company() {
    let mut governor = following();
    let growth = governor.growth(101.0);
    for throttle in 1..=6 {
        let now = 101.0 + f64::from(throttle) / 2.0;
        governor.advance(now, true);
        for call in 0..40 {
            let answered = now - 0.4 + f64::from(call) / 100.0;
            governor.on_answer(answered, answered - 0.005);
        }
        governor.on_throttle(now, now - 0.005, 40.0, (0.0, 0.5));
    }
    assert!(governor.in_company(), "{governor:?}");
    governor.streak = 0.0;
    assert!(governor.growth(104.0) > 10.0 * growth);
    let mut alone = following();
    for throttle in 1..=6 {
        let now = 101.0 + 5.0 * f64::from(throttle);
        alone.advance(now, true);
        alone.epoch.successes = 500.0;
        alone.on_answer(now, now);
        alone.on_throttle(now, now, 100.0, (0.0, 0.5));
        alone.on_answer(now + 0.01, now + 0.01);
    }
    assert!(!alone.in_company() && alone.rate > 90.0, "{alone:?}");
}

#[test]
fn no_cut_goes_far_below_what_was_delivered() {
    let mut governor = following();
    for throttle in 1..=50 {
        let now = 101.0 + f64::from(throttle) / 100.0;
        governor.on_throttle(now, now, 100.0, (0.0, 0.5));
        governor.on_answer(now + 0.005, now + 0.005);
    }
    close(governor.rate, 70.0);
    for throttle in 1..=500 {
        let now = 102.0 + f64::from(throttle) / 100.0;
        governor.on_throttle(now, now, 0.0, (0.0, 0.5));
        governor.on_answer(now + 0.005, now + 0.005);
    }
    close(governor.rate, RATE_MIN);
}

#[test]
fn it_forgets_after_a_quiet_minute_but_not_while_calls_wait() {
    let mut governor = throttled_once();
    governor.advance(159.0, true);
    governor.advance(218.0, false);
    assert!(governor.rate().is_some());
    governor.advance(219.5, false);
    assert!(governor.rate().is_none() && governor.take());
}

#[test]
fn tokens_do_not_pile_up_and_time_does_not_run_back() {
    let mut governor = throttled_once();
    governor.advance(150.0, false);
    assert!(governor.take() && !governor.take());
    governor.advance(149.0, true);
    assert!(!governor.take());
    governor.put_back();
    assert!(governor.take());
}
