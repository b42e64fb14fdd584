//! Thousands of thread schedules over the flight map and the budget: the modules themselves, on primitives that let a
//! scheduler choose who goes on at each step.
#![forbid(unsafe_code)]

/// The primitives that the modules are built on here.
mod sync {
    pub(crate) use shuttle::sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    };
    pub(crate) use std::sync::{PoisonError, TryLockError};
}

/// Runtimes without a clock: time stands still, and nobody sleeps unless a test drops the task that drives a load.
mod rt {
    use std::{
        task::{Context, Poll},
        time::Duration,
    };

    pub(crate) use tokio::time::Instant;

    pub(crate) type Home = u64;

    /// All threads are on one runtime.
    #[derive(Debug, Clone)]
    pub(crate) struct Runtime;

    impl Runtime {
        pub(crate) fn current() -> Option<Self> {
            Some(Self)
        }

        pub(crate) fn id(&self) -> Home {
            1
        }

        pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
            drop(shuttle::future::spawn(task));
        }
    }

    /// Never fires.
    #[derive(Debug)]
    pub(crate) struct Timer;

    impl Timer {
        pub(crate) fn at(_: Instant) -> Option<Self> {
            Some(Self)
        }

        pub(crate) fn reset(&mut self, _: Instant) {}

        pub(crate) fn poll(&mut self, _: &mut Context<'_>) -> Option<Poll<()>> {
            Some(Poll::Pending)
        }
    }

    #[expect(dead_code, reason = "nothing is late where time stands still")]
    pub(crate) enum Within<T> {
        Time(T),
        Late,
        NoClock,
    }

    pub(crate) async fn within<F: Future>(_: Duration, future: F) -> Within<F::Output> {
        Within::Time(future.await)
    }

    pub(crate) fn process() -> u32 {
        7
    }
}

#[path = "."]
mod kept {
    #[path = "../../crates/keyring/src/kept/lease.rs"]
    pub(crate) mod lease;
}
mod watch {
    pub(crate) mod miss {
        pub(crate) use datakey_keyring::MissReason;
    }
}

#[path = "../../crates/loads/src/board.rs"]
mod board;
#[path = "../../crates/keyring/src/sealing/budget.rs"]
#[expect(dead_code, reason = "the rest of the crate uses what these tests do not")]
mod budget;
#[path = "../../crates/loads/src/caught.rs"]
mod caught;
#[path = "../../crates/loads/src/flight.rs"]
mod flight;
#[path = "../../crates/loads/src/gate.rs"]
#[expect(dead_code, reason = "the rest of the crate uses what these tests do not")]
mod gate;
#[path = "../../crates/loads/src/later.rs"]
mod later;
#[path = "../../crates/loads/src/loads.rs"]
#[expect(dead_code, reason = "the rest of the crate uses what these tests do not")]
mod loads;
#[path = "../../crates/loads/src/outcome.rs"]
#[expect(dead_code, reason = "the rest of the crate uses what these tests do not")]
mod outcome;
#[path = "../../crates/loads/src/pulse.rs"]
mod pulse;
#[path = "../../crates/loads/src/roster.rs"]
mod roster;
#[path = "../../crates/loads/src/source.rs"]
mod source;
#[path = "../../crates/loads/src/wait.rs"]
#[expect(dead_code, reason = "the rest of the crate uses what these tests do not")]
mod wait;
#[path = "../../crates/loads/src/work.rs"]
mod work;

use std::collections::HashMap;

use budget::Budget;
use datakey_keyring::MissReason;
use gate::{Gate, GateLimits};
use kept::lease::{Amount, Lease};
use loads::{Joined, Loads};
use outcome::{Ending, Landed, LoadError, Outcome};
use shuttle::{check_random, future::block_on, thread};
use source::Source;
use sync::{Arc, AtomicU64, Mutex, Ordering};

/// Schedules for each test.
const SCHEDULES: usize = 1_500;

#[test]
fn no_schedule_overruns_a_limit_and_none_wastes_a_message() {
    check_random(
        || {
            let limit = Amount {
                messages: 2_000,
                bytes: 6_000,
            };
            let shared = Arc::new((Budget::new(limit), [Lease::default(), Lease::default()]));
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
                            let usage = Amount {
                                messages,
                                bytes: messages,
                            };
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
            let rest = Amount {
                messages: 2_000 - messages,
                bytes: 0,
            };
            assert!(budget.reserve(rest, &leases[1], || leases.iter()).is_ok());
            let more = budget.reserve(
                Amount {
                    messages: 1,
                    bytes: 0,
                },
                &leases[0],
                || leases.iter(),
            );
            assert_eq!(more, Err(MissReason::Messages));
        },
        SCHEDULES,
    );
}

/// Where keys come from: a key is the number of invalidations that came before its load.
#[derive(Default)]
struct Keys {
    store: Mutex<HashMap<u8, u64>>,
    loads: AtomicU64,
    invalidations: AtomicU64,
    fails: bool,
}

impl Source for Keys {
    type Key = u8;
    type Loaded = u64;
    type Value = u64;
    type Error = ();

    async fn load(&self, _: &u8) -> Result<u64, ()> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let invalidations = self.invalidations.load(Ordering::SeqCst);
        // Others come and go meanwhile.
        shuttle::future::yield_now().await;
        if self.fails { Err(()) } else { Ok(invalidations) }
    }

    fn land(&self, _: &u8, result: Result<u64, LoadError<()>>) -> Landed<u64, ()> {
        Landed::new(match result {
            Ok(key) => {
                self.store.lock().unwrap().insert(1, key);
                Outcome::Loaded(key)
            }
            Err(error) => Outcome::Failed(error),
        })
    }
}

/// What callers share.
#[derive(Clone)]
struct World {
    keys: Arc<Keys>,
    loads: Arc<Loads<Keys>>,
}

impl World {
    fn new(fails: bool) -> Self {
        let gate = Arc::new(Gate::new(GateLimits::default()));
        Self {
            keys: Arc::new(Keys {
                fails,
                ..Keys::default()
            }),
            loads: Arc::new(Loads::new(gate)),
        }
    }

    fn join(&self) -> Joined<Keys, u64> {
        let seen = self.loads.version();
        let look = || self.keys.store.lock().unwrap().get(&1).copied();
        match look() {
            Some(key) => Joined::Found(key),
            None => self.loads.join(&self.keys, &1, Some(seen), look, |_| ()).unwrap(),
        }
    }

    /// One caller: answers the key that it got, if its load does not fail.
    fn ask(&self) -> Option<u64> {
        loop {
            let wait = match self.join() {
                Joined::Found(key) => return Some(key),
                Joined::Waits(wait) | Joined::Leads(wait) => wait,
            };
            match block_on(wait) {
                Outcome::Loaded(key) => return Some(key),
                Outcome::Failed(_) => return None,
                Outcome::Superseded => {}
            }
        }
    }

    /// One caller that gives up before anything has happened.
    fn give_up(&self) {
        if let Joined::Waits(wait) | Joined::Leads(wait) = self.join() {
            thread::yield_now();
            drop(wait);
        }
    }

    fn invalidate(&self) {
        self.loads.end(
            Ending::Invalidated,
            |_| true,
            || {
                self.keys.invalidations.fetch_add(1, Ordering::SeqCst);
                self.keys.store.lock().unwrap().clear();
            },
        );
    }

    fn several(&self, callers: usize) -> Vec<Option<u64>> {
        let threads: Vec<_> = (0..callers)
            .map(|_| {
                let own = self.clone();
                thread::spawn(move || own.ask())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }

    fn loaded(&self) -> u64 {
        self.keys.loads.load(Ordering::SeqCst)
    }
}

#[test]
fn in_every_schedule_all_callers_share_one_load() {
    check_random(
        || {
            let world = World::new(false);
            assert_eq!(world.several(4), [Some(0); 4]);
            assert_eq!(world.loaded(), 1);
            assert_eq!(world.loads.in_flight(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn in_every_schedule_a_load_that_fails_answers_all_who_wait() {
    check_random(
        || {
            let world = World::new(true);
            assert_eq!(world.several(3), [None; 3]);
            assert!(
                world.keys.store.lock().unwrap().is_empty(),
                "a failure is never kept"
            );
            assert_eq!(world.loads.in_flight(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn in_every_schedule_whoever_gives_up_takes_no_waiter_with_it() {
    check_random(
        || {
            let world = World::new(false);
            let quitters: Vec<_> = (0..2)
                .map(|_| {
                    let own = world.clone();
                    thread::spawn(move || own.give_up())
                })
                .collect();
            assert_eq!(world.several(2), [Some(0); 2]);
            for quitter in quitters {
                quitter.join().unwrap();
            }
            assert!(world.loaded() <= 3, "{} loads", world.loaded());
        },
        SCHEDULES,
    );
}

#[test]
fn in_every_schedule_an_invalidation_wins_over_the_load_it_meets() {
    check_random(
        || {
            let world = World::new(false);
            let own = world.clone();
            let invalidation = thread::spawn(move || {
                own.invalidate();
                own.ask()
            });
            let others = world.several(2);
            assert_eq!(
                invalidation.join().unwrap(),
                Some(1),
                "a key of before came after"
            );
            assert!(others.iter().all(Option::is_some));
            assert!(world.loaded() <= 2);
            assert_eq!(world.loads.in_flight(), 0);
            assert_eq!(world.ask(), Some(1));
        },
        SCHEDULES,
    );
}
