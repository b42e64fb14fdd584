//! The fake as its owner holds it.
use std::{
    fmt,
    sync::{Arc, MutexGuard},
    time::Duration,
};

use thiserror::Error;

use crate::{
    BuildError, FakeKmsBuilder, FaultId, FaultRule, KeyMetadata, KmsError, KmsErrorCode, KmsOperation,
    Latency, Ledger, NewKey, Principal, Quota,
    access::{Asker, Source},
    admission::Admission,
    arn::{is_region, partition_of},
    engine::Engine,
    fault::Faults,
    latency::Sampler,
    locks::lock,
    world::{MAX_REGIONS, Region, World},
};

/// An emulated KMS of one account, seen in one Region. A cheap handle: clones share everything.
///
/// [`in_region`](Self::in_region) is the same account in another Region: other keys, and quotas, latency, faults and
/// ledger of its own. Only multi-Region keys are in several.
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
pub struct FakeKms {
    world: Arc<World>,
    region: Arc<Region>,
    caller: Option<Arc<Principal>>,
}

/// There is no such Region, or there are too many already.
///
/// A fake takes any name that looks like a Region's, so that tests need not wait for a new one; a typo such as `eu-west` is not one.
///
/// ```
/// use datakey_fake_kms::FakeKms;
///
/// let fake = FakeKms::new();
/// assert!(fake.in_region("eu-west-1").is_ok());
/// assert!(fake.in_region("eu-west").is_err());
/// assert!(fake.in_region("europe").is_err_and(|error| error.to_string().contains("europe")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not the name of a Region, or a fake has {MAX_REGIONS} others already")]
pub struct NoSuchRegion(pub(crate) Box<str>);

/// No principal with that access key was added.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no principal has the access key {0:?}")]
pub struct NoSuchPrincipal(Box<str>);

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

    fn from_builder(builder: &FakeKmsBuilder) -> Self {
        let (world, region) = World::new(builder);
        Self {
            world,
            region,
            caller: None,
        }
    }

    /// The same account in another Region, with the settings that the fake was built with.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, KmsContext, NewKey};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let here = FakeKms::new();
    /// let there = here.in_region("eu-west-1")?;
    /// let key = here.create_key_with(&NewKey::new().multi_region())?;
    /// let replica = here.replicate_key(&key, "eu-west-1")?;
    /// assert_ne!(key, replica); // another ARN, the same key material
    ///
    /// let context = KmsContext::new([("tenant", "acme")])?;
    /// let made = here.generate_data_key(&key, &context, 32).await?;
    /// let opened = there.decrypt(Some(&replica), &context, &made.ciphertext).await?;
    /// assert_eq!(opened.plaintext, made.plaintext);
    /// assert_eq!((here.ledger().calls(), there.ledger().calls()), (1, 1));
    /// # Ok(()) }
    /// # let mut task = std::pin::pin!(run());
    /// # let waker = std::task::Waker::noop();
    /// # assert!(matches!(task.as_mut().poll(&mut std::task::Context::from_waker(waker)), std::task::Poll::Ready(Ok(()))));
    /// # use std::future::Future as _;
    /// ```
    ///
    /// # Errors
    /// [`NoSuchRegion`] when it is not the name of one, or there are 64 others.
    pub fn in_region(&self, region: &str) -> Result<Self, NoSuchRegion> {
        let known = region == self.region() || *region == **self.world.home() || is_region(region);
        let found = known.then(|| self.world.region(region)).flatten();
        Ok(Self {
            world: Arc::clone(&self.world),
            region: found.ok_or_else(|| NoSuchRegion(region.into()))?,
            caller: self.caller.clone(),
        })
    }

    /// Lets a principal call. From then on requests over HTTP are those of the principal whose access key they name,
    /// and only principals that were added may call.
    ///
    /// A second one with the same access key takes the place of the first, in all Regions and for handles that are made from then on.
    pub fn add_principal(&self, principal: Principal) {
        self.world.add_principal(principal);
    }

    /// The fake as a principal sees it: its `async` calls are made by that principal, and may be denied.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, KmsContext, KmsErrorCode, Principal};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let key = fake.create_key()?;
    /// let sealer = Principal::new("AKIASEALER", "secret", "arn:aws:iam::111122223333:role/sealer")?;
    /// fake.add_principal(sealer.with_policy(
    ///     r#"{"Statement": {"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*"}}"#,
    /// )?);
    /// let as_sealer = fake.acting_as("AKIASEALER")?;
    /// let made = as_sealer.generate_data_key(&key, &KmsContext::default(), 32).await?;
    /// let denied = as_sealer.decrypt(None, &KmsContext::default(), &made.ciphertext).await.unwrap_err();
    /// assert_eq!(denied.code(), Some(KmsErrorCode::AccessDenied));
    /// # Ok(()) }
    /// # let mut task = std::pin::pin!(run());
    /// # let waker = std::task::Waker::noop();
    /// # assert!(matches!(task.as_mut().poll(&mut std::task::Context::from_waker(waker)), std::task::Poll::Ready(Ok(()))));
    /// # use std::future::Future as _;
    /// ```
    ///
    /// # Errors
    /// [`NoSuchPrincipal`] when none was added with that access key.
    pub fn acting_as(&self, access_key_id: &str) -> Result<Self, NoSuchPrincipal> {
        let found = self.world.principal(access_key_id);
        Ok(Self {
            caller: Some(found.ok_or_else(|| NoSuchPrincipal(access_key_id.into()))?),
            ..self.clone()
        })
    }

    #[cfg(feature = "http")]
    pub(crate) fn called_by(&self, principal: Arc<Principal>) -> Self {
        Self {
            caller: Some(principal),
            ..self.clone()
        }
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn caller(&self) -> Option<&Principal> {
        self.caller.as_deref()
    }

    /// Who makes the `async` calls.
    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker {
            principal: self.caller(),
            grant_tokens: &[],
            source: Source::HERE,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.region.engine
    }

    pub(crate) fn admission(&self) -> MutexGuard<'_, Admission> {
        lock(&self.region.admission)
    }

    pub(crate) fn latency(&self) -> MutexGuard<'_, Sampler> {
        lock(&self.region.latency)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.region.faults)
    }

    /// The record of all calls.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.region.ledger
    }

    /// The Region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.engine().place().region
    }

    /// What its quota goes by among those who pace calls: another name for each Region and each fake.
    pub(crate) fn quota_name(&self) -> &str {
        &self.region.quota_name
    }

    /// The partition that the Region is in, which ARNs begin with: `aws`, `aws-cn`, `aws-us-gov` and so on.
    ///
    /// ```
    /// use datakey_fake_kms::FakeKms;
    ///
    /// let fake = FakeKms::builder().region("cn-north-1").build()?;
    /// assert_eq!(fake.partition(), "aws-cn");
    /// assert!(fake.create_key()?.starts_with("arn:aws-cn:kms:cn-north-1:")); // code that expects `arn:aws:` fails here
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn partition(&self) -> &'static str {
        partition_of(self.region())
    }

    /// The account: twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.engine().place().account
    }

    /// Moves the clock on at once, in all Regions: for waiting periods of deletions, and for rotation. Quotas, faults, credentials
    /// and signatures go on by the time that passes, since clients do not move with it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_fake_kms::FakeKms;
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let key = fake.create_key()?;
    /// fake.schedule_key_deletion(&key, 7)?;
    /// fake.advance_clock(Duration::from_secs(7 * 24 * 60 * 60));
    /// assert!(fake.describe_key(&key).await.is_err());
    /// # Ok(()) }
    /// # let mut task = std::pin::pin!(run());
    /// # let waker = std::task::Waker::noop();
    /// # assert!(matches!(task.as_mut().poll(&mut std::task::Context::from_waker(waker)), std::task::Poll::Ready(Ok(()))));
    /// # use std::future::Future as _;
    /// ```
    pub fn advance_clock(&self, time: Duration) {
        self.engine().clock().advance(time);
    }

    /// Changes the quota that all cryptographic operations share, for all calls from here on, with an empty window or a
    /// full bucket.
    pub fn set_quota(&self, quota: Quota) {
        let now = self.engine().clock().since_start();
        self.admission().set_shared(quota, now);
    }

    /// Changes the quota of one operation that has one of its own, likewise. A cryptographic operation has none: what
    /// is set for it bounds it on top of the shared one.
    pub fn set_operation_quota(&self, operation: KmsOperation, quota: Quota) {
        let now = self.engine().clock().since_start();
        self.admission().set_own(operation, quota, now);
    }

    /// Changes the latency for all calls from here on.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use datakey_fake_kms::{FakeKms, Latency};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let (near, far) = (fake.in_region("us-east-1")?, fake.in_region("ap-southeast-2")?);
    /// far.set_latency(Latency::fixed(Duration::from_millis(30))); // of that Region alone
    /// let begun = Instant::now();
    /// near.generate_random(8).await?;
    /// far.generate_random(8).await?;
    /// assert!(begun.elapsed() >= Duration::from_millis(30));
    /// # Ok(()) }
    /// ```
    pub fn set_latency(&self, latency: Latency) {
        self.latency().latency = latency;
    }

    /// Adds a rule after those in force.
    ///
    /// It holds in this handle's Region, for all who call there, from the next call on: those that wait for their answer have been decided.
    #[expect(clippy::must_use_candidate, reason = "most rules are never taken out by hand")]
    pub fn inject(&self, rule: FaultRule) -> FaultId {
        self.faults()
            .add(rule, |key| self.engine().name_of(key).as_ref().into())
    }

    /// Takes a rule out; `false` when it was gone already.
    #[expect(
        clippy::must_use_candidate,
        reason = "whether it was gone already rarely matters"
    )]
    pub fn remove_fault(&self, id: FaultId) -> bool {
        self.faults().remove(id)
    }

    #[cfg(feature = "http")]
    pub(crate) fn fault_count(&self) -> usize {
        self.faults().len()
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
        self.create_key_with(&NewKey::new())
    }

    /// Makes a key that has a description, tags, a policy, or replicas, and answers its ARN.
    ///
    /// # Errors
    /// `TagException`, `MalformedPolicyDocumentException`, `ValidationException` for what is wrong with these.
    pub fn create_key_with(&self, new: &NewKey) -> Result<Arc<str>, KmsError> {
        Ok(self.engine().create_key(&Asker::OWNER, new)?.arn)
    }

    /// Makes a multi-Region key's replica in another Region, and answers its ARN.
    ///
    /// # Errors
    /// `UnsupportedOperationException` when the key is no multi-Region primary; `AlreadyExistsException`.
    pub fn replicate_key(&self, key_id: &str, region: &str) -> Result<Arc<str>, KmsError> {
        let there = self
            .in_region(region)
            .map_err(|no_such| KmsError::with_message(KmsErrorCode::Validation, no_such.to_string()))?;
        let made = self
            .engine()
            .replicate_key(&Asker::OWNER, key_id, there.engine(), &NewKey::new())?;
        Ok(made.0.arn)
    }

    /// Gives a key another policy, in JSON. Whom it locks out is not asked.
    ///
    /// # Errors
    /// `NotFoundException`, `MalformedPolicyDocumentException`.
    pub fn put_key_policy(&self, key_id: &str, json: &str) -> Result<(), KmsError> {
        self.engine()
            .put_key_policy(&Asker::OWNER, key_id, json, Some(true))
    }

    /// Gives a key a second name, which starts with `alias/`.
    ///
    /// # Errors
    /// `ValidationException`, `AlreadyExistsException`, `NotFoundException`.
    pub fn create_alias(&self, alias: &str, key_id: &str) -> Result<(), KmsError> {
        self.engine().create_alias(&Asker::OWNER, alias, key_id)
    }

    /// What is known about a key.
    ///
    /// # Errors
    /// `NotFoundException`.
    pub fn key_metadata(&self, key_id: &str) -> Result<KeyMetadata, KmsError> {
        self.engine().describe_key(&Asker::OWNER, key_id)
    }

    /// Makes a disabled key usable again.
    ///
    /// # Errors
    /// `NotFoundException`, `KMSInvalidStateException`.
    pub fn enable_key(&self, key_id: &str) -> Result<(), KmsError> {
        self.engine().set_enabled(&Asker::OWNER, key_id, true)
    }

    /// Makes a key unusable until it is enabled.
    ///
    /// # Errors
    /// `NotFoundException`, `KMSInvalidStateException`.
    pub fn disable_key(&self, key_id: &str) -> Result<(), KmsError> {
        self.engine().set_enabled(&Asker::OWNER, key_id, false)
    }

    /// Makes a key unusable, and deletes it for good after 7 to 30 days of the fake's clock.
    ///
    /// # Errors
    /// `NotFoundException`, `KMSInvalidStateException`, `ValidationException`.
    pub fn schedule_key_deletion(&self, key_id: &str, days: u32) -> Result<(), KmsError> {
        let days = i64::from(days);
        self.engine()
            .schedule_key_deletion(&Asker::OWNER, key_id, days)
            .map(drop)
    }

    /// Keeps a key that is to be deleted. It is disabled afterwards.
    ///
    /// # Errors
    /// `NotFoundException`, `KMSInvalidStateException`.
    pub fn cancel_key_deletion(&self, key_id: &str) -> Result<(), KmsError> {
        self.engine().cancel_key_deletion(&Asker::OWNER, key_id).map(drop)
    }

    /// Gives a key new key material. What the old material encrypted still decrypts.
    ///
    /// # Errors
    /// `NotFoundException`, `DisabledException`, `KMSInvalidStateException`; `LimitExceededException` after 25 times.
    pub fn rotate_key(&self, key_id: &str) -> Result<(), KmsError> {
        self.engine().rotate_key(&Asker::OWNER, key_id).map(drop)
    }
}

impl FakeKmsBuilder {
    /// Starts the fake.
    ///
    /// # Errors
    /// [`BuildError`] when Region or account are not such.
    pub fn build(self) -> Result<FakeKms, BuildError> {
        self.check()?;
        Ok(FakeKms::from_builder(&self))
    }
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
