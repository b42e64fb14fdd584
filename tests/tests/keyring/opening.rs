//! Opening keys: whose wrapped key, which first, how long, and what junk can do.
use std::time::Duration;

use datakey_keyring::{KeyringError, MissReason, OpeningLimits, Usage};
use datakey_provider::{EncryptionContext, ErrorClass, WrappedKey, WrappedKeys};
use datakey_tests::keyring::{Does, Scripted, context, junk};
use datakey_tests::keyrings::Keyrings;
use tokio::{
    task::JoinSet,
    time::{advance, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

async fn wrapped(keyring: &Keyrings, context: &EncryptionContext) -> WrappedKeys {
    let sealed = keyring.sealing.key(context, Usage::message(1)).await.unwrap();
    sealed.wrapped_keys().clone()
}

/// Opens on a keyring and expects a class of error.
async fn refused(keyring: &Keyrings, context: &EncryptionContext, wrapped: &WrappedKeys) -> ErrorClass {
    let error = keyring.opening.key(context, wrapped).await.unwrap_err();
    error.class().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_readers_of_one_wrapped_key_make_one_call() {
    let provider = Scripted::taking(20);
    let keyring = Keyrings::new(provider.clone());
    let context = context("a");
    let sealed = keyring.sealing.key(&context, Usage::message(1)).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..1_000 {
        let (keyring, context, wrapped) = (keyring.clone(), context.clone(), sealed.wrapped_keys().clone());
        tasks.spawn(async move { keyring.opening.key(&context, &wrapped).await });
    }
    for opened in tasks.join_all().await {
        assert!(opened.unwrap().ct_eq(sealed.data_key()));
    }
    assert_eq!(provider.decrypted(), 1);
    let stats = keyring.opening.stats();
    assert_eq!(
        (stats.loads, stats.shared_waits, stats.misses.total()),
        (1, 999, 1_000)
    );
}

#[tokio::test(start_paused = true)]
async fn a_kept_key_does_not_open_for_another_context() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider.clone());
    let wrapped = wrapped(&keyring, &context("a")).await;
    assert!(keyring.opening.key(&context("a"), &wrapped).await.is_ok());
    assert!(keyring.opening.try_key(&context("b"), &wrapped).is_none());
    assert_eq!(
        refused(&keyring, &context("b"), &wrapped).await,
        ErrorClass::NotAuthentic
    );
    assert!(keyring.opening.try_key(&context("a"), &wrapped).is_some());
}

#[tokio::test(start_paused = true)]
async fn the_same_blob_under_another_key_id_is_another_key() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider.clone());
    let first = wrapped(&keyring, &context("a")).await;
    keyring.opening.key(&context("a"), &first).await.unwrap();
    let other = WrappedKey::new("script:b", first.first().blob()).unwrap().into();
    assert!(keyring.opening.try_key(&context("a"), &other).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_key_lives_from_its_creation_however_often_it_is_used() {
    let provider = Scripted::default();
    let keyring = Keyrings::builder()
        .opening(OpeningLimits::default().with_ttl(SECOND * 10))
        .build(provider.clone())
        .unwrap();
    let wrapped = wrapped(&keyring, &context("a")).await;
    keyring.opening.key(&context("a"), &wrapped).await.unwrap();
    // Fewer uses than would have it unwrapped anew.
    for _ in 0..3 {
        advance(SECOND * 3).await;
        assert!(keyring.opening.try_key(&context("a"), &wrapped).is_some());
    }
    advance(SECOND).await;
    assert!(keyring.opening.try_key(&context("a"), &wrapped).is_none());
    keyring.opening.key(&context("a"), &wrapped).await.unwrap();
    assert_eq!(provider.decrypted(), 2);
    assert_eq!(keyring.opening.stats().misses.of(MissReason::Age), 1);
}

#[tokio::test(start_paused = true)]
async fn wrapped_keys_are_tried_by_rank_and_the_first_that_opens_wins() {
    let provider = Scripted::default();
    provider.wraps_under(&["script:far", "elsewhere:x", "script:near"]);
    let keyring = Keyrings::new(provider.clone());
    let wrapped = wrapped(&keyring, &context("a")).await;
    provider.does_under("script:far", Does::Panic);
    keyring.opening.key(&context("a"), &wrapped).await.unwrap();
    assert_eq!(provider.decrypted(), 1, "the near one was enough");

    keyring.invalidate_all();
    provider.does_under("script:far", Does::Work);
    provider.does_under("script:near", Does::Fail(ErrorClass::Denied));
    keyring.opening.key(&context("a"), &wrapped).await.unwrap();
    assert_eq!(provider.decrypted(), 3, "near refuses, far opens");
}

#[tokio::test(start_paused = true)]
async fn when_none_opens_each_failure_is_told_and_the_most_hopeful_counts() {
    let provider = Scripted::default();
    provider.wraps_under(&["script:near", "script:far"]);
    let keyring = Keyrings::new(provider.clone());
    let wrapped = wrapped(&keyring, &context("a")).await;
    provider.does_under("script:near", Does::Fail(ErrorClass::Denied));
    provider.does_under("script:far", Does::Fail(ErrorClass::Throttled));
    let error = keyring.opening.key(&context("a"), &wrapped).await.unwrap_err();
    let KeyringError::NoneOpened { failures } = &error else {
        panic!("{error}");
    };
    let classes: Vec<_> = failures.iter().map(KeyringError::class).collect();
    assert_eq!(classes, [Some(ErrorClass::Denied), Some(ErrorClass::Throttled)]);
    assert!(error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn keys_that_the_provider_does_not_recognise_cost_no_call() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider.clone());
    let foreign = WrappedKeys::new([
        WrappedKey::new("aws:one", *b"x").unwrap(),
        WrappedKey::new("aws:two", *b"y").unwrap(),
    ])
    .unwrap();
    let error = keyring.opening.key(&context("a"), &foreign).await.unwrap_err();
    let KeyringError::NotRecognised { key_ids } = &error else {
        panic!("{error}");
    };
    assert_eq!(
        key_ids.iter().map(|id| &**id).collect::<Vec<_>>(),
        ["aws:one", "aws:two"]
    );
    assert!(error.to_string().contains("aws:two"));
    assert_eq!(
        (provider.decrypted(), keyring.opening.stats().not_recognised),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn callers_who_give_up_before_any_call_ends_get_to_the_next_wrapped_key_together() {
    for (near, patience, waves) in [
        // The failure of the first is found out by one, the other Region's key asked for by the next, and used by the third.
        (Does::Fail(ErrorClass::Transient), 50, 4),
        // That the first hangs is found out after the hedge delay, however many came and went meanwhile.
        (Does::Hang, 90, 14),
    ] {
        let provider = Scripted::taking(100);
        provider.wraps_under(&["script:near", "script:far"]);
        let keyring = Keyrings::new(provider.clone());
        let context = context("a");
        let wrapped = wrapped(&keyring, &context).await;
        provider.does_under("script:near", near);
        let mut opened = 0;
        for wave in 0.. {
            assert!(wave < waves, "nobody got further: {near:?}");
            let opening = keyring.opening.key(&context, &wrapped);
            opened += u32::from(timeout(Duration::from_millis(patience), opening).await.is_ok());
            if opened > 0 {
                break;
            }
            sleep(Duration::from_millis(100 - patience)).await;
        }
        assert!(provider.decrypted() <= 3, "{} calls", provider.decrypted());
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_share_a_wrapped_key_share_its_load_whatever_else_they_carry() {
    let provider = Scripted::taking(100);
    let keyring = Keyrings::new(provider.clone());
    let good = wrapped(&keyring, &context("a")).await;
    let mut tasks = JoinSet::new();
    for n in 0..100 {
        let (keyring, both) = (keyring.clone(), good.join(&junk(n)).unwrap());
        tasks.spawn(async move { keyring.opening.key(&context("a"), &both).await });
    }
    for opened in tasks.join_all().await {
        assert!(opened.is_ok());
    }
    assert_eq!(provider.decrypted(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_refusal_is_remembered_for_a_short_time() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider.clone());
    let poison = junk(1);
    for _ in 0..50 {
        assert_eq!(
            refused(&keyring, &context("a"), &poison).await,
            ErrorClass::NotAuthentic
        );
    }
    assert_eq!(provider.decrypted(), 1);
    assert_eq!(keyring.opening.stats().refused_from_memory, 49);
    advance(datakey_keyring::DEFAULT_REFUSAL_TTL).await;
    refused(&keyring, &context("a"), &poison).await;
    assert_eq!(provider.decrypted(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_transient_refusal_is_not_remembered() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider.clone());
    let wrapped = wrapped(&keyring, &context("a")).await;
    for class in [ErrorClass::Throttled, ErrorClass::Transient, ErrorClass::Timeout] {
        provider.does(Does::Fail(class));
        assert_eq!(refused(&keyring, &context("a"), &wrapped).await, class);
    }
    provider.does(Does::Panic);
    let error = keyring.opening.key(&context("a"), &wrapped).await.unwrap_err();
    assert!(matches!(error, KeyringError::LoadPanicked));
    provider.does(Does::Work);
    assert!(keyring.opening.key(&context("a"), &wrapped).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_forgets_refusals() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider.clone());
    let wrapped = wrapped(&keyring, &context("a")).await;
    provider.does(Does::Fail(ErrorClass::Denied));
    assert_eq!(
        refused(&keyring, &context("a"), &wrapped).await,
        ErrorClass::Denied
    );
    provider.does(Does::Work);
    assert_eq!(
        refused(&keyring, &context("a"), &wrapped).await,
        ErrorClass::Denied
    );
    keyring.invalidate_context(&context("a"));
    assert!(keyring.opening.key(&context("a"), &wrapped).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_junk_evicts_no_key_and_its_memory_is_bounded() {
    let provider = Scripted::default();
    let keyring = Keyrings::builder()
        .opening(OpeningLimits::default().with_max_keys(64).with_max_refusals(100))
        .build(provider.clone())
        .unwrap();
    let mut kept = Vec::new();
    for n in 0..32 {
        let context = context(format!("t{n}"));
        let wrapped = wrapped(&keyring, &context).await;
        keyring.opening.key(&context, &wrapped).await.unwrap();
        kept.push((context, wrapped));
    }
    for n in 0..20_000 {
        refused(&keyring, &context("a"), &junk(n)).await;
    }
    for (context, wrapped) in &kept {
        assert!(keyring.opening.try_key(context, wrapped).is_some());
        assert!(keyring.sealing.try_key(context, Usage::message(1)).is_some());
    }
    let stats = keyring.stats();
    assert_eq!(
        (stats.opening.evicted, stats.sealing.evicted, stats.opening.live),
        (0, 0, 32)
    );
    assert!(stats.opening.refusals <= 128, "{}", stats.opening.refusals);
}

#[tokio::test(start_paused = true)]
async fn reads_never_evict_the_key_that_writes_use() {
    let provider = Scripted::default();
    let writer = Keyrings::new(provider.clone());
    let keyring = Keyrings::builder()
        .opening(OpeningLimits::default().with_max_keys(16))
        .build(provider.clone())
        .unwrap();
    keyring
        .sealing
        .key(&context("a"), Usage::message(1))
        .await
        .unwrap();
    for n in 0..500 {
        let context = context(format!("t{n}"));
        let wrapped = wrapped(&writer, &context).await;
        keyring.opening.key(&context, &wrapped).await.unwrap();
    }
    let stats = keyring.stats();
    assert!(
        stats.opening.evicted > 400 && stats.opening.live <= 16,
        "{stats:?}"
    );
    assert!(
        keyring
            .sealing
            .try_key(&context("a"), Usage::message(1))
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_wins_over_an_opening_under_way() {
    for several in [false, true] {
        let provider = Scripted::taking(100);
        if several {
            provider.wraps_under(&["script:near", "script:far"]);
        }
        let keyring = Keyrings::new(provider.clone());
        let wrapped = wrapped(&keyring, &context("a")).await;
        let waiter = tokio::spawn({
            let (keyring, wrapped) = (keyring.clone(), wrapped.clone());
            async move { keyring.opening.key(&context("a"), &wrapped).await }
        });
        sleep(Duration::from_millis(50)).await;
        keyring.invalidate_key(wrapped.first().key_id());
        assert!(waiter.await.unwrap().is_ok());
        assert_eq!(provider.decrypted(), 2);
        assert_eq!(keyring.stats().in_flight, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_load_has_its_key_and_does_not_start_over() {
    let provider = Scripted::taking(100);
    let keyring = Keyrings::new(provider.clone());
    let sealed = keyring
        .sealing
        .key(&context("a"), Usage::message(1))
        .await
        .unwrap();
    keyring
        .opening
        .key(&context("a"), sealed.wrapped_keys())
        .await
        .unwrap();
    let stats = keyring.opening.stats();
    assert_eq!((stats.loads, stats.superseded, stats.hits), (1, 0, 0));
}
