//! What a hit costs, on one thread and on two, beside what holds a key for peers. Figures are per hit and thread: twice
//! the throughput on two threads is the same figure as on one.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has to stop")]
use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, RwLock},
};

use datakey_keyring::{OpeningKeyring, SealingKeyring, Usage};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, OpeningProvider, ProviderError, Rank,
    SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use divan::{Bencher, black_box};
use tokio::time::Instant;

fn main() {
    divan::main();
}

/// Wraps nothing: every key is the same, under a blob as long as one of KMS.
struct Instantly;

fn wrapped() -> WrappedKeys {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let wrapped = WrappedKey::new(arn, [9; 184]);
    wrapped.expect("an ARN and 184 bytes are within limits").into()
}

fn key() -> DataKey {
    DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7))
}

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
        Ok(wrapped())
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

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).expect("two short pairs")
}

fn block_on<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime on this thread").block_on(task)
}

const THREADS: [usize; 2] = [1, 2];

#[divan::bench(threads = THREADS, sample_count = 100, sample_size = 100_000)]
fn keyring_sealing(bencher: Bencher<'_, '_>) {
    let context = context();
    let keyring = SealingKeyring::new(Instantly);
    drop(block_on(keyring.key(&context, Usage::message(300))).expect("the provider answers"));
    bencher.bench(|| {
        let held = keyring.try_key(black_box(&context), Usage::message(300));
        black_box(held.expect("the key is warm"));
    });
}

/// The same while the keyring is published, a hundred times as often as a service would need it.
#[cfg(feature = "metrics")]
#[expect(
    clippy::disallowed_methods,
    reason = "a thread of the benchmark's own that only waits"
)]
#[divan::bench(threads = THREADS, sample_count = 100, sample_size = 100_000)]
fn keyring_sealing_published(bencher: Bencher<'_, '_>) {
    use std::{thread, time::Duration};

    let context = context();
    let keyring = SealingKeyring::new(Instantly);
    drop(block_on(keyring.key(&context, Usage::message(300))).expect("the provider answers"));
    let metrics = datakey_keyring::KeyringMetrics::new();
    metrics.watch_sealing(Some("orders"), &keyring);
    let (publishing, going_on) = (Arc::new(()), metrics);
    let until_dropped = Arc::downgrade(&publishing);
    let publisher = thread::spawn(move || {
        while until_dropped.strong_count() > 0 {
            going_on.publish();
            thread::sleep(Duration::from_millis(100));
        }
    });
    bencher.bench(|| {
        let held = keyring.try_key(black_box(&context), Usage::message(300));
        black_box(held.expect("the key is warm"));
    });
    drop(publishing);
    publisher.join().expect("publishing does not panic");
}

/// What it costs to publish a keyring, to no exporter.
#[cfg(feature = "metrics")]
#[divan::bench]
fn publish_one_keyring(bencher: Bencher<'_, '_>) {
    let keyring = SealingKeyring::new(Instantly);
    drop(block_on(keyring.key(&context(), Usage::message(300))).expect("the provider answers"));
    let metrics = datakey_keyring::KeyringMetrics::new();
    metrics.watch_sealing(None, &keyring);
    bencher.bench(|| metrics.publish());
}

#[divan::bench(threads = THREADS, sample_count = 100, sample_size = 100_000)]
fn keyring_opening(bencher: Bencher<'_, '_>) {
    let (context, wrapped) = (context(), wrapped());
    let keyring = OpeningKeyring::new(Instantly);
    drop(block_on(keyring.key(&context, &wrapped)).expect("the provider answers"));
    bencher.bench(|| {
        let held = keyring.try_key(black_box(&context), black_box(&wrapped));
        black_box(held.expect("the key is warm"));
    });
}

/// The floor: the same entry in the same store, and the clock.
#[divan::bench(threads = THREADS, sample_count = 100, sample_size = 100_000)]
fn peer_quick_cache_and_clock(bencher: Bencher<'_, '_>) {
    let context = context();
    let cache = quick_cache::sync::Cache::new(1024);
    cache.insert(*context.digest(), Arc::new(key()));
    bencher.bench(|| {
        black_box(Instant::now());
        black_box(cache.get(black_box(context.digest())).expect("it was inserted"));
    });
}

/// The floor of opening: the wrapped key is part of what is looked up.
#[divan::bench(threads = THREADS, sample_count = 100, sample_size = 100_000)]
fn peer_quick_cache_by_wrapped_key_and_clock(bencher: Bencher<'_, '_>) {
    let (context, wrapped) = (context(), wrapped());
    let cache = quick_cache::sync::Cache::new(1024);
    let id = (wrapped.first().clone(), context);
    cache.insert(id.clone(), Arc::new(key()));
    bencher.bench(|| {
        black_box(Instant::now());
        black_box(cache.get(black_box(&id)).expect("it was inserted"));
    });
}

#[divan::bench(threads = THREADS, sample_count = 100, sample_size = 100_000)]
fn peer_moka_and_clock(bencher: Bencher<'_, '_>) {
    let context = context();
    let cache = moka::sync::Cache::new(1024);
    cache.insert(*context.digest(), Arc::new(key()));
    bencher.bench(|| {
        black_box(Instant::now());
        black_box(cache.get(black_box(context.digest())).expect("it was inserted"));
    });
}

#[divan::bench(threads = THREADS, sample_count = 100, sample_size = 100_000)]
fn peer_mutexed_lru_and_clock(bencher: Bencher<'_, '_>) {
    let context = context();
    let capacity = NonZeroUsize::new(1024).expect("1,024 is not zero");
    let cache = Mutex::new(lru::LruCache::new(capacity));
    cache
        .lock()
        .expect("nobody panics")
        .put(*context.digest(), Arc::new(key()));
    bencher.bench(|| {
        black_box(Instant::now());
        let found = cache
            .lock()
            .expect("nobody panics")
            .get(context.digest())
            .cloned();
        black_box(found.expect("it was inserted"));
    });
}

#[divan::bench(threads = THREADS, sample_count = 100, sample_size = 100_000)]
fn peer_rwlock_map_and_clock(bencher: Bencher<'_, '_>) {
    let context = context();
    let map = RwLock::new(HashMap::from([(*context.digest(), Arc::new(key()))]));
    bencher.bench(|| {
        black_box(Instant::now());
        let found = map.read().expect("nobody panics").get(context.digest()).cloned();
        black_box(found.expect("it was inserted"));
    });
}

#[divan::bench(threads = THREADS, sample_count = 100, sample_size = 100_000)]
fn clock(bencher: Bencher<'_, '_>) {
    bencher.bench(|| black_box(Instant::now()));
}
