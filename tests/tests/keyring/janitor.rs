//! Keys that nobody asks for any more are wiped when they are too old.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use datakey_keyring::{
    MissReason, OpeningKeyring, OpeningLimits, OpeningMaterial, SealingKeyring, SealingLimits,
    SealingMaterial, Usage,
};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, ProviderError,
    SealingProvider as _,
};
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::{runtime::Handle, time::sleep};

const ONE: Usage = Usage::message(1);
const HARD: Duration = Duration::from_secs(180);
const TTL: Duration = Duration::from_secs(300);

struct Alive<T>(Arc<AtomicU64>, T);

impl<T> Drop for Alive<T> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[derive(Clone, Default)]
struct Counting(Arc<AtomicU64>);

impl Counting {
    fn one<T>(&self, key: T) -> Alive<T> {
        self.0.fetch_add(1, SeqCst);
        Alive(Arc::clone(&self.0), key)
    }
}

impl SealingMaterial for Counting {
    type Key = Alive<GeneratedDataKey>;

    fn prepare(&self, made: GeneratedDataKey, _: &EncryptionContext) -> Result<Self::Key, ProviderError> {
        Ok(self.one(made))
    }
}

impl OpeningMaterial for Counting {
    type Key = Alive<DataKey>;

    fn prepare(&self, key: DataKey, _: &EncryptionContext) -> Result<Self::Key, ProviderError> {
        Ok(self.one(key))
    }
}

fn counting() -> (Keyrings<Counting>, Arc<AtomicU64>) {
    let material = Counting::default();
    let alive = Arc::clone(&material.0);
    let keyring = Keyrings::builder()
        .material(material)
        .sealing(
            SealingLimits::default()
                .with_soft_age(Duration::from_secs(60))
                .with_hard_age(HARD),
        )
        .opening(OpeningLimits::default().with_ttl(TTL))
        .build(Scripted::default());
    (keyring.unwrap(), alive)
}

#[tokio::test(start_paused = true)]
async fn idle_keys_are_wiped_at_their_hard_age() {
    let (keyring, alive) = counting();
    for n in 0..50 {
        let context = context(format!("t{n}"));
        let sealed = keyring.sealing.key(&context, ONE).await.unwrap();
        keyring
            .opening
            .key(&context, sealed.1.wrapped_keys())
            .await
            .unwrap();
    }
    assert_eq!(alive.load(SeqCst), 100);
    sleep(HARD - Duration::from_secs(1)).await;
    assert_eq!(alive.load(SeqCst), 100, "an outage may still need them");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(alive.load(SeqCst), 50);
    sleep(TTL - HARD).await;
    assert_eq!(alive.load(SeqCst), 0);
    assert_eq!(
        (keyring.sealing.stats().live, keyring.opening.stats().live),
        (0, 0)
    );
    let why = keyring.sealing.explain(&context("t7"));
    assert_eq!(why.key, Err(MissReason::Age), "and it is known why");
}

#[tokio::test(start_paused = true)]
async fn keys_made_while_it_sleeps_are_not_overlooked() {
    let (keyring, alive) = counting();
    for n in 0..40 {
        keyring.sealing.key(&context(format!("t{n}")), ONE).await.unwrap();
        sleep(Duration::from_secs(7)).await;
        let young = u64::min(n + 1, HARD.as_secs() / 7 + 1);
        let own = alive.load(SeqCst);
        assert!(
            (young - 1..=young).contains(&own),
            "{own} alive of {young} that are young"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_key_is_wiped_by_its_holder() {
    let (keyring, alive) = counting();
    let held = keyring.sealing.key(&context("a"), ONE).await.unwrap();
    sleep(HARD + Duration::from_secs(2)).await;
    assert_eq!((keyring.sealing.stats().live, alive.load(SeqCst)), (0, 1));
    drop(held);
    assert_eq!(alive.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn no_task_is_left_when_no_key_is() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let (keyring, _) = counting();
    for round in 0..3 {
        keyring.sealing.key(&context("a"), ONE).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(tasks(), before + 1, "round {round}");
        sleep(HARD * 2).await;
        assert_eq!(tasks(), before);
    }
    keyring.sealing.key(&context("a"), ONE).await.unwrap();
    keyring.shutdown();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(tasks(), before, "nor after a shutdown");
    let (other, alive) = counting();
    other.sealing.key(&context("a"), ONE).await.unwrap();
    drop(other);
    assert_eq!(alive.load(SeqCst), 0, "it keeps no keyring alive");
}

/// A load that was begun before a sweep, and is under way when nothing is kept, has nobody else to sweep what it brings.
#[tokio::test(start_paused = true)]
async fn a_load_that_outlasts_a_sweep_leaves_no_key_that_nobody_wipes() {
    let material = Counting::default();
    let alive = Arc::clone(&material.0);
    let provider = Scripted::default();
    let sealing = SealingKeyring::builder()
        .material(material.clone())
        .limits(
            SealingLimits::default()
                .with_soft_age(Duration::from_secs(5))
                .with_hard_age(Duration::from_secs(10)),
        )
        .build(provider.clone())
        .unwrap();
    let opening = OpeningKeyring::builder()
        .material(material)
        .limits(OpeningLimits::default().with_ttl(Duration::from_secs(10)))
        .build(provider.clone())
        .unwrap();
    let (a, b) = (context("a"), context("b"));
    let wrapped = provider
        .generate_data_key(&b, DataKeyLength::Bytes32)
        .await
        .unwrap();
    let wrapped = wrapped.wrapped_keys();
    provider.does(Does::Fail(ErrorClass::Throttled));
    assert!(sealing.key(&a, ONE).await.is_err() && opening.key(&a, wrapped).await.is_err());
    sleep(Duration::from_secs(9)).await;
    provider.does(Does::Work);
    provider.takes(Duration::from_secs(3));
    let (sealed, opened) = tokio::join!(sealing.key(&b, ONE), opening.key(&b, wrapped));
    assert!(sealed.is_ok() && opened.is_ok());
    drop((sealed, opened));
    assert_eq!(alive.load(SeqCst), 2);
    sleep(Duration::from_secs(12)).await;
    assert_eq!(alive.load(SeqCst), 0);
}

/// Who waits for a load and looks no more holds what it brought, until it is too old there too.
#[tokio::test(start_paused = true)]
async fn a_key_that_somebody_waited_for_and_never_took_is_wiped_when_it_is_too_old() {
    let material = Counting::default();
    let alive = Arc::clone(&material.0);
    let provider = Scripted::default();
    let context = context("a");
    let made = provider.generate_data_key(&context, DataKeyLength::Bytes32);
    let made = made.await.unwrap();
    provider.takes(Duration::from_secs(1));
    let opening = OpeningKeyring::builder()
        .material(material)
        .limits(OpeningLimits::default().with_ttl(TTL))
        .build(provider.clone())
        .unwrap();
    let mut waits = Box::pin(opening.key(&context, made.wrapped_keys()));
    let nobody = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waits.as_mut().poll(nobody).is_pending());
    sleep(Duration::from_secs(2)).await;
    assert_eq!(alive.load(SeqCst), 1, "it has come");
    sleep(TTL + Duration::from_secs(2)).await;
    assert_eq!(alive.load(SeqCst), 0);
    assert!(waits.await.is_ok());
    assert_eq!(
        provider.decrypted(),
        2,
        "for those who come back it is unwrapped anew"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_what_is_young_to_those_who_have_not_looked_yet() {
    let provider = Scripted::default();
    let (a, b) = (context("a"), context("b"));
    let mut wrapped = Vec::new();
    for context in [&a, &b] {
        let made = provider.generate_data_key(context, DataKeyLength::Bytes32);
        wrapped.push(made.await.unwrap().wrapped_keys().clone());
    }
    let opening = OpeningKeyring::builder()
        .limits(OpeningLimits::default().with_ttl(Duration::from_secs(10)))
        .build(provider.clone())
        .unwrap();
    opening.key(&a, &wrapped[0]).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    provider.takes(Duration::from_secs(1));
    let mut waits = Box::pin(opening.key(&b, &wrapped[1]));
    let nobody = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waits.as_mut().poll(nobody).is_pending());
    sleep(Duration::from_secs(7)).await;
    assert_eq!(opening.stats().live, 1, "the other was swept");
    assert!(waits.await.is_ok());
    assert_eq!((opening.stats().superseded, provider.decrypted()), (0, 2));
}
