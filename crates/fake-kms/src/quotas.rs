//! The request quotas of a Region: one that is shared, and those of single operations.
use std::{collections::BTreeMap, time::Duration};

use crate::{FakeKmsBuilder, KmsOperation, Quota, quota::Limiter};

/// The quotas of a Region in use.
#[derive(Debug)]
pub(crate) struct Limits {
    shared: Limiter,
    own: BTreeMap<KmsOperation, Limiter>,
}

impl Limits {
    pub(crate) fn new(settings: &FakeKmsBuilder, region: &str, now: Duration) -> Self {
        let mut own = BTreeMap::new();
        let mut shared = settings.quota;
        if settings.kms_quotas {
            shared = Quota::of_kms(KmsOperation::Decrypt, region);
            for operation in KmsOperation::ALL {
                if !operation.is_cryptographic() {
                    own.insert(*operation, Limiter::new(Quota::of_kms(*operation, region), now));
                }
            }
        }
        Self {
            shared: Limiter::new(shared, now),
            own,
        }
    }

    /// Whether a call is within the quotas; if so, it is counted.
    pub(crate) fn admit(&mut self, operation: KmsOperation, now: Duration) -> bool {
        // In this order, a call that its own quota refuses takes nothing of the shared one.
        self.own.get_mut(&operation).is_none_or(|own| own.admit(now))
            && (!operation.is_cryptographic() || self.shared.admit(now))
    }

    pub(crate) fn set_shared(&mut self, quota: Quota, now: Duration) {
        self.shared = Limiter::new(quota, now);
    }

    pub(crate) fn set_own(&mut self, operation: KmsOperation, quota: Quota, now: Duration) {
        self.own.insert(operation, Limiter::new(quota, now));
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
