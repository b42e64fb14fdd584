//! The fake as its owner holds it.
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    FakeKmsBuilder, FakeKmsProvider, FaultId, FaultRule, KeyMetadata, KmsError, Latency, Ledger, Quota,
    arn::Place,
    engine::{Clock, Engine},
    fault::Faults,
    latency::Sampler,
    quota::Limiter,
};

/// An emulated KMS of one account in one Region. A cheap handle: clones share everything.
///
/// Two kinds of methods. The `async` ones are *calls*, as a client makes them: they take latency, count against the
/// quota, meet faults and stand in the ledger. The others are the test's own hand on the service, and do none of that.
///
/// ```
/// use std::time::Duration;
/// use datakey_fake_kms::{FakeKms, KmsContext, KmsErrorCode, Latency, Quota};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::builder()
///     .region("eu-central-1")
///     .quota(Quota::per_second(2))
///     .build()?;
/// let key = fake.create_key()?;
/// assert!(key.starts_with("arn:aws:kms:eu-central-1:"));
///
/// let context = KmsContext::new([("tenant", "acme")])?;
/// let made = fake.generate_data_key(&key, &context, 32).await?;
/// assert_eq!(made.ciphertext.len(), 184);
/// let opened = fake.decrypt(None, &context, &made.ciphertext).await?;
/// assert_eq!(opened.plaintext, made.plaintext);
///
/// let third = fake.decrypt(None, &context, &made.ciphertext).await.unwrap_err();
/// assert_eq!(third.code(), Some(KmsErrorCode::Throttling));
/// fake.set_quota(Quota::UNLIMITED);
/// fake.set_latency(Latency::fixed(Duration::ZERO));
/// let other = fake.decrypt(None, &KmsContext::default(), &made.ciphertext).await.unwrap_err();
/// assert_eq!(other.code(), Some(KmsErrorCode::InvalidCiphertext));
/// # Ok(()) }
/// # let mut task = std::pin::pin!(run());
/// # let waker = std::task::Waker::noop();
/// # assert!(matches!(task.as_mut().poll(&mut std::task::Context::from_waker(waker)), std::task::Poll::Ready(Ok(()))));
/// # use std::future::Future as _;
/// ```
#[derive(Clone)]
pub struct FakeKms(Arc<Inner>);

struct Inner {
    engine: Engine,
    limiter: Mutex<Limiter>,
    latency: Mutex<Sampler>,
    faults: Mutex<Faults>,
    ledger: Ledger,
}

impl FakeKms {
    /// A fake with all defaults: unlimited, immediate, without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::from_builder(&FakeKmsBuilder::default())
    }

    /// A fake with settings of its own.
    pub fn builder() -> FakeKmsBuilder {
        FakeKmsBuilder::default()
    }

    pub(crate) fn from_builder(builder: &FakeKmsBuilder) -> Self {
        let place = Place {
            region: Arc::clone(&builder.region),
            account: Arc::clone(&builder.account),
        };
        let clock = Clock {
            started: Instant::now(),
            unix_at_start: builder.unix_time,
        };
        // Streams of their own, so that adding a fault rule does not change the latencies of a seeded test.
        let (latency_seed, fault_seed) = (builder.seed, !builder.seed);
        Self(Arc::new(Inner {
            engine: Engine::new(place, clock),
            limiter: Mutex::new(Limiter::new(builder.quota, Duration::ZERO)),
            latency: Mutex::new(Sampler::new(builder.latency, latency_seed)),
            faults: Mutex::new(Faults::new(fault_seed)),
            ledger: Ledger::new(builder.ledger_capacity),
        }))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn limiter(&self) -> MutexGuard<'_, Limiter> {
        lock(&self.0.limiter)
    }

    pub(crate) fn latency(&self) -> MutexGuard<'_, Sampler> {
        lock(&self.0.latency)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.0.faults)
    }

    /// The record of all calls.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// The Region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.0.engine.place().region
    }

    /// The account: twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.0.engine.place().account
    }

    /// The fake as a provider that seals under a key and opens what was sealed under it.
    ///
    /// The key is named by id, ARN or alias; as a client would, the provider finds out whether it exists when it is
    /// used. An alias is followed once, here.
    #[must_use]
    pub fn provider(&self, key_id: &str) -> FakeKmsProvider {
        FakeKmsProvider::new(self.clone(), self.0.engine.name_of(key_id))
    }

    /// Changes the quota for all calls from here on, with an empty window or a full bucket.
    pub fn set_quota(&self, quota: Quota) {
        *self.limiter() = Limiter::new(quota, self.0.engine.clock().since_start());
    }

    /// Changes the latency for all calls from here on.
    pub fn set_latency(&self, latency: Latency) {
        self.latency().latency = latency;
    }

    /// Adds a rule after those in force.
    #[expect(clippy::must_use_candidate, reason = "most rules are never taken out by hand")]
    pub fn inject(&self, rule: FaultRule) -> FaultId {
        self.faults()
            .add(rule, |key| self.0.engine.name_of(key).as_ref().into())
    }

    /// Takes a rule out; `false` when it was gone already.
    #[expect(
        clippy::must_use_candidate,
        reason = "whether it was gone already rarely matters"
    )]
    pub fn remove_fault(&self, id: FaultId) -> bool {
        self.faults().remove(id)
    }

    /// Takes all rules out.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    /// Makes a key, and answers its ARN.
    ///
    /// # Errors
    /// `KMSInternalException` when the operating system gives no random bytes.
    pub fn create_key(&self) -> Result<Arc<str>, KmsError> {
        Ok(self.0.engine.create_key("")?.arn)
    }

    /// Gives a key a second name, which starts with `alias/`.
    ///
    /// # Errors
    /// `InvalidAliasNameException`, `AlreadyExistsException`, `NotFoundException`.
    pub fn create_alias(&self, alias: &str, key_id: &str) -> Result<(), KmsError> {
        self.0.engine.create_alias(alias, key_id)
    }

    /// What is known about a key.
    ///
    /// # Errors
    /// `NotFoundException`.
    pub fn key_metadata(&self, key_id: &str) -> Result<KeyMetadata, KmsError> {
        self.0.engine.describe_key(key_id)
    }

    /// Makes a disabled key usable again.
    ///
    /// # Errors
    /// `NotFoundException`, `KMSInvalidStateException`.
    pub fn enable_key(&self, key_id: &str) -> Result<(), KmsError> {
        self.0.engine.set_enabled(key_id, true)
    }

    /// Makes a key unusable until it is enabled.
    ///
    /// # Errors
    /// `NotFoundException`, `KMSInvalidStateException`.
    pub fn disable_key(&self, key_id: &str) -> Result<(), KmsError> {
        self.0.engine.set_enabled(key_id, false)
    }

    /// Makes a key unusable, and deletes it for good after 7 to 30 days of the fake's clock.
    ///
    /// # Errors
    /// `NotFoundException`, `KMSInvalidStateException`, `ValidationException`.
    pub fn schedule_key_deletion(&self, key_id: &str, days: u32) -> Result<(), KmsError> {
        self.0.engine.schedule_key_deletion(key_id, days).map(drop)
    }

    /// Keeps a key that is to be deleted. It is disabled afterwards.
    ///
    /// # Errors
    /// `NotFoundException`, `KMSInvalidStateException`.
    pub fn cancel_key_deletion(&self, key_id: &str) -> Result<(), KmsError> {
        self.0.engine.cancel_key_deletion(key_id).map(drop)
    }

    /// Gives a key new key material. What the old material encrypted still decrypts.
    ///
    /// # Errors
    /// `NotFoundException`, `DisabledException`, `KMSInvalidStateException`; `LimitExceededException` after 25 times.
    pub fn rotate_key(&self, key_id: &str) -> Result<(), KmsError> {
        self.0.engine.rotate_key(key_id).map(drop)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for FakeKms {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeKms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeKms")
            .field("region", &self.region())
            .field("account", &self.account())
            .field("calls", &self.ledger().calls())
            .finish()
    }
}
