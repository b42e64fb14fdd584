//! Providers that name no quota, as whoever writes one for another service may leave out: they are paced all the same.
use std::time::Duration;

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, Operation, ProviderError,
    SealingProvider, Several, WrappedKey, WrappedKeys, async_trait,
};
use datakey_retry::Retry;
use datakey_tests::retry::{Counting, Service, seeded};
use tokio::time::timeout;

/// Wraps under a key of this id, by the leave of a service.
struct Unnamed(&'static str, Service);

#[async_trait]
impl SealingProvider for Unnamed {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let key = DataKey::init(length, |bytes| bytes.fill(7));
        let wrapped = self.encrypt(context, &key).await?;
        Ok(GeneratedDataKey::new(key, wrapped))
    }

    async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
        self.1.call().await.map_err(|error| {
            let told = ProviderError::new(error.class(), Operation::Encrypt);
            error.delay().map_or(told.clone(), |delay| told.with_delay(delay))
        })?;
        Ok(WrappedKey::new(self.0, *b"blob").unwrap().into())
    }
}

fn service(per_second: f64) -> Service {
    Service::new(per_second, Counting::Seconds, Duration::from_millis(5))
}

/// Nobody can say which of the two was throttled, so no rate spaces the attempts: backoff does.
#[tokio::test(start_paused = true)]
async fn several_that_name_no_quota_are_not_asked_again_without_a_wait() {
    for throttling in [0, 1] {
        let mut services = [service(1e9), service(1e9)];
        services[throttling] = service(0.0);
        let providers = ["one", "other"].into_iter().zip(services.clone());
        let both = Several::new(providers.map(|(id, service)| Unnamed(id, service))).unwrap();
        let retry = Retry::new(both, seeded(1));
        let context = EncryptionContext::empty();
        let sealing = retry.generate_data_key(&context, DataKeyLength::Bytes32);
        let ended = timeout(Duration::from_secs(2), sealing).await;
        let refused = services[throttling].refused();
        assert!(
            ended.is_err() && refused <= 12,
            "{throttling}: {refused} refusals, {ended:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn several_that_name_no_quota_heed_the_delay_that_is_asked_for() {
    let slow = service(0.0).with_retry_after(Some(Duration::from_secs(3)));
    let both = Several::new([Unnamed("one", service(1e9)), Unnamed("other", slow.clone())]).unwrap();
    let retry = Retry::new(both, seeded(1).with_deadline(Duration::from_secs(30)));
    let context = EncryptionContext::empty();
    let error = retry
        .generate_data_key(&context, DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Throttled);
    assert!((2..=10).contains(&slow.refused()), "{} refusals", slow.refused());
}
