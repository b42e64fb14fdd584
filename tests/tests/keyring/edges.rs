//! What holds at an edge: of a key's life, of how many wrapped keys there may be, and of what reasons are called.
use std::time::Duration;

use datakey_keyring::{ConfigError, MissReason, OpeningLimits, SealingKeyring, SealingMaterial, Usage};
use datakey_provider::{EncryptionContext, GeneratedDataKey, ProviderError};
use datakey_tests::keyring::{Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::time::sleep;

const ONE: Usage = Usage::message(1);
const SECOND: Duration = Duration::from_secs(1);

/// It was loaded for whoever waits, who would load it again and again otherwise.
#[tokio::test(start_paused = true)]
async fn a_key_that_takes_longer_to_come_than_it_lives_is_had_with_one_call() {
    let provider = Scripted::taking(50);
    let keyring = Keyrings::builder()
        .opening(OpeningLimits::default().with_ttl(Duration::from_millis(10)))
        .build(provider.clone())
        .unwrap();
    let sealed = keyring.sealing.key(&context("a"), ONE).await.unwrap();
    for calls in 1..=3 {
        let opened = keyring.opening.key(&context("a"), sealed.wrapped_keys()).await;
        assert!(opened.unwrap().ct_eq(sealed.data_key()));
        assert_eq!(provider.decrypted(), calls);
        sleep(SECOND).await;
    }
}

struct AtMost(usize);

impl SealingMaterial for AtMost {
    type Key = GeneratedDataKey;

    fn max_wrapped_keys(&self) -> usize {
        self.0
    }

    fn prepare(&self, made: GeneratedDataKey, _: &EncryptionContext) -> Result<Self::Key, ProviderError> {
        Ok(made)
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_may_wrap_as_often_as_a_message_holds_and_no_more() {
    let build = |limit| {
        let builder = SealingKeyring::builder().material(AtMost(limit));
        builder.build(Scripted::default())
    };
    let sealed = build(1).unwrap().key(&context("a"), ONE).await.unwrap();
    assert_eq!(sealed.wrapped_keys().iter().count(), 1);
    let refused = ConfigError::TooManyWrappedKeys { each: 1, limit: 0 };
    assert_eq!(build(0).map(drop), Err(refused));
}

#[test]
fn a_reason_is_printed_as_it_is_named_and_no_two_alike() {
    let mut names: Vec<String> = MissReason::ALL.iter().map(ToString::to_string).collect();
    for (reason, name) in MissReason::ALL.into_iter().zip(&names) {
        assert_eq!(reason.as_str(), name);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), MissReason::ALL.len());
    assert!(names.iter().all(|name| !name.is_empty()));
}
