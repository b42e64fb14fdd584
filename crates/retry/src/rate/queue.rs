//! Who waits for admission, in order of urgency and age.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::Shared;

/// The most places that one look at the queue counts: a call further back looks again when its turn may be near.
const LOOK_AHEAD: usize = 64;

/// When the call counts as started, then the order of arrival.
type Place = (Duration, u64);

#[derive(Debug)]
pub(super) struct Queue {
    waiting: BTreeMap<Place, Arc<Notify>>,
    arrivals: u64,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            arrivals: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn join(&mut self, order: Duration, wake: Arc<Notify>) -> Place {
        self.arrivals = self.arrivals.saturating_add(1);
        let place = (order, self.arrivals);
        self.waiting.insert(place, wake);
        place
    }

    /// Admits the first: its place is gone, which is how it learns of it.
    pub(super) fn admit_first(&mut self) {
        if let Some((_, wake)) = self.waiting.pop_first() {
            wake.notify_one();
        }
    }

    /// Has the first look again when its turn comes.
    pub(super) fn nudge(&self) {
        if let Some((_, wake)) = self.waiting.first_key_value() {
            wake.notify_one();
        }
    }

    /// How many come before, as far as one look goes.
    fn ahead(&self, place: Place) -> u32 {
        let ahead = self.waiting.range(..place).take(LOOK_AHEAD).count();
        u32::try_from(ahead).unwrap_or(u32::MAX)
    }
}

/// A place in the queue; dropped before the call went ahead, it leaves without a trace.
struct Waiting<'a> {
    shared: &'a Shared,
    place: Place,
    went_ahead: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.went_ahead {
            return;
        }
        let mut state = self.shared.lock();
        if state.queue.waiting.remove(&self.place).is_none() {
            state.governor.put_back();
        }
        state.advance(self.shared.now());
        state.queue.nudge();
    }
}

/// Joins the queue and waits for admission; false if the deadline came first.
///
/// There is no task that runs the queue. Whoever looks admits all whose turn has come, and each waiter sets a timer for
/// its own turn, so that a future that nobody polls cannot hold up those behind it.
pub(super) async fn admit(shared: &Shared, order: Duration, deadline: Option<Instant>) -> bool {
    let wake = Arc::new(Notify::new());
    let mut waiting = {
        let mut state = shared.lock();
        state.advance(shared.now());
        if state.queue.len() == 0 && state.governor.take() {
            return true;
        }
        let place = state.queue.join(order, Arc::clone(&wake));
        Waiting {
            shared,
            place,
            went_ahead: false,
        }
    };
    loop {
        let Some(turn) = turn(shared, waiting.place) else {
            waiting.went_ahead = true;
            return true;
        };
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return false;
        }
        let until = deadline.map_or(turn, |deadline| deadline.min(turn));
        // Woken or not, the next look tells what has happened.
        let _woken = timeout_at(until, wake.notified()).await;
    }
}

/// When the call at `place` may expect its turn; `None` once it is admitted.
fn turn(shared: &Shared, place: Place) -> Option<Instant> {
    let mut state = shared.lock();
    state.advance(shared.now());
    if !state.queue.waiting.contains_key(&place) {
        return None;
    }
    let wait = state.governor.wait(state.queue.ahead(place));
    let wait = Duration::try_from_secs_f64(wait)
        .unwrap_or(Duration::MAX)
        .clamp(SHORTEST_LOOK, LONGEST_LOOK);
    let now = Instant::now();
    Some(now.checked_add(wait).unwrap_or(now))
}

/// A turn that is less than a nanosecond away is not yet there: without this, a look would follow a look with no time between.
const SHORTEST_LOOK: Duration = Duration::from_micros(1);

/// No waiter goes longer than this without a look of its own.
const LONGEST_LOOK: Duration = Duration::from_secs(10);
