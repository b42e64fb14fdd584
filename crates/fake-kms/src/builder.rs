//! The settings of a fake.
use std::{sync::Arc, time::Duration};

use thiserror::Error;

use crate::{Latency, Quota};

/// The Region of a fake that is told no other.
pub const DEFAULT_REGION: &str = "us-east-1";

/// The account of a fake that is told no other: the one that the AWS documentation uses in its examples.
pub const DEFAULT_ACCOUNT: &str = "111122223333";

/// How many calls a ledger keeps in full unless told otherwise.
pub const DEFAULT_LEDGER_CAPACITY: usize = 10_000;

/// The fake's clock at its start unless told otherwise: 2026-01-01T00:00:00Z, in seconds since 1970.
pub const DEFAULT_UNIX_TIME: Duration = Duration::from_secs(1_767_225_600);

/// The settings of a [`FakeKms`](crate::FakeKms).
///
/// ```
/// use std::time::Duration;
/// use datakey_fake_kms::{FakeKms, Latency, Quota};
///
/// let fake = FakeKms::builder()
///     .region("ap-southeast-2")
///     .account("444455556666")
///     .quota(Quota::token_bucket(500, 50))
///     .latency(Latency::uniform(Duration::from_millis(3), Duration::from_millis(12)))
///     .seed(42)
///     .build()?;
/// assert_eq!((fake.region(), fake.account()), ("ap-southeast-2", "444455556666"));
/// assert!(FakeKms::builder().account("acme").build().is_err());
/// # Ok::<(), datakey_fake_kms::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct FakeKmsBuilder {
    pub(crate) region: Arc<str>,
    pub(crate) account: Arc<str>,
    pub(crate) quota: Quota,
    pub(crate) kms_quotas: bool,
    pub(crate) latency: Latency,
    pub(crate) seed: u64,
    pub(crate) ledger_capacity: usize,
    pub(crate) unix_time: Duration,
}

/// Why settings do not make a fake.
///
/// ```
/// use datakey_fake_kms::{BuildError, FakeKms};
///
/// let written_out = FakeKms::builder().account("1111-2222-3333").build();
/// assert!(matches!(written_out, Err(BuildError::Account(_)))); // as the console shows it, and no API takes it
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Not the name of a Region.
    #[error("{0:?} is not the name of a Region; it has 1 to 32 lower-case letters, digits and dashes")]
    Region(Box<str>),
    /// Not an account number.
    #[error("{0:?} is not an account; it has twelve digits")]
    Account(Box<str>),
}

impl FakeKmsBuilder {
    /// The Region, which stands in key ARNs. Default: [`DEFAULT_REGION`].
    pub fn region(mut self, region: &str) -> Self {
        self.region = region.into();
        self
    }

    /// The account, which stands in key ARNs. Default: [`DEFAULT_ACCOUNT`].
    ///
    /// Two fakes of one account are two services that know nothing of each other, as their keys differ; for two accounts that do, add a
    /// [`Principal`](crate::Principal) of the other one.
    pub fn account(mut self, account: &str) -> Self {
        self.account = account.into();
        self
    }

    /// The request quota that all cryptographic operations share. Default: unlimited.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = quota;
        self.kms_quotas = false;
        self
    }

    /// The request quotas that KMS gives a new account, in each Region its own: one that all cryptographic operations
    /// share, and one for each other operation. See [`Quota::of_kms`].
    ///
    /// ```
    /// use datakey_fake_kms::FakeKms;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::builder().region("eu-west-1").kms_quotas().build()?;
    /// let key = fake.create_key()?; // by the test's own hand, which counts against nothing
    /// for _ in 0..100 {
    ///     fake.describe_key(&key).await?; // far below 2,000 a second
    /// }
    /// assert_eq!(fake.ledger().throttled(), 0);
    /// # Ok(()) }
    /// ```
    pub fn kms_quotas(mut self) -> Self {
        self.kms_quotas = true;
        self
    }

    /// How long answers take. Default: none.
    ///
    /// In all Regions, and until [`set_latency`](crate::FakeKms::set_latency) says otherwise for one. Refusals take as long as answers.
    pub fn latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// The seed of latencies and of fault rules with a probability; keys are never seeded. Default: 0.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode};
    ///
    /// /// Which of twenty calls fail, where each does with a chance of one in four.
    /// async fn fails(seed: u64) -> Vec<bool> {
    ///     let fake = FakeKms::builder().seed(seed).build().expect("the defaults");
    ///     fake.inject(FaultRule::new(KmsErrorCode::Internal).with_probability(0.25));
    ///     let mut all = Vec::new();
    ///     for _ in 0..20 {
    ///         all.push(fake.generate_random(8).await.is_err());
    ///     }
    ///     all
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert_eq!(fails(7).await, fails(7).await); // print the seed of a test that failed, and run it again
    /// assert_ne!(fails(7).await, fails(8).await);
    /// # Ok(()) }
    /// ```
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many calls the ledger keeps in full; 0 keeps the counters only. Default: [`DEFAULT_LEDGER_CAPACITY`].
    ///
    /// ```
    /// use datakey_fake_kms::FakeKms;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::builder().ledger_capacity(2).build()?;
    /// for len in 1..=5 {
    ///     fake.generate_random(len).await?;
    /// }
    /// let kept: Vec<u64> = fake.ledger().entries().iter().map(|call| call.sequence).collect();
    /// assert_eq!(kept, [3, 4]); // the last two, in full
    /// assert_eq!(fake.ledger().calls(), 5); // and all of them, counted
    /// # Ok(()) }
    /// ```
    pub fn ledger_capacity(mut self, calls: usize) -> Self {
        self.ledger_capacity = calls;
        self
    }

    /// What the fake's clock shows at its start, since 1970, in answers like `CreationDate`. It goes on with
    /// `tokio::time`. Default: [`DEFAULT_UNIX_TIME`].
    pub fn unix_time(mut self, since_1970: Duration) -> Self {
        self.unix_time = since_1970;
        self
    }

    /// The clock shows the time of day at the start, as signatures of real clients need it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that looks at the wall clock, when it is asked to"
    )]
    pub fn wall_clock(self) -> Self {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        self.unix_time(since_1970.unwrap_or_default())
    }

    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let in_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&self.region.len()) || !self.region.bytes().all(in_region) {
            return Err(BuildError::Region(self.region.as_ref().into()));
        }
        if self.account.len() != 12 || !self.account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BuildError::Account(self.account.as_ref().into()));
        }
        Ok(())
    }
}

impl Default for FakeKmsBuilder {
    fn default() -> Self {
        Self {
            region: DEFAULT_REGION.into(),
            account: DEFAULT_ACCOUNT.into(),
            quota: Quota::UNLIMITED,
            kms_quotas: false,
            latency: Latency::NONE,
            seed: 0,
            ledger_capacity: DEFAULT_LEDGER_CAPACITY,
            unix_time: DEFAULT_UNIX_TIME,
        }
    }
}
