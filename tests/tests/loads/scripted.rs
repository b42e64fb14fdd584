//! A source that does as it is told, and keeps what it loaded.
use std::{
    collections::HashMap,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use datakey_loads::{Gate, GateLimits, Joined, Landed, LoadError, Loads, Outcome, Pulse, Source};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep},
};

/// What a call does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Does {
    #[default]
    Work,
    Fail,
    Panic,
    PanicAtOnce,
    Hang,
    /// Keeps its thread for so long.
    Block(Duration),
}

/// What a call that fails says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

pub type Failure = LoadError<Refused>;

/// A source whose keys are `lane/name`, and whose values are the numbers of the calls that brought them.
#[derive(Debug, Default)]
pub struct Scripted {
    kept: Mutex<HashMap<&'static str, u64>>,
    does: Mutex<Does>,
    takes: Mutex<Duration>,
    calls: AtomicU64,
    pub landings: AtomicU64,
    pub takeovers: AtomicU64,
    pub wanted: AtomicBool,
    pub lands_badly: AtomicBool,
}

impl Scripted {
    pub fn does(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    pub fn takes(&self, time: Duration) {
        *self.takes.lock().unwrap() = time;
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(SeqCst)
    }

    pub fn kept(&self, key: &'static str) -> Option<u64> {
        self.kept.lock().unwrap().get(key).copied()
    }

    pub fn forget(&self, key: &'static str) {
        self.kept.lock().unwrap().remove(key);
    }
}

impl Source for Scripted {
    type Key = &'static str;
    type Loaded = u64;
    type Value = u64;
    type Error = Refused;

    fn lane(&self, key: &&'static str) -> Arc<str> {
        key.split_once('/').map_or("", |(lane, _)| lane).into()
    }

    fn load(&self, _: &&'static str) -> impl Future<Output = Result<u64, Refused>> + Send {
        let number = self.calls.fetch_add(1, SeqCst) + 1;
        let (does, takes) = (*self.does.lock().unwrap(), *self.takes.lock().unwrap());
        assert_ne!(does, Does::PanicAtOnce, "as it was told");
        async move {
            sleep(takes).await;
            match does {
                Does::Work => Ok(number),
                Does::Fail => Err(Refused),
                Does::Panic | Does::PanicAtOnce => panic!("as it was told"),
                Does::Hang => pending().await,
                Does::Block(time) => {
                    busy(time);
                    Ok(number)
                }
            }
        }
    }

    fn land(&self, key: &&'static str, result: Result<u64, Failure>) -> Landed<u64, Refused> {
        self.landings.fetch_add(1, SeqCst);
        assert!(!self.lands_badly.load(SeqCst), "as it was told");
        Landed::new(match result {
            Ok(number) => {
                self.kept.lock().unwrap().insert(key, number);
                Outcome::Loaded(number)
            }
            Err(error) => Outcome::Failed(error),
        })
    }

    fn is_wanted(&self, _: &&'static str) -> bool {
        self.wanted.load(SeqCst)
    }

    fn taken_over(&self, _: &&'static str, _: Instant, _: &Arc<Pulse>) {
        self.takeovers.fetch_add(1, SeqCst);
    }
}

/// A source and its loads.
#[derive(Debug, Clone)]
pub struct Loading {
    pub source: Arc<Scripted>,
    pub loads: Arc<Loads<Scripted>>,
}

impl Loading {
    /// Calls take so long.
    pub fn taking(time: Duration) -> Self {
        Self::within(GateLimits::default(), time)
    }

    pub fn within(limits: GateLimits, time: Duration) -> Self {
        let source = Arc::new(Scripted::default());
        source.takes(time);
        let loads = Arc::new(Loads::new(Arc::new(Gate::new(limits))));
        Self { source, loads }
    }

    pub fn join(&self, key: &'static str) -> Result<Joined<Scripted, u64>, Failure> {
        let look = || self.source.kept(key);
        self.loads.join(&self.source, &key, None, look, |_| ())
    }

    /// Asks until there is an answer, as a cache does.
    pub async fn get(&self, key: &'static str) -> Result<u64, Failure> {
        loop {
            match self.join(key)? {
                Joined::Found(number) => return Ok(number),
                Joined::Waits(wait) | Joined::Leads(wait) => match wait.await {
                    Outcome::Loaded(number) => return Ok(number),
                    Outcome::Failed(error) => return Err(error),
                    Outcome::Superseded => {}
                },
            }
        }
    }

    pub fn refresh(&self, key: &'static str) -> bool {
        self.loads.refresh(&self.source, &key, || true, |_| ())
    }
}

pub const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A runtime that is driven while somebody blocks on it, and at no other time.
pub fn by_hand() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub fn driven(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

/// Keeps the thread for so long.
pub fn busy(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::thread::yield_now();
    }
}
