//! Where requests wait in a host: a bounded queue in front of a bounded number of callers.
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A bounded queue in front of a bounded number of callers.
#[derive(Debug)]
pub(crate) struct Desk<T> {
    callers: u32,
    backlog: usize,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    busy: u32,
    queue: VecDeque<T>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Admitted<T> {
    /// A caller is free: begin with it, and go on with [`Desk::next`].
    Now(T),
    /// It waits.
    Waits,
    /// There is no room for it.
    Full,
}

impl<T> Desk<T> {
    pub(crate) fn new(callers: u32, backlog: u32) -> Self {
        Self {
            callers,
            backlog: usize::try_from(backlog).unwrap_or(usize::MAX),
            state: Mutex::new(State {
                busy: 0,
                queue: VecDeque::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request need not wait for a caller.
    pub(crate) fn is_free(&self) -> bool {
        self.state().busy < self.callers
    }

    pub(crate) fn admit(&self, request: T) -> Admitted<T> {
        let mut state = self.state();
        if state.busy < self.callers {
            state.busy = state.busy.saturating_add(1);
            Admitted::Now(request)
        } else if state.queue.len() < self.backlog {
            state.queue.push_back(request);
            Admitted::Waits
        } else {
            Admitted::Full
        }
    }

    /// The caller has answered one request: the next one, or it is free.
    pub(crate) fn next(&self) -> Option<T> {
        let mut state = self.state();
        let next = state.queue.pop_front();
        if next.is_none() {
            state.busy = state.busy.saturating_sub(1);
        }
        next
    }
}
