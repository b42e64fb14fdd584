//! What retry adds to a call that succeeds at once: the same provider bare and inside, polled to its end by hand.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has to stop")]
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, OpeningProvider, ProviderError, Rank,
    SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use datakey_retry::{Policy, Retry, retry};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Opens whatever it is given, at once.
struct Instantly;

#[async_trait]
impl SealingProvider for Instantly {
    async fn generate_data_key(
        &self,
        _: &EncryptionContext,
        _: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        Ok(GeneratedDataKey::new(key(), wrapped()))
    }

    async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
        Ok(wrapped().into())
    }
}

#[async_trait]
impl OpeningProvider for Instantly {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        Ok(key())
    }
}

fn key() -> DataKey {
    DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7))
}

fn wrapped() -> WrappedKey {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    WrappedKey::new(arn, [9; 184]).expect("an ARN and 184 bytes are within limits")
}

/// The output of a future that never waits.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
    .expect("nothing here waits")
}

fn open(bencher: Bencher<'_, '_>, provider: &impl OpeningProvider) {
    let (context, wrapped) = (EncryptionContext::empty(), wrapped());
    bencher.bench_local(|| at_once(black_box(provider).decrypt(&context, &wrapped)));
}

#[divan::bench]
fn open_bare(bencher: Bencher) {
    open(bencher, &Instantly);
}

#[divan::bench]
fn open_with_retry(bencher: Bencher) {
    open(bencher, &Retry::new(Instantly, Policy::default()));
}

/// With a recorder that keeps what it is told, as a service has one.
#[cfg(feature = "metrics")]
#[divan::bench]
fn open_with_retry_and_metrics(bencher: Bencher) {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new();
    let recorder = recorder.set_buckets(&datakey_retry::DURATION_BUCKETS);
    // Installed once in this process, whatever else is measured.
    let _handle = recorder.expect("there are buckets").install_recorder();
    let policy = Policy::default().with_metrics(&datakey_retry::Metrics::new());
    open(bencher, &Retry::new(Instantly, policy));
}

#[divan::bench]
fn open_without_retrying(bencher: Bencher) {
    open(bencher, &Retry::new(Instantly, Policy::never()));
}

#[divan::bench]
fn retry_of_a_closure(bencher: Bencher) {
    let policy = Policy::default();
    bencher.bench_local(|| at_once(retry(black_box(&policy), async || Ok::<_, ProviderError>(1))));
}
