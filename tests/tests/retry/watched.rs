//! Calls of a provider that are none of its trait's, by which it is judged: `Guarded::watch`; and rests without end.
use std::{future::pending, time::Duration};

use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, Operation, ProviderError, Rank,
    SealingProvider as _, Several, WrappedKey,
};
use datakey_retry::{Breaker, BreakerPhase, Guarded, Retry, defaults};
use datakey_tests::{
    retry::seeded,
    retry_regions::{Health, REPLICA, Replica},
};
use tokio::time::{advance, sleep, timeout};

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme")]).unwrap()
}

async fn wrapped() -> WrappedKey {
    let made = Replica::new(Rank::LOCAL)
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    made.wrapped_keys().first().clone()
}

fn error(class: ErrorClass) -> ProviderError {
    ProviderError::new(class, Operation::GenerateDataKey)
}

async fn watched(near: &Guarded<Replica>, result: Result<u8, ErrorClass>) -> Result<u8, ErrorClass> {
    let call = near.watch(|_| async move { result.map_err(error) });
    call.await.map_err(|error| error.class())
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_that_fails_ranks_all_that_the_provider_opens_last() {
    let wrapped = wrapped().await;
    for class in ErrorClass::ALL {
        let near = Guarded::new(Replica::new(Rank::LOCAL));
        assert_eq!(watched(&near, Ok(7)).await, Ok(7), "the answer is handed on");
        assert_eq!(near.rank(&wrapped), Some(Rank::LOCAL));
        assert_eq!(watched(&near, Err(class)).await, Err(class));
        let rank = match class {
            ErrorClass::Transient | ErrorClass::Timeout | ErrorClass::Unauthenticated => {
                Rank::LOCAL.unhealthy()
            }
            ErrorClass::Throttled => Rank::LOCAL.busy(),
            _ => Rank::LOCAL,
        };
        assert_eq!(near.rank(&wrapped), Some(rank), "{class:?}");
        sleep(defaults::BUSY_REST).await;
        // Any answer, of whichever call, puts it back.
        drop(near.decrypt(&context(), &wrapped).await.unwrap());
        assert_eq!(near.rank(&wrapped), Some(Rank::LOCAL), "{class:?}");
        watched(&near, Err(ErrorClass::Transient)).await.unwrap_err();
        watched(&near, Err(ErrorClass::Denied)).await.unwrap_err();
        assert_eq!(near.rank(&wrapped), Some(Rank::LOCAL), "a refusal is an answer");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_or_dropped_soon_says_nothing_and_what_was_slow_does() {
    let wrapped = wrapped().await;
    let near = Guarded::new(Replica::new(Rank::LOCAL));
    let unsent = near.watch(|_| async { Err::<(), _>(error(ErrorClass::Transient).unsent()) });
    unsent.await.unwrap_err();
    let soon = defaults::BREAKER_ABANDONED_AFTER - Duration::from_millis(1);
    for (after, rank) in [
        (soon, Rank::LOCAL),
        (defaults::BREAKER_ABANDONED_AFTER, Rank::LOCAL.unhealthy()),
    ] {
        let hangs = near.watch(|_| pending::<Result<(), ProviderError>>());
        timeout(after, hangs).await.unwrap_err();
        assert_eq!(near.rank(&wrapped), Some(rank), "{after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn warm_ups_that_go_on_failing_refuse_nobody_and_the_far_region_opens_meanwhile() {
    let wrapped = wrapped().await;
    let [near, far] = [Rank::LOCAL, Rank::REMOTE].map(Replica::new);
    let regions = Several::new([near.clone(), far.clone()].map(Guarded::new)).unwrap();
    for _ in 0..100 {
        let guarded = &regions.providers()[0];
        watched(guarded, Err(ErrorClass::Transient)).await.unwrap_err();
        drop(regions.decrypt(&context(), &wrapped).await.unwrap());
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((near.calls(), far.calls()), (0, 100));
    // Where there is no other way, calls go to it all the same.
    let guarded = &regions.providers()[0];
    drop(guarded.decrypt(&context(), &wrapped).await.unwrap());
    // Sealing by it is judged by itself.
    let context = context();
    let sealed = guarded.generate_data_key(&context, DataKeyLength::Bytes32).await;
    drop(sealed.unwrap());
    drop(regions.decrypt(&context, &wrapped).await.unwrap());
    assert_eq!((near.calls(), far.calls()), (3, 100));
}

#[tokio::test(start_paused = true)]
async fn with_a_name_for_all_a_warm_up_counts_like_any_other_call() {
    let wrapped = wrapped().await;
    let near = Guarded::new(Replica::new(Rank::LOCAL)).with_scope("near");
    for _ in 0..11 {
        watched(&near, Err(ErrorClass::Transient)).await.unwrap_err();
        sleep(Duration::from_millis(150)).await;
    }
    assert_eq!(near.breaker().phase_of("near"), BreakerPhase::Open);
    assert!(near.decrypt(&context(), &wrapped).await.is_err(), "it is refused");
    assert_eq!(watched(&near, Ok(1)).await, Ok(1), "a warm-up never is");
    drop(near.decrypt(&context(), &wrapped).await.unwrap());
}

/// Whoever rests without end is tried when there is no other way, and found to be well by that.
#[tokio::test(start_paused = true)]
async fn a_rest_without_end_has_no_end_but_an_answer() {
    let wrapped = wrapped().await;
    let [near, far] = [Rank::LOCAL, Rank::REMOTE].map(Replica::new);
    let breaker = || {
        Breaker::builder()
            .with_first_rest(Duration::MAX)
            .with_longest_rest(Duration::MAX)
            .build()
    };
    let guarded = [near.clone(), far.clone()].map(|region| Guarded::new(region).with_breaker(breaker()));
    let regions = Retry::new(Several::new(guarded).unwrap(), seeded(1));
    near.set(Health::Failing);
    drop(regions.decrypt(&context(), &wrapped).await.unwrap());
    near.set(Health::Up);
    for years in 1..=3_u64 {
        advance(Duration::from_secs(365 * 86_400)).await;
        drop(regions.decrypt(&context(), &wrapped).await.unwrap());
        assert_eq!((near.calls(), far.calls()), (1, 1 + years));
    }
    far.set(Health::Failing);
    drop(regions.decrypt(&context(), &wrapped).await.unwrap());
    far.set(Health::Up);
    let far_calls = far.calls();
    drop(regions.decrypt(&context(), &wrapped).await.unwrap());
    assert_eq!((near.calls(), far.calls()), (3, far_calls), "it is first again");
    assert_eq!(regions.inner().rank(&wrapped), Some(Rank::LOCAL));
    assert!(!regions.inner().providers()[0].breaker().is_unwell(REPLICA));
}
