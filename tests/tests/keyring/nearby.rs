//! What threads remember of keys: it is never older than an invalidation, and keeps no key alive.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use datakey_keyring::{OpeningMaterial, SealingLimits, SealingMaterial, Usage};
use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey, ProviderError};
use datakey_tests::keyring::{Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::time::advance;

const ONE: Usage = Usage::message(1);

struct Alive(Arc<AtomicU64>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[derive(Clone)]
struct Counting(Arc<AtomicU64>);

impl SealingMaterial for Counting {
    type Key = Alive;

    fn prepare(&self, _: GeneratedDataKey, _: &EncryptionContext) -> Result<Alive, ProviderError> {
        self.0.fetch_add(1, SeqCst);
        Ok(Alive(Arc::clone(&self.0)))
    }
}

impl OpeningMaterial for Counting {
    type Key = Alive;

    fn prepare(&self, _: DataKey, _: &EncryptionContext) -> Result<Alive, ProviderError> {
        self.0.fetch_add(1, SeqCst);
        Ok(Alive(Arc::clone(&self.0)))
    }
}

fn counting(contexts: usize) -> (Keyrings<Counting>, Arc<AtomicU64>) {
    let alive = Arc::new(AtomicU64::new(0));
    let keyring = Keyrings::builder()
        .material(Counting(Arc::clone(&alive)))
        .sealing(SealingLimits::default().with_max_contexts(contexts))
        .build(Scripted::default())
        .unwrap();
    (keyring, alive)
}

/// A thread that uses the key when told to, and tells whether there was one; until then it is idle.
fn user(keyring: &Keyrings<Counting>) -> impl Fn() -> bool + use<> {
    let (ask, asked) = mpsc::channel::<()>();
    let (answer, answered) = mpsc::channel();
    let keyring = keyring.clone();
    thread::spawn(move || {
        for () in asked {
            let found = keyring.sealing.try_key(&context("a"), ONE).is_some();
            answer.send(found).unwrap();
        }
    });
    move || {
        ask.send(()).unwrap();
        answered.recv().unwrap()
    }
}

#[tokio::test]
async fn an_invalidation_takes_effect_at_once_on_every_thread() {
    let (keyring, _) = counting(10);
    let users: Vec<_> = (0..20).map(|_| user(&keyring)).collect();
    for _ in 0..20 {
        keyring.sealing.key(&context("a"), ONE).await.unwrap();
        let held = keyring.sealing.try_key(&context("a"), ONE);
        assert!(users.iter().all(|uses| uses() && uses()));
        keyring.invalidate_context(&context("a"));
        assert!(!users.iter().any(|uses| uses()), "though one is held: {held:?}");
    }
}

#[tokio::test]
async fn idle_threads_keep_no_key_alive() {
    let (keyring, alive) = counting(1);
    let users: Vec<_> = (0..20).map(|_| user(&keyring)).collect();
    keyring.sealing.key(&context("a"), ONE).await.unwrap();
    assert!(users.iter().all(|uses| uses()));
    assert_eq!(alive.load(SeqCst), 1);
    keyring.sealing.key(&context("b"), ONE).await.unwrap();
    assert_eq!(alive.load(SeqCst), 1, "the evicted key is gone");
    assert!(!users.iter().any(|uses| uses()));
    keyring.shutdown();
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_in_use_on_one_thread_is_known_to_be_in_use() {
    let (keyring, _) = counting(16);
    for n in 0..400 {
        let other = context(format!("t{n}"));
        for _ in 0..3 {
            keyring.sealing.key(&context("hot"), ONE).await.unwrap();
            keyring.sealing.key(&other, ONE).await.unwrap();
            advance(Duration::from_millis(110)).await;
        }
    }
    let stats = keyring.sealing.stats();
    assert!(stats.evicted > 300, "{stats:?}");
    assert_eq!(stats.loads, 401, "the hot key was loaded once: {stats:?}");
}

#[tokio::test(start_paused = true)]
async fn keyrings_do_not_take_each_others_keys() {
    let ((one, _), (two, _)) = (counting(4), counting(4));
    one.sealing.key(&context("a"), ONE).await.unwrap();
    assert!(one.sealing.try_key(&context("a"), ONE).is_some());
    assert!(two.sealing.try_key(&context("a"), ONE).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_refreshed_key_is_not_counted_as_evicted() {
    let (keyring, alive) = counting(4);
    keyring.sealing.key(&context("a"), ONE).await.unwrap();
    advance(Duration::from_secs(290)).await;
    assert!(keyring.sealing.try_key(&context("a"), ONE).is_some());
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    let stats = keyring.sealing.stats();
    assert_eq!((stats.refreshes, stats.evicted, stats.live), (1, 0, 1));
    assert_eq!(alive.load(SeqCst), 1);
}
