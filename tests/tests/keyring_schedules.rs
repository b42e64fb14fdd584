//! Thousands of thread schedules over the flight map and the budget: the modules themselves, on primitives that let a
//! scheduler choose who goes on at each step.
#![forbid(unsafe_code)]

/// The primitives that the modules are built on here.
mod sync {
    pub(crate) use shuttle::sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    };
    pub(crate) use std::sync::{OnceLock, PoisonError};
}

#[path = "../../crates/keyring/src/budget.rs"]
mod budget;
#[path = "../../crates/keyring/src/flight.rs"]
#[expect(dead_code, reason = "the rest of the crate uses what these tests do not")]
mod flight;

use std::collections::HashMap;

use budget::{Budget, Lease};
use datakey_keyring::{KeyringError, MissReason, SealingLimits, Usage};
use flight::{Ending, Flights, Joined, Landed, Outcome};
use shuttle::{check_random, future::block_on, thread};
use sync::{Arc, AtomicU64, Mutex, Ordering};

/// Schedules for each test.
const SCHEDULES: usize = 1_500;

#[test]
fn no_schedule_overruns_a_limit_and_none_wastes_a_message() {
    check_random(
        || {
            let limits = SealingLimits::default()
                .with_max_messages(2_000)
                .with_max_bytes(6_000);
            let shared = Arc::new((Budget::new(&limits), [Lease::default(), Lease::default()]));
            let taken = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
            // Two threads share a stripe.
            let threads: Vec<_> = [0, 0, 1]
                .into_iter()
                .map(|stripe| {
                    let (shared, taken) = (Arc::clone(&shared), Arc::clone(&taken));
                    thread::spawn(move || {
                        let (budget, leases) = &*shared;
                        let sizes = [300, 1, 1, 400, 1, 300, 1, 200, 1].into_iter().cycle().take(14);
                        for messages in sizes {
                            let usage = Usage::batch(messages, messages);
                            let own = &leases[stripe];
                            if own.take(usage) || budget.reserve(usage, own, || leases.iter()).is_ok() {
                                taken.0.fetch_add(messages, Ordering::SeqCst);
                                taken.1.fetch_add(messages, Ordering::SeqCst);
                            }
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            let (budget, leases) = &*shared;
            let messages = taken.0.load(Ordering::SeqCst);
            assert!(messages <= 2_000, "{messages} messages under a limit of 2000");
            assert_eq!(budget.used(leases.iter()).messages, messages);
            // What nobody took is still there for one who asks for all of it.
            let rest = Usage::batch(2_000 - messages, 0);
            assert!(budget.reserve(rest, &leases[1], || leases.iter()).is_ok());
            let more = budget.reserve(Usage::message(0), &leases[0], || leases.iter());
            assert_eq!(more, Err(MissReason::Messages));
        },
        SCHEDULES,
    );
}

/// What callers share: the map of flights, a store, how many loads began, and how many invalidations there were. A key
/// is the number of invalidations that came before its load.
#[derive(Clone, Default)]
struct World {
    flights: Arc<Flights<u8, u64>>,
    store: Arc<Mutex<HashMap<u8, u64>>>,
    loads: Arc<AtomicU64>,
    invalidations: Arc<AtomicU64>,
}

impl World {
    fn settle(&self, loaded: Result<u64, KeyringError>) -> Landed<u64> {
        match loaded {
            Ok(key) => {
                self.store.lock().unwrap().insert(1, key);
                Outcome::Loaded(key).into()
            }
            Err(error) => Outcome::Failed(error).into(),
        }
    }

    /// One caller: answers the key that it got, if its load does not fail.
    fn ask(&self, fails: bool) -> Option<u64> {
        loop {
            let mut invalidations = 0;
            let look = || {
                invalidations = self.invalidations.load(Ordering::SeqCst);
                self.store.lock().unwrap().get(&1).copied()
            };
            let own = self.clone();
            let waiter = match self.flights.join(&1, look, move |loaded| own.settle(loaded)) {
                Joined::Found(key) => return Some(key),
                Joined::Waits(waiter) => waiter,
                Joined::Leads(waiter, landing) => {
                    self.loads.fetch_add(1, Ordering::SeqCst);
                    thread::spawn(move || {
                        if fails {
                            drop(landing);
                        } else {
                            landing.land(Ok(invalidations));
                        }
                    });
                    waiter
                }
            };
            match block_on(waiter.wait()) {
                Outcome::Loaded(key) => return Some(key),
                Outcome::Failed(_) => return None,
                Outcome::Superseded => {}
            }
        }
    }

    fn invalidate(&self) {
        self.flights.end(
            Ending::Invalidated,
            |_| true,
            || {
                self.invalidations.fetch_add(1, Ordering::SeqCst);
                self.store.lock().unwrap().clear();
            },
        );
    }

    fn several(&self, callers: usize, fails: bool) -> Vec<Option<u64>> {
        let threads: Vec<_> = (0..callers)
            .map(|_| {
                let own = self.clone();
                thread::spawn(move || own.ask(fails))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

#[test]
fn in_every_schedule_all_callers_share_one_load() {
    check_random(
        || {
            let world = World::default();
            assert_eq!(world.several(4, false), [Some(0); 4]);
            assert_eq!(world.loads.load(Ordering::SeqCst), 1);
            assert_eq!(world.flights.in_flight(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn in_every_schedule_a_load_that_is_dropped_answers_all_who_wait() {
    check_random(
        || {
            let world = World::default();
            assert_eq!(world.several(3, true), [None; 3]);
            assert!(world.store.lock().unwrap().is_empty(), "a failure is never kept");
            assert_eq!(world.flights.in_flight(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn in_every_schedule_an_invalidation_wins_over_the_load_it_meets() {
    check_random(
        || {
            let world = World::default();
            let own = world.clone();
            let invalidation = thread::spawn(move || {
                own.invalidate();
                own.ask(false)
            });
            let others = world.several(2, false);
            assert_eq!(
                invalidation.join().unwrap(),
                Some(1),
                "a key of before came after"
            );
            assert!(others.iter().all(Option::is_some));
            assert!(world.loads.load(Ordering::SeqCst) <= 2);
            assert_eq!(world.flights.in_flight(), 0);
            assert_eq!(world.ask(false), Some(1));
        },
        SCHEDULES,
    );
}
