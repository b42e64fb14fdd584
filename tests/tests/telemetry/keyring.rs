//! The keyring's metrics and events.
use std::time::Duration;

use datakey_keyring::{SealingLimits, Usage};
use datakey_provider::ErrorClass;
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::time;

use crate::listener::Listening;

const ONE: Usage = Usage::message(1);

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_published_under_its_names() {
    let listening = Listening::begin().await;
    let keyring = Keyrings::new(Scripted::default());
    for _ in 0..5 {
        keyring.sealing.key(&context("a"), ONE).await.unwrap();
    }
    keyring.sealing.stats().publish();
    keyring.opening.stats().publish();
    assert_eq!(listening.metric("datakey.keyring.hits{half=sealing}"), Some(4));
    assert_eq!(listening.metric("datakey.keyring.hits{half=opening}"), Some(0));
    assert_eq!(
        listening.metric("datakey.keyring.misses{half=sealing,reason=cold}"),
        Some(1)
    );
    assert_eq!(listening.metric("datakey.keyring.calls{half=sealing}"), Some(1));
    assert_eq!(listening.metric("datakey.keyring.calls{half=opening}"), Some(0));
    let avoided = listening.metric("datakey.keyring.calls_avoided{half=sealing}");
    assert_eq!(
        avoided.map(f64::from_bits),
        Some(4.0),
        "which the other half does not overwrite"
    );
    keyring.sealing.stats().publish_as("shop");
    assert_eq!(
        listening.metric("datakey.keyring.hits{half=sealing,keyring=shop}"),
        Some(4)
    );
    let keys = listening.metric("datakey.keyring.keys{half=sealing}");
    assert_eq!(keys.map(f64::from_bits), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn every_name_is_documented_and_every_documented_name_is_published() {
    let listening = Listening::begin().await;
    let keyring = Keyrings::new(Scripted::default());
    keyring.sealing.stats().publish();
    keyring.opening.stats().publish();
    let source = include_str!("../../../crates/keyring/src/watch/publish.rs");
    let mut documented: Vec<String> = source
        .lines()
        .filter_map(|line| {
            Some(
                line.trim()
                    .strip_prefix("/// | `datakey.keyring.")?
                    .split_once('`')?
                    .0,
            )
        })
        .map(|name| format!("datakey.keyring.{name}"))
        .collect();
    documented.sort();
    assert_eq!(listening.metrics(), documented);
}

#[tokio::test(start_paused = true)]
async fn what_no_caller_is_told_is_an_event_and_what_one_is_told_is_none() {
    let listening = Listening::begin().await;
    let names = || listening.lines().iter().map(|line| line.name).collect::<Vec<_>>();
    let provider = Scripted::default();
    let limits = SealingLimits::default()
        .with_soft_age(Duration::from_secs(100))
        .with_hard_age(Duration::from_secs(300));
    let keyring = Keyrings::builder()
        .sealing(limits)
        .build(provider.clone())
        .unwrap();
    provider.does(Does::Fail(ErrorClass::Throttled));
    assert!(keyring.sealing.key(&context("a"), ONE).await.is_err());
    assert_eq!(names(), [""; 0], "its caller was told");

    provider.does(Does::Work);
    keyring.sealing.key(&context("a"), ONE).await.unwrap();
    time::sleep(Duration::from_secs(96)).await;
    provider.does(Does::Fail(ErrorClass::Throttled));
    keyring.sealing.key(&context("a"), ONE).await.unwrap();
    time::sleep(Duration::from_secs(2)).await;
    assert_eq!(names(), ["datakey.keyring.refresh_failed"]);

    provider.does(Does::Fail(ErrorClass::Denied));
    keyring.sealing.key(&context("a"), ONE).await.unwrap();
    time::sleep(Duration::from_secs(1)).await;
    assert_eq!(names(), ["datakey.keyring.revoked"]);

    provider.does(Does::Work);
    keyring.sealing.key(&context("b"), ONE).await.unwrap();
    time::sleep(Duration::from_secs(400)).await;
    assert_eq!(names(), ["datakey.keyring.swept"]);
}
