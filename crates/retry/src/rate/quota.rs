//! One quota: its rate, its queue, and whose calls keep to it.
//!
//! At the first throttle nobody knows whether the quota is that of the key alone, as of one in a custom key store, or that of
//! all keys. So it holds the calls under that key, and no others, until another key is throttled too: then it holds all.
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    governor::{Constants, Governor},
    lately::Lately,
    meter::Meter,
    queue::Queue,
};

/// A turn that takes longer is worth going another way for: 100 ms, about what a call to another Region takes.
const BUSY: f64 = 0.1;

pub(crate) struct Quota {
    constants: &'static Constants,
    start: Instant,
    active: AtomicBool,
    /// What was answered, whatever the key.
    answers: Meter,
    lately: Lately,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) governor: Governor,
    pub(super) queue: Queue,
    pub(super) throttled: u64,
    /// The one key whose calls it holds; all if there is none.
    only: Option<Box<str>>,
    /// What was answered of that key.
    own: Meter,
}

/// What came of an attempt, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) key: &'a str,
    pub(crate) admitted: Instant,
    pub(crate) ended: Instant,
}

impl Quota {
    pub(super) fn new(constants: &'static Constants) -> Self {
        Self {
            constants,
            start: Instant::now(),
            active: AtomicBool::new(false),
            answers: Meter::default(),
            lately: Lately::default(),
            state: Mutex::new(State {
                governor: Governor::by(constants),
                queue: Queue::new(),
                throttled: 0,
                only: None,
                own: Meter::default(),
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn since_start(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }

    pub(super) fn now(&self) -> Duration {
        self.since_start(Instant::now())
    }

    /// Whether any calls wait for their turns.
    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Whether calls under this key wait for their turns.
    pub(crate) fn holds(&self, key: &str) -> bool {
        self.is_active() && self.lock().holds(key)
    }

    /// Whether a call under this key would wait for long.
    pub(super) fn is_busy(&self, key: &str) -> bool {
        if !self.is_active() {
            return false;
        }
        let mut state = self.lock();
        if !state.holds(key) {
            return false;
        }
        state.advance(self.now());
        self.settle(&mut state);
        let ahead = u32::try_from(state.queue.len()).unwrap_or(u32::MAX);
        self.is_active() && state.governor.wait(ahead) > BUSY
    }

    /// Whether nothing has come of it for seconds, so that it may be forgotten.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_active() && self.answers.per_second(self.now().as_secs_f64()) <= 0.0
    }

    /// Makes the flag that the fast path reads agree with the state.
    fn settle(&self, state: &mut State) {
        let active = state.governor.rate().is_some();
        if !active {
            state.only = None;
        }
        self.active.store(active, Ordering::Release);
    }

    /// An attempt was answered by anything but a throttle.
    pub(crate) fn answered(&self, sent: Sent<'_>) {
        let (admitted, now) = (self.since_start(sent.admitted), self.since_start(sent.ended));
        let seconds = now.as_secs_f64();
        self.answers.count(seconds);
        self.lately.answered(sent.key, seconds);
        if !self.is_active() {
            return;
        }
        let mut state = self.lock();
        if !state.holds(sent.key) {
            return;
        }
        state.own.count(seconds);
        state.advance(now);
        if state.governor.on_answer(seconds, admitted.as_secs_f64()) {
            state.queue.nudge(now);
        }
        self.settle(&mut state);
    }

    /// An attempt was throttled, and asked to come again after `delay`.
    pub(crate) fn throttled(&self, sent: Sent<'_>, delay: Duration, draw: f64) {
        let (admitted, now) = (self.since_start(sent.admitted), self.since_start(sent.ended));
        let (admitted, seconds) = (admitted.as_secs_f64(), now.as_secs_f64());
        let mut state = self.lock();
        state.throttled = state.throttled.saturating_add(1);
        state.advance(now);
        let delivered = if state.governor.rate().is_none() {
            self.begin(&mut state, sent.key, seconds)
        } else if state.holds(sent.key) {
            state.delivered(&self.answers, seconds)
        } else {
            // The quota is that of more than one key.
            state.only = None;
            state.governor = Governor::by(self.constants);
            self.answers.per_second(seconds)
        };
        let asked = (delay.as_secs_f64(), draw);
        state.governor.on_throttle(seconds, admitted, delivered, asked);
        self.settle(&mut state);
    }

    /// The first throttle: holds this key, and answers what is known to have been delivered to it in the last second.
    fn begin(&self, state: &mut State, key: &str, now: f64) -> f64 {
        state.only = Some(key.into());
        state.own = if self.lately.is_alone(key, now) {
            self.answers.copy()
        } else {
            Meter::default()
        };
        state.own.per_second(now)
    }
}

impl State {
    fn holds(&self, key: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == key)
    }

    fn delivered(&self, all: &Meter, now: f64) -> f64 {
        let meter = if self.only.is_some() { &self.own } else { all };
        meter.per_second(now)
    }

    /// Brings the rate up to now, passes over those who sleep, and gives their turns to all whose time has come.
    pub(super) fn advance(&mut self, now: Duration) {
        self.pass_over(now);
        let waiting = self.queue.len() > 0;
        self.governor.advance(now.as_secs_f64(), waiting);
        let mut moved_up = false;
        while self.queue.has_next(now) && self.governor.take() {
            self.queue.give_turn(now);
            moved_up = true;
        }
        if moved_up {
            self.queue.nudge(now);
        }
    }

    /// Takes places and turns from those who sleep.
    pub(super) fn pass_over(&mut self, now: Duration) {
        for _ in 0..self.queue.pass_over(now) {
            self.governor.put_back();
        }
    }
}
