//! Failing at once while a service is down.
mod builder;
mod circuit_open;
mod machine;
mod passage;
mod scopes;
mod settings;
mod shared;
mod state;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, atomic::Ordering},
};

use machine::{Entry, Gate, Machine};
use settings::Settings;
use shared::Shared;

pub use builder::BreakerBuilder;
pub use circuit_open::CircuitOpen;
pub(crate) use passage::Passage;
pub(crate) use scopes::Side;
pub use state::{BreakerPhase, BreakerState};

/// Fails calls at once while a service is down, so that an outage costs callers microseconds and not timeouts, and says what is
/// unwell, so that whoever has another way to go takes that. Clones share it, and so should all clients of one service.
///
/// It judges each *scope* by itself, so that the outage of one Region keeps nobody from another. The scope of a call is a
/// name: [`Policy::with_scope`](crate::Policy::with_scope); without one, opening through [`Retry`](crate::Retry) is judged
/// by the wrapped key's key id and sealing by the key that the provider names, each by itself, as a key may be down by itself
/// and so may an operation; all else is one unnamed scope, `""`. So sealers with different keys that share a breaker do not fail
/// each other. Sealing by several providers at once is judged as a whole: it needs all of them.
///
/// | state of a scope | until | then |
/// |---|---|---|
/// | closed: calls pass | [10 attempts](crate::defaults::BREAKER_FAILURES) in a row failed, over [1 s](crate::defaults::BREAKER_AFTER) or more; a timeout counts for [four](crate::defaults::BREAKER_TIMEOUT_COUNTS) | open |
/// | open: calls fail with [`CircuitOpen`] | [500 ms](crate::defaults::BREAKER_WAIT), doubled each time up to [1 s](crate::defaults::BREAKER_WAIT_CAP) | half open |
/// | half open: one call tries, all others fail | an answer, another failure, or [1 s](crate::defaults::BREAKER_WAIT_CAP) without either | closed, open, or the next try |
///
/// Only [outages](datakey_provider::ErrorClass::is_outage) count: transient failures, timeouts, callers that are not let in. Any
/// answer closes it, a throttle or a denial too: the service is up. The
/// time in which calls fail passes by itself, so the next call after it is the try, however few calls there are. A
/// try that is dropped hands over to the next call, and one that nobody polls, or that hangs, holds up the next for no longer
/// than a second. So whatever becomes of tries, no call is refused a second after the service is back.
///
/// A scope is *unwell* from its first failure to its next answer: it [ranks](datakey_provider::OpeningProvider::rank) last,
/// for [5 s](crate::defaults::BREAKER_REST) at first. Then one call tries it, while the others keep to their other way, and if
/// that fails it rests for twice as long, up to [60 s](crate::defaults::BREAKER_REST_CAP). A call that is dropped after
/// [250 ms](crate::defaults::BREAKER_ABANDONED_AFTER) makes its scope unwell too, and does not count otherwise. Nor does an attempt that
/// its call's deadline ended sooner than that: nobody can expect an answer in so short a time. What waits for something of its own,
/// such as a permit, is not under way.
///
/// Scopes that failed since their last answer are kept, up to [1,024](crate::defaults::BREAKER_SCOPES) of them.
/// [`builder`](Self::builder) sets the other numbers.
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

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new() -> Self {
        Self::with_settings(Settings::DEFAULT)
    }

    fn with_settings(settings: Settings) -> Self {
        Self(Arc::new(Shared::new(settings)))
    }

    /// How it stands at the moment, over all scopes.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        let scopes = self.0.lock();
        let phases = scopes.iter().map(|(_, machine)| phase(machine));
        BreakerState {
            phase: phases
                .max_by_key(|phase| phase.severity())
                .unwrap_or(BreakerPhase::Closed),
            failures: scopes
                .iter()
                .map(|(_, machine)| failures(machine))
                .max()
                .unwrap_or(0),
            opened: self.0.opened.load(Ordering::Relaxed),
            refused: self.0.refused.load(Ordering::Relaxed),
        }
    }

    /// What it does with calls of one scope.
    ///
    /// A scope that nobody has called, or whose last call was answered, is closed. Where sealing and opening stand differently, it is the
    /// worse of the two.
    #[must_use]
    pub fn phase_of(&self, scope: &str) -> BreakerPhase {
        let scopes = self.0.lock();
        let phases = scopes.both(scope).map(phase);
        phases
            .max_by_key(|phase| phase.severity())
            .unwrap_or(BreakerPhase::Closed)
    }

    /// The scopes that are not closed: what is down at the moment.
    ///
    /// ```
    /// # use datakey_retry::Breaker;
    /// assert!(Breaker::new().down().is_empty());
    /// ```
    ///
    /// In the order of their names, for a health page or a log line. A scope that has failed once or twice is not in it:
    /// [`is_unwell`](Self::is_unwell) tells those.
    #[must_use]
    pub fn down(&self) -> Vec<Box<str>> {
        let scopes = self.0.lock();
        let down = scopes
            .iter()
            .filter(|(_, machine)| phase(machine) != BreakerPhase::Closed);
        let down: BTreeSet<Box<str>> = down.map(|(scope, _)| scope.into()).collect();
        down.into_iter().collect()
    }

    /// Each scope that has failed since its last answer: its name, the quota of its calls, and what is done with them.
    #[cfg(feature = "metrics")]
    pub(crate) fn unwell(&self) -> Vec<(Box<str>, Box<str>, BreakerPhase)> {
        let scopes = self.0.lock();
        let each = scopes.iter();
        each.map(|(scope, machine)| (scope.into(), machine.quota.clone(), phase(machine)))
            .collect()
    }

    /// Finds it again as long as anybody has it.
    #[cfg(feature = "metrics")]
    pub(crate) fn weakly(&self) -> impl Fn() -> Option<Self> + Send + Sync + 'static {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map(Self)
    }

    /// Whether both are clones of one.
    #[cfg(feature = "metrics")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a scope ranks last at the moment: it has failed since its last answer, and nobody is to try it again yet.
    ///
    /// ```
    /// # use datakey_retry::Breaker;
    /// assert!(!Breaker::new().is_unwell("eu-central-1"));
    /// ```
    ///
    /// ```
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    /// use datakey_retry::{Breaker, BreakerPhase, Policy, retry};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let breaker = Breaker::new();
    /// let near = Policy::never().with_breaker(breaker.clone()).with_scope("near");
    /// let failed = async || Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt));
    /// assert!(retry(&near, failed).await.is_err());
    /// // One failure does not open it, and is enough to go another way.
    /// assert!(breaker.is_unwell("near") && breaker.phase_of("near") == BreakerPhase::Closed);
    /// retry(&near, async || Ok::<_, ProviderError>(())).await.unwrap();
    /// assert!(!breaker.is_unwell("near"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_unwell(&self, scope: &str) -> bool {
        if self.0.is_calm() {
            return false;
        }
        let now = self.0.now();
        let scopes = self.0.lock();
        scopes.both(scope).any(|machine| machine.is_unwell(now))
    }

    /// As [`is_unwell`](Self::is_unwell), for opening alone.
    pub(crate) fn ranks_last(&self, scope: &str) -> bool {
        if self.0.is_calm() {
            return false;
        }
        let now = self.0.now();
        let scopes = self.0.lock();
        scopes
            .get(Side::Whole, scope)
            .is_some_and(|machine| machine.is_unwell(now))
    }

    /// Refuses a call that need not wait for anything else first.
    pub(crate) fn peek(&self, side: Side, scope: &str) -> Result<(), CircuitOpen> {
        if self.0.is_calm() {
            return Ok(());
        }
        let now = self.0.now();
        let scopes = self.0.lock();
        let refusal = scopes.get(side, scope).and_then(|machine| {
            let probe_in = machine.refuses_for(now)?;
            Some(CircuitOpen::new(machine.last.clone(), probe_in))
        });
        refusal.map_or(Ok(()), |open| Err(self.refused(open)))
    }

    /// Lets one attempt go ahead.
    pub(crate) fn enter<'a>(&'a self, side: Side, scope: &'a str) -> Result<Passage<'a>, CircuitOpen> {
        let mut ticket = None;
        if !self.0.is_calm()
            && let Some(machine) = self.0.lock().get_mut(side, scope)
        {
            match machine.enter(self.0.now(), &self.0.settings) {
                Entry::Refuse { probe_in } => {
                    return Err(self.refused(CircuitOpen::new(machine.last.clone(), probe_in)));
                }
                Entry::Try(number) => ticket = Some(number),
                Entry::Pass => {}
            }
        }
        Ok(Passage::new(&self.0, (side, scope), ticket))
    }

    /// A call that is made whether or not the scope is open.
    pub(crate) fn watch<'a>(&'a self, side: Side, scope: &'a str) -> Passage<'a> {
        Passage::new(&self.0, (side, scope), None)
    }

    /// A scope is well, whatever else was asked.
    pub(crate) fn answered(&self, side: Side, scope: &str) {
        if !self.0.is_calm() {
            let mut scopes = self.0.lock();
            scopes.answered(side, scope);
            self.0.settle(&scopes);
        }
    }

    fn refused(&self, open: CircuitOpen) -> CircuitOpen {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        open
    }
}

const fn phase(machine: &Machine) -> BreakerPhase {
    match machine.gate {
        Gate::Closed { .. } => BreakerPhase::Closed,
        Gate::Open { .. } => BreakerPhase::Open,
        Gate::HalfOpen { .. } => BreakerPhase::HalfOpen,
    }
}

const fn failures(machine: &Machine) -> u32 {
    match machine.gate {
        Gate::Closed { failures, .. } => failures,
        Gate::Open { .. } | Gate::HalfOpen { .. } => 0,
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
