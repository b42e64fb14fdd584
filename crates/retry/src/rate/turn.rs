//! Waiting for one's turn.
use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    queue::{BEAT, Look, Place, Ticket},
    quota::Quota,
};

/// A turn that is less than a nanosecond away is not yet there: without this, a look would follow a look with no time between.
const SHORTEST_LOOK: Duration = Duration::from_micros(1);

/// Who waits alone goes no longer than this without a look.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// Joins the queue and waits for admission; false if the deadline came first.
///
/// There is no task that runs the queue. Whoever looks gives their turns to all whose time has come, and each who waits
/// has a timer of its own, so that it waits for nobody who does not come.
pub(super) async fn come(quota: &Quota, order: Duration, deadline: Option<Instant>) -> bool {
    let Some(mut waiting) = Waiting::join(quota, order) else {
        return true;
    };
    while let Some(after) = waiting.look() {
        let now = Instant::now();
        let look = now.checked_add(after).unwrap_or(now);
        let until = deadline.map_or(look, |deadline| deadline.min(look));
        if deadline.is_some_and(|deadline| deadline <= now) {
            return false;
        }
        // Woken or not, the next look tells what has happened.
        let _woken = timeout_at(until, waiting.ticket.wake.notified()).await;
    }
    true
}

/// A place in the queue; dropped before the call went ahead, it leaves without a trace.
struct Waiting<'a> {
    quota: &'a Quota,
    place: Place,
    ticket: Arc<Ticket>,
    went_ahead: bool,
}

impl<'a> Waiting<'a> {
    /// `None` if the call need not wait.
    fn join(quota: &'a Quota, order: Duration) -> Option<Self> {
        let mut state = quota.lock();
        let now = quota.now();
        state.advance(now);
        if state.queue.len() == 0 && state.governor.take() {
            return None;
        }
        let ticket = Arc::default();
        let place = state.queue.join(order, &ticket, now);
        drop(state);
        Some(Self {
            quota,
            place,
            ticket,
            went_ahead: false,
        })
    }

    /// After how long to look again, at the latest; `None` once its turn has come.
    fn look(&mut self) -> Option<Duration> {
        let mut state = self.quota.lock();
        let now = self.quota.now();
        state.advance(now);
        let ahead = match state.queue.look(self.place, &self.ticket, now) {
            Look::Waits { ahead } => ahead,
            Look::Turn => {
                self.went_ahead = true;
                return None;
            }
            Look::LateTurn => {
                // Another went in its place: those who follow wait for both.
                state.governor.charge();
                self.went_ahead = true;
                return None;
            }
        };
        let longest = if state.queue.is_lone() { LONGEST_LOOK } else { BEAT };
        let wait = Duration::try_from_secs_f64(state.governor.wait(ahead))
            .unwrap_or(Duration::MAX)
            .clamp(SHORTEST_LOOK, longest);
        state.queue.looks_again(self.place, now.saturating_add(wait));
        Some(wait)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.went_ahead {
            return;
        }
        let mut state = self.quota.lock();
        let now = self.quota.now();
        if state.queue.leave(self.place) {
            state.governor.put_back();
        }
        state.advance(now);
        state.queue.nudge(now);
    }
}
