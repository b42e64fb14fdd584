//! The plan against made-up services.
use super::*;

const PATIENCE: f64 = 8.0;

/// A service that counts by the second from `start` on.
struct Service {
    start: f64,
    quota: f64,
    second: f64,
    served: f64,
    /// How fast its clock goes.
    clock: f64,
}

impl Service {
    const fn new(start: f64, quota: f64) -> Self {
        Self {
            start,
            quota,
            second: 0.0,
            served: 0.0,
            clock: 1.0,
        }
    }

    fn serves(&mut self, at: f64) -> bool {
        let second = ((at - self.start) * self.clock).floor();
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
    assert!(seconds.served(1.04, 0.0, guess) && seconds.are_known());
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
        seconds.sent(at);
        if service.serves(at) {
            served += 1.0;
            assert!(!seconds.served(at, 0.0, 0.0));
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
            seconds.served(last + 0.1, 0.0, guess),
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
        seconds.sent(at);
        if at < 3.1 {
            assert!(seconds.refused(at, 0.0));
            refused += 1;
        }
    }
    assert!(!seconds.served(at, 0.0, 0.0));
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
    assert!(seconds.served(1.08, 0.0, 3.0));
    // The next second starts at 2 s; that the client knows is: after 1.01 s, and not after 2.08 s.
    let mut service = Service::new(1.0, 3.0);
    service.served = 1.0;
    let (mut at, mut tries) = (1.08, vec![]);
    while service.second < 1.0 {
        seconds.advance(at, 0.0, |_| PATIENCE);
        at = seconds.due(at, 0.0).max(at);
        seconds.sent(at);
        if service.serves(at) {
            seconds.served(at, 0.0, 0.0);
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

/// An hour is enough for nearly two seconds between the clocks.
#[test]
fn clocks_that_drift_apart_tell_of_nobody_else() {
    for clock in [0.9995, 0.9999, 1.0001, 1.0005] {
        let (mut seconds, mut service) = (found(10.0), Service::new(1.0, 10.0));
        (service.served, service.clock) = (1.0, clock);
        let (told, served, refused) = drive(&mut seconds, &mut service, 3600.0);
        let shorts = told
            .iter()
            .filter(|told| matches!(told, Told::Short(_) | Told::Lost));
        assert_eq!(shorts.count(), 0, "{clock}");
        let early = told.iter().filter(|told| matches!(told, Told::Early(_))).count();
        assert!(
            early < 120 && refused < 600.0,
            "{clock}: {early} early, {refused} refused"
        );
        assert!(served > 35_800.0, "{clock}: {served}");
    }
}

/// Two calls a second, evenly: a plan of one in each second would use half of them.
#[test]
fn a_service_that_gains_calls_within_the_second_contradicts_itself() {
    let (mut seconds, mut gained_at) = (found(1.0), 1.04);
    let (mut at, mut told) = (1.05, vec![]);
    while at < 12.0 && !told.iter().any(|told| matches!(told, Told::Short(_))) {
        told.extend(seconds.advance(at, 0.0, |_| PATIENCE));
        let due = seconds.due(at, 0.0);
        if due > at + 1e-6 {
            at = due.min(at + 0.01);
            continue;
        }
        seconds.sent(at);
        if at - gained_at >= 0.5 {
            gained_at = at;
            assert!(!seconds.served(at, 0.0, 0.0));
        } else {
            assert!(seconds.refused(at, 0.0));
        }
    }
    assert!(told.iter().any(|told| matches!(told, Told::Short(_))), "{told:?}");
}

#[test]
fn a_call_that_is_on_its_way_does_not_prove_that_the_quota_has_grown() {
    for (is_answered, quota) in [(false, 4.0), (true, 5.0)] {
        let (mut seconds, mut service) = (found(4.0), Service::new(1.0, 4.0));
        service.served = 1.0;
        drive(&mut seconds, &mut service, 1.99);
        seconds.advance(2.05, 0.01, |_| PATIENCE);
        let (mut at, mut sent) = (4.05, 0);
        seconds.advance(at, 0.01, |_| PATIENCE);
        while at < 4.98 {
            seconds.sent(at);
            sent += 1;
            if sent <= 4 || is_answered {
                seconds.served(at, 0.0, 0.0);
            }
            at = seconds.due(at, 0.0).max(at);
        }
        assert_eq!(sent, 5, "four, and one to try");
        seconds.advance(5.05, 0.01, |_| PATIENCE);
        assert_eq!(seconds.known.map(|known| known.quota), Some(quota));
    }
}

#[test]
fn an_answer_to_a_call_from_before_a_refusal_moves_no_start() {
    let mut seconds = found(5.0);
    seconds.advance(2.05, 0.0, |_| PATIENCE);
    seconds.sent(2.05);
    assert!(seconds.refused(2.06, 0.0));
    assert!(!seconds.served(2.055, 0.05, 0.0));
    let known = seconds.known.unwrap();
    assert!(known.doubt >= 0.0 && known.anchor < 2.0, "{known:?}");
}

#[test]
fn answers_that_come_when_their_second_is_over_end_the_plan() {
    let mut seconds = found(5.0);
    assert_eq!(seconds.advance(2.1, SLOW, |_| PATIENCE), None);
    assert_eq!(seconds.advance(3.1, 2.0 * SLOW, |_| PATIENCE), Some(Told::Lost));
    let mut slow = Seconds::UNKNOWN;
    assert!(!slow.refused(0.5, 0.0) && !slow.refused(0.96, 0.0));
    assert!(!slow.served(1.04, 2.0 * SLOW, 5.0), "nor does one begin");
}

#[test]
fn a_call_that_did_not_go_leaves_its_place_in_the_second() {
    let mut seconds = found(10.0);
    let sent = |seconds: &Seconds| seconds.known.as_ref().map(|known| known.sent).unwrap();
    let before = sent(&seconds);
    seconds.sent(1.1);
    seconds.sent(1.2);
    seconds.put_back();
    assert_eq!(sent(&seconds), before + 1.0);
    for _ in 0..5 {
        seconds.put_back();
    }
    assert_eq!(sent(&seconds), 0.0, "no more places than there are");
}
