//! What the clones of an adaptive rate share.
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{governor::Governor, meter::Meter, queue::Queue};

pub(super) struct Shared {
    start: Instant,
    active: AtomicBool,
    pub(super) meter: Meter,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) governor: Governor,
    pub(super) queue: Queue,
    pub(super) throttled: u64,
}

impl Shared {
    pub(super) fn new(governor: Governor) -> Self {
        Self {
            start: Instant::now(),
            active: AtomicBool::new(false),
            meter: Meter::default(),
            state: Mutex::new(State {
                governor,
                queue: Queue::new(),
                throttled: 0,
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

    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Makes the flag that the fast path reads agree with the state.
    pub(super) fn settle(&self, state: &State) {
        self.active
            .store(state.governor.rate().is_some(), Ordering::Release);
    }
}

impl State {
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
