//! Keys age while the process sleeps: a machine that is suspended, a function that is frozen. No clock of tokio says so.
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use datakey_keyring::{KeyStanding, KeyringError, OpeningLimits, SealingLimits, Usage};
use datakey_provider::{ErrorClass, WrappedKeys};
use datakey_tests::{
    keyring::{Does, Scripted, context},
    keyrings::Keyrings,
};
use tokio::time::{Instant, advance, sleep};

const ONE: Usage = Usage::message(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Within this much running time a sleep is noticed.
const NOTICED: Duration = Duration::from_millis(100);

/// A machine that can be suspended, and whose wall clock can be put.
#[derive(Clone)]
struct Machine(Arc<AtomicI64>, Instant);

impl Machine {
    fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    fn sleeps(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as i64, SeqCst);
    }

    fn is_put_back(&self, time: Duration) {
        self.0.fetch_sub(time.as_millis() as i64, SeqCst);
    }

    fn wall(&self) -> SystemTime {
        let ahead = self.0.load(SeqCst);
        let by = Duration::from_millis(ahead.unsigned_abs());
        let running = SystemTime::UNIX_EPOCH + 400_000 * HOUR + self.1.elapsed();
        if ahead < 0 { running - by } else { running + by }
    }

    fn keyrings(&self, provider: &Scripted) -> Keyrings {
        let machine = self.clone();
        Keyrings::builder()
            .sealing(
                SealingLimits::default()
                    .with_soft_age(5 * MINUTE)
                    .with_hard_age(15 * MINUTE),
            )
            .opening(OpeningLimits::default().with_ttl(5 * MINUTE))
            .wall_clock(move || machine.wall())
            .build(provider.clone())
            .unwrap()
    }
}

async fn warm(keyrings: &Keyrings) -> WrappedKeys {
    let sealed = keyrings.sealing.key(&context("a"), ONE).await.unwrap();
    let wrapped = sealed.wrapped_keys().clone();
    keyrings.opening.key(&context("a"), &wrapped).await.unwrap();
    wrapped
}

#[tokio::test(start_paused = true)]
async fn a_key_from_before_a_long_sleep_is_used_for_a_tenth_of_a_second_at_most() {
    let (machine, provider) = (Machine::new(), Scripted::default());
    let keyrings = machine.keyrings(&provider);
    let wrapped = warm(&keyrings).await;
    // In use all the time, by a thread that finds it without the store.
    for round in 1..=5 {
        for _ in 0..100 {
            advance(7 * MILLISECOND).await;
            assert!(keyrings.sealing.try_key(&context("a"), ONE).is_some());
            assert!(keyrings.opening.try_key(&context("a"), &wrapped).is_some());
        }
        machine.sleeps(HOUR);
        let woken = Instant::now();
        let (mut seals, mut opens) = (true, true);
        while woken.elapsed() <= NOTICED {
            seals &= keyrings.sealing.try_key(&context("a"), ONE).is_some();
            opens &= keyrings.opening.try_key(&context("a"), &wrapped).is_some();
            advance(7 * MILLISECOND).await;
        }
        assert!(!seals && !opens, "a key an hour old goes on working");
        // One reload for each key, and nothing is lost.
        for _ in 0..10 {
            keyrings.sealing.key(&context("a"), ONE).await.unwrap();
            keyrings.opening.key(&context("a"), &wrapped).await.unwrap();
        }
        assert_eq!(
            (provider.generated(), provider.decrypted()),
            (1 + round, 1 + round)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_context_is_loaded_once_after_a_sleep_however_many_ask() {
    let (machine, provider) = (Machine::new(), Scripted::taking(20));
    let keyrings = machine.keyrings(&provider);
    let names = ["a", "b", "c", "d"];
    for name in names {
        keyrings.sealing.key(&context(name), ONE).await.unwrap();
    }
    machine.sleeps(HOUR);
    sleep(NOTICED).await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..400 {
        let keyrings = keyrings.clone();
        callers.spawn(async move { keyrings.sealing.key(&context(names[caller % 4]), ONE).await });
    }
    for sealed in callers.join_all().await {
        sealed.unwrap();
    }
    assert_eq!(provider.generated(), 8);
}

#[tokio::test(start_paused = true)]
async fn short_sleeps_add_up() {
    let (machine, provider) = (Machine::new(), Scripted::default());
    let keyrings = machine.keyrings(&provider);
    let wrapped = warm(&keyrings).await;
    // A function that runs for 10 ms and is frozen for 900, again and again.
    for _ in 0..400 {
        sleep(10 * MILLISECOND).await;
        keyrings.opening.key(&context("a"), &wrapped).await.unwrap();
        machine.sleeps(900 * MILLISECOND);
    }
    // Six minutes by the wall clock, four seconds by the other.
    assert_eq!(provider.decrypted(), 2);
    let kept = keyrings.opening.snapshots();
    // Loaded anew once, at a point drawn from the last third of five minutes.
    assert!(kept[0].age < 3 * MINUTE, "{:?}", kept[0].age);
}

#[tokio::test(start_paused = true)]
async fn ages_are_told_with_the_time_asleep() {
    let (machine, provider) = (Machine::new(), Scripted::default());
    let keyrings = machine.keyrings(&provider);
    warm(&keyrings).await;
    sleep(SECOND).await;
    machine.sleeps(4 * MINUTE + 50 * SECOND);
    sleep(SECOND).await;
    let standing = |keyrings: &Keyrings| keyrings.sealing.explain(&context("a")).key.unwrap();
    let now = standing(&keyrings);
    assert_eq!(now.age.as_secs(), 292);
    assert_eq!(now.standing, KeyStanding::Due);
    sleep(20 * SECOND).await;
    assert_eq!(
        standing(&keyrings).standing,
        KeyStanding::Expired,
        "no outage, so it is replaced"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_put_back_costs_nothing_and_prolongs_nothing() {
    for back in [SECOND, HOUR, 100_000 * HOUR] {
        let (machine, provider) = (Machine::new(), Scripted::default());
        let keyrings = machine.keyrings(&provider);
        let wrapped = warm(&keyrings).await;
        sleep(MINUTE).await;
        machine.is_put_back(back);
        sleep(MINUTE).await;
        keyrings.opening.key(&context("a"), &wrapped).await.unwrap();
        assert_eq!(provider.decrypted(), 1, "{back:?} back");
        assert_eq!(keyrings.opening.snapshots()[0].age.as_secs(), 120);
        sleep(3 * MINUTE + SECOND).await;
        assert!(
            keyrings.opening.try_key(&context("a"), &wrapped).is_none(),
            "{back:?} back"
        );
        // And a sleep after it counts from where the clock was put.
        keyrings.opening.key(&context("a"), &wrapped).await.unwrap();
        sleep(SECOND).await;
        machine.sleeps(5 * MINUTE);
        sleep(NOTICED).await;
        assert!(
            keyrings.opening.try_key(&context("a"), &wrapped).is_none(),
            "{back:?} back"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_asks_for_are_dropped_soon_after_the_process_woke() {
    let (machine, provider) = (Machine::new(), Scripted::default());
    let keyrings = machine.keyrings(&provider);
    warm(&keyrings).await;
    sleep(10 * SECOND).await;
    machine.sleeps(HOUR);
    // Only the task of each keyring runs.
    sleep(2 * SECOND).await;
    let stats = keyrings.stats();
    assert_eq!((stats.sealing.live, stats.opening.live), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_before_a_sleep_is_asked_for_again() {
    let (machine, provider) = (Machine::new(), Scripted::taking(10_000));
    let keyrings = machine.keyrings(&provider);
    let asleep = {
        let machine = machine.clone();
        async move {
            sleep(5 * SECOND).await;
            machine.sleeps(HOUR);
        }
    };
    let a = context("a");
    let (sealed, ()) = tokio::join!(keyrings.sealing.key(&a, ONE), asleep);
    let wrapped = sealed.unwrap().wrapped_keys().clone();
    assert_eq!(provider.generated(), 2, "the first key may be an hour old");
    assert_eq!(
        keyrings.sealing.explain(&context("a")).key.unwrap().age,
        Duration::ZERO
    );
    keyrings.opening.key(&context("a"), &wrapped).await.unwrap();
    assert_eq!(provider.decrypted(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_remembered_through_a_sleep() {
    let (machine, provider) = (Machine::new(), Scripted::default());
    let keyrings = machine.keyrings(&provider);
    let sealed = keyrings.sealing.key(&context("a"), ONE).await.unwrap();
    let wrapped = sealed.wrapped_keys().clone();
    provider.does(Does::Fail(ErrorClass::Denied));
    let refused = keyrings.opening.key(&context("a"), &wrapped).await;
    assert!(matches!(refused, Err(KeyringError::Provider(_))));
    provider.does(Does::Work);
    assert!(
        keyrings.opening.key(&context("a"), &wrapped).await.is_err(),
        "it is remembered"
    );
    machine.sleeps(HOUR);
    sleep(NOTICED).await;
    keyrings.opening.key(&context("a"), &wrapped).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_systems_wall_clock_does_not_age_keys_on_a_paused_clock() {
    let provider = Scripted::default();
    let keyrings = Keyrings::new(provider.clone());
    let wrapped = warm(&keyrings).await;
    // Real time passes while tokio's stands still.
    for _ in 0..200_000 {
        keyrings.opening.key(&context("a"), &wrapped).await.unwrap();
    }
    assert_eq!(keyrings.opening.snapshots()[0].age, Duration::ZERO);
    sleep(MINUTE).await;
    keyrings.opening.key(&context("a"), &wrapped).await.unwrap();
    assert_eq!(provider.decrypted(), 1);
}
