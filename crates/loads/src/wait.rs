//! Who waits for a load: drives it, or takes it over.
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    caught,
    flight::Flight,
    later::later,
    outcome::{LoadError, Outcome},
    rt::{Instant, Runtime, Timer},
    source::Source,
    sync::Arc,
};

/// Somebody who waits for a load, and drives it meanwhile. Dropping it is harmless: a load whose turn has come goes on,
/// and one that still waits for its turn is given up with the last who wait for it.
///
/// It may be moved from one runtime to another, and polled in whichever it is. A caller with a deadline drops it when that comes:
///
/// ```
/// # use std::{sync::{Arc, Mutex}, time::Duration};
/// # use datakey_loads::{Joined, Landed, LoadError, Loads, Outcome, Source};
/// # #[derive(Default)]
/// # struct Slow(Mutex<Option<u8>>);
/// # impl Source for Slow {
/// #     type Key = ();
/// #     type Loaded = u8;
/// #     type Value = u8;
/// #     type Error = ();
/// #     fn load(&self, _: &()) -> impl Future<Output = Result<u8, ()>> + Send {
/// #         async {
/// #             tokio::time::sleep(Duration::from_millis(200)).await;
/// #             Ok(7)
/// #         }
/// #     }
/// #     fn land(&self, _: &(), result: Result<u8, LoadError<()>>) -> Landed<u8, ()> {
/// #         *self.0.lock().unwrap() = result.as_ref().ok().copied();
/// #         Landed::new(result.map_or_else(Outcome::Failed, Outcome::Loaded))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// # let (source, loads) = (Arc::new(Slow::default()), Loads::default());
/// # let join = || match loads.join(&source, &(), None, || None::<()>, |_| ()) {
/// #     Ok(Joined::Waits(wait) | Joined::Leads(wait)) => wait,
/// #     _ => panic!("nothing is there"),
/// # };
/// // The source takes 200 ms, and no caller has more than 150.
/// let deadline = Duration::from_millis(150);
/// assert!(tokio::time::timeout(deadline, join()).await.is_err());
/// assert!(matches!(tokio::time::timeout(deadline, join()).await, Ok(Outcome::Loaded(7)))); // the same load, further on
/// assert_eq!(loads.gate().calls(), 1);
/// # }
/// ```
pub struct Wait<S: Source> {
    flight: Arc<Flight<S>>,
    place: u64,
    timer: Option<Timer>,
}

impl<S: Source> Wait<S> {
    /// Of somebody who waits from here on.
    pub(crate) fn on(flight: &Arc<Flight<S>>) -> Self {
        let mut state = flight.state();
        state.arrivals = state.arrivals.saturating_add(1);
        let place = state.arrivals;
        state.waiting.insert(place, None);
        drop(state);
        Self {
            flight: Arc::clone(flight),
            place,
            timer: None,
        }
    }

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
            let at_home = (state.home == Some(runtime.id())).then_some(state.attempts);
            drop(state);
            let now = Instant::now();
            if let Some(attempt) = at_home.filter(|_| !flight.pulse().is_foreign()) {
                flight.drive(attempt, cx.waker());
            }
            if let Some(claim) = flight.claim(&runtime, now, true) {
                let attempt = flight.start(claim, &runtime);
                flight.source().taken_over(&flight.key, now, flight.pulse());
                flight.drive(attempt, cx.waker());
            }
            if let Some(outcome) = flight.outcome() {
                return Poll::Ready(outcome);
            }
            if this.timer.is_none() {
                this.timer = Timer::at(next_look());
            }
            match this.timer.as_mut().and_then(|timer| timer.poll(cx)) {
                Some(Poll::Pending) => return Poll::Pending,
                Some(Poll::Ready(())) => {}
                None => return Poll::Ready(Outcome::Failed(LoadError::NoRuntime)),
            }
            if let Some(timer) = &mut this.timer {
                timer.reset(next_look());
            }
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
        caught::wake_all(driver.into_iter().chain(next));
        self.flight.board.give_up(&self.flight);
    }
}

impl<S: Source> fmt::Debug for Wait<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wait(..)")
    }
}
