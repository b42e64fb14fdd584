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
///
/// ```
/// use std::{collections::HashMap, sync::{Arc, Mutex, atomic::{AtomicU32, Ordering}}, time::Duration};
/// use datakey_loads::{Joined, Landed, LoadError, Loads, Outcome, Source};
///
/// /// A price list that somebody slow is asked for, and how often that was.
/// #[derive(Default)]
/// struct Prices { kept: Mutex<HashMap<u32, u64>>, calls: Arc<AtomicU32> }
///
/// impl Source for Prices {
///     type Key = u32;
///     type Loaded = u64;
///     type Value = u64;
///     type Error = &'static str;
///
///     fn load(&self, article: &u32) -> impl Future<Output = Result<u64, &'static str>> + Send {
///         let (article, calls) = (*article, self.calls.clone());
///         async move {
///             calls.fetch_add(1, Ordering::Relaxed);
///             tokio::time::sleep(Duration::from_millis(20)).await;
///             Ok(u64::from(article) * 100)
///         }
///     }
///
///     fn land(&self, article: &u32, result: Result<u64, LoadError<&'static str>>) -> Landed<u64, &'static str> {
///         Landed::new(match result {
///             Ok(price) => {
///                 self.kept.lock().unwrap().insert(*article, price);
///                 Outcome::Loaded(price)
///             }
///             Err(error) => Outcome::Failed(error),
///         })
///     }
/// }
///
/// async fn price(prices: &Arc<Prices>, loads: &Loads<Prices>, article: u32) -> Option<u64> {
///     let look = || prices.kept.lock().unwrap().get(&article).copied();
///     if let Some(kept) = look() {
///         return Some(kept);
///     }
///     match loads.join(prices, &article, None, look, |_| ()).ok()? {
///         Joined::Found(price) => Some(price),
///         Joined::Waits(wait) | Joined::Leads(wait) => match wait.await {
///             Outcome::Loaded(price) => Some(price),
///             Outcome::Failed(_) | Outcome::Superseded => None,
///         },
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let (prices, loads) = (Arc::new(Prices::default()), Arc::new(Loads::default()));
/// let callers: Vec<_> = (0..1_000)
///     .map(|_| {
///         let (prices, loads) = (Arc::clone(&prices), Arc::clone(&loads));
///         tokio::spawn(async move { price(&prices, &loads, 7).await })
///     })
///     .collect();
/// for caller in callers {
///     assert_eq!(caller.await.unwrap(), Some(700));
/// }
/// assert_eq!(prices.calls.load(Ordering::Relaxed), 1);
/// # }
/// ```
pub struct Loads<S: Source> {
    flights: Arc<Flights<S>>,
    gate: Arc<Gate>,
}

/// What joining came to.
///
/// Whoever waits and whoever leads do the same: they await, and drive the load meanwhile. The difference is for statistics, where a load is
/// one miss and the others shared it.
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
    ///
    /// For its limits and its counts, and to run calls through it that are shared with nobody.
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
    ///
    /// A value that nobody has looked at yet is held by its load, and would outlive its age there.
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
    /// The look under the lock is what keeps two loads from following one another: between a request's own look and its joining, a load may
    /// have landed. Give it the version from before its own look, and it is left out where nothing has:
    ///
    /// ```
    /// # use std::{collections::HashMap, sync::{Arc, Mutex}};
    /// # use datakey_loads::{Joined, Landed, LoadError, Loads, Outcome, Source};
    /// # struct Squares;
    /// # impl Source for Squares {
    /// #     type Key = u64;
    /// #     type Loaded = u64;
    /// #     type Value = u64;
    /// #     type Error = ();
    /// #     fn load(&self, number: &u64) -> impl Future<Output = Result<u64, ()>> + Send {
    /// #         let number = *number;
    /// #         async move { Ok(number * number) }
    /// #     }
    /// #     fn land(&self, _: &u64, result: Result<u64, LoadError<()>>) -> Landed<u64, ()> {
    /// #         Landed::new(result.map_or_else(Outcome::Failed, Outcome::Loaded))
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let (squares, loads) = (Arc::new(Squares), Loads::default());
    /// let seen = loads.version();
    /// // ... a look into the store, which had nothing ...
    /// let joined = loads.join(&squares, &7, Some(seen), || -> Option<u64> { panic!("nothing landed since") }, |_| ());
    /// let Ok(Joined::Leads(wait)) = joined else { panic!("nobody else asks") };
    /// assert!(matches!(wait.await, Outcome::Loaded(49)));
    /// assert_ne!(loads.version(), seen); // the next one looks again
    /// # }
    /// ```
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
    ///
    /// A refresh that fails is told to nobody but [`land`](Source::land). Outside of a tokio runtime nothing is begun.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use datakey_loads::{Landed, LoadError, Loads, Outcome, Source};
    /// # #[derive(Default)]
    /// # struct Clock(Mutex<u32>);
    /// # impl Source for Clock {
    /// #     type Key = ();
    /// #     type Loaded = u32;
    /// #     type Value = u32;
    /// #     type Error = ();
    /// #     fn load(&self, _: &()) -> impl Future<Output = Result<u32, ()>> + Send {
    /// #         async { Ok(1) }
    /// #     }
    /// #     fn land(&self, _: &(), result: Result<u32, LoadError<()>>) -> Landed<u32, ()> {
    /// #         *self.0.lock().unwrap() += 1;
    /// #         Landed::new(result.map_or_else(Outcome::Failed, Outcome::Loaded))
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # let (source, loads) = (Arc::new(Clock::default()), Loads::default());
    /// assert!(loads.refresh(&source, &(), || true, |_| ()));
    /// assert!(!loads.refresh(&source, &(), || true, |_| ())); // one is under way
    /// tokio::task::yield_now().await;
    /// assert_eq!(*source.0.lock().unwrap(), 1); // landed, though nobody waited
    /// assert!(!loads.refresh(&source, &(), || false, |_| ())); // replaced meanwhile, says the source
    /// # }
    /// ```
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
    ///
    /// `meanwhile` empties the store in the same breath, so that nobody finds there what was invalidated, and nobody's load brings it back:
    ///
    /// ```
    /// # use std::{collections::HashMap, sync::{Arc, Mutex}, time::Duration};
    /// # use datakey_loads::{Ending, Joined, Landed, LoadError, Loads, Outcome, Source};
    /// # #[derive(Default)]
    /// # struct Names(Mutex<HashMap<u32, u32>>);
    /// # impl Source for Names {
    /// #     type Key = u32;
    /// #     type Loaded = u32;
    /// #     type Value = u32;
    /// #     type Error = ();
    /// #     fn load(&self, key: &u32) -> impl Future<Output = Result<u32, ()>> + Send {
    /// #         let key = *key;
    /// #         async move {
    /// #             tokio::time::sleep(Duration::from_millis(20)).await;
    /// #             Ok(key)
    /// #         }
    /// #     }
    /// #     fn land(&self, key: &u32, result: Result<u32, LoadError<()>>) -> Landed<u32, ()> {
    /// #         Landed::new(match result {
    /// #             Ok(name) => {
    /// #                 self.0.lock().unwrap().insert(*key, name);
    /// #                 Outcome::Loaded(name)
    /// #             }
    /// #             Err(error) => Outcome::Failed(error),
    /// #         })
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # let (source, loads) = (Arc::new(Names::default()), Loads::default());
    /// # let join = |key| match loads.join(&source, &key, None, || None::<()>, |_| ()) {
    /// #     Ok(Joined::Waits(wait) | Joined::Leads(wait)) => wait,
    /// #     _ => panic!("nothing is there"),
    /// # };
    /// let (one, two) = (join(1), join(2));
    /// let dropped = loads.end(Ending::Invalidated, |key| *key == 1, || source.0.lock().unwrap().remove(&1));
    /// assert_eq!(dropped, None);
    /// assert!(matches!(one.await, Outcome::Superseded)); // to be asked for again
    /// assert!(matches!(two.await, Outcome::Loaded(2))); // is not concerned
    ///
    /// loads.end(Ending::ShutDown, |_| true, || ());
    /// assert!(matches!(loads.join(&source, &3, None, || None::<()>, |_| ()), Err(LoadError::ShutDown)));
    /// # }
    /// ```
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
