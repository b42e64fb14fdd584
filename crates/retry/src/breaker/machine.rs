//! The states of a circuit breaker: a function of what was seen, without clock or lock. Times are since a common start.
use std::time::Duration;

use datakey_provider::ErrorClass;

use crate::defaults;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Calls pass; so many attempts in a row have failed, the first at this time.
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
    /// Of the last failure.
    pub(super) class: ErrorClass,
    pub(super) opened: u64,
}

const CLOSED: State = State::Closed {
    failures: 0,
    since: Duration::ZERO,
};

impl Machine {
    pub(super) const fn new() -> Self {
        Self {
            state: CLOSED,
            class: ErrorClass::Transient,
            opened: 0,
        }
    }

    /// Whether nothing has failed, so that nobody need look.
    pub(super) fn is_calm(&self) -> bool {
        self.state == CLOSED
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

    /// The service answered, be it with a refusal: it is up.
    pub(super) const fn answered(&mut self) {
        self.state = CLOSED;
    }

    /// An attempt failed for the moment or had no answer. True if that opened the breaker.
    pub(super) fn failed(&mut self, now: Duration, class: ErrorClass, probe: bool) -> bool {
        let wait = match self.state {
            State::Closed { failures, since } => {
                let since = if failures == 0 { now } else { since };
                let failures = failures.saturating_add(1);
                self.class = class;
                self.state = State::Closed { failures, since };
                let long = now.saturating_sub(since) >= defaults::BREAKER_AFTER;
                if failures < defaults::BREAKER_FAILURES || !long {
                    return false;
                }
                defaults::BREAKER_WAIT
            }
            State::HalfOpen { wait, .. } if probe => wait.saturating_mul(2).min(defaults::BREAKER_WAIT_CAP),
            // Calls that were under way when it opened tell nothing new.
            State::Open { .. } | State::HalfOpen { .. } => return false,
        };
        self.class = class;
        self.opened = self.opened.saturating_add(1);
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
        Answered,
        Failed { probe: bool, opens: bool },
        Abandoned,
    }

    /// State, time, event, next state.
    #[test]
    fn every_transition() {
        use Event::{Abandoned, Answered, Enter, Failed};
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
            (closed(9, 0), 5000, Answered, closed(0, 0)),
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
            (open(1500, 500), 1200, Answered, closed(0, 0)),
            (open(1500, 500), 1200, Abandoned, open(1500, 500)),
            (half_open(11_500, 500), 1600, refuse(9900), half_open(11_500, 500)),
            (
                half_open(11_500, 500),
                11_500,
                Enter(Entry::Probe),
                half_open(21_500, 500),
            ),
            (half_open(11_500, 500), 1600, Answered, closed(0, 0)),
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
                Answered => machine.answered(),
                Failed { probe, opens } => {
                    assert_eq!(
                        machine.failed(ms(now), ErrorClass::Timeout, probe),
                        opens,
                        "row {row}"
                    );
                    assert_eq!(machine.opened, u64::from(opens));
                }
                Abandoned => machine.abandoned(ms(now)),
            }
            assert_eq!(machine.state, after, "row {row}");
        }
    }
}
