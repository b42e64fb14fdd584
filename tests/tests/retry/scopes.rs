//! Quotas and outages that have nothing to do with each other keep nobody from anything, under one policy.
use std::{sync::Arc, time::Duration};

use datakey_provider::{
    DataKeyLength, EncryptionContext, NoTraffic, OpeningProvider as _, Rank, SealingProvider as _, Several,
    WrappedKey,
};
use datakey_retry::{BreakerPhase, Classify as _, Policy, Reason, Retry, retry};
use datakey_tests::{
    keyrings::Keyrings,
    retry::{Counting, Service, seeded},
    retry_quotas::{Key, Metered},
};
use tokio::time::{Instant, sleep, timeout};

const LATENCY: Duration = Duration::from_millis(5);
const UNLIMITED: f64 = 1e9;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn context(number: usize) -> EncryptionContext {
    EncryptionContext::new([("message", number.to_string())]).unwrap()
}

fn service(per_second: f64) -> Service {
    Service::new(per_second, Counting::Seconds, LATENCY)
}

fn key(id: &'static str, quota: &'static str, rank: Rank, service: &Service) -> Key {
    Key {
        id,
        quota,
        rank,
        service: service.clone(),
    }
}

/// A near Region, and a far one that is well.
fn regions(near: &Service, far: &Service) -> Metered {
    Metered::new([
        key("near", "eu-west-1", Rank::LOCAL, near),
        key("far", "eu-central-1", Rank::REMOTE, far),
    ])
}

/// The same as two providers.
fn several(near: &Service, far: &Service) -> Several<Metered> {
    Several::new([
        Metered::new([key("near", "eu-west-1", Rank::LOCAL, near)]),
        Metered::new([key("far", "eu-central-1", Rank::REMOTE, far)]),
    ])
    .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_region_that_throttles_all_calls_keeps_no_message_from_the_other_region() {
    let (near, far) = (service(0.0), service(UNLIMITED));
    let made = regions(&near, &far);
    let opening = Retry::new(Arc::new(several(&near, &far)), seeded(1));
    let keyring = Keyrings::builder()
        .load_timeout(ms(61_000))
        .build(opening)
        .unwrap();
    let began = Instant::now();
    let messages = (0..200).map(|number| {
        let (keyring, keys) = (keyring.clone(), made.wrapped(&context(number)));
        tokio::spawn(async move { keyring.opening.key(&context(number), &keys).await.map(drop) })
    });
    for message in Vec::from_iter(messages) {
        message.await.unwrap().unwrap();
    }
    assert!(began.elapsed() < ms(1500), "{:?}", began.elapsed());
    assert_eq!(far.served(), 200);
}

/// Only the first message, and now and then one that tries, waits for the near Region.
#[tokio::test(start_paused = true)]
async fn a_throttled_region_ranks_last_so_that_no_message_pays_for_it() {
    let (near, far) = (service(0.0), service(UNLIMITED));
    let made = regions(&near, &far);
    let opening = Retry::new(made.clone(), seeded(1));
    let keyring = Keyrings::builder()
        .load_timeout(ms(61_000))
        .build(opening.clone())
        .unwrap();
    let mut slow = 0;
    for number in 0..1000 {
        let began = Instant::now();
        let keys = made.wrapped(&context(number));
        keyring.opening.key(&context(number), &keys).await.unwrap();
        slow += u32::from(began.elapsed() > ms(50));
        sleep(ms(20)).await;
    }
    assert!(slow <= 8, "{slow} of 1,000 in 20 seconds");
    let keys = made.wrapped(&context(0));
    assert_eq!(opening.rank(keys.first()), Some(Rank::LOCAL.busy()));
    near.set_quota(UNLIMITED);
    sleep(ms(30_000)).await;
    assert_eq!(opening.rank(keys.first()), Some(Rank::LOCAL), "it is tried again");
    keyring
        .opening
        .key(&context(5000), &made.wrapped(&context(5000)))
        .await
        .unwrap();
    assert!(near.served() >= 1);
}

/// Callers of a slow key without end, beside 100 calls one after the other to another.
async fn beside_a_slow_key(quotas: [&'static str; 2], callers: usize) -> Duration {
    let (slow, quick) = (service(20.0), service(UNLIMITED));
    let provider = Metered::new([
        key("slow", quotas[0], Rank::LOCAL, &slow),
        key("quick", quotas[1], Rank::LOCAL, &quick),
    ]);
    let opening = Arc::new(Retry::new(provider.clone(), seeded(1)));
    let wrapped = provider.wrapped(&context(0));
    let [slow_key, quick_key] = [0, 1].map(|place| wrapped.as_slice()[place].clone());
    let crowd = Vec::from_iter((0..callers).map(|_| {
        let (opening, slow_key) = (Arc::clone(&opening), slow_key.clone());
        tokio::spawn(async move {
            loop {
                let _either = opening.decrypt(&context(0), &slow_key).await;
            }
        })
    }));
    sleep(ms(3000)).await;
    let began = Instant::now();
    for _ in 0..100 {
        opening.decrypt(&context(0), &quick_key).await.unwrap();
    }
    let took = began.elapsed();
    for caller in crowd {
        caller.abort();
    }
    let served = slow.served() as f64 / 3.0;
    assert!(served >= 15.0, "the slow key is used too: {served} a second");
    took
}

#[tokio::test(start_paused = true)]
async fn a_slow_key_keeps_nobody_from_another_key_of_the_region() {
    for callers in [4, 16, 64] {
        for quotas in [["eu-west-1", "eu-west-1"], ["eu-west-1/hsm", "eu-west-1"]] {
            let took = beside_a_slow_key(quotas, callers).await;
            assert!(
                took <= ms(100 * 5 + 100),
                "{callers} callers on {quotas:?}: {took:?}"
            );
        }
    }
}

/// The twin: keys that do share a quota come to share a rate.
#[tokio::test(start_paused = true)]
async fn keys_that_share_a_quota_keep_to_one_rate() {
    let shared = Service::new(100.0, Counting::Bucket(10.0), LATENCY).with_jitter(1);
    let provider = Metered::new([
        key("a", "eu-west-1", Rank::LOCAL, &shared),
        key("b", "eu-west-1", Rank::LOCAL, &shared),
        key("c", "eu-west-1", Rank::LOCAL, &shared),
    ]);
    let opening = Arc::new(Retry::new(provider.clone(), seeded(1)));
    let wrapped = provider.wrapped(&context(0));
    let calls = (0..1000_usize).map(|number| {
        let (opening, wrapped) = (Arc::clone(&opening), wrapped.clone());
        tokio::spawn(async move {
            let key = &wrapped.as_slice()[number % 3];
            opening.decrypt(&context(0), key).await.map(drop)
        })
    });
    let began = Instant::now();
    for call in Vec::from_iter(calls) {
        call.await.unwrap().unwrap();
    }
    assert!(began.elapsed() < ms(10_600), "{:?}", began.elapsed());
    let after_the_burst = shared.refused_between(0.1, 20.0);
    assert!(after_the_burst <= 10, "{after_the_burst}");
}

#[tokio::test(start_paused = true)]
async fn sealers_with_different_keys_do_not_fail_each_other() {
    for scope in [None, Some("named by the policy")] {
        let (dead, well) = (service(UNLIMITED), service(UNLIMITED));
        dead.set_down(true);
        let policy = match scope {
            Some(scope) => seeded(1).with_scope(scope),
            None => seeded(1),
        };
        let seal = |id, service: &Service| {
            Retry::new(
                Metered::new([key(id, "eu-west-1", Rank::LOCAL, service)]),
                policy.clone(),
            )
        };
        let (failing, healthy) = (seal("dead", &dead), seal("well", &well));
        let down = tokio::spawn(async move {
            for number in 0_usize.. {
                let made = failing
                    .generate_data_key(&context(number), DataKeyLength::Bytes32)
                    .await;
                assert!(made.is_err());
                sleep(ms(10)).await;
            }
        });
        let breaker = policy.breaker().unwrap();
        while breaker.state().phase != BreakerPhase::Open {
            sleep(ms(10)).await;
        }
        let mut failed = 0;
        for number in 0..40 {
            let made = healthy
                .generate_data_key(&context(number), DataKeyLength::Bytes32)
                .await;
            failed += usize::from(made.is_err());
        }
        assert_eq!(failed == 0, scope.is_none(), "{failed} failed, {scope:?}");
        down.abort();
    }
}

/// What a burst of 600 calls comes to: how many fail.
async fn a_burst(provider: impl datakey_provider::OpeningProvider + 'static, made: &Metered) -> usize {
    let opening = Arc::new(Retry::new(provider, seeded(1)));
    let calls = (0..600).map(|number| {
        let (opening, keys) = (Arc::clone(&opening), made.wrapped(&context(number)));
        tokio::spawn(async move { opening.decrypt(&context(number), keys.first()).await.is_err() })
    });
    let mut failed = 0;
    for call in Vec::from_iter(calls) {
        failed += usize::from(call.await.unwrap());
    }
    failed
}

/// One key, in a Region that fails and in one that throttles.
#[tokio::test(start_paused = true)]
async fn of_two_regions_with_one_key_the_one_that_throttles_serves_all_while_the_other_fails() {
    let (near, far) = (
        service(UNLIMITED),
        Service::new(100.0, Counting::Bucket(10.0), LATENCY),
    );
    near.set_down(true);
    let of = |quota, rank, service| Metered::new([key("mrk", quota, rank, service)]);
    let both = Several::new([
        of("eu-west-1", Rank::LOCAL, &near),
        of("eu-central-1", Rank::REMOTE, &far),
    ])
    .unwrap();
    let alone = of("eu-central-1", Rank::REMOTE, &far);
    assert_eq!(a_burst(alone.clone(), &alone).await, 0);
    sleep(ms(120_000)).await;
    assert_eq!(a_burst(both, &alone).await, 0);
}

/// All are told: the near Region's rate learns of its throttle, the far Region's of its own.
#[tokio::test(start_paused = true)]
async fn each_of_several_failures_is_told_to_its_own_quota() {
    let (near, far) = (service(0.0), service(0.0));
    let policy = seeded(1).with_max_attempts(1);
    let of = |quota, rank, service| Metered::new([key("mrk", quota, rank, service)]);
    let both = Several::new([of("near", Rank::LOCAL, &near), of("far", Rank::REMOTE, &far)]).unwrap();
    let made = of("near", Rank::LOCAL, &near).wrapped(&context(0));
    let opening = Retry::new(both, policy.clone());
    let error = opening.decrypt(&context(0), made.first()).await.unwrap_err();
    assert_eq!(error.code(), Some("throttled of near"), "{error}");
    let rate = policy.adaptive_rate().unwrap();
    assert_eq!(rate.throttled_quotas(), ["far", "near"].map(Box::<str>::from));
    assert_eq!(
        (rate.state_of("near").throttled, rate.state_of("far").throttled),
        (1, 1)
    );
}

/// Sealing by several counts against the quota of each, and a throttle by one is the throttle of that one alone.
#[tokio::test(start_paused = true)]
async fn sealing_by_several_keeps_to_the_rate_of_each() {
    let near = Service::new(UNLIMITED, Counting::Bucket(UNLIMITED), LATENCY);
    let far = Service::new(50.0, Counting::Bucket(5.0), LATENCY).with_jitter(1);
    let sealing = Arc::new(Retry::new(several(&near, &far), seeded(1)));
    let calls = (0..300).map(|number| {
        let sealing = Arc::clone(&sealing);
        tokio::spawn(async move {
            let made = sealing
                .generate_data_key(&context(number), DataKeyLength::Bytes32)
                .await;
            made.map(|made| assert_eq!(made.wrapped_keys().as_slice().len(), 2))
        })
    });
    let began = Instant::now();
    for call in Vec::from_iter(calls) {
        call.await.unwrap().unwrap();
    }
    assert!(began.elapsed() <= ms(6500), "{:?}", began.elapsed());
    let rate = sealing.policy().adaptive_rate().unwrap();
    assert_eq!(rate.throttled_quotas(), [Box::<str>::from("eu-central-1")]);
    assert!(far.refused_between(0.1, 10.0) <= 10, "{}", far.refused());
}

/// A budget that one Region has emptied is not the other's.
#[tokio::test(start_paused = true)]
async fn an_outage_takes_no_retries_from_another_quota() {
    let (near, far) = (service(UNLIMITED), service(UNLIMITED));
    near.set_down(true);
    let policy = seeded(1).without_breaker().with_deadline(ms(3000));
    let made = regions(&near, &far);
    let opening = Arc::new(Retry::new(made.clone(), policy.clone()));
    let keys = made.wrapped(&context(0));
    let [near_key, far_key] = [0, 1].map(|place| keys.as_slice()[place].clone());
    let calls = Vec::from_iter((0..1500).map(|_| {
        let (opening, near_key) = (Arc::clone(&opening), near_key.clone());
        tokio::spawn(async move { opening.decrypt(&context(0), &near_key).await.unwrap_err() })
    }));
    sleep(ms(1500)).await;
    let budget = policy.budget();
    assert!(budget.state_of("eu-west-1").available < 200, "{budget:?}");
    assert_eq!(budget.state_of("eu-central-1").available, 10_000);
    far.set_down(true);
    let retried = tokio::spawn({
        let opening = Arc::clone(&opening);
        async move { opening.decrypt(&context(0), &far_key).await }
    });
    sleep(ms(20)).await;
    far.set_down(false);
    assert!(retried.await.unwrap().is_ok(), "it is retried");
    for call in calls {
        call.await.unwrap();
    }
}

/// Names that come and go, as they may from key ids that others have chosen.
#[tokio::test(start_paused = true)]
async fn a_flood_of_quotas_takes_no_memory() {
    let policy = seeded(1).with_max_attempts(2).without_breaker();
    for number in 0..5000 {
        let own = policy.clone().with_quota(number.to_string());
        let service = service(0.0);
        let gave_up = retry(&own, || service.call()).await.unwrap_err();
        assert_eq!(gave_up.reason(), Reason::Attempts);
    }
    let kept = policy.adaptive_rate().unwrap().throttled_quotas().len();
    assert!(kept <= 1025, "{kept}");
    assert!(format!("{policy:?}").len() < 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_policy_names_the_quota_where_nobody_else_does() {
    let (slow, quick) = (service(2.0), service(UNLIMITED));
    let policy = Policy::default();
    let (reads, writes) = (
        policy.clone().with_quota("reads"),
        policy.clone().with_quota("writes"),
    );
    let crowd = Vec::from_iter((0..32).map(|_| {
        let (reads, slow) = (reads.clone(), slow.clone());
        tokio::spawn(async move { retry(&reads, || slow.call()).await.map(drop) })
    }));
    sleep(ms(500)).await;
    let began = Instant::now();
    for _ in 0..100 {
        retry(&writes, || quick.call()).await.unwrap();
    }
    assert_eq!(began.elapsed(), ms(500));
    let waiting = policy.adaptive_rate().unwrap();
    assert!(waiting.state_of("reads").waiting > 20 && waiting.state_of("writes").waiting == 0);
    for call in crowd {
        call.abort();
    }
}

/// A call that waits for two turns and is dropped leaves both.
#[tokio::test(start_paused = true)]
async fn what_is_dropped_while_it_waits_for_several_turns_leaves_no_trace() {
    let (near, far) = (service(1.0), service(1.0));
    let sealing = Arc::new(Retry::new(several(&near, &far), seeded(1)));
    let seal = || {
        let sealing = Arc::clone(&sealing);
        async move {
            sealing
                .generate_data_key(&context(0), DataKeyLength::Bytes32)
                .await
                .map(drop)
        }
    };
    for _ in 0..20 {
        let _dropped = timeout(ms(300), seal()).await;
    }
    assert_eq!(sealing.policy().adaptive_rate().unwrap().state().waiting, 0);
    assert!(seal().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_call_that_was_given_up_names_the_quota() {
    let near = service(0.0);
    let provider = Metered::new([key("near", "eu-west-1", Rank::LOCAL, &near)]);
    let keys = provider.wrapped(&context(0));
    let opening = Retry::new(provider, seeded(1).with_max_attempts(3));
    let error = opening.decrypt(&context(0), keys.first()).await.unwrap_err();
    assert_eq!(error.quota(), Some("eu-west-1"));
    assert!(error.is_final());
}

#[test]
fn what_opens_through_retries_says_the_same_quota_as_what_is_beneath() {
    let (near, far) = (service(UNLIMITED), service(UNLIMITED));
    let beneath = Arc::new(regions(&near, &far));
    let retrying = Retry::new(Arc::clone(&beneath), seeded(1));
    for id in ["near", "far"] {
        let wrapped = WrappedKey::new(id, *b"blob").unwrap();
        let (scope, amid) = (
            retrying.opening_scope(&wrapped),
            retrying.opening_scope_amid(&wrapped, &NoTraffic),
        );
        assert_eq!((scope, amid), (beneath.opening_scope(&wrapped), scope));
        assert!(!scope.quota.is_empty() && scope.key == id, "{scope:?}");
    }
}
