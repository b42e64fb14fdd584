//! Failing at once while a service is down.
mod machine;

use std::{
    error::Error,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use datakey_provider::ErrorClass;
use tokio::time::Instant;

use machine::{Entry, Machine, State};

/// Fails calls at once while a service is down, so that an outage costs callers microseconds and not timeouts. Clones
/// share it, and so should all clients of one service.
///
/// | state | until | then |
/// |---|---|---|
/// | closed: calls pass | [10 attempts](crate::defaults::BREAKER_FAILURES) in a row failed, over [1 s](crate::defaults::BREAKER_AFTER) or more | open |
/// | open: calls fail with [`CircuitOpen`] | [500 ms](crate::defaults::BREAKER_WAIT), doubled each time up to [2 s](crate::defaults::BREAKER_WAIT_CAP) | half open |
/// | half open: one call tries, all others fail | an answer, or another failure | closed, or open |
///
/// Only transient failures and timeouts count. Any answer closes it, a throttle or a denial too: the service is up. A
/// try that is dropped hands over to the next call, and one that nobody polls holds up the others for no longer than
/// [10 s](crate::defaults::BREAKER_LEASE).
///
/// The error's class is that of the failures, so it is retryable and a data key cache above goes on serving what it has
/// until its hard limit.
///
/// ```
/// use datakey_retry::{Breaker, BreakerPhase, Policy};
///
/// let breaker = Breaker::new();
/// let policy = Policy::default().with_breaker(breaker.clone());
/// assert_eq!(breaker.state().phase, BreakerPhase::Closed);
/// # let _ = policy;
/// ```
#[derive(Clone)]
pub struct Breaker(Arc<Shared>);

struct Shared {
    start: Instant,
    /// Nothing has failed since the last answer, so that nobody need take the lock.
    calm: AtomicBool,
    refused: AtomicU64,
    machine: Mutex<Machine>,
}

/// What a [`Breaker`] does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerPhase {
    /// Calls pass.
    Closed,
    /// Calls fail at once.
    Open,
    /// One call tries whether the service is back; the others fail at once.
    HalfOpen,
}

impl BreakerPhase {
    /// The phase in lower snake case, for logs, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// How a [`Breaker`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerState {
    /// What it does with calls.
    pub phase: BreakerPhase,
    /// Attempts in a row that failed, while closed.
    pub failures: u32,
    /// How often it has opened, after a failed try too.
    pub opened: u64,
    /// Calls failed at once.
    pub refused: u64,
}

/// A call that a [`Breaker`] failed at once, as the service is down.
///
/// It is the [`source`](Error::source) of the [`GaveUp`](crate::GaveUp) of such a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitOpen {
    class: ErrorClass,
    probe_in: Duration,
}

impl CircuitOpen {
    /// The kind of the failures that opened the breaker.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        self.class
    }

    /// After how long the next call may try whether the service is back.
    #[must_use]
    pub const fn probe_in(&self) -> Duration {
        self.probe_in
    }
}

impl fmt::Display for CircuitOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the service is down; the next call to it may go out in {:?}",
            self.probe_in
        )
    }
}

impl Error for CircuitOpen {}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            start: Instant::now(),
            calm: AtomicBool::new(true),
            refused: AtomicU64::new(0),
            machine: Mutex::new(Machine::new()),
        }))
    }

    /// How it stands at the moment.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        let machine = self.0.lock();
        let (phase, failures) = match machine.state {
            State::Closed { failures, .. } => (BreakerPhase::Closed, failures),
            State::Open { .. } => (BreakerPhase::Open, 0),
            State::HalfOpen { .. } => (BreakerPhase::HalfOpen, 0),
        };
        BreakerState {
            phase,
            failures,
            opened: machine.opened,
            refused: self.0.refused.load(Ordering::Relaxed),
        }
    }

    fn is_calm(&self) -> bool {
        self.0.calm.load(Ordering::Acquire)
    }

    /// Refuses a call that need not wait for anything else first.
    pub(crate) fn peek(&self) -> Result<(), CircuitOpen> {
        if self.is_calm() {
            return Ok(());
        }
        let machine = self.0.lock();
        match machine.peek(self.0.now()) {
            Entry::Refuse { probe_in } => Err(self.0.refuse(&machine, probe_in)),
            Entry::Pass | Entry::Probe => Ok(()),
        }
    }

    /// Lets one attempt go ahead.
    pub(crate) fn enter(&self) -> Result<Passage<'_>, CircuitOpen> {
        let mut probe = false;
        if !self.is_calm() {
            let mut machine = self.0.lock();
            match machine.enter(self.0.now()) {
                Entry::Refuse { probe_in } => return Err(self.0.refuse(&machine, probe_in)),
                entry => probe = entry == Entry::Probe,
            }
        }
        Ok(Passage { breaker: self, probe })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    fn refuse(&self, machine: &Machine, probe_in: Duration) -> CircuitOpen {
        self.refused.fetch_add(1, Ordering::Relaxed);
        CircuitOpen {
            class: machine.class,
            probe_in,
        }
    }

    fn settle(&self, machine: &Machine) {
        self.calm.store(machine.is_calm(), Ordering::Release);
    }
}

/// An attempt under way. Dropped without an outcome, it leaves no trace.
pub(crate) struct Passage<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Passage<'_> {
    /// The service answered.
    pub(crate) fn answered(mut self) {
        self.probe = false;
        if !self.breaker.is_calm() {
            let shared = &*self.breaker.0;
            let mut machine = shared.lock();
            machine.answered();
            shared.settle(&machine);
        }
    }

    /// The attempt failed for the moment or had no answer.
    pub(crate) fn failed(mut self, class: ErrorClass) {
        let probe = core::mem::take(&mut self.probe);
        let shared = &*self.breaker.0;
        let mut machine = shared.lock();
        let _opened = machine.failed(shared.now(), class, probe);
        shared.settle(&machine);
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if self.probe {
            let shared = &*self.breaker.0;
            shared.lock().abandoned(shared.now());
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}
