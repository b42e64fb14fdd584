//! A record of every call: what the tests of a cache or a retry policy look at.
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{CallError, KmsContext, KmsErrorCode, KmsOperation, asked::Call, locks::lock, times::Times};

/// How a call ended.
///
/// ```
/// use datakey_fake_kms::{FakeKms, KmsErrorCode, KmsOperation, Outcome, Quota};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::builder().quota(Quota::token_bucket(1, 3)).build()?;
/// for _ in 0..5 {
///     let _answered_or_throttled = fake.generate_random(8).await;
/// }
/// let throttled = Outcome::Refused(KmsErrorCode::Throttling);
/// assert_eq!(fake.ledger().count(KmsOperation::GenerateRandom, Outcome::Success), 3);
/// assert_eq!(fake.ledger().ended(throttled), fake.ledger().throttled());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Answered.
    Success,
    /// Answered with an error.
    Refused(KmsErrorCode),
    /// Not answered.
    TimedOut,
    /// Its connection was dropped.
    ConnectionLost,
    /// Answered with garbage.
    Garbage,
    /// Its answer broke off.
    CutOff,
}

impl Outcome {
    const COUNT: usize = 5_usize.saturating_add(KmsErrorCode::ALL.len());

    pub(crate) fn of<T>(result: &Result<T, CallError>) -> Self {
        match result {
            Ok(_) => Self::Success,
            Err(CallError::Refused(error)) => Self::Refused(error.code()),
            Err(CallError::TimedOut) => Self::TimedOut,
            Err(CallError::ConnectionLost) => Self::ConnectionLost,
            Err(CallError::Garbage) => Self::Garbage,
            Err(CallError::CutOff) => Self::CutOff,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Success => 0,
            Self::TimedOut => 1,
            Self::ConnectionLost => 2,
            Self::Garbage => 3,
            Self::CutOff => 4,
            Self::Refused(code) => 5_usize.saturating_add(code as usize),
        }
    }
}

/// One call. Never holds plaintext or ciphertext.
///
/// It stands there from the moment at which the call arrived, so that a test may look while calls wait for their answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// Counts from 0, over the whole life of the fake.
    pub sequence: u64,
    /// When the call arrived, since the start of the fake.
    pub at: Duration,
    /// What was asked.
    pub operation: KmsOperation,
    /// The ARN of the key concerned; what the request called it when there is no such key.
    pub key: Option<Arc<str>>,
    /// The encryption context; of `ReEncrypt`, the destination's.
    pub context: KmsContext,
    /// The ARN of the principal that called; nothing when it was the owner of the fake, or was not let in.
    pub caller: Option<Arc<str>>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Counters over all calls, and the last of them in full.
///
/// A call is recorded when it arrives, with the outcome that is decided then: one whose caller gave up waiting is
/// there too, as it is in the bill of KMS.
///
/// ```
/// use datakey_fake_kms::{FakeKms, KmsContext, KmsOperation};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let key = fake.create_key()?;
/// fake.generate_data_key(&key, &KmsContext::default(), 32).await?;
/// fake.disable_key(&key)?; // by the test's own hand: not a call
/// assert!(fake.generate_data_key(&key, &KmsContext::default(), 32).await.is_err());
///
/// let ledger = fake.ledger();
/// assert_eq!((ledger.calls(), ledger.successes(), ledger.throttled()), (2, 1, 0));
/// assert_eq!(ledger.calls_of(KmsOperation::GenerateDataKey), 2);
/// assert_eq!(ledger.entries()[1].key, Some(key));
/// # Ok(()) }
/// # let mut task = std::pin::pin!(run());
/// # let waker = std::task::Waker::noop();
/// # assert!(matches!(task.as_mut().poll(&mut std::task::Context::from_waker(waker)), std::task::Poll::Ready(Ok(()))));
/// # use std::future::Future as _;
/// ```
#[derive(Debug)]
pub struct Ledger {
    counters: Box<[AtomicU64]>,
    times: Times,
    recent: Mutex<Recent>,
    lacking: Mutex<BTreeMap<&'static str, u64>>,
}

#[derive(Debug)]
struct Recent {
    capacity: usize,
    next: u64,
    entries: VecDeque<LedgerEntry>,
}

impl Ledger {
    pub(crate) fn new(capacity: usize) -> Self {
        let counters = KmsOperation::ALL.len().saturating_mul(Outcome::COUNT);
        Self {
            counters: (0..counters).map(|_| AtomicU64::new(0)).collect(),
            times: Times::default(),
            recent: Mutex::new(Recent {
                capacity,
                next: 0,
                entries: VecDeque::new(),
            }),
            lacking: Mutex::default(),
        }
    }

    pub(crate) fn record(&self, at: Duration, call: Call, caller: Option<Arc<str>>, outcome: Outcome) {
        if let Some(counter) = self.counter(call.operation, outcome) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let mut recent = self.recent();
        let sequence = recent.next;
        recent.next = sequence.saturating_add(1);
        if recent.capacity == 0 {
            return;
        }
        if recent.entries.len() >= recent.capacity {
            recent.entries.pop_front();
        }
        recent.entries.push_back(LedgerEntry {
            sequence,
            at,
            operation: call.operation,
            key: call.key,
            context: call.context,
            caller,
            outcome,
        });
    }

    /// Counts a call of an operation that the fake lacks.
    pub(crate) fn record_lacking(&self, name: &'static str) {
        let mut lacking = lock(&self.lacking);
        let count = lacking.entry(name).or_default();
        *count = count.saturating_add(1);
    }

    /// Adds how long a call took from its arrival to its answer.
    pub(crate) fn took(&self, operation: KmsOperation, time: Duration) {
        self.times.add(operation, time);
    }

    #[cfg(feature = "http")]
    pub(crate) fn times(&self) -> &Times {
        &self.times
    }

    fn counter(&self, operation: KmsOperation, outcome: Outcome) -> Option<&AtomicU64> {
        let row = (operation as usize).saturating_mul(Outcome::COUNT);
        self.counters.get(row.saturating_add(outcome.index()))
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        lock(&self.recent)
    }

    /// How many calls of an operation ended in a certain way.
    #[must_use]
    pub fn count(&self, operation: KmsOperation, outcome: Outcome) -> u64 {
        self.counter(operation, outcome)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// How many calls there were.
    ///
    /// Of all operations, however they ended; without those that the fake [lacks](Self::lacking).
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.counters
            .iter()
            .map(|counter| counter.load(Ordering::Relaxed))
            .sum()
    }

    /// How many calls of an operation there were.
    #[must_use]
    pub fn calls_of(&self, operation: KmsOperation) -> u64 {
        let row = (operation as usize).saturating_mul(Outcome::COUNT);
        let row = self.counters.iter().skip(row).take(Outcome::COUNT);
        row.map(|counter| counter.load(Ordering::Relaxed)).sum()
    }

    /// How many calls, of whatever operation, ended in a certain way.
    #[must_use]
    pub fn ended(&self, outcome: Outcome) -> u64 {
        KmsOperation::ALL
            .iter()
            .map(|operation| self.count(*operation, outcome))
            .sum()
    }

    /// How many calls were answered without an error.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.ended(Outcome::Success)
    }

    /// How many calls were answered with `ThrottlingException`.
    ///
    /// Over a quota or by a rule: they look the same to a client, and are counted together.
    #[must_use]
    pub fn throttled(&self) -> u64 {
        self.ended(Outcome::Refused(KmsErrorCode::Throttling))
    }

    /// How many calls over HTTP there were of operations that the fake lacks, by name; those of names that KMS does not have
    /// are counted together, as `other`. None of them is among the [`calls`](Self::calls) or [`entries`](Self::entries).
    #[must_use]
    pub fn lacking(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.lacking).clone()
    }

    /// The last calls in full, oldest first: as many as the fake was built to keep.
    ///
    /// A copy: it does not change while the test looks at it, and takes time that grows with what is kept.
    #[must_use]
    pub fn entries(&self) -> Vec<LedgerEntry> {
        self.recent().entries.iter().cloned().collect()
    }

    /// Sets every counter to zero and forgets all calls; sequence numbers go on.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, KmsContext, KmsOperation};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let key = fake.create_key()?;
    /// fake.generate_data_key(&key, &KmsContext::default(), 32).await?; // what warms a service up
    /// fake.ledger().clear();
    /// fake.generate_data_key(&key, &KmsContext::default(), 32).await?; // what is counted
    /// assert_eq!(fake.ledger().calls_of(KmsOperation::GenerateDataKey), 1);
    /// assert_eq!(fake.ledger().entries()[0].sequence, 1);
    /// # Ok(()) }
    /// ```
    pub fn clear(&self) {
        let mut recent = self.recent();
        recent.entries.clear();
        for counter in &self.counters {
            counter.store(0, Ordering::Relaxed);
        }
        self.times.clear();
        lock(&self.lacking).clear();
    }
}
