//! The states of a circuit breaker: a function of what was seen, without clock or lock. Times are since a common start.
use std::time::Duration;

use datakey_provider::ErrorClass;

use super::settings::Settings;
use crate::last_failure::LastFailure;

/// Whether calls may go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Calls pass; attempts in a row have failed and count so much, the first at this time.
    Closed { failures: u32, since: Duration },
    /// Calls fail at once until this time. `wait` is how long that is in all.
    Open { until: Duration, wait: Duration },
    /// One call tries. After this time another may, whatever becomes of the first.
    HalfOpen { lease: Duration, wait: Duration },
}

/// For how long whoever has another way to go takes that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    until: Duration,
    /// How long it is in all; nothing before the first failure.
    length: Duration,
}

/// What becomes of a call that wants to go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Pass,
    /// It tries whether the service is back, under this number.
    Try(u32),
    Refuse {
        probe_in: Duration,
    },
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) gate: Gate,
    rest: Rest,
    /// The number of the latest try, which alone decides when the next may come.
    tries: u32,
    pub(super) last: LastFailure,
    /// The quota of the calls that failed.
    pub(super) quota: Box<str>,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self {
            gate: Gate::Closed {
                failures: 0,
                since: Duration::ZERO,
            },
            rest: Rest {
                until: Duration::ZERO,
                length: Duration::ZERO,
            },
            tries: 0,
            last: LastFailure::of_class(ErrorClass::Timeout),
            quota: Box::default(),
        }
    }

    /// How long calls are refused, if they are.
    pub(super) fn refuses_for(&self, now: Duration) -> Option<Duration> {
        match self.gate {
            Gate::Closed { .. } => None,
            Gate::Open { until: time, .. } | Gate::HalfOpen { lease: time, .. } => {
                Some(time.saturating_sub(now)).filter(|left| !left.is_zero())
            }
        }
    }

    /// Whether another way is better at the moment.
    pub(super) fn is_unwell(&self, now: Duration) -> bool {
        now < self.rest.until || self.refuses_for(now).is_some()
    }

    /// A call wants to go ahead.
    pub(super) fn enter(&mut self, now: Duration, settings: &Settings) -> Entry {
        if let Some(probe_in) = self.refuses_for(now) {
            return Entry::Refuse { probe_in };
        }
        let rested = now >= self.rest.until;
        match self.gate {
            Gate::Closed { .. } if !rested => return Entry::Pass,
            Gate::Closed { .. } => {}
            Gate::Open { wait, .. } | Gate::HalfOpen { wait, .. } => {
                let lease = now.saturating_add(settings.longest_wait);
                self.gate = Gate::HalfOpen { lease, wait };
            }
        }
        if rested {
            self.rest.until = now.saturating_add(self.rest.length);
        }
        self.tries = self.tries.wrapping_add(1);
        Entry::Try(self.tries)
    }

    /// An attempt failed for the moment or had no answer. True if that opened the breaker.
    pub(super) fn failed(
        &mut self,
        now: Duration,
        last: LastFailure,
        ticket: Option<u32>,
        settings: &Settings,
    ) -> bool {
        let tried = self.is_latest(ticket);
        self.begin_rest(now, tried, settings);
        let wait = match self.gate {
            Gate::Closed { failures, since } => {
                let since = if failures == 0 { now } else { since };
                let failures = failures.saturating_add(weight(last.class(), settings));
                self.last = last;
                self.gate = Gate::Closed { failures, since };
                let long = now.saturating_sub(since) >= settings.after;
                if failures < settings.failures || !long {
                    return false;
                }
                settings.first_wait
            }
            Gate::HalfOpen { wait, .. } if tried => {
                self.last = last;
                wait.saturating_mul(2).min(settings.longest_wait)
            }
            // Calls that were under way when it opened, or when a later one tried, tell nothing new.
            Gate::Open { .. } | Gate::HalfOpen { .. } => return false,
        };
        let until = now.saturating_add(wait);
        self.gate = Gate::Open { until, wait };
        true
    }

    /// An attempt was dropped soon: if it tried, the next call may try at once.
    pub(super) fn abandoned(&mut self, now: Duration, ticket: Option<u32>) {
        if self.is_latest(ticket) {
            self.rest.until = now;
            self.may_try(now);
        }
    }

    /// An attempt was dropped when an answer should have been there: for whoever has another way, that is a failure.
    pub(super) fn abandoned_late(&mut self, now: Duration, ticket: Option<u32>, settings: &Settings) {
        let tried = self.is_latest(ticket);
        self.begin_rest(now, tried, settings);
        if tried {
            self.may_try(now);
        }
    }

    fn is_latest(&self, ticket: Option<u32>) -> bool {
        ticket == Some(self.tries)
    }

    fn may_try(&mut self, now: Duration) {
        if let Gate::HalfOpen { wait, .. } = self.gate {
            self.gate = Gate::Open { until: now, wait };
        }
    }

    /// Twice as long after each try that fails. What else fails meanwhile was under way before.
    fn begin_rest(&mut self, now: Duration, tried: bool, settings: &Settings) {
        self.rest.length = match self.rest.length {
            Duration::ZERO => settings.first_rest,
            length if tried => length.saturating_mul(2).min(settings.longest_rest),
            length => length,
        };
        if tried || now >= self.rest.until {
            self.rest.until = now.saturating_add(self.rest.length);
        }
    }
}

/// A timeout took seconds, an error may have come at once.
const fn weight(class: ErrorClass, settings: &Settings) -> u32 {
    match class {
        ErrorClass::Timeout => settings.timeout_counts,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings::DEFAULT;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    const fn open(until: u64, wait: u64) -> Gate {
        Gate::Open {
            until: ms(until),
            wait: ms(wait),
        }
    }

    const fn half_open(lease: u64, wait: u64) -> Gate {
        Gate::HalfOpen {
            lease: ms(lease),
            wait: ms(wait),
        }
    }

    const fn closed(failures: u32, since: u64) -> Gate {
        Gate::Closed {
            failures,
            since: ms(since),
        }
    }

    /// One that rests to the given time, as it has for that long.
    fn machine(gate: Gate, until: u64, length: u64) -> Machine {
        let rest = Rest {
            until: ms(until),
            length: ms(length),
        };
        Machine {
            gate,
            rest,
            tries: 7,
            last: LastFailure::of_class(ErrorClass::Transient),
            quota: Box::default(),
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Event {
        Enter(Entry),
        Failed { ticket: Option<u32>, opens: bool },
        Abandoned(Option<u32>),
    }

    /// Gate, time, event, next gate; while it rests, so that only the gate makes tries.
    #[test]
    fn every_transition_of_the_gate() {
        use Event::{Abandoned, Enter, Failed};
        let refuse = |probe_in| {
            Enter(Entry::Refuse {
                probe_in: ms(probe_in),
            })
        };
        let failed = |opens| Failed { ticket: None, opens };
        let (latest, stale) = (Some(7), Some(6));
        let tried = |ticket, opens| Failed { ticket, opens };
        let table = [
            (closed(0, 0), 70, Enter(Entry::Pass), closed(0, 0)),
            (closed(9, 0), 5000, Enter(Entry::Pass), closed(9, 0)),
            (closed(0, 0), 70, failed(false), closed(1, 70)),
            (closed(1, 70), 80, failed(false), closed(2, 70)),
            (closed(8, 70), 5000, failed(false), closed(9, 70)),
            (closed(9, 70), 1069, failed(false), closed(10, 70)),
            (closed(9, 70), 1070, failed(true), open(1570, 500)),
            (closed(9, 70), 1070, tried(latest, true), open(1570, 500)),
            (closed(500, 70), 1070, failed(true), open(1570, 500)),
            (closed(3, 70), 80, Abandoned(None), closed(3, 70)),
            (closed(3, 70), 80, Abandoned(latest), closed(3, 70)),
            (open(1500, 500), 1000, refuse(500), open(1500, 500)),
            (open(1500, 500), 1499, refuse(1), open(1500, 500)),
            (open(1500, 500), 1500, Enter(Entry::Try(8)), half_open(2500, 500)),
            (open(1500, 500), 1200, failed(false), open(1500, 500)),
            (open(1500, 500), 1200, Abandoned(None), open(1500, 500)),
            (half_open(2500, 500), 1600, refuse(900), half_open(2500, 500)),
            (
                half_open(2500, 500),
                2500,
                Enter(Entry::Try(8)),
                half_open(3500, 500),
            ),
            (half_open(2500, 500), 1600, failed(false), half_open(2500, 500)),
            (
                half_open(2500, 500),
                1600,
                tried(stale, false),
                half_open(2500, 500),
            ),
            (half_open(2500, 500), 1600, tried(latest, true), open(2600, 1000)),
            (half_open(2500, 1000), 1600, tried(latest, true), open(2600, 1000)),
            (half_open(2500, 500), 1600, Abandoned(stale), half_open(2500, 500)),
            (half_open(2500, 500), 1600, Abandoned(latest), open(1600, 500)),
        ];
        for (row, (before, now, event, after)) in table.into_iter().enumerate() {
            let mut machine = machine(before, 1_000_000, 5000);
            match event {
                Enter(entry) => assert_eq!(machine.enter(ms(now), &SETTINGS), entry, "row {row}"),
                Failed { ticket, opens } => {
                    let last = LastFailure::of_class(ErrorClass::Transient);
                    let opened = machine.failed(ms(now), last, ticket, &SETTINGS);
                    assert_eq!(opened, opens, "row {row}");
                }
                Abandoned(ticket) => machine.abandoned(ms(now), ticket),
            }
            assert_eq!(machine.gate, after, "row {row}");
        }
    }

    #[test]
    fn a_timeout_counts_for_several_failures() {
        let mut machine = Machine::new();
        for (now, opens) in [(5000, false), (10_000, false), (15_000, true)] {
            let last = LastFailure::timed_out(ms(5000));
            assert_eq!(machine.failed(ms(now), last, None, &SETTINGS), opens);
        }
        assert_eq!(machine.gate, open(15_500, 500));
        assert_eq!(machine.last.class(), ErrorClass::Timeout);
    }

    fn fails(machine: &mut Machine, now: u64, ticket: Option<u32>) {
        let last = LastFailure::of_class(ErrorClass::Transient);
        machine.failed(ms(now), last, ticket, &SETTINGS);
    }

    #[test]
    fn a_rest_doubles_with_each_try_that_fails_and_with_nothing_else() {
        let (mut machine, mut now) = (Machine::new(), 0);
        fails(&mut machine, now, None);
        for length in [5_000, 10_000, 20_000, 40_000, 60_000, 60_000] {
            fails(&mut machine, now + 1, None);
            assert!(machine.is_unwell(ms(now + length - 1)), "{length}");
            assert!(!machine.is_unwell(ms(now + length)), "{length}");
            now += length;
            machine.gate = closed(1, 0);
            let Entry::Try(ticket) = machine.enter(ms(now), &SETTINGS) else {
                panic!("it has rested");
            };
            assert!(
                machine.is_unwell(ms(now)),
                "others go another way while one tries"
            );
            assert_eq!(machine.enter(ms(now), &SETTINGS), Entry::Pass);
            fails(&mut machine, now, Some(ticket));
        }
    }

    #[test]
    fn a_try_that_nobody_polls_is_forgotten_with_its_rest() {
        let mut machine = machine(closed(1, 0), 5_000, 5_000);
        assert_eq!(machine.enter(ms(5_000), &SETTINGS), Entry::Try(8));
        assert!(machine.is_unwell(ms(9_999)) && !machine.is_unwell(ms(10_000)));
        assert_eq!(machine.enter(ms(10_000), &SETTINGS), Entry::Try(9));
        machine.abandoned(ms(10_001), Some(8));
        assert!(machine.is_unwell(ms(10_001)), "the later one is under way");
        machine.abandoned(ms(10_001), Some(9));
        assert!(!machine.is_unwell(ms(10_001)), "the next one tries");
    }

    #[test]
    fn what_is_dropped_late_rests_and_never_opens() {
        let mut machine = Machine::new();
        for now in 0..100 {
            machine.abandoned_late(ms(now * 300), None, &SETTINGS);
            assert!(machine.is_unwell(ms(now * 300)));
            assert_eq!(machine.gate, closed(0, 0));
        }
        machine = Machine {
            gate: half_open(2500, 500),
            ..machine
        };
        machine.tries = 7;
        machine.abandoned_late(ms(1_600), Some(7), &SETTINGS);
        assert_eq!(machine.gate, open(1_600, 500), "a try hands over");
    }
}
