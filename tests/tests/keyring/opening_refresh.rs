//! Opening keys that are in use are unwrapped anew before they expire; and walks over several wrapped keys.
use std::time::Duration;

use datakey_keyring::{KeyringError, MissReason, OpeningLimits, Usage};
use datakey_provider::{ErrorClass, WrappedKey, WrappedKeys};
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::time;

const SECOND: Duration = Duration::from_secs(1);
const TTL: Duration = Duration::from_secs(100);

async fn with(provider: &Scripted) -> (Keyrings, WrappedKeys) {
    let keyring = Keyrings::builder()
        .opening(OpeningLimits::default().with_ttl(TTL))
        .build(provider.clone())
        .unwrap();
    let sealed = keyring
        .sealing
        .key(&context("a"), Usage::message(1))
        .await
        .unwrap();
    let wrapped = sealed.wrapped_keys().clone();
    (keyring, wrapped)
}

/// Opens once a second; answers how many had to wait or failed.
async fn reads(keyring: &Keyrings, wrapped: &WrappedKeys, seconds: u32) -> u32 {
    let mut missed = 0;
    for _ in 0..seconds {
        missed += u32::from(keyring.opening.try_key(&context("a"), wrapped).is_none());
        let _refused = keyring.opening.key(&context("a"), wrapped).await;
        time::sleep(SECOND).await;
    }
    missed
}

#[tokio::test(start_paused = true)]
async fn a_key_in_use_never_makes_its_readers_wait_again() {
    let provider = Scripted::taking(200);
    let (keyring, wrapped) = with(&provider).await;
    assert_eq!(reads(&keyring, &wrapped, 1_000).await, 1, "only the first");
    let stats = keyring.opening.stats();
    assert!((10..=14).contains(&stats.refreshes), "{stats:?}");
    assert_eq!(stats.refreshes + stats.loads, provider.decrypted());
    assert_eq!((stats.live, stats.evicted, stats.revoked), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_hardly_used_is_let_go() {
    let provider = Scripted::default();
    let (keyring, wrapped) = with(&provider).await;
    for _ in 0..5 {
        keyring.opening.key(&context("a"), &wrapped).await.unwrap();
        time::sleep(TTL / 5).await;
    }
    assert_eq!(keyring.opening.stats().refreshes, 0);
    assert!(keyring.opening.try_key(&context("a"), &wrapped).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_denied_refresh_drops_the_key_at_once() {
    for class in [ErrorClass::Denied, ErrorClass::UnavailableKey] {
        let provider = Scripted::default();
        let (keyring, wrapped) = with(&provider).await;
        reads(&keyring, &wrapped, 60).await;
        provider.does(Does::Fail(class));
        assert!(
            reads(&keyring, &wrapped, 38).await > 0,
            "before the time to live is over"
        );
        let stats = keyring.opening.stats();
        assert_eq!((stats.revoked, stats.live), (1, 0), "{class:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_refresh_is_tried_again_and_the_key_serves_until_it_expires() {
    let provider = Scripted::default();
    let (keyring, wrapped) = with(&provider).await;
    reads(&keyring, &wrapped, 60).await;
    provider.does(Does::Fail(ErrorClass::Throttled));
    assert_eq!(reads(&keyring, &wrapped, 40).await, 0);
    let attempts = keyring.opening.stats().refreshes;
    assert!(
        (1..=14).contains(&attempts),
        "{attempts} attempts, more of them towards the end"
    );
    assert!(
        keyring.opening.key(&context("a"), &wrapped).await.is_err(),
        "never past its time to live"
    );
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_an_invalidation_does_not_concern_goes_on() {
    let provider = Scripted::taking(100);
    provider.wraps_under(&["script:near", "script:far"]);
    let (keyring, wrapped) = with(&provider).await;
    provider.does_under("script:near", Does::Fail(ErrorClass::Denied));
    for (concerned, calls) in [(false, 2), (true, 3)] {
        keyring.invalidate_all();
        let before = provider.decrypted();
        let walk = tokio::spawn({
            let (keyring, wrapped) = (keyring.clone(), wrapped.clone());
            async move { keyring.opening.key(&context("a"), &wrapped).await.is_ok() }
        });
        time::sleep(Duration::from_millis(150)).await;
        keyring.invalidate_context(&context(if concerned { "a" } else { "b" }));
        if !concerned {
            keyring.invalidate_key("script:other");
        }
        assert!(walk.await.unwrap());
        // The first wrapped key, the second; and, when concerned, from the start, where a refusal is asked for anew.
        let made = provider.decrypted() - before;
        assert!(
            made >= calls && made <= calls + 1,
            "{made} calls, concerned: {concerned}"
        );
        assert_eq!(keyring.stats().in_flight, 0);
    }
}

#[test]
fn futures_are_small_enough_to_be_nested() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider);
    let (context, wrapped) = (context("a"), datakey_tests::keyring::junk(1));
    let sealing = size_of_val(&keyring.sealing.key(&context, Usage::message(1)));
    let opening = size_of_val(&keyring.opening.key(&context, &wrapped));
    let held = size_of_val(&keyring.sealing.try_key(&context, Usage::message(1)));
    println!("sealing {sealing}, opening {opening}, held {held} bytes");
    assert!(sealing <= 768, "sealing_key: {sealing} bytes");
    assert!(opening <= 768, "opening_key: {opening} bytes");
    assert_eq!(held, size_of::<usize>());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_fits_no_message_is_not_in_use() {
    let provider = Scripted::default();
    let (keyring, wrapped) = with(&provider).await;
    for _ in 0..95 {
        let open = |_: &_, _: &_| None::<()>;
        let refused = keyring.opening.open_with(&context("a"), &wrapped, open).await;
        assert!(matches!(refused, Err(KeyringError::OtherKey)), "{refused:?}");
        time::sleep(SECOND).await;
    }
    let stats = keyring.opening.stats();
    assert_eq!((stats.refreshes, provider.decrypted()), (0, 1));
    assert_eq!((stats.hits, stats.misses.of(MissReason::OtherKey)), (0, 94));
    assert_eq!((stats.live, stats.refusals, stats.failures), (1, 0, 0));
    let same = keyring.opening.snapshots();
    assert_eq!(same[0].uses, 0);
}

#[tokio::test(start_paused = true)]
async fn each_wrapped_key_is_offered_until_one_is_taken() {
    let provider = Scripted::default();
    provider.wraps_under(&["script:near", "script:far", "script:off"]);
    let (keyring, wrapped) = with(&provider).await;
    for taken in ["script:near", "script:far", "script:off"] {
        keyring.opening.invalidate_all();
        let before = provider.decrypted();
        let open = |wrapped: &WrappedKey, _: &_| (wrapped.key_id() == taken).then(|| taken.to_owned());
        let opened = keyring.opening.open_with(&context("a"), &wrapped, open).await;
        assert_eq!(opened.unwrap(), taken);
        let calls = provider.decrypted() - before;
        // Each of them is kept now, and found without a call.
        let again = keyring.opening.open_with(&context("a"), &wrapped, open).await;
        assert_eq!(
            (again.unwrap(), provider.decrypted() - before),
            (taken.to_owned(), calls)
        );
        assert!((1..=3).contains(&calls));
    }
}
