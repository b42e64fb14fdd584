//! What of the runtime the loads need, in one place: tests that explore thread schedules put another in its place.
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    runtime::{Handle, Id},
    time::{Sleep, sleep_until, timeout},
};

pub(crate) use tokio::time::Instant;

/// What tells runtimes apart.
pub(crate) type Home = Id;

/// The runtime that the caller is on.
#[derive(Debug, Clone)]
pub(crate) struct Runtime(Handle);

impl Runtime {
    /// `None` where there is none.
    pub(crate) fn current() -> Option<Self> {
        Handle::try_current().ok().map(Self)
    }

    pub(crate) fn id(&self) -> Home {
        self.0.id()
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(task));
    }
}

/// A clock of one's own.
#[derive(Debug)]
pub(crate) struct Timer(Pin<Box<Sleep>>);

impl Timer {
    pub(crate) fn at(instant: Instant) -> Self {
        Self(Box::pin(sleep_until(instant)))
    }

    pub(crate) fn reset(&mut self, instant: Instant) {
        self.0.as_mut().reset(instant);
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

/// Waits for `future` no longer than `limit`.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    timeout(limit, future).await.ok()
}

/// The process that this is: another one after a fork.
pub(crate) fn process() -> u32 {
    std::process::id()
}
