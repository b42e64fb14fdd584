//! Client-side admission at a rate learnt from throttles.
#[cfg(feature = "experiments")]
mod experiments;
mod governor;
mod meter;
mod priority;
mod queue;
mod shared;
mod turn;

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use governor::Governor;
use shared::Shared;

pub use priority::Priority;

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
/// Nobody waits for a call that is not polled, because its runtime is not driven, its worker computes, or it was forgotten:
/// such a call loses its place, and its turn if it does not take it, within 300 ms to the next that is awake. When it is
/// polled again it goes on where it was. What an attempt answered is left out of account if it was read only after the
/// attempt's time was up.
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
        Self(Arc::new(Shared::new(Governor::new())))
    }

    /// How it stands at the moment.
    #[must_use]
    pub fn state(&self) -> RateState {
        let mut state = self.0.lock();
        state.pass_over(self.0.now());
        RateState {
            rate: state.governor.rate(),
            waiting: state.queue.len(),
            throttled: state.throttled,
        }
    }

    /// Waits for the turn of a call that began at `started`; `None` if `deadline` came first.
    ///
    /// Dropping the future gives up the place, or the turn if it came at the same moment.
    pub(crate) async fn admit(
        &self,
        priority: Priority,
        started: Instant,
        deadline: Option<Instant>,
    ) -> Option<Turn<'_>> {
        if !self.is_active() {
            return Some(Turn::free());
        }
        let order = self.0.since_start(started).saturating_add(priority.handicap());
        let came = turn::come(&self.0, order, deadline).await;
        came.then_some(Turn { rate: Some(self) })
    }

    /// Whether calls wait for their turns.
    pub(crate) fn is_active(&self) -> bool {
        self.0.is_active()
    }

    /// An attempt admitted at `admitted` was answered by anything but a throttle.
    pub(crate) fn answered(&self, admitted: Instant, now: Instant) {
        let shared = &*self.0;
        let (admitted, now) = (shared.since_start(admitted), shared.since_start(now));
        shared.meter.count(now.as_secs_f64());
        if shared.is_active() {
            let mut state = shared.lock();
            state.advance(now);
            if state
                .governor
                .on_answer(now.as_secs_f64(), admitted.as_secs_f64())
            {
                state.queue.nudge(now);
            }
            shared.settle(&state);
        }
    }

    /// An attempt admitted at `admitted` was throttled.
    pub(crate) fn throttled(&self, admitted: Instant, now: Instant, draw: u64) {
        let shared = &*self.0;
        let (admitted, now) = (shared.since_start(admitted), shared.since_start(now));
        let mut state = shared.lock();
        state.throttled = state.throttled.saturating_add(1);
        state.advance(now);
        let (admitted, now) = (admitted.as_secs_f64(), now.as_secs_f64());
        let delivered = shared.meter.per_second(now);
        state.governor.on_throttle(now, admitted, delivered, unit(draw));
        shared.settle(&state);
    }
}

/// A call's turn to make one attempt. Dropped before the attempt was sent, it is the next one's.
#[must_use]
pub(crate) struct Turn<'a> {
    /// `None` where nobody waits for turns.
    rate: Option<&'a AdaptiveRate>,
}

impl Turn<'_> {
    /// One that nobody waited for.
    pub(crate) const fn free() -> Self {
        Self { rate: None }
    }

    /// The attempt is on its way.
    pub(crate) fn sent(mut self) {
        self.rate = None;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(AdaptiveRate(shared)) = self.rate
            && shared.is_active()
        {
            let mut state = shared.lock();
            let now = shared.now();
            state.governor.put_back();
            state.advance(now);
            state.queue.nudge(now);
        }
    }
}

/// A uniform draw from 0 to 1.
fn unit(draw: u64) -> f64 {
    let high = u32::try_from(draw >> 32).unwrap_or(u32::MAX);
    f64::from(high) / f64::from(u32::MAX)
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
