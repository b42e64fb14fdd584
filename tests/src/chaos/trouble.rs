//! The ways in which a region fails.
use std::time::Duration;

use datakey_fake_kms::{FakeKms, Fault, FaultRule, KmsErrorCode, Latency, Outcome, Quota};
use rand::{RngExt as _, rngs::Xoshiro256PlusPlus};

use super::plan::Plan;

/// A way in which a region fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    DropsConnections,
    Hangs,
    HangsForAWhile,
    AnswersGarbage,
    FailsInside,
    DependencyTimesOut,
    Throttles,
    IsSlow,
    TokenExpired,
    RefusesSignatures,
    KeyStoreFails,
    ProxyRefuses,
    ProxyFindsNothing,
}

pub(super) const TROUBLES: [Trouble; 13] = [
    Trouble::DropsConnections,
    Trouble::Hangs,
    Trouble::HangsForAWhile,
    Trouble::AnswersGarbage,
    Trouble::FailsInside,
    Trouble::DependencyTimesOut,
    Trouble::Throttles,
    Trouble::IsSlow,
    Trouble::TokenExpired,
    Trouble::RefusesSignatures,
    Trouble::KeyStoreFails,
    Trouble::ProxyRefuses,
    Trouble::ProxyFindsNothing,
];

impl Trouble {
    /// Has a region fail so.
    pub(super) fn begin(self, plan: &Plan, random: &mut Xoshiro256PlusPlus, fake: &FakeKms) {
        let fault = |fault: Fault, probability| {
            fake.inject(FaultRule::new(fault).with_probability(probability));
        };
        match self {
            Self::DropsConnections => fault(Fault::DropConnection, 1.0),
            Self::Hangs => fault(Fault::Hang(Duration::MAX), 1.0),
            Self::HangsForAWhile => {
                fault(Fault::Hang(plan.seconds(random.random_range(0.1..3.0))), 0.5);
            }
            Self::AnswersGarbage => fault(Fault::Garbage, 0.5),
            Self::FailsInside => fault(KmsErrorCode::Internal.into(), 0.7),
            Self::DependencyTimesOut => fault(KmsErrorCode::DependencyTimeout.into(), 0.3),
            Self::Throttles => fake.set_quota(Quota::per_second(random.random_range(0..6))),
            Self::IsSlow => {
                fake.set_latency(Latency::fixed(plan.seconds(random.random_range(0.2..0.8))));
            }
            Self::TokenExpired => fault(KmsErrorCode::ExpiredToken.into(), 0.9),
            Self::RefusesSignatures => fault(KmsErrorCode::InvalidSignature.into(), 0.5),
            Self::KeyStoreFails => fault(KmsErrorCode::InvalidState.into(), 0.9),
            Self::ProxyRefuses => fault(Fault::proxy_page(403), 1.0),
            Self::ProxyFindsNothing => fault(Fault::proxy_page(404), 0.5),
        }
    }

    /// How many calls of a region have met it, or a trouble that looks the same.
    pub(super) fn met(self, fake: &FakeKms) -> u64 {
        let ledger = fake.ledger();
        ledger.ended(match self {
            Self::DropsConnections => Outcome::ConnectionLost,
            Self::Hangs | Self::HangsForAWhile => Outcome::TimedOut,
            Self::AnswersGarbage | Self::ProxyRefuses | Self::ProxyFindsNothing => Outcome::Garbage,
            Self::FailsInside => Outcome::Refused(KmsErrorCode::Internal),
            Self::DependencyTimesOut => Outcome::Refused(KmsErrorCode::DependencyTimeout),
            Self::Throttles => return ledger.throttled(),
            // Whatever it answers, it does so late.
            Self::IsSlow => return ledger.calls(),
            Self::TokenExpired => Outcome::Refused(KmsErrorCode::ExpiredToken),
            Self::RefusesSignatures => Outcome::Refused(KmsErrorCode::InvalidSignature),
            Self::KeyStoreFails => Outcome::Refused(KmsErrorCode::InvalidState),
        })
    }
}
