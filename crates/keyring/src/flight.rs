//! Single flight: one load per key, its outcome shared by all who wait.
//!
//! # Who leads
//! Whoever asks first for a key that is not there gets a [`Landing`] and starts the load as a task of its own. All
//! others, and the leader too, are waiters: the load does not depend on any of them.
//!
//! # Cancellation
//! A waiter that is dropped leaves nothing behind. When all are, the load goes on and its key is kept for the next
//! caller, so that callers whose deadline is shorter than a provider call still make progress together.
//!
//! # Panic and shutdown of the runtime
//! A [`Landing`] that is dropped without landing removes its flight and ends it with an error, so that no waiter is
//! left behind.
//!
//! # Invalidation
//! [`Flights::end`] takes flights off the map and stops their tasks. A load that lands all the same finds that its
//! flight is not the one on the map, and its key is dropped.
//!
//! # Landing
//! The key enters the store, and the flight leaves the map, under one lock, and whoever joins looks into the store
//! under that lock again: nobody misses both. The lock is never held across an await, nor while a task is started.
use std::{collections::HashMap, hash::Hash};

use tokio::{runtime::Handle, sync::watch, task::AbortHandle};

use crate::{
    KeyringError,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// How a load ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome<T> {
    Loaded(T),
    Failed(KeyringError),
    /// An invalidation came first: start over.
    Superseded,
}

/// How a load ended, and what is left to do outside the lock.
pub(crate) struct Landed<T> {
    pub(crate) outcome: Outcome<T>,
    /// What had to go: dropped, and so wiped.
    pub(crate) gone: Vec<T>,
    /// What is to be told.
    pub(crate) told: Option<Box<dyn FnOnce() + Send>>,
}

impl<T> From<Outcome<T>> for Landed<T> {
    fn from(outcome: Outcome<T>) -> Self {
        Self {
            outcome,
            gone: Vec::new(),
            told: None,
        }
    }
}

/// Why flights are ended from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    Invalidated,
    ShutDown,
}

impl Ending {
    fn outcome<T>(self) -> Outcome<T> {
        match self {
            Self::Invalidated => Outcome::Superseded,
            Self::ShutDown => Outcome::Failed(KeyringError::ShutDown),
        }
    }
}

/// The loads in flight.
#[derive(Debug)]
pub(crate) struct Flights<K, T>(Mutex<HashMap<K, Arc<Flight<T>>>>);

#[derive(Debug)]
struct Flight<T> {
    outcome: watch::Sender<Option<Outcome<T>>>,
    task: OnceLock<AbortHandle>,
}

/// What joining came to.
pub(crate) enum Joined<K: Eq + Hash, T: Clone, L, F> {
    /// What was looked for is there after all.
    Found(F),
    /// Somebody else loads it.
    Waits(Waiter<T>),
    /// The caller must start the load.
    Leads(Waiter<T>, Landing<K, T, L>),
}

/// What is done with the result of a load, under the lock of the map, unless an invalidation came first.
type Effect<T, L> = Box<dyn FnOnce(Result<L, KeyringError>) -> Landed<T> + Send>;

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, T: Clone> Flights<K, T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Flight<T>>>> {
        // Nothing that runs under the lock leaves the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn is_under_way(&self, key: &K) -> bool {
        self.lock().contains_key(key)
    }

    /// Looks again under the lock, then joins the flight for `key`, or opens one whose result `effect` receives.
    pub(crate) fn join<L, F>(
        self: &Arc<Self>,
        key: &K,
        look: impl FnOnce() -> Option<F>,
        effect: impl FnOnce(Result<L, KeyringError>) -> Landed<T> + Send + 'static,
    ) -> Joined<K, T, L, F> {
        self.join_noting(key, look, || (), effect)
    }

    /// The same; what `began` does when a flight is opened is done under the lock.
    pub(crate) fn join_noting<L, F>(
        self: &Arc<Self>,
        key: &K,
        look: impl FnOnce() -> Option<F>,
        began: impl FnOnce(),
        effect: impl FnOnce(Result<L, KeyringError>) -> Landed<T> + Send + 'static,
    ) -> Joined<K, T, L, F> {
        let mut flights = self.lock();
        if let Some(found) = look() {
            return Joined::Found(found);
        }
        if let Some(flight) = flights.get(key) {
            return Joined::Waits(flight.waiter());
        }
        let flight = Arc::new(Flight {
            outcome: watch::Sender::new(None),
            task: OnceLock::new(),
        });
        flights.insert(key.clone(), Arc::clone(&flight));
        began();
        drop(flights);
        let waiter = flight.waiter();
        let landing = Landing {
            flights: Arc::clone(self),
            key: key.clone(),
            flight,
            effect: Some(Box::new(effect)),
        };
        Joined::Leads(waiter, landing)
    }

    /// Ends the flights concerned, and in the same breath does what ends with them.
    pub(crate) fn end<R>(
        &self,
        ending: Ending,
        concerned: impl Fn(&K) -> bool,
        meanwhile: impl FnOnce() -> R,
    ) -> R {
        let mut flights = self.lock();
        let ended: Vec<_> = flights
            .extract_if(|key, _| concerned(key))
            .map(|(_, flight)| flight)
            .collect();
        let result = meanwhile();
        drop(flights);
        for flight in ended {
            flight.end(ending.outcome());
            if let Some(task) = flight.task.get() {
                task.abort();
            }
        }
        result
    }
}

impl<T: Clone> Flight<T> {
    fn waiter(&self) -> Waiter<T> {
        Waiter(self.outcome.subscribe())
    }

    fn end(&self, outcome: Outcome<T>) {
        self.outcome.send_if_modified(|own| {
            let first = own.is_none();
            if first {
                *own = Some(outcome);
            }
            first
        });
    }
}

/// Somebody waiting for a load. Dropping it is harmless.
#[derive(Debug)]
pub(crate) struct Waiter<T>(watch::Receiver<Option<Outcome<T>>>);

impl<T: Clone> Waiter<T> {
    pub(crate) async fn wait(mut self) -> Outcome<T> {
        let ended = match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_closed) => None,
        };
        ended.unwrap_or(Outcome::Failed(KeyringError::LoadAborted))
    }
}

/// The duty to end a flight: with the result of its load, or, when dropped, with an error.
pub(crate) struct Landing<K: Eq + Hash, T: Clone, L> {
    flights: Arc<Flights<K, T>>,
    key: K,
    flight: Arc<Flight<T>>,
    effect: Option<Effect<T, L>>,
}

impl<K, T, L> Landing<K, T, L>
where
    K: Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
    L: Send + 'static,
{
    /// Runs the load as a task of its own, which lands here.
    pub(crate) fn start(
        self,
        runtime: &Handle,
        load: impl Future<Output = Result<L, KeyringError>> + Send + 'static,
    ) where
        K: Sync,
    {
        let flight = Arc::clone(&self.flight);
        let task = runtime.spawn(async move {
            let landing = self;
            let result = load.await;
            landing.land(result);
        });
        // A flight is started once, so the cell is empty.
        let _first = flight.task.set(task.abort_handle());
        // Who ended the flight before that found no task to stop.
        if flight.outcome.borrow().is_some() {
            task.abort();
        }
    }
}

impl<K: Eq + Hash, T: Clone, L> Landing<K, T, L> {
    /// Ends the flight with the result of its load.
    pub(crate) fn land(mut self, result: Result<L, KeyringError>) {
        self.finish(result);
    }

    fn finish(&mut self, result: Result<L, KeyringError>) {
        let Some(effect) = self.effect.take() else {
            return;
        };
        let mut flights = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        let current = flights
            .get(&self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        if current {
            flights.remove(&self.key);
            let landed = effect(result);
            drop(flights);
            self.flight.end(landed.outcome);
            drop(landed.gone);
            if let Some(tell) = landed.told {
                tell();
            }
        }
    }
}

impl<K: Eq + Hash, T: Clone, L> Drop for Landing<K, T, L> {
    fn drop(&mut self) {
        self.finish(Err(if std::thread::panicking() {
            KeyringError::LoadPanicked
        } else {
            KeyringError::LoadAborted
        }));
    }
}
