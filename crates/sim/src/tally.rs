//! What is counted while a strategy is played.
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hdrhistogram::Histogram;

use crate::{Bound, Exposure, Flow, Latencies, Limit, why::Why};

/// What is counted of one strategy. It is played on one thread; atomics and locks are there because keyrings want to share.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) sealing: Half,
    pub(crate) opening: Half,
    pub(crate) sealing_keys: AtomicU64,
    pub(crate) opening_keys: AtomicU64,
    pub(crate) limits: Limits,
    exposure: Mutex<Exposed>,
    over: AtomicBool,
}

/// How often each limit was met.
#[derive(Debug, Default)]
pub(crate) struct Limits([AtomicU64; Limit::ALL.len()]);

/// One half's messages.
#[derive(Debug)]
pub(crate) struct Half {
    offered: AtomicU64,
    at_once: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    errors: Mutex<BTreeMap<String, u64>>,
    waits: Mutex<Histogram<u64>>,
}

#[derive(Debug, Default)]
struct Exposed {
    keys: u64,
    messages: u64,
    bytes: u128,
    used: Duration,
    most_messages: u64,
    most_bytes: u64,
    longest: Duration,
}

/// The longest wait that is told apart, in microseconds: 32 days.
const LONGEST_WAIT: u64 = 32 * 86_400 * 1_000_000;

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Limits {
    pub(crate) fn add(&self, limit: Limit, times: u64) {
        if let Some(own) = self.0.get(limit as usize) {
            own.fetch_add(times, Relaxed);
        }
    }

    /// Those that were met, most often first.
    pub(crate) fn bounds(&self) -> Vec<Bound> {
        let all = Limit::ALL.iter().zip(&self.0);
        let mut bounds: Vec<Bound> = all
            .map(|(limit, times)| Bound {
                limit: *limit,
                times: times.load(Relaxed),
            })
            .filter(|bound| bound.times > 0)
            .collect();
        bounds.sort_by_key(|bound| std::cmp::Reverse(bound.times));
        bounds
    }
}

impl Half {
    fn new() -> Option<Self> {
        Some(Self {
            offered: AtomicU64::new(0),
            at_once: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            errors: Mutex::default(),
            waits: Mutex::new(Histogram::new_with_bounds(1, LONGEST_WAIT, 3).ok()?),
        })
    }

    pub(crate) fn offered(&self) -> u64 {
        self.offered.load(Relaxed)
    }

    pub(crate) fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    pub(crate) fn waiting(&self) -> u64 {
        let settled = self.done().saturating_add(self.failed());
        self.offered().saturating_sub(settled)
    }

    pub(crate) fn offer(&self, messages: u64) {
        self.offered.fetch_add(messages, Relaxed);
    }

    /// They had a key after this time.
    pub(crate) fn finish(&self, messages: u64, after: Duration) {
        self.done.fetch_add(messages, Relaxed);
        match micros(after) {
            0 => {
                self.at_once.fetch_add(messages, Relaxed);
            }
            waited => lock(&self.waits).saturating_record_n(waited, messages),
        }
    }

    fn fail(&self, messages: u64, kind: String) {
        self.failed.fetch_add(messages, Relaxed);
        let mut errors = lock(&self.errors);
        let count = errors.entry(kind).or_default();
        *count = count.saturating_add(messages);
    }

    pub(crate) fn flow(&self, played: Duration) -> Flow {
        let mut waits = lock(&self.waits).clone();
        // What did not wait stands below the least that a histogram has.
        let at_once = self.at_once.load(Relaxed);
        waits.saturating_record_n(0, at_once);
        let at = |quantile: f64| seconds(waits.value_at_quantile(quantile));
        let latency = if waits.is_empty() {
            Latencies::default()
        } else {
            Latencies {
                mean_seconds: waits.mean() / 1e6,
                p50_seconds: at(0.5),
                p90_seconds: at(0.9),
                p99_seconds: at(0.99),
                p999_seconds: at(0.999),
                max_seconds: seconds(waits.max()),
            }
        };
        Flow {
            offered: self.offered(),
            done: self.done(),
            failed: self.failed(),
            waiting: self.waiting(),
            per_second: self.done() as f64 / played.as_secs_f64(),
            errors: lock(&self.errors).clone(),
            latency,
        }
    }
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Tally {
    /// `None` where the histograms have no room, which they have.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            sealing: Half::new()?,
            opening: Half::new()?,
            sealing_keys: AtomicU64::new(0),
            opening_keys: AtomicU64::new(0),
            limits: Limits::default(),
            exposure: Mutex::default(),
            over: AtomicBool::new(false),
        })
    }

    /// From here on, keys go because all is over, and not because a limit was met.
    pub(crate) fn end(&self) {
        self.over.store(true, Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Messages were given up.
    pub(crate) fn give_up(&self, half: &Half, messages: u64, why: Why) {
        half.fail(messages, why.kind);
        if let Some(limit) = why.limit {
            self.limits.add(limit, messages);
        }
    }

    /// A data key sealed so much within this time.
    pub(crate) fn expose(&self, messages: u64, bytes: u64, used: Duration) {
        let mut all = lock(&self.exposure);
        all.keys = all.keys.saturating_add(1);
        all.messages = all.messages.saturating_add(messages);
        all.bytes = all.bytes.saturating_add(bytes.into());
        all.used = all.used.saturating_add(used);
        all.most_messages = all.most_messages.max(messages);
        all.most_bytes = all.most_bytes.max(bytes);
        all.longest = all.longest.max(used);
    }

    pub(crate) fn exposure(&self) -> Exposure {
        let all = lock(&self.exposure);
        let keys = all.keys.max(1) as f64;
        Exposure {
            data_keys: all.keys,
            max_messages: all.most_messages,
            mean_messages: all.messages as f64 / keys,
            max_bytes: all.most_bytes,
            mean_bytes: all.bytes as f64 / keys,
            max_seconds: all.longest.as_secs_f64(),
            mean_seconds: all.used.as_secs_f64() / keys,
        }
    }
}
