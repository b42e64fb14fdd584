//! Failing at once while a service is down.
mod circuit_open;
mod machine;
mod scopes;

use std::{
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
use scopes::Scopes;

pub use circuit_open::CircuitOpen;

use crate::{Classify, LastFailure};

/// Fails calls at once while a service is down, so that an outage costs callers microseconds and not timeouts. Clones
/// share it, and so should all clients of one service.
///
/// It judges each *scope* by itself, so that the outage of one Region keeps nobody from another. The scope of a call is a
/// name: [`Policy::with_scope`](crate::Policy::with_scope); without one, opening through [`Retry`](crate::Retry) is judged
/// by the wrapped key's key id, as a key may be down by itself, and all else is one unnamed scope, `""`.
///
/// | state of a scope | until | then |
/// |---|---|---|
/// | closed: calls pass | [10 attempts](crate::defaults::BREAKER_FAILURES) in a row failed, over [1 s](crate::defaults::BREAKER_AFTER) or more; a timeout counts for [four](crate::defaults::BREAKER_TIMEOUT_COUNTS) | open |
/// | open: calls fail with [`CircuitOpen`] | [500 ms](crate::defaults::BREAKER_WAIT), doubled each time up to [2 s](crate::defaults::BREAKER_WAIT_CAP) | half open |
/// | half open: one call tries, all others fail | an answer, or another failure | closed, or open |
///
/// Only transient failures and timeouts count. Any answer closes it, a throttle or a denial too: the service is up. The
/// time in which calls fail passes by itself, so the next call after it is the try, however few calls there are. A
/// try that is dropped hands over to the next call, and one that nobody polls holds up the others for no longer than
/// [10 s](crate::defaults::BREAKER_LEASE). Scopes that failed since their last answer are kept, up to
/// [1,024](crate::defaults::BREAKER_SCOPES) of them.
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
    /// No scope has failed since its last answer, so that nobody need take the lock.
    calm: AtomicBool,
    opened: AtomicU64,
    refused: AtomicU64,
    scopes: Mutex<Scopes>,
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

/// How a [`Breaker`] stands, over all scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerState {
    /// What it does with calls of the scope that fares worst; closed if that holds for all.
    pub phase: BreakerPhase,
    /// The most failures in a row of any scope that is closed.
    pub failures: u32,
    /// How often a scope has opened, after a failed try too.
    pub opened: u64,
    /// Calls failed at once.
    pub refused: u64,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            start: Instant::now(),
            calm: AtomicBool::new(true),
            opened: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            scopes: Mutex::default(),
        }))
    }

    /// How it stands at the moment, over all scopes.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        let scopes = self.0.lock();
        let standings = || scopes.iter().map(|(_, machine)| standing(machine));
        BreakerState {
            phase: standings()
                .map(|(phase, _)| phase)
                .max_by_key(|phase| severity(*phase))
                .unwrap_or(BreakerPhase::Closed),
            failures: standings().map(|(_, failures)| failures).max().unwrap_or(0),
            opened: self.0.opened.load(Ordering::Relaxed),
            refused: self.0.refused.load(Ordering::Relaxed),
        }
    }

    /// What it does with calls of one scope.
    #[must_use]
    pub fn phase_of(&self, scope: &str) -> BreakerPhase {
        let scopes = self.0.lock();
        scopes
            .get(scope)
            .map_or(BreakerPhase::Closed, |machine| standing(machine).0)
    }

    /// The scopes that are not closed: what is down at the moment.
    ///
    /// ```
    /// # use datakey_retry::Breaker;
    /// assert!(Breaker::new().down().is_empty());
    /// ```
    #[must_use]
    pub fn down(&self) -> Vec<Box<str>> {
        let scopes = self.0.lock();
        let down = scopes
            .iter()
            .filter(|(_, machine)| standing(machine).0 != BreakerPhase::Closed);
        down.map(|(scope, _)| scope.into()).collect()
    }

    fn is_calm(&self) -> bool {
        self.0.calm.load(Ordering::Acquire)
    }

    /// After how long a call of the scope may go ahead, if it may not at the moment.
    fn refusal(&self, scope: &str) -> Option<CircuitOpen> {
        if self.is_calm() {
            return None;
        }
        let scopes = self.0.lock();
        let machine = scopes.get(scope)?;
        match machine.peek(self.0.now()) {
            Entry::Refuse { probe_in } => Some(CircuitOpen::new(machine.last.clone(), probe_in)),
            Entry::Pass | Entry::Probe => None,
        }
    }

    /// Whether a call of the scope would be refused at the moment.
    pub(crate) fn would_refuse(&self, scope: &str) -> bool {
        self.refusal(scope).is_some()
    }

    /// Refuses a call that need not wait for anything else first.
    pub(crate) fn peek(&self, scope: &str) -> Result<(), CircuitOpen> {
        match self.refusal(scope) {
            Some(open) => Err(self.0.refused(open)),
            None => Ok(()),
        }
    }

    /// Lets one attempt go ahead.
    pub(crate) fn enter<'a>(&'a self, scope: &'a str) -> Result<Passage<'a>, CircuitOpen> {
        let mut probe = false;
        if !self.is_calm()
            && let Some(machine) = self.0.lock().get_mut(scope)
        {
            match machine.enter(self.0.now()) {
                Entry::Refuse { probe_in } => {
                    let open = CircuitOpen::new(machine.last.clone(), probe_in);
                    return Err(self.0.refused(open));
                }
                entry => probe = entry == Entry::Probe,
            }
        }
        Ok(Passage {
            shared: &self.0,
            scope,
            probe,
        })
    }
}

const fn standing(machine: &Machine) -> (BreakerPhase, u32) {
    match machine.state {
        State::Closed { failures, .. } => (BreakerPhase::Closed, failures),
        State::Open { .. } => (BreakerPhase::Open, 0),
        State::HalfOpen { .. } => (BreakerPhase::HalfOpen, 0),
    }
}

const fn severity(phase: BreakerPhase) -> u8 {
    match phase {
        BreakerPhase::Closed => 0,
        BreakerPhase::HalfOpen => 1,
        BreakerPhase::Open => 2,
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Scopes> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    fn refused(&self, open: CircuitOpen) -> CircuitOpen {
        self.refused.fetch_add(1, Ordering::Relaxed);
        open
    }

    fn settle(&self, scopes: &Scopes) {
        self.calm.store(scopes.is_calm(), Ordering::Release);
    }
}

/// An attempt under way. Dropped without an outcome, it leaves no trace.
pub(crate) struct Passage<'a> {
    shared: &'a Shared,
    scope: &'a str,
    probe: bool,
}

impl Passage<'_> {
    /// The service answered.
    pub(crate) fn answered(mut self) {
        self.probe = false;
        if !self.shared.calm.load(Ordering::Acquire) {
            let mut scopes = self.shared.lock();
            scopes.answered(self.scope);
            self.shared.settle(&scopes);
        }
    }

    /// The attempt ended with this error. True if that opened the breaker.
    pub(crate) fn returned(self, error: &impl Classify) -> bool {
        if !error.was_sent() {
            return false;
        }
        match error.class() {
            ErrorClass::Transient | ErrorClass::Timeout => self.failed(error.kept()),
            _ => {
                self.answered();
                false
            }
        }
    }

    /// The attempt failed for the moment or had no answer. True if that opened the breaker.
    pub(crate) fn failed(mut self, last: LastFailure) -> bool {
        let probe = core::mem::take(&mut self.probe);
        let now = self.shared.now();
        let mut scopes = self.shared.lock();
        let opened = scopes.failing(self.scope).failed(now, last, probe);
        self.shared.settle(&scopes);
        if opened {
            self.shared.opened.fetch_add(1, Ordering::Relaxed);
        }
        opened
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if self.probe {
            let now = self.shared.now();
            if let Some(machine) = self.shared.lock().get_mut(self.scope) {
                machine.abandoned(now);
            }
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
