//! How many calls are answered, and what KMS gives a new account.
use crate::KmsOperation;

/// How many cryptographic calls are answered; the rest get `ThrottlingException`.
///
/// KMS counts all symmetric cryptographic operations of an account in a Region together, per second. A refused call
/// does not count. Time is that of `tokio::time`, so that a paused clock governs it, and both kinds are exact to one
/// call.
///
/// ```
/// use datakey_fake_kms::Quota;
///
/// let like_kms_in_most_regions = Quota::per_second(10_000);
/// let smoother = Quota::token_bucket(100, 20); // 100 calls a second, 20 at once
/// assert_ne!(like_kms_in_most_regions, smoother);
/// assert_eq!(Quota::default(), Quota::UNLIMITED);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota(pub(crate) Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    #[default]
    Unlimited,
    PerSecond {
        calls: u64,
    },
    TokenBucket {
        rate: u64,
        burst: u64,
    },
}

impl Quota {
    /// Every call is answered.
    pub const UNLIMITED: Self = Self(Kind::Unlimited);

    /// The first `calls` calls of each second, counted from the start of the fake, are answered.
    ///
    /// With zero, every call is refused: a service that is throttled for good.
    #[must_use]
    pub const fn per_second(calls: u64) -> Self {
        Self(Kind::PerSecond { calls })
    }

    /// A bucket of `burst` tokens, full at first, which gains `rate` tokens a second evenly; a call takes one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_fake_kms::{FakeKms, Quota};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::builder().quota(Quota::token_bucket(10, 2)).build()?;
    /// let mut answered = 0;
    /// for _ in 0..20 {
    ///     answered += u32::from(fake.generate_random(8).await.is_ok());
    /// }
    /// assert!((2..20).contains(&answered)); // the burst, and what the bucket gained meanwhile
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn token_bucket(rate: u64, burst: u64) -> Self {
        Self(Kind::TokenBucket { rate, burst })
    }
}

impl Quota {
    /// The quota that KMS gives an operation by default, in a Region; that of any cryptographic operation is the one
    /// that all of them share.
    ///
    /// Source: "Request quotas" in the AWS KMS Developer Guide.
    ///
    /// ```
    /// use datakey_fake_kms::{KmsOperation, Quota};
    ///
    /// assert_eq!(Quota::of_kms(KmsOperation::Decrypt, "eu-west-1"), Quota::per_second(100_000));
    /// assert_eq!(Quota::of_kms(KmsOperation::Decrypt, "eu-west-3"), Quota::per_second(10_000));
    /// assert_eq!(Quota::of_kms(KmsOperation::CreateKey, "eu-west-1"), Quota::per_second(5));
    /// ```
    #[must_use]
    pub fn of_kms(operation: KmsOperation, region: &str) -> Self {
        use KmsOperation as Op;
        Self::per_second(match operation {
            Op::GenerateDataKey
            | Op::GenerateDataKeyWithoutPlaintext
            | Op::Encrypt
            | Op::Decrypt
            | Op::ReEncrypt
            | Op::GenerateRandom => cryptographic(region),
            Op::CreateKey
            | Op::CreateAlias
            | Op::UpdateAlias
            | Op::EnableKey
            | Op::DisableKey
            | Op::CancelKeyDeletion
            | Op::RotateKeyOnDemand
            | Op::DisableKeyRotation
            | Op::ReplicateKey
            | Op::UpdatePrimaryRegion
            | Op::UpdateKeyDescription
            | Op::UntagResource => 5,
            Op::TagResource => 10,
            Op::DeleteAlias | Op::ScheduleKeyDeletion | Op::EnableKeyRotation | Op::PutKeyPolicy => 15,
            Op::CreateGrant | Op::RetireGrant | Op::RevokeGrant => 50,
            Op::ListGrants | Op::ListRetirableGrants | Op::ListKeyPolicies | Op::ListKeyRotations => 100,
            Op::ListKeys | Op::ListAliases => 500,
            Op::GetKeyPolicy | Op::GetKeyRotationStatus => 1_000,
            Op::DescribeKey | Op::ListResourceTags => 2_000,
        })
    }
}

fn cryptographic(region: &str) -> u64 {
    match region {
        "us-east-1" | "us-west-2" | "eu-west-1" => 100_000,
        "us-east-2" | "ap-southeast-1" | "ap-southeast-2" | "ap-northeast-1" | "eu-central-1"
        | "eu-west-2" => 20_000,
        _ => 10_000,
    }
}
