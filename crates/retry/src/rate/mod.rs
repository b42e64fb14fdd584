//! Client-side admission at a rate learnt from throttles.
mod governor;
mod meter;
mod queue;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use governor::Governor;
use meter::Meter;
use queue::Queue;

/// How urgent a call is when an [`AdaptiveRate`] makes calls wait.
///
/// Calls are admitted in the order of their start, as if the more urgent ones had started earlier. So an urgent call
/// overtakes, and yet everyone's turn comes: a sealing call that has waited half a second goes before an opening call
/// that comes then, a background call after five seconds.
///
/// ```
/// # use datakey_retry::Priority;
/// # use std::time::Duration;
/// assert_eq!(Priority::Opening.head_start(), Priority::Background.head_start() + Duration::from_secs(5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Priority {
    /// Somebody waits for data that exists.
    Opening,
    /// Somebody waits for data to be stored.
    Sealing,
    /// Nobody waits yet, such as the refresh of a data key ahead of its expiry.
    Background,
}

impl Priority {
    /// How much earlier than a background call such a call counts as started.
    #[must_use]
    pub const fn head_start(self) -> Duration {
        match self {
            Self::Opening => Duration::from_millis(5000),
            Self::Sealing => Duration::from_millis(4500),
            Self::Background => Duration::ZERO,
        }
    }

    const fn handicap(self) -> Duration {
        Self::Opening.head_start().saturating_sub(self.head_start())
    }
}

/// Admits calls at a rate learnt from throttles. Clones share it, and so should all clients of one quota: in KMS, of one
/// account and Region.
///
/// It does nothing until the first throttle. Then every attempt, first ones too, waits for its turn:
///
/// 1. *Seeking*: all calls hold, and the rate climbs from a tenth of what succeeded in the last second, doubled in short
///    steps, with a pause where one call at a time is under way, until the next throttle. What succeeded between the two
///    throttles is a measurement of the quota, or of this process's share of it.
/// 2. *Following*: alone on its quota, it stays just under what it measured and probes for more after some seconds without
///    a throttle.
///    Throttled time and again under what it measured, it is not alone: then it grows while calls wait and gives way at
///    each throttle, and clients that share a quota without knowing of each other come to equal shares.
/// 3. After a minute in which no call was throttled and none had to wait, it is forgotten.
///
/// A throttled call keeps its place by age, so its next attempt goes first, at the lowered rate: it needs no backoff of
/// its own, and nobody waits much longer than anybody else.
///
/// ```
/// use datakey_retry::{AdaptiveRate, Policy};
///
/// let rate = AdaptiveRate::new();
/// let policy = Policy::default().with_adaptive_rate(rate.clone());
/// assert_eq!(rate.state().rate, None); // no throttle yet, nothing to learn from
/// # let _ = policy;
/// ```
#[derive(Clone)]
pub struct AdaptiveRate(Arc<Shared>);

struct Shared {
    start: Instant,
    active: AtomicBool,
    meter: Meter,
    state: Mutex<State>,
}

struct State {
    governor: Governor,
    queue: Queue,
    throttled: u64,
}

/// How an [`AdaptiveRate`] stands.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RateState {
    /// Calls admitted per second; `None` while no throttle has made it learn a rate.
    pub rate: Option<f64>,
    /// Calls that wait for admission.
    pub waiting: usize,
    /// Throttled attempts seen so far.
    pub throttled: u64,
}

impl AdaptiveRate {
    /// One that has not learnt anything yet.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            governor: Governor::new(),
            queue: Queue::new(),
            throttled: 0,
        };
        Self(Arc::new(Shared {
            start: Instant::now(),
            active: AtomicBool::new(false),
            meter: Meter::default(),
            state: Mutex::new(state),
        }))
    }

    /// How it stands at the moment.
    #[must_use]
    pub fn state(&self) -> RateState {
        let state = self.0.lock();
        RateState {
            rate: state.governor.rate(),
            waiting: state.queue.len(),
            throttled: state.throttled,
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.0.active.load(Ordering::Acquire)
    }

    /// Waits for the turn of a call that began at `started`; `false` if `deadline` came first.
    ///
    /// Dropping the future gives up the place, or the admission if it came at the same moment.
    pub(crate) async fn admit(
        &self,
        priority: Priority,
        started: Instant,
        deadline: Option<Instant>,
    ) -> bool {
        let order = self.0.since_start(started).saturating_add(priority.handicap());
        queue::admit(&self.0, order, deadline).await
    }

    /// An admitted attempt was not sent: the next in the queue may go in its place.
    pub(crate) fn unsent(&self) {
        if self.is_active() {
            let shared = &*self.0;
            let mut state = shared.lock();
            state.governor.put_back();
            state.advance(shared.now());
            state.queue.nudge();
        }
    }

    /// An attempt admitted at `admitted` was answered by anything but a throttle.
    pub(crate) fn answered(&self, admitted: Instant, now: Instant) {
        let shared = &*self.0;
        let (admitted, now) = (shared.seconds(admitted), shared.seconds(now));
        shared.meter.count(now);
        if shared.active.load(Ordering::Acquire) {
            let mut state = shared.lock();
            state.advance(now);
            if state.governor.on_answer(now, admitted) {
                state.queue.nudge();
            }
            shared.settle(&state);
        }
    }

    /// An attempt admitted at `admitted` was throttled.
    pub(crate) fn throttled(&self, admitted: Instant, now: Instant, draw: u64) {
        let shared = &*self.0;
        let (admitted, now) = (shared.seconds(admitted), shared.seconds(now));
        let mut state = shared.lock();
        state.throttled = state.throttled.saturating_add(1);
        state.advance(now);
        let delivered = shared.meter.per_second(now);
        state.governor.on_throttle(now, admitted, delivered, unit(draw));
        shared.settle(&state);
    }
}

/// A uniform draw from 0 to 1.
fn unit(draw: u64) -> f64 {
    let high = u32::try_from(draw >> 32).unwrap_or(u32::MAX);
    f64::from(high) / f64::from(u32::MAX)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since_start(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }

    fn seconds(&self, instant: Instant) -> f64 {
        self.since_start(instant).as_secs_f64()
    }

    fn now(&self) -> f64 {
        self.seconds(Instant::now())
    }

    /// Makes the flag that the fast path reads agree with the state.
    fn settle(&self, state: &State) {
        self.active
            .store(state.governor.rate().is_some(), Ordering::Release);
    }
}

impl State {
    /// Brings the rate up to now and admits whoever's turn has come.
    fn advance(&mut self, now: f64) {
        self.governor.advance(now, self.queue.len() > 0);
        let mut moved_up = false;
        while self.queue.len() > 0 && self.governor.take() {
            self.queue.admit_first();
            moved_up = true;
        }
        if moved_up {
            self.queue.nudge();
        }
    }
}

impl Default for AdaptiveRate {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AdaptiveRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}
