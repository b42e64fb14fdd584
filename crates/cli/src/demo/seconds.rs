//! What KMS was asked in each second.
use datakey::fake_kms::{KmsErrorCode, Ledger, Outcome as Answer};
use serde::Serialize;

/// How many calls are kept in full: of the quotas and orders that the demo takes, more than any strategy makes that ends.
pub(crate) const MOST_CALLS: usize = 1_000_000;

/// The calls of a second, as the quota counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Second {
    pub(crate) answered: u64,
    /// Refused with `ThrottlingException`.
    pub(crate) throttled: u64,
    /// Failed otherwise.
    pub(crate) failed: u64,
}

impl Second {
    /// Every second from the start of the emulator to its last call; none where the ledger has forgotten the first of them.
    pub(crate) fn all_of(ledger: &Ledger) -> Vec<Self> {
        let calls = ledger.entries();
        if ledger.calls() > calls.len() as u64 {
            return Vec::new();
        }
        let mut seconds: Vec<Self> = Vec::new();
        for call in calls {
            let index = usize::try_from(call.at.as_secs()).unwrap_or(usize::MAX);
            if index >= seconds.len() {
                seconds.resize(index.saturating_add(1), Self::default());
            }
            if let Some(second) = seconds.get_mut(index) {
                let count = match call.outcome {
                    Answer::Success => &mut second.answered,
                    Answer::Refused(KmsErrorCode::Throttling) => &mut second.throttled,
                    _ => &mut second.failed,
                };
                *count = count.saturating_add(1);
            }
        }
        seconds
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use datakey::fake_kms::{FakeKms, KmsContext, Quota};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_are_in_the_second_in_which_the_quota_counts_them() {
        let fake = FakeKms::builder().quota(Quota::per_second(2)).build().unwrap();
        let key = fake.create_key().unwrap();
        for (calls, pause) in [(3, 2_000), (1, 0)] {
            for _ in 0..calls {
                let _refused_or_not = fake.generate_data_key(&key, &KmsContext::default(), 32).await;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        let second = |answered, throttled| Second {
            answered,
            throttled,
            failed: 0,
        };
        assert_eq!(
            Second::all_of(fake.ledger()),
            [second(2, 1), second(0, 0), second(1, 0)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_ledger_has_forgotten_is_not_told_in_part() {
        let fake = FakeKms::builder().ledger_capacity(1).build().unwrap();
        let key = fake.create_key().unwrap();
        for _ in 0..2 {
            fake.generate_data_key(&key, &KmsContext::default(), 32)
                .await
                .unwrap();
        }
        assert_eq!(Second::all_of(fake.ledger()), []);
    }
}
