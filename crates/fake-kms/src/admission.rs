//! Who is let in: the quotas of a Region in use, one that is shared and those of single operations.
use std::{collections::BTreeMap, time::Duration};

use crate::{FakeKmsBuilder, KmsOperation, Quota, limiter::Limiter};

/// The quotas of a Region in use.
#[derive(Debug)]
pub(crate) struct Admission {
    shared: Limiter,
    own: BTreeMap<KmsOperation, Limiter>,
}

impl Admission {
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
