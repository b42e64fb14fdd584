//! What of the runtime the loads need, in one place: tests that explore thread schedules put another in its place.
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    runtime::{Handle, Id},
    time::{Sleep, sleep_until},
};

pub(crate) use tokio::time::Instant;

use crate::{caught, later::later};

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

/// A clock of one's own: that of whichever runtime its owner is polled on, as requests may move from one to another.
#[derive(Debug)]
pub(crate) struct Timer {
    at: Instant,
    home: Home,
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    /// `None` where there is no clock: outside of a runtime, and on one that was built without.
    pub(crate) fn at(at: Instant) -> Option<Self> {
        let home = Runtime::current()?.id();
        // There is no asking whether a runtime has a clock.
        let sleep = caught::call(|| Box::pin(sleep_until(at))).ok()?;
        Some(Self { at, home, sleep })
    }

    pub(crate) fn reset(&mut self, at: Instant) {
        self.at = at;
        self.sleep.as_mut().reset(at);
    }

    /// `None` where there is no clock, or the runtime has ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Poll<()>> {
        if self.home != Runtime::current()?.id() {
            *self = Self::at(self.at)?;
        }
        caught::poll(self.sleep.as_mut(), cx).ok()
    }
}

/// What waiting for something came to.
#[derive(Debug)]
pub(crate) enum Within<T> {
    /// It came in time.
    Time(T),
    /// It did not.
    Late,
    /// There is no clock here.
    NoClock,
}

/// Waits for `future` no longer than `limit`, by the clock of whichever runtime polls it. What is there at once asks no clock.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Within<F::Output> {
    by(|| later(Instant::now(), limit), future).await
}

/// `at` is asked once, if the future has to be waited for.
async fn by<F: Future>(at: impl Fn() -> Instant, future: F) -> Within<F::Output> {
    let mut future = pin!(future);
    let mut timer = None;
    poll_fn(move |cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Within::Time(output));
        }
        if timer.is_none() {
            timer = Timer::at(at());
        }
        match timer.as_mut().and_then(|timer| timer.poll(cx)) {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(())) => Poll::Ready(Within::Late),
            None => Poll::Ready(Within::NoClock),
        }
    })
    .await
}

/// Waits for a future until an instant, by the clock of whichever runtime polls it, so that the wait may move from one runtime
/// to another; `None` when the instant came first, or there is no clock.
///
/// ```
/// # use std::time::Duration;
/// # use tokio::time::Instant;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let soon = Instant::now() + Duration::from_millis(1);
/// assert_eq!(datakey_loads::until(soon, async { 7 }).await, Some(7));
/// assert_eq!(datakey_loads::until(soon, std::future::pending::<u8>()).await, None);
/// # }
/// ```
pub async fn until<F: Future>(at: Instant, future: F) -> Option<F::Output> {
    match by(|| at, future).await {
        Within::Time(output) => Some(output),
        Within::Late | Within::NoClock => None,
    }
}

/// The process that this is: another one after a fork.
pub(crate) fn process() -> u32 {
    std::process::id()
}
