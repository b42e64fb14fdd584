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
};

use crate::{
    caught,
    gate::Gate,
    later::later,
    outcome::{LoadError, Outcome},
    pulse::{BEAT, Pulse},
    roster::Roster,
    rt::{Home, Instant, Runtime, Timer},
    source::{Attempt, Loaded, Source, SourceOutcome},
    sync::{Arc, AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError, TryLockError, Weak},
    work::{Aftermath, Work},
};

/// Where the loads in flight are written down.
pub(crate) trait Board<S: Source>: Send + Sync {
    /// Takes a load off the board with the result of an attempt, unless it is no longer on it.
    fn land(&self, flight: &Arc<Flight<S>>, attempt: u64, result: Loaded<S>);

    /// Takes a load off the board if nobody wants it.
    fn give_up(&self, flight: &Arc<Flight<S>>);

    /// The tasks that drive attempts.
    fn drivers(&self) -> &Roster<Driver<S>>;
}

/// One load, from when it is on the map until it ends.
pub(crate) struct Flight<S: Source> {
    pub(crate) key: S::Key,
    pub(crate) since: Instant,
    source: Arc<S>,
    pub(crate) board: Arc<dyn Board<S>>,
    gate: Arc<Gate>,
    pulse: Arc<Pulse>,
    /// Whether its turn has come: the source was asked.
    begun: Arc<AtomicBool>,
    /// Woken since it was last polled.
    woken: AtomicBool,
    /// How many attempts are being polled at this moment: more than one if one keeps its thread.
    polling: AtomicU64,
    state: Mutex<State<S>>,
}

pub(crate) struct State<S: Source> {
    pub(crate) outcome: Option<SourceOutcome<S>>,
    work: Option<Arc<Work<S>>>,
    /// Attempts begun so far.
    pub(crate) attempts: u64,
    /// Where the attempt belongs; `None` when that runtime has ended.
    pub(crate) home: Option<Home>,
    pub(crate) driver: Option<Waker>,
    pub(crate) waiting: BTreeMap<u64, Option<Waker>>,
    pub(crate) arrivals: u64,
}

/// An attempt that is to be [started](Flight::start), outside of all locks.
pub(crate) struct Claim<S: Source> {
    work: Arc<Work<S>>,
    old: Option<Arc<Work<S>>>,
    old_driver: Option<Waker>,
}

impl<S: Source> Claim<S> {
    /// Puts something around the attempt, unless somebody polls it already.
    pub(crate) fn wrap(&self, around: impl FnOnce(Attempt<S>) -> Attempt<S>) {
        if let Ok(mut future) = self.work.future.try_lock()
            && let Some(attempt) = future.take()
        {
            *future = Some(around(attempt));
        }
    }
}

/// Of the attempts of one load, so many may keep their threads at once: with more, a source that computes where it should wait
/// would take the thread of everybody who waits.
const MOST_STUCK: u64 = 2;

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
            polling: AtomicU64::new(0),
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

    pub(crate) fn state(&self) -> MutexGuard<'_, State<S>> {
        // Nothing that runs under the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn outcome(&self) -> Option<SourceOutcome<S>> {
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

    /// Whether an attempt of whoever comes from `runtime` is called for. One that was begun on the same runtime is driven
    /// there and not begun again, however long that stood still; unless it is `stuck`: whoever waits tried to drive it.
    fn wants(&self, state: &State<S>, runtime: Home, now: Instant, stuck: bool) -> bool {
        let Some(home) = state.home else { return true };
        if self.pulse.is_foreign() {
            return true;
        }
        let free = self.polling.load(Ordering::SeqCst) < MOST_STUCK;
        self.pulse.is_asleep(now) && free && (stuck || home != runtime)
    }

    /// Makes the first attempt, or one that takes over from one that sleeps; `None` if somebody is at work.
    pub(crate) fn claim(&self, runtime: &Runtime, now: Instant, stuck: bool) -> Option<Claim<S>> {
        let mut state = self.state();
        if state.outcome.is_some() || !self.wants(&state, runtime.id(), now, stuck) {
            return None;
        }
        if self.pulse.is_foreign() {
            // Whoever polled it then is not in this process.
            self.polling.store(0, Ordering::SeqCst);
        }
        state.attempts = state.attempts.saturating_add(1);
        state.home = Some(runtime.id());
        self.begun.store(false, Ordering::SeqCst);
        self.pulse.beat(now);
        let pulse = Arc::new(Pulse::new(now));
        let work = Arc::new(Work {
            attempt: state.attempts,
            future: Mutex::new(Some(self.attempt(Arc::clone(&pulse)))),
            pulse,
        });
        Some(Claim {
            old: state.work.replace(Arc::clone(&work)),
            old_driver: state.driver.take(),
            work,
        })
    }

    /// Has an attempt driven, and ends the one from which it takes over. Answers its number.
    pub(crate) fn start(self: &Arc<Self>, claim: Claim<S>, runtime: &Runtime) -> u64 {
        let attempt = claim.work.attempt;
        let driver = Driver {
            flight: Arc::downgrade(self),
            board: Arc::downgrade(&self.board),
            attempt,
            home: runtime.id(),
            is_new: false,
            tick: None,
        };
        let drivers = self.board.drivers();
        if let Some(mut driver) = drivers.muster(runtime.id(), driver, Driver::is_over) {
            driver.is_new = true;
            runtime.spawn(driver);
        }
        if let Some(old) = claim.old {
            old.stop();
        }
        caught::wake_all(claim.old_driver);
        attempt
    }

    fn attempt(&self, pulse: Arc<Pulse>) -> Attempt<S> {
        let (source, key) = (Arc::clone(&self.source), self.key.clone());
        let (gate, begun) = (Arc::clone(&self.gate), Arc::clone(&self.begun));
        Box::pin(async move {
            let lane = source.lane(&key);
            let load = async { source.load(&key).await };
            gate.run(lane, pulse, || begun.store(true, Ordering::SeqCst), load)
                .await
        })
    }

    /// Polls an attempt, unless somebody else does so at this moment, or it is no longer the one that counts.
    pub(crate) fn drive(self: &Arc<Self>, attempt: u64, own: &Waker) {
        let current = self.state().work.clone();
        let Some(work) = current.filter(|work| work.attempt == attempt) else {
            return;
        };
        let mut future = match work.future.try_lock() {
            Ok(future) => future,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let Some(attempt) = future.as_mut() else { return };
        let now = Instant::now();
        self.pulse.beat(now);
        work.pulse.beat(now);
        self.woken.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(self));
        self.polling.fetch_add(1, Ordering::SeqCst);
        let polled = caught::poll(attempt.as_mut(), &mut Context::from_waker(&waker));
        self.polling.fetch_sub(1, Ordering::SeqCst);
        let result = match polled {
            Ok(Poll::Pending) => {
                if self.is_over(&work) {
                    let stopped = future.take();
                    drop(future);
                    caught::drop_quietly(stopped);
                    return;
                }
                drop(future);
                // Whoever was woken meanwhile found the attempt being polled and went back to sleep.
                if self.woken.load(Ordering::SeqCst) {
                    caught::wake_all([own.clone()]);
                }
                return;
            }
            Ok(Poll::Ready(result)) => result,
            Err(caught::Panicked) => Err(LoadError::Panicked),
        };
        let ended = future.take();
        drop(future);
        caught::drop_quietly(ended);
        self.board.land(self, work.attempt, result);
    }

    /// Whether nobody wants to know how this attempt ends.
    fn is_over(&self, work: &Work<S>) -> bool {
        let state = self.state();
        state.outcome.is_some() || state.attempts != work.attempt
    }

    /// Writes down how it ended, unless that is known already. The first word holds.
    pub(crate) fn end(&self, outcome: SourceOutcome<S>) -> Aftermath<S> {
        let mut state = self.state();
        if state.outcome.is_some() {
            return Aftermath {
                work: None,
                woken: Vec::new(),
            };
        }
        state.outcome = Some(outcome);
        let waiting = std::mem::take(&mut state.waiting);
        let driver = state.driver.take();
        Aftermath {
            work: state.work.take(),
            woken: waiting.into_values().flatten().chain(driver).collect(),
        }
    }

    /// Takes back a value that was brought and that nobody has looked at yet, from all who have not.
    pub(crate) fn take_back(&self, ending: SourceOutcome<S>, gone: impl FnOnce(&S::Value) -> bool) {
        let mut state = self.state();
        if matches!(&state.outcome, Some(Outcome::Loaded(value)) if gone(value)) {
            let old = state.outcome.replace(ending);
            drop(state);
            caught::drop_quietly(old);
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
        caught::wake_all(driver.into_iter().chain(first));
    }
}

/// The task that drives an attempt where it began, whoever waits.
///
/// It holds the load weakly, so that one which has ended keeps nothing alive until the runtime comes round to this task.
pub(crate) struct Driver<S: Source> {
    flight: Weak<Flight<S>>,
    board: Weak<dyn Board<S>>,
    attempt: u64,
    home: Home,
    /// Spawned, and never polled.
    is_new: bool,
    tick: Option<Timer>,
}

impl<S: Source> Driver<S> {
    /// Whether there is nothing left to drive.
    fn is_over(&self) -> bool {
        self.flight.strong_count() == 0
    }

    /// The first time, those that were kept until its runtime is seen to be driven, or to have ended.
    fn others(&mut self) -> Vec<Self> {
        let is_new = std::mem::take(&mut self.is_new);
        let board = self.board.upgrade().filter(|_| is_new);
        board.map_or_else(Vec::new, |board| board.drivers().polled(self.home))
    }

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
        for other in self.others() {
            // Without a runtime, those who wait take over.
            if let Some(runtime) = Runtime::current() {
                runtime.spawn(other);
            }
        }
        let Some(flight) = self.flight.upgrade() else {
            return Poll::Ready(());
        };
        if !self.register(&flight, cx.waker()) {
            return Poll::Ready(());
        }
        flight.drive(self.attempt, cx.waker());
        if !self.register(&flight, cx.waker()) {
            return Poll::Ready(());
        }
        drop(flight);
        if self.tick.is_none() {
            self.tick = Timer::at(later(Instant::now(), BEAT));
        }
        // Without a clock it is polled when the attempt is woken; who waits is told that there is none.
        while let Some(tick) = self.tick.as_mut()
            && tick.poll(cx) == Some(Poll::Ready(()))
        {
            tick.reset(later(Instant::now(), BEAT));
        }
        Poll::Pending
    }
}

impl<S: Source> Drop for Driver<S> {
    /// Its runtime ends: whoever waits elsewhere takes over, and if nobody does, there is no load any more.
    fn drop(&mut self) {
        drop(self.others());
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
        caught::wake_all(waiting);
        flight.board.give_up(&flight);
    }
}
