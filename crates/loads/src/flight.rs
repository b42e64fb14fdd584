//! One load: one attempt at a time, driven by whoever waits for it.
//!
//! # Who drives
//! The attempt is a future that belongs to no task. A task of the runtime that began it drives it, so that it goes on when
//! all who wait have gone; and so does each who waits on that runtime, so that a worker that is busy with something else
//! holds up nobody. Both leave beats.
//!
//! # Taking over
//! A future cannot be driven from another runtime than the one that its timers and connections belong to. So who waits
//! elsewhere looks for beats by a clock of its own, and when they cease begins another attempt where it is: because the
//! first runtime is not driven, or has ended, or belongs to the process that this one was forked from. The attempt that
//! slept is dropped, or, if somebody is stuck within it, ends unheard unless it brings a value.
//!
//! # Wakes
//! The attempt wakes the task that drives it and one who waits, not all of them. A wake that comes while somebody polls is
//! passed on when that poll ends, and one who waits and leaves passes it on, so that none is lost.
use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use crate::{
    caught,
    gate::{Gate, later},
    outcome::{LoadError, Outcome},
    pulse::{BEAT, Pulse},
    rt::{Home, Instant, Runtime, Timer},
    source::{Loaded, Source, SourceOutcome},
    sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, PoisonError, TryLockError, Weak},
};

/// Where the loads in flight are written down.
pub(crate) trait Board<S: Source>: Send + Sync {
    /// Takes a load off the board with the result of an attempt, unless it is no longer on it.
    fn land(&self, flight: &Arc<Flight<S>>, attempt: u64, result: Loaded<S>);

    /// Takes a load off the board if nobody wants it.
    fn give_up(&self, flight: &Arc<Flight<S>>);
}

type Attempt<S> = Pin<Box<dyn Future<Output = Loaded<S>> + Send>>;

/// One load, from when it is on the map until it ends.
pub(crate) struct Flight<S: Source> {
    pub(crate) key: S::Key,
    since: Instant,
    source: Arc<S>,
    board: Arc<dyn Board<S>>,
    gate: Arc<Gate>,
    pulse: Arc<Pulse>,
    /// Whether its turn has come: the source was asked.
    begun: Arc<AtomicBool>,
    /// Woken since it was last polled.
    woken: AtomicBool,
    state: Mutex<State<S>>,
}

struct State<S: Source> {
    outcome: Option<SourceOutcome<S>>,
    work: Option<Arc<Work<S>>>,
    /// Attempts begun so far.
    attempts: u64,
    /// Where the attempt belongs; `None` when that runtime has ended.
    home: Option<Home>,
    driver: Option<Waker>,
    waiting: BTreeMap<u64, Option<Waker>>,
    arrivals: u64,
}

struct Work<S: Source> {
    attempt: u64,
    future: Mutex<Option<Attempt<S>>>,
}

impl<S: Source> Flight<S> {
    pub(crate) fn new(
        key: S::Key,
        source: Arc<S>,
        board: Arc<dyn Board<S>>,
        gate: Arc<Gate>,
        now: Instant,
    ) -> Arc<Self> {
        Arc::new(Self {
            key,
            since: now,
            source,
            board,
            gate,
            pulse: Arc::new(Pulse::new(now)),
            begun: Arc::new(AtomicBool::new(false)),
            woken: AtomicBool::new(false),
            state: Mutex::new(State {
                outcome: None,
                work: None,
                attempts: 0,
                home: None,
                driver: None,
                waiting: BTreeMap::new(),
                arrivals: 0,
            }),
        })
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    pub(crate) const fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        // Nothing that runs under the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome(&self) -> Option<SourceOutcome<S>> {
        self.state().outcome.clone()
    }

    /// Whether nobody works on it who could be waited for.
    pub(crate) fn is_asleep(&self, now: Instant) -> bool {
        self.pulse.is_asleep(now) || self.state().home.is_none()
    }

    /// Whether an attempt is one that may be heard: the latest, or whichever brings a value.
    pub(crate) fn may_land(&self, attempt: u64, is_ok: bool) -> bool {
        let state = self.state();
        state.outcome.is_none() && (is_ok || state.attempts == attempt)
    }

    /// Begins the first attempt, or takes over from one that sleeps: false if somebody else just did.
    pub(crate) fn begin(self: &Arc<Self>, runtime: &Runtime, now: Instant) -> bool {
        let mut state = self.state();
        let asleep = state.home.is_none() || self.pulse.is_asleep(now);
        if state.outcome.is_some() || !asleep {
            return false;
        }
        state.attempts = state.attempts.saturating_add(1);
        state.home = Some(runtime.id());
        self.begun.store(false, Ordering::SeqCst);
        self.pulse.beat(now);
        let work = Arc::new(Work {
            attempt: state.attempts,
            future: Mutex::new(Some(self.attempt())),
        });
        let old = state.work.replace(Arc::clone(&work));
        let old_driver = state.driver.take();
        drop(state);
        runtime.spawn(Driver {
            flight: Arc::downgrade(self),
            attempt: work.attempt,
            tick: None,
        });
        if let Some(old) = old {
            old.stop();
        }
        if let Some(old_driver) = old_driver {
            old_driver.wake();
        }
        true
    }

    fn attempt(&self) -> Attempt<S> {
        let (source, key) = (Arc::clone(&self.source), self.key.clone());
        let (gate, pulse, begun) = (
            Arc::clone(&self.gate),
            Arc::clone(&self.pulse),
            Arc::clone(&self.begun),
        );
        Box::pin(async move {
            let lane = source.lane(&key);
            let load = async { source.load(&key).await };
            gate.run(lane, pulse, || begun.store(true, Ordering::SeqCst), load)
                .await
        })
    }

    /// Polls the attempt, unless somebody else does so at this moment.
    fn drive(self: &Arc<Self>, own: &Waker) {
        let Some(work) = self.state().work.clone() else {
            return;
        };
        let mut future = match work.future.try_lock() {
            Ok(future) => future,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let Some(attempt) = future.as_mut() else { return };
        self.pulse.beat(Instant::now());
        self.woken.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(self));
        let polled = caught::poll(attempt.as_mut(), &mut Context::from_waker(&waker));
        let result = match polled {
            Ok(Poll::Pending) => {
                if self.is_over(&work) {
                    let stopped = future.take();
                    drop(future);
                    drop(stopped);
                    return;
                }
                drop(future);
                // Whoever was woken meanwhile found the attempt being polled and went back to sleep.
                if self.woken.load(Ordering::SeqCst) {
                    own.wake_by_ref();
                }
                return;
            }
            Ok(Poll::Ready(result)) => result,
            Err(caught::Panicked) => Err(LoadError::Panicked),
        };
        let ended = future.take();
        drop(future);
        drop(ended);
        self.board.land(self, work.attempt, result);
    }

    /// Whether nobody wants to know how this attempt ends.
    fn is_over(&self, work: &Work<S>) -> bool {
        let state = self.state();
        state.outcome.is_some() || state.attempts != work.attempt
    }

    /// Tells all who wait how it ended. The first word holds.
    pub(crate) fn end(&self, outcome: SourceOutcome<S>) {
        let mut state = self.state();
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome);
        let work = state.work.take();
        let waiting = std::mem::take(&mut state.waiting);
        let driver = state.driver.take();
        drop(state);
        if let Some(work) = work {
            work.stop();
        }
        waiting
            .into_values()
            .flatten()
            .chain(driver)
            .for_each(Waker::wake);
    }

    /// Somebody who waits for it from here on.
    pub(crate) fn wait(self: &Arc<Self>) -> Wait<S> {
        let mut state = self.state();
        state.arrivals = state.arrivals.saturating_add(1);
        let place = state.arrivals;
        state.waiting.insert(place, None);
        Wait {
            flight: Arc::clone(self),
            place,
            timer: None,
        }
    }

    /// Whether it may be given up: nobody waits for it, and its turn has not come and its value is not wanted, or its runtime
    /// has ended.
    pub(crate) fn is_unwanted(&self) -> bool {
        let state = self.state();
        if state.outcome.is_some() || !state.waiting.is_empty() {
            return false;
        }
        let homeless = state.home.is_none();
        drop(state);
        homeless || (!self.begun.load(Ordering::SeqCst) && !self.source.is_wanted(&self.key))
    }
}

impl<S: Source> Work<S> {
    /// Drops the attempt, unless somebody polls it at this moment, who then does so.
    fn stop(&self) {
        let stopped = match self.future.try_lock() {
            Ok(mut future) => future.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        };
        drop(stopped);
    }
}

impl<S: Source> Wake for Flight<S> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        let state = self.state();
        let first = state.waiting.values().flatten().next().cloned();
        let driver = state.driver.clone();
        drop(state);
        driver.into_iter().chain(first).for_each(Waker::wake);
    }
}

/// The task that drives an attempt where it began, whoever waits.
///
/// It holds the load weakly, so that one which has ended keeps nothing alive until the runtime comes round to this task.
struct Driver<S: Source> {
    flight: Weak<Flight<S>>,
    attempt: u64,
    tick: Option<Timer>,
}

impl<S: Source> Driver<S> {
    /// Whether this attempt is still the one that counts; if so, it wakes this task from here on.
    fn register(&self, flight: &Flight<S>, waker: &Waker) -> bool {
        let mut state = flight.state();
        let current = state.outcome.is_none() && state.attempts == self.attempt;
        if current {
            state.driver = Some(waker.clone());
        }
        current
    }
}

impl<S: Source> Future for Driver<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(flight) = self.flight.upgrade() else {
            return Poll::Ready(());
        };
        if !self.register(&flight, cx.waker()) {
            return Poll::Ready(());
        }
        flight.drive(cx.waker());
        if !self.register(&flight, cx.waker()) {
            return Poll::Ready(());
        }
        drop(flight);
        let tick = self
            .tick
            .get_or_insert_with(|| Timer::at(later(Instant::now(), BEAT)));
        while tick.poll(cx).is_ready() {
            tick.reset(later(Instant::now(), BEAT));
        }
        Poll::Pending
    }
}

impl<S: Source> Drop for Driver<S> {
    /// Its runtime ends: whoever waits elsewhere takes over, and if nobody does, there is no load any more.
    fn drop(&mut self) {
        let Some(flight) = self.flight.upgrade() else {
            return;
        };
        let mut state = flight.state();
        if state.outcome.is_some() || state.attempts != self.attempt {
            return;
        }
        state.home = None;
        let work = state.work.take();
        let waiting: Vec<_> = state.waiting.values().flatten().cloned().collect();
        drop(state);
        if let Some(work) = work {
            work.stop();
        }
        waiting.into_iter().for_each(Waker::wake);
        flight.board.give_up(&flight);
    }
}

/// Somebody who waits for a load, and drives it meanwhile. Dropping it is harmless: a load whose turn has come goes on,
/// and one that still waits for its turn is given up with the last who wait for it.
pub struct Wait<S: Source> {
    flight: Arc<Flight<S>>,
    place: u64,
    timer: Option<Timer>,
}

impl<S: Source> Wait<S> {
    /// Since when the load is in flight.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.flight.since
    }
}

impl<S: Source> Future for Wait<S> {
    type Output = Outcome<S::Value, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let flight = &this.flight;
        let Some(runtime) = Runtime::current() else {
            return Poll::Ready(Outcome::Failed(LoadError::NoRuntime));
        };
        loop {
            let mut state = flight.state();
            if let Some(outcome) = &state.outcome {
                return Poll::Ready(outcome.clone());
            }
            state.waiting.insert(this.place, Some(cx.waker().clone()));
            let at_home = state.home == Some(runtime.id());
            drop(state);
            let now = Instant::now();
            if at_home && !flight.pulse.is_foreign() {
                flight.drive(cx.waker());
            }
            if flight.is_asleep(now) && flight.begin(&runtime, now) {
                flight.source.taken_over(&flight.key, now, &flight.pulse);
                flight.drive(cx.waker());
            }
            if let Some(outcome) = flight.outcome() {
                return Poll::Ready(outcome);
            }
            let timer = this.timer.get_or_insert_with(|| Timer::at(next_look()));
            if timer.poll(cx).is_pending() {
                return Poll::Pending;
            }
            timer.reset(next_look());
        }
    }
}

/// How often one who waits looks whether somebody is at work: twice while a sleeper is found out.
const LOOK: Duration = Duration::from_millis(250);

fn next_look() -> Instant {
    later(Instant::now(), LOOK)
}

impl<S: Source> Drop for Wait<S> {
    fn drop(&mut self) {
        let mut state = self.flight.state();
        state.waiting.remove(&self.place);
        if state.outcome.is_some() {
            return;
        }
        let next = state.waiting.values().flatten().next().cloned();
        let driver = state.driver.clone();
        drop(state);
        driver.into_iter().chain(next).for_each(Waker::wake);
        self.flight.board.give_up(&self.flight);
    }
}

impl<S: Source> std::fmt::Debug for Wait<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wait(..)")
    }
}
