//! Loads of one source: joined, refreshed, ended.
use std::fmt;

use crate::{
    board::{Flights, Open},
    flight::{Board, Flight},
    gate::{Gate, GateLimits},
    outcome::{Ending, LoadError},
    pulse::Pulse,
    rt::{Instant, Runtime},
    source::Source,
    sync::Arc,
    wait::Wait,
};

/// The loads of one source in flight: one for each key, shared by all who wait for it.
///
/// Its gate may be shared with calls [for one caller alone](Gate::alone).
pub struct Loads<S: Source> {
    flights: Arc<Flights<S>>,
    gate: Arc<Gate>,
}

/// What joining came to.
pub enum Joined<S: Source, F> {
    /// What was looked for is there after all.
    Found(F),
    /// Somebody else loads it.
    Waits(Wait<S>),
    /// This caller began the load, or took it over.
    Leads(Wait<S>),
}

/// A load that just began: since when, and the beats of whoever is at work on it.
#[derive(Debug, Clone, Copy)]
pub struct Begun<'a> {
    /// Since when.
    pub since: Instant,
    /// The beats.
    pub pulse: &'a Arc<Pulse>,
}

impl<S: Source> Loads<S> {
    /// None yet; they pass through this gate.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self {
            flights: Arc::default(),
            gate,
        }
    }

    /// The gate.
    #[must_use]
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// How many loads are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.flights.open().by_key.len()
    }

    /// Whether they were [shut down](Ending::ShutDown).
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.flights.open().closed
    }

    /// Whether a load for a key is in flight and somebody at work on it.
    #[must_use]
    pub fn is_under_way(&self, key: &S::Key) -> bool {
        let open = self.flights.open();
        let flight = open.by_key.get(key);
        flight.is_some_and(|flight| !flight.is_asleep(Instant::now()))
    }

    /// Takes back values that loads brought and that those who wait have not looked at yet, where they are too old: those
    /// who wait start over. For whoever sweeps the source's store.
    pub fn take_back(&self, too_old: impl Fn(&S::Value) -> bool) {
        self.flights.take_back(too_old);
    }

    /// Changes whenever a load has landed or was ended: who looks into the source's store and knows this number from
    /// before need not look again when it [joins](Self::join).
    #[must_use]
    pub fn version(&self) -> u64 {
        self.flights.version()
    }

    /// Joins the load for a key, or begins one.
    ///
    /// `look` looks into the source's store, under the lock under which loads land; it is left out when `seen`, the
    /// [version](Self::version) from before an earlier look, is still the present one. `began` is called when a load is
    /// begun or taken over from one that sleeps, under the lock too.
    ///
    /// # Errors
    /// [`LoadError::NoRuntime`] outside of a tokio runtime, [`LoadError::ShutDown`] after [`Ending::ShutDown`].
    pub fn join<F>(
        &self,
        source: &Arc<S>,
        key: &S::Key,
        seen: Option<u64>,
        look: impl FnOnce() -> Option<F>,
        began: impl FnOnce(Begun<'_>),
    ) -> Result<Joined<S, F>, LoadError<S::Error>> {
        let runtime = Runtime::current().ok_or(LoadError::NoRuntime)?;
        let now = Instant::now();
        let mut open = self.flights.open();
        if open.closed {
            return Err(LoadError::ShutDown);
        }
        if seen != Some(self.flights.version())
            && let Some(found) = look()
        {
            return Ok(Joined::Found(found));
        }
        let flight = self.flight(&mut open, source, key, now);
        let claim = flight.claim(&runtime, now, false);
        let wait = Wait::on(&flight);
        let Some(claim) = claim else {
            drop(open);
            return Ok(Joined::Waits(wait));
        };
        began(Begun {
            since: now,
            pulse: flight.pulse(),
        });
        drop(open);
        claim.wrap(|attempt| source.around(attempt));
        flight.start(claim, &runtime);
        Ok(Joined::Leads(wait))
    }

    /// Begins a load for which nobody waits, or takes over one that sleeps: false if somebody is at work on one already,
    /// or `wanted` says under the lock that there is no need.
    pub fn refresh(
        &self,
        source: &Arc<S>,
        key: &S::Key,
        wanted: impl FnOnce() -> bool,
        began: impl FnOnce(Begun<'_>),
    ) -> bool {
        let Some(runtime) = Runtime::current() else {
            return false;
        };
        let now = Instant::now();
        let mut open = self.flights.open();
        if open.closed || !wanted() {
            return false;
        }
        let flight = self.flight(&mut open, source, key, now);
        let Some(claim) = flight.claim(&runtime, now, false) else {
            return false;
        };
        began(Begun {
            since: now,
            pulse: flight.pulse(),
        });
        drop(open);
        flight.start(claim, &runtime);
        true
    }

    /// The load on the board, or one that is put there now.
    fn flight(&self, open: &mut Open<S>, source: &Arc<S>, key: &S::Key, now: Instant) -> Arc<Flight<S>> {
        if let Some(flight) = open.by_key.get(key) {
            return Arc::clone(flight);
        }
        let board: Arc<dyn Board<S>> = Arc::<Flights<S>>::clone(&self.flights);
        let (source, gate) = (Arc::clone(source), Arc::clone(&self.gate));
        let flight = Flight::new(key.clone(), source, board, gate, now);
        open.by_key.insert(key.clone(), Arc::clone(&flight));
        flight
    }

    /// Ends the loads concerned and drops their attempts, and under the same lock does what ends with them.
    pub fn end<R>(
        &self,
        ending: Ending,
        concerned: impl Fn(&S::Key) -> bool,
        meanwhile: impl FnOnce() -> R,
    ) -> R {
        if ending == Ending::ShutDown {
            self.gate.close();
        }
        self.flights.end(ending, concerned, meanwhile)
    }
}

impl<S: Source, F: fmt::Debug> fmt::Debug for Joined<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(found) => f.debug_tuple("Found").field(found).finish(),
            Self::Waits(wait) => f.debug_tuple("Waits").field(wait).finish(),
            Self::Leads(wait) => f.debug_tuple("Leads").field(wait).finish(),
        }
    }
}

impl<S: Source> Default for Loads<S> {
    /// With the default [limits](GateLimits).
    fn default() -> Self {
        Self::new(Arc::new(Gate::new(GateLimits::default())))
    }
}

impl<S: Source> fmt::Debug for Loads<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loads")
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
