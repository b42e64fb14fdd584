//! A service with a quota under virtual time, crowds of callers that go through a retry policy, and a provider that
//! fails as told.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use datakey_retry::{Policy, Reason, retry};
use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use tokio::time::{Instant, sleep};

/// How a service counts.
#[derive(Debug, Clone, Copy)]
pub enum Counting {
    /// A token bucket that holds this many.
    Bucket(f64),
    /// By the second on the clock.
    Seconds,
}

/// A service that refuses calls over its quota. Clones are the same service.
#[derive(Debug, Clone)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    counting: Counting,
    latency: Duration,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    per_second: f64,
    tokens: f64,
    at: f64,
    down: bool,
    jitter: Option<Xoshiro256PlusPlus>,
    retry_after: Option<Duration>,
    failed: usize,
    served: Vec<f64>,
    refused: Vec<f64>,
}

impl Service {
    /// A service with a full quota and a fixed time to answer.
    #[must_use]
    pub fn new(per_second: f64, counting: Counting, latency: Duration) -> Self {
        let tokens = match counting {
            Counting::Bucket(size) => size,
            Counting::Seconds => per_second,
        };
        let state = State {
            per_second,
            tokens,
            at: 0.0,
            down: false,
            jitter: None,
            retry_after: None,
            failed: 0,
            served: vec![],
            refused: vec![],
        };
        Self(Arc::new(Inner {
            counting,
            latency,
            start: Instant::now(),
            state: Mutex::new(state),
        }))
    }

    /// Lets each call take 0 to 4 ms longer on its way, so that callers do not stay in step.
    #[must_use]
    pub fn with_jitter(self, seed: u64) -> Self {
        self.0.state.lock().unwrap().jitter = Some(Xoshiro256PlusPlus::seed_from_u64(seed));
        self
    }

    /// Has each refusal ask to come again after this time.
    #[must_use]
    pub fn with_retry_after(self, delay: Option<Duration>) -> Self {
        self.0.state.lock().unwrap().retry_after = delay;
        self
    }

    fn jitter(&self) -> Duration {
        let mut state = self.0.state.lock().unwrap();
        let draw = state.jitter.as_mut().map_or(0, |random| random.next_u64() % 5);
        Duration::from_millis(draw)
    }

    /// Changes the quota from now on.
    pub fn set_quota(&self, per_second: f64) {
        self.0.state.lock().unwrap().per_second = per_second;
    }

    /// Fails all calls as transient, or stops doing so.
    pub fn set_down(&self, down: bool) {
        self.0.state.lock().unwrap().down = down;
    }

    /// Calls served so far.
    #[must_use]
    pub fn served(&self) -> usize {
        self.0.state.lock().unwrap().served.len()
    }

    /// Calls failed while down so far.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.0.state.lock().unwrap().failed
    }

    /// Calls throttled so far.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.0.state.lock().unwrap().refused.len()
    }

    /// When calls were throttled, in seconds since the start.
    #[must_use]
    pub fn refusals(&self) -> Vec<f64> {
        self.0.state.lock().unwrap().refused.clone()
    }

    /// Calls served from `from` up to `to`, in seconds since the start.
    #[must_use]
    pub fn served_between(&self, from: f64, to: f64) -> usize {
        between(&self.0.state.lock().unwrap().served, from, to)
    }

    /// Calls throttled from `from` up to `to`, in seconds since the start.
    #[must_use]
    pub fn refused_between(&self, from: f64, to: f64) -> usize {
        between(&self.0.state.lock().unwrap().refused, from, to)
    }

    /// One call.
    ///
    /// # Errors
    /// Throttled when the quota is used up, transient while down.
    pub async fn call(&self) -> Result<(), ProviderError> {
        // Whole milliseconds: a timer rounds up.
        let there = Duration::from_millis(self.0.latency.as_millis() as u64 / 2);
        sleep(there + self.jitter()).await;
        let answer = self.answer();
        sleep(self.0.latency - there).await;
        answer
    }

    fn answer(&self) -> Result<(), ProviderError> {
        let now = self.0.start.elapsed().as_secs_f64();
        let mut state = self.0.state.lock().unwrap();
        if state.down {
            state.failed += 1;
            return Err(ProviderError::new(
                ErrorClass::Transient,
                Operation::GenerateDataKey,
            ));
        }
        match self.0.counting {
            Counting::Bucket(size) => {
                state.tokens = (state.tokens + (now - state.at) * state.per_second).min(size);
            }
            Counting::Seconds if now.floor() > state.at.floor() => state.tokens = state.per_second,
            Counting::Seconds => {}
        }
        state.at = now;
        if state.tokens >= 1.0 {
            state.tokens -= 1.0;
            state.served.push(now);
            Ok(())
        } else {
            state.refused.push(now);
            let error = ProviderError::new(ErrorClass::Throttled, Operation::GenerateDataKey);
            Err(match state.retry_after {
                Some(delay) => error.with_delay(delay),
                None => error,
            })
        }
    }
}

fn between(times: &[f64], from: f64, to: f64) -> usize {
    times.iter().filter(|at| (from..to).contains(*at)).count()
}

/// What became of a crowd's calls.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// Calls that succeeded.
    pub done: u64,
    /// Calls that were given up, with the reason.
    pub failed: Vec<Reason>,
    /// Start to end of all calls.
    pub took: Duration,
    /// The longest that one call took.
    pub longest: Duration,
}

/// Runs `callers` tasks that make calls one after another until `calls` are made together, or `until` has passed.
///
/// # Panics
/// When a caller panics.
pub async fn crowd(
    policy: &Policy,
    service: &Service,
    callers: usize,
    calls: u64,
    until: Duration,
) -> Report {
    let (start, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (policy, service, next) = (policy.clone(), service.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let mut report = Report::default();
                while start.elapsed() < until && next.fetch_add(1, Ordering::Relaxed) < calls {
                    let began = Instant::now();
                    match retry(&policy, || service.call()).await {
                        Ok(()) => report.done += 1,
                        Err(gave_up) => {
                            report.failed.push(gave_up.reason());
                            sleep(Duration::from_millis(100)).await;
                        }
                    }
                    report.longest = report.longest.max(began.elapsed());
                }
                report
            })
        })
        .collect();
    let mut all = Report::default();
    for task in tasks {
        let one = task.await.unwrap();
        all.done += one.done;
        all.failed.extend(one.failed);
        all.longest = all.longest.max(one.longest);
    }
    all.took = start.elapsed();
    all
}

/// A default policy whose jitter repeats.
#[must_use]
pub fn seeded(seed: u64) -> Policy {
    Policy::default().with_random(Xoshiro256PlusPlus::seed_from_u64(seed))
}

/// The digest of the context, and the data key.
type Kept = ([u8; 32], Vec<u8>);

/// A provider that remembers what it wrapped, and fails as told before it works.
#[derive(Debug, Default)]
pub struct Scripted {
    script: Mutex<Vec<ProviderError>>,
    calls: AtomicU64,
    safe: Mutex<HashMap<[u8; 16], Kept>>,
}

impl Scripted {
    /// Fails with these errors, in this order, one for each call, before calls succeed.
    #[must_use]
    pub fn failing(mut script: Vec<ProviderError>) -> Self {
        script.reverse();
        Self {
            script: Mutex::new(script),
            ..Self::default()
        }
    }

    /// Calls made so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    async fn next(&self) -> Result<u64, ProviderError> {
        tokio::task::yield_now().await;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let failure = self.script.lock().unwrap().pop();
        failure.map_or(Ok(call), Err)
    }

    fn wrap(&self, context: &EncryptionContext, ticket: u64, key: &DataKey) -> WrappedKeys {
        let mut blob = [0; 16];
        Xoshiro256PlusPlus::seed_from_u64(!ticket).fill_bytes(&mut blob);
        self.safe
            .lock()
            .unwrap()
            .insert(blob, (*context.digest(), key.expose_secret().to_vec()));
        WrappedKey::new("scripted:1", blob.to_vec()).unwrap().into()
    }
}

#[async_trait]
impl SealingProvider for Scripted {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let ticket = self.next().await?;
        let key = DataKey::init(length, |bytes| {
            Xoshiro256PlusPlus::seed_from_u64(ticket).fill_bytes(bytes);
        });
        let wrapped = self.wrap(context, ticket, &key);
        Ok(GeneratedDataKey::new(key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let ticket = self.next().await?;
        Ok(self.wrap(context, ticket, key))
    }
}

#[async_trait]
impl OpeningProvider for Scripted {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        (wrapped.key_id() == "scripted:1").then_some(Rank::REMOTE)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        if self.rank(wrapped).is_none() {
            return Err(ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt));
        }
        self.next().await?;
        let kept = <[u8; 16]>::try_from(wrapped.blob())
            .ok()
            .and_then(|blob| self.safe.lock().unwrap().get(&blob).cloned());
        match kept {
            Some((digest, key)) if digest == *context.digest() => Ok(DataKey::from_slice(&key).unwrap()),
            _ => Err(ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt)),
        }
    }
}
