//! Who waits for admission, in order of urgency and age. Times are since a common start.
//!
//! # Sleepers
//! A future does not know that nobody polls it: because its runtime is not driven, its worker computes, or it was
//! forgotten. So places and turns are leases by the clock. Who waits says when it looks again, and who has not looked by
//! then and for [`GRACE`] after is asleep and has no place. Who has been given its turn and does not take it within
//! [`GRACE`] loses it to the next who is awake. A sleeper that wakes goes on where it was: at its old place, or at once if
//! its turn had come.
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

/// How often those look who are not alone in the queue: 100 milliseconds.
pub(super) const BEAT: Duration = Duration::from_millis(100);

/// How late one may come: 100 milliseconds. A busy machine makes calls late, and to take one for a sleeper costs it no more
/// than its place in the order.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// How often sleepers are looked for.
const ROUND: Duration = Duration::from_millis(25);

/// The most places that one look at the queue counts: a call further back looks again when its turn may be near.
const LOOK_AHEAD: usize = 64;

/// When the call counts as started, then the order of arrival.
pub(super) type Place = (Duration, u64);

/// How one who waits is reached.
#[derive(Debug, Default)]
pub(super) struct Ticket {
    pub(super) wake: Notify,
    /// Its turn has come and gone.
    lapsed: AtomicBool,
}

/// What one who looks finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// It may go.
    Turn,
    /// It may go, though its turn went to another.
    LateTurn,
    /// It waits, with so many before it.
    Waits { ahead: u32 },
}

#[derive(Debug)]
struct Waiter {
    ticket: Arc<Ticket>,
    looks_by: Duration,
}

#[derive(Debug)]
struct Turn {
    ticket: Arc<Ticket>,
    until: Duration,
}

#[derive(Debug)]
pub(super) struct Queue {
    waiting: BTreeMap<Place, Waiter>,
    /// Given and not yet taken.
    turns: BTreeMap<Place, Turn>,
    arrivals: u64,
    next_round: Duration,
}

impl Waiter {
    fn is_asleep(&self, now: Duration) -> bool {
        now > self.looks_by.saturating_add(GRACE)
    }
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            turns: BTreeMap::new(),
            arrivals: 0,
            next_round: Duration::ZERO,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody depends on when the only one who waits looks again.
    pub(super) fn is_lone(&self) -> bool {
        self.waiting.len() < 2 && self.turns.is_empty()
    }

    pub(super) fn join(&mut self, order: Duration, ticket: &Arc<Ticket>, now: Duration) -> Place {
        self.arrivals = self.arrivals.saturating_add(1);
        let place = (order, self.arrivals);
        self.stand(place, ticket, now);
        place
    }

    fn stand(&mut self, place: Place, ticket: &Arc<Ticket>, now: Duration) {
        if self.is_lone() {
            // It may not look for long, and is no longer alone.
            self.nudge(now);
        }
        let ticket = Arc::clone(ticket);
        let looks_by = now;
        self.waiting.insert(place, Waiter { ticket, looks_by });
    }

    /// One who joined looks how it stands.
    pub(super) fn look(&mut self, place: Place, ticket: &Arc<Ticket>, now: Duration) -> Look {
        if self.turns.remove(&place).is_some() {
            return Look::Turn;
        }
        if ticket.lapsed.load(Ordering::Relaxed) {
            return Look::LateTurn;
        }
        if !self.waiting.contains_key(&place) {
            self.stand(place, ticket, now);
        }
        let ahead = self.waiting.range(..place).take(LOOK_AHEAD).count();
        Look::Waits {
            ahead: u32::try_from(ahead).unwrap_or(u32::MAX),
        }
    }

    /// One who waits says when it looks again.
    pub(super) fn looks_again(&mut self, place: Place, at: Duration) {
        if let Some(waiter) = self.waiting.get_mut(&place) {
            waiter.looks_by = at;
        }
    }

    /// One goes without having taken its turn; true if it had been given one.
    pub(super) fn leave(&mut self, place: Place) -> bool {
        self.waiting.remove(&place);
        self.turns.remove(&place).is_some()
    }

    /// Lets go those who sleep; how many turns they did not take.
    pub(super) fn pass_over(&mut self, now: Duration) -> usize {
        if now < self.next_round {
            return 0;
        }
        self.next_round = now.saturating_add(ROUND);
        self.waiting.retain(|_, waiter| !waiter.is_asleep(now));
        let given = self.turns.len();
        self.turns.retain(|_, turn| {
            let lasts = now <= turn.until;
            if !lasts {
                turn.ticket.lapsed.store(true, Ordering::Relaxed);
            }
            lasts
        });
        given.saturating_sub(self.turns.len())
    }

    /// Whether somebody may be given a turn, those who sleep in front passed over.
    pub(super) fn has_next(&mut self, now: Duration) -> bool {
        while let Some(first) = self.waiting.first_entry() {
            if !first.get().is_asleep(now) {
                return true;
            }
            first.remove();
        }
        false
    }

    /// Gives the first its turn.
    pub(super) fn give_turn(&mut self, now: Duration) {
        if let Some((place, Waiter { ticket, .. })) = self.waiting.pop_first() {
            ticket.wake.notify_one();
            let until = now.saturating_add(GRACE);
            self.turns.insert(place, Turn { ticket, until });
        }
    }

    /// Has the first look again at once.
    pub(super) fn nudge(&mut self, now: Duration) {
        if let Some(mut first) = self.waiting.first_entry() {
            let first = first.get_mut();
            first.looks_by = first.looks_by.min(now);
            first.ticket.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    struct Caller {
        place: Place,
        ticket: Arc<Ticket>,
    }

    impl Caller {
        fn joining(queue: &mut Queue, order: u64, now: Duration) -> Self {
            let ticket = Arc::default();
            let place = queue.join(ms(order), &ticket, now);
            Self { place, ticket }
        }

        fn looks(&self, queue: &mut Queue, now: Duration) -> Look {
            queue.look(self.place, &self.ticket, now)
        }

        fn looks_until(&self, queue: &mut Queue, now: Duration, next: Duration) -> Look {
            let look = self.looks(queue, now);
            queue.looks_again(self.place, next);
            look
        }
    }

    const fn waits(ahead: u32) -> Look {
        Look::Waits { ahead }
    }

    #[test]
    fn turns_go_by_order_and_then_by_arrival() {
        let mut queue = Queue::new();
        let late = Caller::joining(&mut queue, 9, ms(0));
        let first = Caller::joining(&mut queue, 5, ms(0));
        let second = Caller::joining(&mut queue, 5, ms(0));
        assert_eq!(late.looks(&mut queue, ms(0)), waits(2));
        assert_eq!(second.looks(&mut queue, ms(0)), waits(1));
        for next in [&first, &second, &late] {
            assert_eq!(next.looks(&mut queue, ms(1)), waits(0));
            assert!(queue.has_next(ms(1)));
            queue.give_turn(ms(1));
            assert_eq!(next.looks(&mut queue, ms(1)), Look::Turn);
        }
        assert!(!queue.has_next(ms(1)) && queue.is_lone());
    }

    #[test]
    fn who_does_not_look_when_it_said_has_no_place_until_it_wakes() {
        let mut queue = Queue::new();
        let sleeper = Caller::joining(&mut queue, 1, ms(0));
        let awake = Caller::joining(&mut queue, 2, ms(0));
        sleeper.looks_until(&mut queue, ms(0), ms(50));
        awake.looks_until(&mut queue, ms(0), ms(1000));
        assert_eq!(queue.pass_over(ms(150)), 0, "late, and not too late");
        assert_eq!(awake.looks(&mut queue, ms(150)), waits(1));
        queue.pass_over(ms(176));
        assert_eq!(awake.looks(&mut queue, ms(176)), waits(0));
        assert_eq!(queue.len(), 1);
        // Its place is as it was.
        assert_eq!(sleeper.looks(&mut queue, ms(500)), waits(0));
        assert_eq!(awake.looks(&mut queue, ms(500)), waits(1));
    }

    #[test]
    fn no_turn_is_given_to_a_sleeper_in_front() {
        let mut queue = Queue::new();
        let sleepers = [1, 2, 3].map(|order| Caller::joining(&mut queue, order, ms(0)));
        let awake = Caller::joining(&mut queue, 4, ms(0));
        awake.looks_until(&mut queue, ms(0), ms(1000));
        queue.pass_over(ms(100));
        assert_eq!(queue.len(), 4);
        assert!(queue.has_next(ms(101)), "all but one are asleep by now");
        queue.give_turn(ms(101));
        assert_eq!(awake.looks(&mut queue, ms(101)), Look::Turn);
        for sleeper in &sleepers {
            assert!(matches!(sleeper.looks(&mut queue, ms(102)), Look::Waits { .. }));
        }
    }

    #[test]
    fn a_turn_that_nobody_takes_lapses_and_is_made_good_late() {
        let mut queue = Queue::new();
        let sleeper = Caller::joining(&mut queue, 1, ms(0));
        assert!(queue.has_next(ms(10)));
        queue.give_turn(ms(10));
        assert!(!queue.is_lone(), "whoever comes watches over it");
        assert_eq!((queue.pass_over(ms(110)), queue.pass_over(ms(136))), (0, 1));
        assert_eq!(queue.pass_over(ms(200)), 0, "once");
        assert_eq!(sleeper.looks(&mut queue, ms(9000)), Look::LateTurn);
        assert!(!queue.leave(sleeper.place), "there is nothing to return");
    }

    #[test]
    fn who_leaves_says_whether_a_turn_was_left() {
        let mut queue = Queue::new();
        let [first, second] = [1, 2].map(|order| Caller::joining(&mut queue, order, ms(0)));
        queue.give_turn(ms(0));
        assert!(queue.leave(first.place) && !queue.leave(second.place));
        assert!(queue.is_lone() && queue.len() == 0);
    }

    #[test]
    fn one_who_is_no_longer_alone_is_woken() {
        let mut queue = Queue::new();
        let lone = Caller::joining(&mut queue, 1, ms(0));
        lone.looks_until(&mut queue, ms(0), ms(10_000));
        let behind = Caller::joining(&mut queue, 2, ms(500));
        behind.looks_until(&mut queue, ms(500), ms(10_000));
        assert_eq!(behind.looks(&mut queue, ms(600)), waits(1));
        queue.pass_over(ms(601));
        assert_eq!(
            behind.looks(&mut queue, ms(601)),
            waits(0),
            "it was woken and did not come"
        );
    }
}
