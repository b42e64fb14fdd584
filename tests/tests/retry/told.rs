//! What is told for people, and what one part of the crate tells another: names, limits of time, quotas, who is busy, who is well.
use std::{fmt, future::pending, time::Duration};

use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, Operation, ProviderError, Rank,
    SealingProvider as _,
};
use datakey_retry::{
    AdaptiveRate, Backoff, BreakerPhase, Budget, Classify, GaveUp, Guarded, Policy, Reason, Retry, defaults,
    retry,
};
use datakey_tests::{
    retry::{Counting, Service, crowd, seeded},
    retry_quotas::{Key, Metered},
};
use rand::{SeedableRng as _, rngs::Xoshiro256PlusPlus};
use tokio::time::{Instant, sleep};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn reasons_and_phases_have_names_for_metrics() {
    for (reason, name) in [
        (Reason::Permanent, "permanent"),
        (Reason::Attempts, "attempts"),
        (Reason::Deadline, "deadline"),
        (Reason::Budget, "budget"),
        (Reason::CircuitOpen, "circuit_open"),
        (Reason::GivenUpBelow, "given_up_below"),
    ] {
        assert_eq!(reason.as_str(), name);
    }
    for (phase, name) in [
        (BreakerPhase::Closed, "closed"),
        (BreakerPhase::Open, "open"),
        (BreakerPhase::HalfOpen, "half_open"),
    ] {
        assert_eq!(phase.as_str(), name);
    }
}

#[test]
fn delays_have_no_end_and_say_so() {
    let delays = Backoff::full().delays(Xoshiro256PlusPlus::seed_from_u64(1));
    assert_eq!(delays.size_hint(), (usize::MAX, None));
}

#[test]
fn an_unlimited_budget_has_no_capacity_to_speak_of() {
    let state = Budget::unlimited().state();
    assert_eq!(
        (state.available, state.capacity, state.refused),
        (u32::MAX, u32::MAX, 0)
    );
    assert_ne!(Budget::default().state().capacity, u32::MAX);
}

/// An error of whom the crate knows nothing but its class.
#[derive(Debug)]
struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("busy")
    }
}

impl std::error::Error for Busy {}

impl Classify for Busy {
    fn class(&self) -> ErrorClass {
        ErrorClass::Throttled
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_learns_of_errors_that_only_have_a_class() {
    let policy = seeded(1)
        .with_max_attempts(3)
        .with_adaptive_rate(AdaptiveRate::default());
    let rate = policy.adaptive_rate().unwrap();
    assert_eq!(rate.state().rate, None);
    retry(&policy, || async { Err::<(), _>(Busy) }).await.unwrap_err();
    assert!(rate.state().rate.is_some(), "{:?}", rate.state());
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_names_the_quota_of_its_last_error() {
    let policy = seeded(1).with_max_attempts(2);
    let call = || async {
        let error = ProviderError::new(ErrorClass::Throttled, Operation::Decrypt);
        Err::<(), _>(error.with_quota("eu-west-1"))
    };
    let gave_up: GaveUp<ProviderError> = retry(&policy, call).await.unwrap_err();
    assert_eq!(Classify::quota(&gave_up), Some("eu-west-1"));
    let gave_up = retry(&policy, || async { Err::<(), _>(Busy) }).await.unwrap_err();
    assert_eq!(Classify::quota(&gave_up), None);
}

fn key(id: &'static str, quota: &'static str, service: &Service) -> Key {
    Key {
        id,
        quota,
        rank: Rank::LOCAL,
        service: service.clone(),
    }
}

fn service(per_second: f64) -> Service {
    Service::new(per_second, Counting::Seconds, ms(5))
}

#[test]
fn a_provider_is_as_patient_as_its_deadline_or_as_its_only_attempt() {
    let time_limit = |policy: Policy| {
        let provider = Retry::new(Metered::new([key("a", "a", &service(1.0))]), policy);
        assert_eq!(provider.sealing_time_limit(), provider.opening_time_limit());
        provider.sealing_time_limit()
    };
    let attempt = ms(1700);
    let policy = || seeded(1).without_deadline().with_attempt_timeout(attempt);
    let once = || policy().with_max_attempts(1);
    assert_eq!(time_limit(policy().with_deadline(ms(900))), Some(ms(900)));
    assert_eq!(time_limit(once().without_adaptive_rate()), Some(attempt));
    // It may wait for its turn as long as it likes.
    assert_eq!(
        time_limit(once().with_adaptive_rate(AdaptiveRate::default())),
        None
    );
    assert_eq!(time_limit(policy().without_adaptive_rate()), None);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_refuses_at_once_whoever_would_wait_for_a_turn() {
    let service = service(1.0);
    let policy = seeded(1).with_deadline(Duration::from_secs(60));
    crowd(&policy, &service, 4, u64::MAX, Duration::from_secs(20)).await;
    service.set_down(true);
    let breaker = policy.breaker().unwrap();
    while breaker.state().phase != BreakerPhase::Open {
        retry(&policy, || service.call()).await.unwrap_err();
    }
    // Turns are one a second: they are taken by others.
    for _ in 0..8 {
        let began = Instant::now();
        let gave_up = retry(&policy, || service.call()).await.unwrap_err();
        assert_eq!(gave_up.reason(), Reason::CircuitOpen);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme")]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn two_quotas_are_busy_beside_each_other() {
    let none = service(0.0);
    let keys = Metered::new([key("a", "one", &none), key("b", "two", &none)]);
    let wrapped = keys.wrapped(&context());
    let guarded = Guarded::new(keys);
    for wrapped in wrapped.iter() {
        guarded.decrypt(&context(), wrapped).await.unwrap_err();
    }
    for wrapped in wrapped.iter() {
        assert_eq!(
            guarded.rank(wrapped),
            Some(Rank::LOCAL.busy()),
            "{}",
            wrapped.key_id()
        );
    }
    sleep(defaults::BUSY_REST).await;
    for wrapped in wrapped.iter() {
        assert_eq!(guarded.rank(wrapped), Some(Rank::LOCAL), "{}", wrapped.key_id());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_throttles_is_there_and_whoever_fails_is_not() {
    let service = service(0.0);
    let keys = Metered::new([key("a", "one", &service)]);
    let wrapped = keys.wrapped(&context());
    let wrapped = wrapped.first();
    let guarded = Guarded::new(keys);
    let down = || async {
        let error = ProviderError::new(ErrorClass::Transient, Operation::GenerateDataKey);
        guarded
            .watch(|_| async { Err::<(), _>(error) })
            .await
            .unwrap_err();
    };
    down().await;
    assert_eq!(guarded.rank(wrapped), Some(Rank::LOCAL.unhealthy()));
    guarded.decrypt(&context(), wrapped).await.unwrap_err();
    sleep(defaults::BUSY_REST).await;
    assert_eq!(guarded.rank(wrapped), Some(Rank::LOCAL), "it answered");

    down().await;
    service.set_down(true);
    drop(
        guarded
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap_err(),
    );
    sleep(defaults::BUSY_REST).await;
    assert_eq!(guarded.rank(wrapped), Some(Rank::LOCAL.unhealthy()), "it did not");
}

#[tokio::test(start_paused = true)]
async fn the_time_that_one_quota_takes_is_not_forgotten_for_another() {
    let policy = seeded(1)
        .with_max_attempts(1)
        .without_deadline()
        .with_attempt_timeout(Duration::from_secs(10))
        .with_measured_attempt_timeout(ms(50));
    let on = |quota: &str| policy.clone().with_quota(quota.to_owned());
    let answers = || async {
        sleep(ms(10)).await;
        Ok::<(), Busy>(())
    };
    for _ in 0..20 {
        retry(&on("one"), answers).await.unwrap();
    }
    for other in ["two", "three"] {
        retry(&on(other), answers).await.unwrap();
    }
    let hangs = async |quota: &str| {
        let began = Instant::now();
        retry(&on(quota), pending::<Result<(), Busy>>).await.unwrap_err();
        began.elapsed()
    };
    assert!(hangs("one").await < Duration::from_secs(1));
    assert_eq!(
        hangs("two").await,
        Duration::from_secs(10),
        "one answer is too few"
    );
}
