//! Sealing keys: limits, refresh ahead, and what happens while the provider fails.
use std::{collections::HashMap, time::Duration};

use datakey_keyring::{
    ConfigError, Held, KeyringError, MissReason, OpeningLimits, SealingKeyring, SealingLimits, Usage,
};
use datakey_provider::{EncryptionContext, ErrorClass, GeneratedDataKey, SealingProvider};
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::{
    task::JoinSet,
    time::{advance, sleep},
};

const ONE: Usage = Usage::message(100);
const SECOND: Duration = Duration::from_secs(1);

fn limits() -> SealingLimits {
    SealingLimits::default()
        .with_soft_age(SECOND * 100)
        .with_hard_age(SECOND * 300)
}

fn keyring(provider: &Scripted, limits: SealingLimits) -> Keyrings {
    Keyrings::builder()
        .sealing(limits)
        .seed(1)
        .build(provider.clone())
        .unwrap()
}

fn number(key: &Held<GeneratedDataKey>) -> u64 {
    u64::from_be_bytes(key.wrapped_keys().first().blob()[..8].try_into().unwrap())
}

/// Lets background loads run to their end.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

async fn sealed(keyring: &Keyrings, context: &EncryptionContext) -> u64 {
    number(&keyring.sealing.key(context, ONE).await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_key_seals_exactly_as_many_messages_as_its_limit() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits().with_max_messages(3));
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(sealed(&keyring, &context("a")).await);
    }
    assert_eq!(seen, [1, 1, 1, 2, 2, 2, 3]);
    let misses = keyring.sealing.stats().misses;
    assert_eq!(
        (misses.of(MissReason::Messages), misses.of(MissReason::Cold)),
        (2, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_seals_exactly_as_many_bytes_as_its_limit() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits().with_max_bytes(7));
    let mut seen = Vec::new();
    for bytes in [4, 3, 0, 1, 6, 1] {
        let key = keyring
            .sealing
            .key(&context("a"), Usage::message(bytes))
            .await
            .unwrap();
        seen.push(number(&key));
    }
    assert_eq!(seen, [1, 1, 1, 2, 2, 3]);
    assert_eq!(keyring.sealing.stats().misses.of(MissReason::Bytes), 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_reserves_all_its_messages_or_none() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits().with_max_messages(10));
    let batch = Usage::batch(6, 600);
    let first = keyring.sealing.key(&context("a"), batch).await.unwrap();
    assert!(keyring.sealing.try_key(&context("a"), batch).is_none());
    let rest = keyring
        .sealing
        .try_key(&context("a"), Usage::batch(4, 400))
        .unwrap();
    assert!(
        rest.same(&first),
        "what the refused batch did not take is still there"
    );
    assert!(keyring.sealing.try_key(&context("a"), ONE).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn limits_hold_exactly_however_many_tasks_there_are() {
    let provider = Scripted::default();
    let keyring = keyring(
        &provider,
        limits().with_max_messages(1_000).with_max_bytes(90_000),
    );
    let mut tasks = JoinSet::new();
    for task in 0..64_u64 {
        let keyring = keyring.clone();
        tasks.spawn(async move {
            let mut used: HashMap<u64, (u64, u64)> = HashMap::new();
            for round in 0..400_u64 {
                let (messages, bytes) = (1 + (task + round) % 7, (task * round) % 500);
                let usage = Usage::batch(messages, bytes);
                let key = keyring.sealing.key(&context("a"), usage).await.unwrap();
                let sum = used.entry(number(&key)).or_default();
                *sum = (sum.0 + messages, sum.1 + bytes);
            }
            used
        });
    }
    let mut all: HashMap<u64, (u64, u64)> = HashMap::new();
    for used in tasks.join_all().await {
        for (key, (messages, bytes)) in used {
            let sum = all.entry(key).or_default();
            *sum = (sum.0 + messages, sum.1 + bytes);
        }
    }
    for (key, (messages, bytes)) in &all {
        assert!(
            *messages <= 1_000 && *bytes <= 90_000,
            "key {key}: {messages} messages, {bytes} bytes"
        );
    }
    let messages: u64 = all.values().map(|(messages, _)| messages).sum();
    let least = messages.div_ceil(1_000);
    assert!(provider.generated() >= least);
    assert!(
        provider.generated() <= least * 2,
        "{} keys for {messages} messages",
        provider.generated()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_larger_than_a_whole_key_gets_one_of_its_own() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits().with_max_messages(10).with_max_bytes(1_000));
    assert_eq!(sealed(&keyring, &context("a")).await, 1);
    for usage in [
        Usage::batch(11, 5),
        Usage::message(1_001),
        Usage::unknown_length(),
    ] {
        let own = keyring.sealing.key(&context("a"), usage).await.unwrap();
        assert!(number(&own) > 1);
        assert!(keyring.sealing.try_key(&context("a"), usage).is_none());
    }
    assert_eq!(
        sealed(&keyring, &context("a")).await,
        1,
        "the kept key is untouched"
    );
    let stats = keyring.sealing.stats();
    assert_eq!((stats.dedicated, stats.loads, stats.live), (3, 1, 1));
    assert_eq!(stats.misses.of(MissReason::Oversize), 2);
    assert_eq!(stats.misses.of(MissReason::UnknownLength), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_replaced_in_the_background_before_its_soft_age() {
    let provider = Scripted::taking(20);
    let keyring = keyring(&provider, limits());
    assert_eq!(sealed(&keyring, &context("a")).await, 1);
    advance(SECOND * 69).await;
    assert_eq!(sealed(&keyring, &context("a")).await, 1);
    settle().await;
    assert_eq!(provider.generated(), 1, "not due before seven tenths");
    advance(SECOND * 27).await;
    let due = keyring.sealing.try_key(&context("a"), ONE).unwrap();
    assert_eq!(number(&due), 1, "the live key serves meanwhile");
    for _ in 0..100 {
        assert!(keyring.sealing.try_key(&context("a"), ONE).is_some());
    }
    sleep(Duration::from_millis(30)).await;
    assert_eq!(provider.generated(), 2, "one refresh for a hundred callers");
    assert_eq!(number(&keyring.sealing.try_key(&context("a"), ONE).unwrap()), 2);
    let stats = keyring.sealing.stats();
    assert_eq!((stats.refreshes, stats.loads, stats.misses.total()), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn refreshes_of_many_contexts_are_spread() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits());
    let contexts: Vec<_> = (0..100).map(|n| context(format!("t{n}"))).collect();
    assert!(keyring.sealing.warm(&contexts).await.is_empty());
    let mut by_second = Vec::new();
    for _ in 0..100 {
        advance(SECOND).await;
        let before = provider.generated();
        for context in &contexts {
            assert!(keyring.sealing.try_key(context, ONE).is_some(), "never a miss");
        }
        settle().await;
        by_second.push(provider.generated() - before);
    }
    assert_eq!(by_second.iter().sum::<u64>(), 100);
    assert!(by_second.iter().max() < Some(&20), "{by_second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_runs_low_is_replaced_in_the_background() {
    let provider = Scripted::taking(20);
    let keyring = keyring(&provider, limits().with_max_messages(800));
    for _ in 0..700 {
        assert_eq!(sealed(&keyring, &context("a")).await, 1);
    }
    assert_eq!(provider.generated(), 1);
    assert_eq!(sealed(&keyring, &context("a")).await, 1);
    sleep(Duration::from_millis(30)).await;
    assert_eq!(sealed(&keyring, &context("a")).await, 2);
    assert_eq!(
        keyring.sealing.stats().misses.total(),
        1,
        "nobody waited but the first"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_failing_provider_allows_at_each_age() {
    for class in ErrorClass::ALL {
        // Age in seconds, and whether a caller gets the old key.
        let says_something = class.verdict().is_some();
        let stale = !says_something && class != ErrorClass::ShutDown;
        for (age, served) in [
            (60, true),
            (96, true), // due; a revocation is found out by the refresh, after this caller
            (101, stale),
            (299, stale),
            (300, false),
        ] {
            let provider = Scripted::default();
            let keyring = keyring(&provider, limits());
            assert_eq!(sealed(&keyring, &context("a")).await, 1);
            advance(SECOND * age).await;
            provider.does(Does::Fail(class));
            let result = keyring.sealing.key(&context("a"), ONE).await;
            assert_eq!(result.is_ok(), served, "{class:?} at {age} s");
            if let Err(error) = result {
                assert_eq!(error.class(), Some(class));
            }
            settle().await;
            let again = keyring.sealing.key(&context("a"), ONE).await;
            let still = served && !(says_something && age == 96);
            assert_eq!(again.is_ok(), still, "{class:?} at {age} s, after the refresh");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_is_denied_drops_the_live_key_at_once() {
    for class in [ErrorClass::Denied, ErrorClass::UnavailableKey] {
        let provider = Scripted::default();
        let keyring = keyring(&provider, limits());
        sealed(&keyring, &context("a")).await;
        sealed(&keyring, &context("b")).await;
        advance(SECOND * 96).await;
        provider.does_for(&context("a"), Does::Fail(class));
        assert!(keyring.sealing.try_key(&context("a"), ONE).is_some());
        settle().await;
        assert!(keyring.sealing.try_key(&context("a"), ONE).is_none());
        let own = class == ErrorClass::Denied;
        assert_eq!(
            keyring.sealing.try_key(&context("b"), ONE).is_some(),
            own,
            "a denial is the context's, a disabled key concerns all that is under it"
        );
        let error = keyring.sealing.key(&context("a"), ONE).await.unwrap_err();
        assert_eq!(error.class(), Some(class));
        let stats = keyring.sealing.stats();
        assert_eq!(stats.misses.of(MissReason::Revoked), 1);
        assert_eq!(stats.revoked, if own { 1 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn during_an_outage_one_caller_finds_out_and_the_others_do_not_wait() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits());
    sealed(&keyring, &context("a")).await;
    advance(SECOND * 101).await;
    provider.takes(SECOND * 5);
    provider.does(Does::Fail(ErrorClass::Throttled));
    let started = tokio::time::Instant::now();
    assert_eq!(sealed(&keyring, &context("a")).await, 1);
    assert_eq!(
        started.elapsed().as_secs(),
        1,
        "the first one waits for an answer, for a while"
    );
    for _ in 0..1_200 {
        advance(Duration::from_millis(100)).await;
        let key = keyring.sealing.try_key(&context("a"), ONE);
        assert_eq!(key.as_ref().map(number), Some(1), "at {:?}", started.elapsed());
        settle().await;
    }
    let attempts = provider.generated() - 1;
    assert!((4..=16).contains(&attempts), "{attempts} attempts in 125 s");
    let stale = keyring.sealing.stats().stale;
    assert_eq!((stale.total(), stale.transient), (1_201, 0));
    // Until the first attempt failed, after five seconds, nobody knew why.
    assert!((40..=42).contains(&stale.timeout), "{stale:?}");
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_the_next_attempt_brings_a_new_key() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits());
    sealed(&keyring, &context("a")).await;
    advance(SECOND * 101).await;
    provider.does(Does::Fail(ErrorClass::Transient));
    assert_eq!(sealed(&keyring, &context("a")).await, 1);
    provider.does(Does::Work);
    let mut waited = 0;
    while sealed(&keyring, &context("a")).await == 1 {
        advance(Duration::from_millis(100)).await;
        settle().await;
        waited += 1;
    }
    assert!((4..=11).contains(&waited), "{waited} tenths of a second");
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_ended_while_nobody_asked_is_not_held_against_the_provider() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits());
    sealed(&keyring, &context("a")).await;
    advance(SECOND * 101).await;
    provider.does(Does::Fail(ErrorClass::Timeout));
    assert_eq!(sealed(&keyring, &context("a")).await, 1);
    provider.does(Does::Work);
    advance(SECOND * 60).await;
    assert!(
        keyring.sealing.try_key(&context("a"), ONE).is_none(),
        "the failure is a minute old"
    );
    assert!(sealed(&keyring, &context("a")).await > 1);
}

#[tokio::test(start_paused = true)]
async fn a_denial_after_throttling_ends_the_grace() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits());
    sealed(&keyring, &context("a")).await;
    advance(SECOND * 101).await;
    provider.does(Does::Fail(ErrorClass::Throttled));
    assert_eq!(sealed(&keyring, &context("a")).await, 1);
    provider.does(Does::Fail(ErrorClass::Denied));
    advance(Duration::from_millis(1_000)).await;
    assert!(
        keyring.sealing.try_key(&context("a"), ONE).is_some(),
        "the attempt is only now begun"
    );
    settle().await;
    assert!(keyring.sealing.try_key(&context("a"), ONE).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_delay_that_the_service_asks_for_is_kept_for_as_long_as_retries_keep_it() {
    for (asked, kept) in [(10, 10), (20, 20), (3_600, 20)] {
        let provider = Scripted::default();
        let keyring = keyring(&provider, limits());
        sealed(&keyring, &context("a")).await;
        advance(SECOND * 101).await;
        provider.does(Does::FailFor(ErrorClass::Throttled, asked));
        assert_eq!(sealed(&keyring, &context("a")).await, 1);
        for _ in 0..kept - 1 {
            advance(SECOND).await;
            assert_eq!(sealed(&keyring, &context("a")).await, 1);
            settle().await;
        }
        assert_eq!(provider.generated(), 2, "asked for {asked} s");
        advance(SECOND * 2).await;
        assert_eq!(sealed(&keyring, &context("a")).await, 1);
        settle().await;
        assert_eq!(provider.generated(), 3, "asked for {asked} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panicking_refresh_leaves_the_key_and_is_tried_again() {
    let provider = Scripted::default();
    let keyring = keyring(&provider, limits());
    sealed(&keyring, &context("a")).await;
    advance(SECOND * 96).await;
    provider.does(Does::Panic);
    assert!(keyring.sealing.try_key(&context("a"), ONE).is_some());
    settle().await;
    assert!(keyring.sealing.try_key(&context("a"), ONE).is_some());
    provider.does(Does::Work);
    advance(SECOND * 2).await;
    assert!(keyring.sealing.try_key(&context("a"), ONE).is_some());
    settle().await;
    assert_eq!(
        keyring.sealing.try_key(&context("a"), ONE).as_ref().map(number),
        Some(3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_an_invalidation_of_another_key_stopped_begins_again() {
    let provider = Scripted::taking(20);
    let keyring = keyring(&provider, limits());
    sealed(&keyring, &context("a")).await;
    advance(SECOND * 96).await;
    assert!(keyring.sealing.try_key(&context("a"), ONE).is_some());
    settle().await;
    assert_eq!(keyring.invalidate_key("script:other"), 0);
    assert!(keyring.sealing.try_key(&context("a"), ONE).is_some());
    sleep(Duration::from_millis(30)).await;
    assert_eq!(
        keyring.sealing.try_key(&context("a"), ONE).as_ref().map(number),
        Some(3)
    );
}

#[tokio::test(start_paused = true)]
async fn an_encrypt_only_provider_is_enough_to_seal() {
    struct OnlySeals(Scripted);

    #[datakey_provider::async_trait]
    impl SealingProvider for OnlySeals {
        async fn generate_data_key(
            &self,
            context: &EncryptionContext,
            length: datakey_provider::DataKeyLength,
        ) -> Result<GeneratedDataKey, datakey_provider::ProviderError> {
            self.0.generate_data_key(context, length).await
        }
        async fn encrypt(
            &self,
            context: &EncryptionContext,
            data_key: &datakey_provider::DataKey,
        ) -> Result<datakey_provider::WrappedKeys, datakey_provider::ProviderError> {
            self.0.encrypt(context, data_key).await
        }
    }

    let keyring = SealingKeyring::new(OnlySeals(Scripted::default()));
    assert!(keyring.key(&context("a"), ONE).await.is_ok());
}

#[test]
fn limits_that_leave_no_key_to_use_are_refused() {
    let refused = |limits: SealingLimits| {
        Keyrings::builder()
            .sealing(limits)
            .build(Scripted::default())
            .unwrap_err()
    };
    let fine = SealingLimits::default();
    assert_eq!(
        refused(fine.with_soft_age(SECOND * 2).with_hard_age(SECOND)),
        ConfigError::SoftOverHard {
            soft: SECOND * 2,
            hard: SECOND
        }
    );
    for limits in [
        fine.with_soft_age(Duration::ZERO).with_hard_age(SECOND),
        fine.with_max_messages(0),
        fine.with_max_bytes(0),
        fine.with_max_contexts(0),
    ] {
        assert!(matches!(refused(limits), ConfigError::Zero(_)), "{limits:?}");
    }
    let build = || Keyrings::builder();
    let fine = OpeningLimits::default();
    for builder in [
        build().opening(fine.with_ttl(Duration::ZERO)),
        build().opening(fine.with_max_keys(0)),
        build().opening(fine.with_max_refusals(0)),
        build().max_loads(0),
        build().load_timeout(Duration::ZERO),
    ] {
        assert!(matches!(
            builder.build(Scripted::default()),
            Err(ConfigError::Zero(_))
        ));
    }
    assert!(build().build(Scripted::default()).is_ok());
    assert!(!KeyringError::ShutDown.is_retryable());
}
