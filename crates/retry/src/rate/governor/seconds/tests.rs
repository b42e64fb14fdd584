//! The plan against made-up services.
use super::*;

const PATIENCE: f64 = 8.0;

/// A service that counts by the second from `start` on.
struct Service {
    start: f64,
    quota: f64,
    second: f64,
    served: f64,
}

impl Service {
    const fn new(start: f64, quota: f64) -> Self {
        Self {
            start,
            quota,
            second: 0.0,
            served: 0.0,
        }
    }

    fn serves(&mut self, at: f64) -> bool {
        let second = (at - self.start).floor();
        if second > self.second {
            (self.second, self.served) = (second, 0.0);
        }
        self.served += 1.0;
        self.served <= self.quota
    }
}

/// Refused at 0.5 s and at 0.96 s, served at 1.04 s: a second starts between the last two.
fn found(guess: f64) -> Seconds {
    let mut seconds = Seconds::UNKNOWN;
    assert!(!seconds.refused(0.5, 0.0) && !seconds.refused(0.96, 0.0));
    assert!(seconds.served(1.04, guess) && seconds.are_known());
    seconds
}

/// Calls as often as may be up to `until`, answered at once: what was told, served and refused.
fn drive(seconds: &mut Seconds, service: &mut Service, until: f64) -> (Vec<Told>, f64, f64) {
    let (mut at, mut told, mut served, mut refused) = (service.start + 0.041, vec![], 0.0, 0.0);
    while at < until {
        told.extend(seconds.advance(at, 0.0, |_| PATIENCE));
        if told.contains(&Told::Lost) {
            break;
        }
        let due = seconds.due(at, 0.0);
        if due > at + 1e-6 {
            at = due
                .min(service.start + (at - service.start).floor() + 1.041)
                .min(due);
            continue;
        }
        assert!(seconds.is_due(at));
        seconds.sent();
        if service.serves(at) {
            served += 1.0;
            assert!(!seconds.served(at, 0.0));
        } else {
            refused += 1.0;
            assert!(seconds.refused(at, 0.0));
        }
    }
    (told, served, refused)
}

#[test]
fn only_refusals_in_vain_for_less_than_a_second_tell_that_a_service_counts_so() {
    for (last, asked, guess, is_known) in [
        (1.16, 0.0, 0.0, true),
        (1.04, 0.0, 0.0, false),
        (0.8, 0.0, 10.0, false),
        (0.8, 0.0, 100.0, true),
        (0.7, 1.0, 1.0, true),
        (0.7, 0.1, 1000.0, false),
        (2.0, 1.0, 100.0, false),
    ] {
        let mut seconds = Seconds::UNKNOWN;
        assert!(!seconds.refused(0.7, asked) && !seconds.refused(last, asked));
        assert_eq!(
            seconds.served(last + 0.1, guess),
            is_known,
            "{last} {asked} {guess}"
        );
        assert_eq!(seconds.are_known(), is_known);
    }
}

#[test]
fn every_second_is_used_in_full_from_the_first_on_and_one_call_is_refused() {
    for quota in [1.0, 2.0, 7.0, 100.0] {
        let (mut seconds, mut service) = (found(quota), Service::new(1.0, quota));
        service.served = 1.0;
        let (told, served, refused) = drive(&mut seconds, &mut service, 3.99);
        assert_eq!(served, 3.0 * quota - 1.0, "{quota}: one was served before");
        assert_eq!(refused, 1.0, "{quota}: to tell the quota");
        assert_eq!(told, [Told::Quota(quota), Told::Full(quota)]);
    }
}

#[test]
fn more_is_tried_after_a_while_and_less_and_less_often() {
    let (mut seconds, mut service) = (found(5.0), Service::new(1.0, 5.0));
    service.served = 1.0;
    let (_, _, refused) = drive(&mut seconds, &mut service, 30.9);
    assert_eq!(refused, 5.0, "the first, and after 2, 4, 8 and 8 seconds");
}

#[test]
fn a_quota_that_grew_is_found_within_seconds() {
    let (mut seconds, mut service) = (found(5.0), Service::new(1.0, 5.0));
    service.served = 1.0;
    drive(&mut seconds, &mut service, 2.9);
    service.quota = 20.0;
    let mut at = 2.0;
    while service.served < 20.0 && at < 20.0 {
        at += 1.0;
        let mut later = Service {
            start: at,
            ..Service::new(at, 20.0)
        };
        drive(&mut seconds, &mut later, at + 0.95);
        service.served = later.served;
    }
    assert!(at < 11.0, "{at}");
}

#[test]
fn what_a_second_lacks_is_told_and_nothing_served_ends_it() {
    let (mut seconds, mut service) = (found(5.0), Service::new(1.0, 5.0));
    service.served = 1.0;
    drive(&mut seconds, &mut service, 2.9);
    let (told, ..) = drive(&mut seconds, &mut Service::new(3.0, 3.0), 4.5);
    assert!(told.contains(&Told::Short(3.0)), "{told:?}");
    let (told, served, refused) = drive(&mut seconds, &mut Service::new(5.0, 0.0), 7.5);
    assert!(told.contains(&Told::Lost) && served == 0.0, "{told:?}");
    assert!(refused <= f64::from(EARLY_TRIES) + 1.0, "{refused}");
}

#[test]
fn a_call_that_came_before_its_second_moves_the_start() {
    let (mut seconds, mut service) = (found(5.0), Service::new(1.0, 5.0));
    service.served = 1.0;
    drive(&mut seconds, &mut service, 2.9);
    // The clock of the service has lost a tenth of a second, so that the first call still belongs to the last second.
    let mut at = 3.05;
    seconds.advance(at, 0.0, |_| PATIENCE);
    let mut refused = 0;
    while at < 3.1 {
        at = seconds.due(at, 0.0).max(at);
        seconds.sent();
        if at < 3.1 {
            assert!(seconds.refused(at, 0.0));
            refused += 1;
        }
    }
    assert!(!seconds.served(at, 0.0));
    assert!(refused <= 3 && at < 3.25, "{refused} refused, found at {at}");
    let next = seconds.advance(at + 1.0, 0.0, |_| PATIENCE);
    assert!(
        matches!(next, Some(Told::Early(_))),
        "which may be others: {next:?}"
    );
}

#[test]
fn a_start_that_is_known_to_a_second_is_found_by_halves() {
    let mut seconds = Seconds::UNKNOWN;
    assert!(!seconds.refused(0.01, 1.0));
    assert!(seconds.served(1.08, 3.0));
    // The next second starts at 2 s; that the client knows is: after 1.01 s, and not after 2.08 s.
    let mut service = Service::new(1.0, 3.0);
    service.served = 1.0;
    let (mut at, mut tries) = (1.08, vec![]);
    while service.second < 1.0 {
        seconds.advance(at, 0.0, |_| PATIENCE);
        at = seconds.due(at, 0.0).max(at);
        seconds.sent();
        if service.serves(at) {
            seconds.served(at, 0.0);
        } else {
            seconds.refused(at, 1.0);
            tries.push(at);
        }
    }
    assert!(tries.len() <= 4 && at < 2.1, "{tries:?}, then {at}");
}

#[test]
fn the_wait_foretold_is_that_of_a_plan_over_several_seconds() {
    let (mut seconds, mut service) = (found(4.0), Service::new(1.0, 4.0));
    service.served = 1.0;
    drive(&mut seconds, &mut service, 1.9);
    seconds.advance(2.05, 0.0, |_| PATIENCE);
    let due: Vec<f64> = (0..9).map(|ahead| seconds.due(2.05, f64::from(ahead))).collect();
    assert!(due.is_sorted(), "{due:?}");
    assert!(
        due[3] < 2.5 && (3.0..3.1).contains(&due[4]) && (4.0..4.1).contains(&due[8]),
        "{due:?}"
    );
}
