//! One retry policy over several Regions: the outage of one is paid for once and keeps nobody from the others, and a data
//! key cache above serves what it has.
use std::time::Duration;

use datakey_keyring::{DEFAULT_HEDGE_DELAY, SealingLimits, Usage};
use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, Rank, SealingProvider as _,
    WrappedKey, WrappedKeys,
};
use datakey_retry::{BreakerPhase, Classify as _, Policy, Reason, Retry, defaults, retry};
use datakey_tests::keyrings::Keyrings;
use datakey_tests::{
    retry::seeded,
    retry_regions::{FAR, Health, NEAR, TwoRegions},
};
use tokio::time::{Instant, sleep};

fn context(name: &str) -> EncryptionContext {
    EncryptionContext::new([("tenant", name)]).unwrap()
}

async fn wrapped(regions: &TwoRegions, name: &str) -> WrappedKeys {
    let made = regions
        .generate_data_key(&context(name), DataKeyLength::Bytes32)
        .await
        .unwrap();
    made.wrapped_keys().clone()
}

/// How long opening took, by a keyring that has not seen the message.
async fn opened(keyring: &Keyrings, regions: &TwoRegions, name: &str) -> Duration {
    let health = [NEAR, FAR].map(|key| (key, regions.health(key)));
    for (key, _) in health {
        regions.set(key, Health::Up);
    }
    let keys = wrapped(regions, name).await;
    for (key, was) in health {
        regions.set(key, was);
    }
    let began = Instant::now();
    keyring.opening.key(&context(name), &keys).await.unwrap();
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_dead_region_is_paid_for_once_and_not_by_each_message() {
    for (dead, at_most) in [(Health::Failing, 30), (Health::Hanging, 20)] {
        let regions = TwoRegions::default();
        let retry = Retry::new(regions.clone(), seeded(1));
        let keyring = Keyrings::builder()
            .load_timeout(Duration::from_secs(61))
            .build(retry.clone())
            .unwrap();
        assert_eq!(opened(&keyring, &regions, "before").await, Duration::ZERO);

        regions.set(NEAR, dead);
        let first = opened(&keyring, &regions, "first").await;
        assert!(first <= DEFAULT_HEDGE_DELAY, "{dead:?}: {first:?}");
        // The far Region opened it; the call to the near one goes on until the breaker has seen enough.
        let began = Instant::now();
        while retry.policy().breaker().unwrap().phase_of(NEAR) != BreakerPhase::Open {
            assert!(began.elapsed() <= Duration::from_secs(at_most), "{dead:?}");
            sleep(Duration::from_millis(10)).await;
        }
        for message in 0..100 {
            let took = opened(&keyring, &regions, &format!("message {message}")).await;
            assert_eq!(took, Duration::ZERO, "{dead:?}, message {message}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_rank_sinks_and_the_next_message_after_a_rest_tries() {
    let regions = TwoRegions::default();
    let keys = wrapped(&regions, "a").await;
    let near = keys.iter().find(|key| key.key_id() == NEAR).unwrap();
    let far = keys.iter().find(|key| key.key_id() == FAR).unwrap();
    let retry = Retry::new(regions.clone(), seeded(1));
    regions.set(NEAR, Health::Failing);
    let error = retry.decrypt(&context("a"), near).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert_eq!(retry.rank(near), Some(Rank::UNHEALTHY));
    assert_eq!(
        retry.rank(far),
        Some(Rank::REMOTE),
        "the other Region is as before"
    );
    assert!(retry.decrypt(&context("a"), far).await.is_ok());
    let breaker = retry.policy().breaker().unwrap();
    assert_eq!(breaker.down(), [Box::<str>::from(NEAR)]);

    // The rest passes by itself, whether or not anybody calls, and then the near Region is tried first again.
    rested(&retry, near).await;
    let calls = regions.calls(NEAR);
    assert!(retry.decrypt(&context("a"), near).await.is_err());
    assert_eq!(regions.calls(NEAR), calls + 1, "one try and no more");
    assert_eq!(retry.rank(near), Some(Rank::UNHEALTHY));

    regions.set(NEAR, Health::Up);
    rested(&retry, near).await;
    assert!(retry.decrypt(&context("a"), near).await.is_ok());
    assert_eq!(retry.rank(near), Some(Rank::LOCAL));
    assert!(breaker.down().is_empty());
}

/// Waits until the wrapped key is to be tried first again.
async fn rested(retry: &Retry<TwoRegions>, wrapped: &WrappedKey) {
    let began = Instant::now();
    while retry.rank(wrapped) != Some(Rank::LOCAL) {
        assert!(began.elapsed() <= defaults::BREAKER_REST_CAP);
        sleep(Duration::from_millis(100)).await;
    }
}

/// Only messages are opened, each of which the far Region could open alone.
#[tokio::test(start_paused = true)]
async fn a_region_that_is_back_is_used_again_within_a_minute() {
    let regions = TwoRegions::default();
    let keyring = Keyrings::builder()
        .load_timeout(Duration::from_secs(61))
        .build(Retry::new(regions.clone(), seeded(1)))
        .unwrap();
    regions.set(NEAR, Health::Failing);
    for message in 0..100 {
        opened(&keyring, &regions, &format!("{message}")).await;
        sleep(Duration::from_millis(100)).await;
    }
    regions.set(NEAR, Health::Up);
    sleep(defaults::BREAKER_REST_CAP).await;
    let far = regions.calls(FAR);
    opened(&keyring, &regions, "after").await;
    assert_eq!(regions.calls(FAR), far + 1, "the call that wrapped it");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_cached_seals_through_an_outage_up_to_its_hard_limit() {
    let regions = TwoRegions::default();
    let retry = Retry::new(regions.clone(), seeded(1));
    let (soft, hard) = (Duration::from_secs(60), Duration::from_secs(300));
    let keyring = Keyrings::builder()
        .sealing(SealingLimits::default().with_soft_age(soft).with_hard_age(hard))
        .load_timeout(Duration::from_secs(61))
        .build(retry.clone())
        .unwrap();
    let seal = || async {
        let began = Instant::now();
        let sealed = keyring.sealing.key(&context("a"), Usage::message(1)).await;
        (sealed.map(|_| ()), began.elapsed())
    };
    seal().await.0.unwrap();
    let began = Instant::now();
    regions.set(NEAR, Health::Failing);
    let mut opened = false;
    while began.elapsed() < hard - Duration::from_secs(1) {
        let (sealed, took) = seal().await;
        assert!(sealed.is_ok() && took.is_zero(), "at {:?}", began.elapsed());
        opened |= retry.policy().breaker().unwrap().phase_of("") == BreakerPhase::Open;
        sleep(Duration::from_millis(500)).await;
    }
    assert!(opened, "the refreshes in the background opened the breaker");
    sleep(Duration::from_secs(2)).await;
    let (sealed, _) = seal().await;
    let error = sealed.unwrap_err();
    assert!(error.is_retryable(), "{error}");

    regions.set(NEAR, Health::Up);
    sleep(defaults::BREAKER_WAIT_CAP).await;
    assert!(seal().await.0.is_ok());
}

/// Fails until the policy's breaker opens.
async fn goes_down(policy: &Policy) {
    loop {
        let failed = retry(policy, || async {
            Err::<(), _>(datakey_provider::ProviderError::new(
                ErrorClass::Transient,
                datakey_provider::Operation::Decrypt,
            ))
        });
        if failed.await.unwrap_err().reason() == Reason::CircuitOpen {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn named_scopes_of_one_policy_go_down_one_by_one() {
    let policy = seeded(1);
    let (near, far) = (
        policy.clone().with_scope("near"),
        policy.clone().with_scope("far"),
    );
    goes_down(&near).await;
    let answer = || async { Ok::<_, datakey_provider::ProviderError>(1) };
    assert_eq!(
        retry(&near, answer).await.unwrap_err().reason(),
        Reason::CircuitOpen
    );
    assert!(retry(&near, answer).await.unwrap_err().delay().is_some());
    assert_eq!(retry(&far, answer).await.unwrap(), 1);
    assert_eq!(retry(&policy, answer).await.unwrap(), 1, "the unnamed one too");
    let breaker = policy.breaker().unwrap();
    assert_eq!(
        ["near", "far", ""].map(|scope| breaker.phase_of(scope)),
        [BreakerPhase::Open, BreakerPhase::Closed, BreakerPhase::Closed]
    );
    assert_eq!(breaker.state().phase, BreakerPhase::Open, "the worst of them");
}

/// A named scope holds for all that a provider does.
#[tokio::test(start_paused = true)]
async fn a_named_scope_overrides_that_of_the_key_id() {
    let regions = TwoRegions::default();
    let keys = wrapped(&regions, "a").await;
    let retry = Retry::new(regions, seeded(1).with_scope("kms"));
    goes_down(retry.policy()).await;
    for key in &keys {
        assert!(retry.rank(key) >= Some(Rank::UNHEALTHY));
        assert!(retry.decrypt(&context("a"), key).await.is_err());
    }
    assert!(
        retry
            .generate_data_key(&context("a"), DataKeyLength::Bytes32)
            .await
            .is_err()
    );
    assert_eq!(retry.rank(&WrappedKey::new("other:1", *b"blob").unwrap()), None);
}

/// Key ids that do not exist, of a provider that fails for each: nothing piles up, and what is known to be down stays so.
#[tokio::test(start_paused = true)]
async fn a_flood_of_scopes_takes_no_memory() {
    let policy = seeded(1);
    goes_down(&policy.clone().with_scope("down")).await;
    let once = policy.clone().with_max_attempts(1);
    for scope in 0..10_000 {
        let failing = once.clone().with_scope(scope.to_string());
        let failed = retry(&failing, || async {
            Err::<(), _>(datakey_provider::ProviderError::new(
                ErrorClass::Transient,
                datakey_provider::Operation::Decrypt,
            ))
        });
        assert_eq!(failed.await.unwrap_err().reason(), Reason::Attempts);
    }
    assert_eq!(policy.breaker().unwrap().down(), [Box::<str>::from("down")]);
}
