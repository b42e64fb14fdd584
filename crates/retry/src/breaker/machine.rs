//! The states of a circuit breaker: a function of what was seen, without clock or lock. Times are since a common start.
use std::time::Duration;

use datakey_provider::ErrorClass;

use crate::{defaults, last_failure::LastFailure};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Calls pass; attempts in a row have failed and count so much, the first at this time.
    Closed { failures: u32, since: Duration },
    /// Calls fail at once until this time. `wait` is how long that is in all.
    Open { until: Duration, wait: Duration },
    /// One call tries. After this time another may, in case nobody polls the first.
    HalfOpen { lease: Duration, wait: Duration },
}

/// What becomes of a call that wants to go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Pass,
    Probe,
    Refuse { probe_in: Duration },
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) state: State,
    pub(super) last: LastFailure,
}

const CLOSED: State = State::Closed {
    failures: 0,
    since: Duration::ZERO,
};

impl Machine {
    pub(super) const fn new() -> Self {
        Self {
            state: CLOSED,
            last: LastFailure::of_class(ErrorClass::Transient),
        }
    }

    /// What `enter` would say, without taking the probe.
    pub(super) const fn peek(&self, now: Duration) -> Entry {
        match self.state {
            State::Closed { .. } => Entry::Pass,
            State::Open { until: time, .. } | State::HalfOpen { lease: time, .. } => {
                let probe_in = time.saturating_sub(now);
                if probe_in.is_zero() {
                    Entry::Probe
                } else {
                    Entry::Refuse { probe_in }
                }
            }
        }
    }

    /// A call wants to go ahead.
    pub(super) const fn enter(&mut self, now: Duration) -> Entry {
        let entry = self.peek(now);
        if let (Entry::Probe, State::Open { wait, .. } | State::HalfOpen { wait, .. }) = (entry, self.state) {
            let lease = now.saturating_add(defaults::BREAKER_LEASE);
            self.state = State::HalfOpen { lease, wait };
        }
        entry
    }

    /// An attempt failed for the moment or had no answer. True if that opened the breaker.
    pub(super) fn failed(&mut self, now: Duration, last: LastFailure, probe: bool) -> bool {
        let wait = match self.state {
            State::Closed { failures, since } => {
                let since = if failures == 0 { now } else { since };
                let failures = failures.saturating_add(weight(last.class()));
                self.last = last;
                self.state = State::Closed { failures, since };
                let long = now.saturating_sub(since) >= defaults::BREAKER_AFTER;
                if failures < defaults::BREAKER_FAILURES || !long {
                    return false;
                }
                defaults::BREAKER_WAIT
            }
            State::HalfOpen { wait, .. } if probe => {
                self.last = last;
                wait.saturating_mul(2).min(defaults::BREAKER_WAIT_CAP)
            }
            // Calls that were under way when it opened tell nothing new.
            State::Open { .. } | State::HalfOpen { .. } => return false,
        };
        let until = now.saturating_add(wait);
        self.state = State::Open { until, wait };
        true
    }

    /// The probe was dropped without an outcome: the next call may try at once.
    pub(super) const fn abandoned(&mut self, now: Duration) {
        if let State::HalfOpen { wait, .. } = self.state {
            self.state = State::Open { until: now, wait };
        }
    }
}

/// A timeout took seconds, an error may have come at once.
const fn weight(class: ErrorClass) -> u32 {
    match class {
        ErrorClass::Timeout => defaults::BREAKER_TIMEOUT_COUNTS,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    const fn open(until: u64, wait: u64) -> State {
        State::Open {
            until: ms(until),
            wait: ms(wait),
        }
    }

    const fn half_open(lease: u64, wait: u64) -> State {
        State::HalfOpen {
            lease: ms(lease),
            wait: ms(wait),
        }
    }

    const fn closed(failures: u32, since: u64) -> State {
        State::Closed {
            failures,
            since: ms(since),
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Event {
        Enter(Entry),
        Failed { probe: bool, opens: bool },
        Abandoned,
    }

    /// State, time, event, next state.
    #[test]
    fn every_transition() {
        use Event::{Abandoned, Enter, Failed};
        let refuse = |probe_in| {
            Enter(Entry::Refuse {
                probe_in: ms(probe_in),
            })
        };
        let failed = |opens| Failed { probe: false, opens };
        let probed = Failed {
            probe: true,
            opens: true,
        };
        let table = [
            (closed(0, 0), 70, Enter(Entry::Pass), closed(0, 0)),
            (closed(9, 0), 5000, Enter(Entry::Pass), closed(9, 0)),
            (closed(0, 0), 70, failed(false), closed(1, 70)),
            (closed(1, 70), 80, failed(false), closed(2, 70)),
            (closed(8, 70), 5000, failed(false), closed(9, 70)),
            (closed(9, 70), 1069, failed(false), closed(10, 70)),
            (closed(9, 70), 1070, failed(true), open(1570, 500)),
            (closed(500, 70), 1070, failed(true), open(1570, 500)),
            (closed(3, 70), 80, Abandoned, closed(3, 70)),
            (open(1500, 500), 1000, refuse(500), open(1500, 500)),
            (open(1500, 500), 1499, refuse(1), open(1500, 500)),
            (open(1500, 500), 1500, Enter(Entry::Probe), half_open(11_500, 500)),
            (open(1500, 500), 1200, failed(false), open(1500, 500)),
            (open(1500, 500), 1200, Abandoned, open(1500, 500)),
            (half_open(11_500, 500), 1600, refuse(9900), half_open(11_500, 500)),
            (
                half_open(11_500, 500),
                11_500,
                Enter(Entry::Probe),
                half_open(21_500, 500),
            ),
            (
                half_open(11_500, 500),
                1600,
                failed(false),
                half_open(11_500, 500),
            ),
            (half_open(11_500, 500), 1600, probed, open(2600, 1000)),
            (half_open(11_500, 2000), 1600, probed, open(3600, 2000)),
            (half_open(11_500, 500), 1600, Abandoned, open(1600, 500)),
        ];
        for (row, (before, now, event, after)) in table.into_iter().enumerate() {
            let mut machine = Machine {
                state: before,
                ..Machine::new()
            };
            match event {
                Enter(entry) => {
                    assert_eq!(machine.peek(ms(now)), entry, "row {row}");
                    assert_eq!(machine.state, before, "a look changes nothing");
                    assert_eq!(machine.enter(ms(now)), entry, "row {row}");
                }
                Failed { probe, opens } => {
                    assert_eq!(
                        machine.failed(ms(now), LastFailure::of_class(ErrorClass::Transient), probe),
                        opens,
                        "row {row}"
                    );
                }
                Abandoned => machine.abandoned(ms(now)),
            }
            assert_eq!(machine.state, after, "row {row}");
        }
    }

    #[test]
    fn a_timeout_counts_for_several_failures() {
        let mut machine = Machine::new();
        for (now, opens) in [(5000, false), (10_000, false), (15_000, true)] {
            assert_eq!(
                machine.failed(ms(now), LastFailure::timed_out(ms(5000)), false),
                opens
            );
        }
        assert_eq!(machine.state, open(15_500, 500));
        assert_eq!(machine.last.class(), ErrorClass::Timeout);
    }
}
