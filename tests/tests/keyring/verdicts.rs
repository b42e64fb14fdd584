//! What a refusal says about key and message decides what is dropped and remembered; all else is an outage.
use std::time::Duration;

use datakey_keyring::{MissReason, OpeningKeyring, OpeningLimits, SealingLimits, Usage};
use datakey_provider::{EncryptionContext, ErrorClass, Verdict, WrappedKeys};
use datakey_tests::{
    keyring::{Does, Scripted, context},
    keyrings::Keyrings,
};
use tokio::time::{advance, sleep};

const ONE: Usage = Usage::message(100);
const SECOND: Duration = Duration::from_secs(1);

/// Failures that say nothing about key or message, however final some of them are.
const OUTAGES: [Does; 6] = [
    Does::Fail(ErrorClass::Transient),
    Does::Fail(ErrorClass::Timeout),
    Does::Fail(ErrorClass::Throttled),
    Does::Fail(ErrorClass::Unauthenticated),
    Does::Say(ErrorClass::InvalidRequest, None),
    Does::Say(ErrorClass::Denied, None),
];

fn keyrings(provider: &Scripted) -> Keyrings {
    Keyrings::builder()
        .sealing(
            SealingLimits::default()
                .with_soft_age(SECOND * 100)
                .with_hard_age(SECOND * 300),
        )
        .opening(OpeningLimits::default().with_ttl(SECOND * 100))
        .seed(1)
        .build(provider.clone())
        .unwrap()
}

async fn seals(keyring: &Keyrings, tenant: &str) -> Result<WrappedKeys, ErrorClass> {
    let key = keyring.sealing.key(&context(tenant), ONE).await;
    key.map(|key| key.wrapped_keys().clone())
        .map_err(|error| error.class().unwrap())
}

async fn opens(keyring: &OpeningKeyring, tenant: &str, wrapped: &WrappedKeys) -> Result<(), ErrorClass> {
    let opened = keyring.key(&context(tenant), wrapped).await;
    opened.map(drop).map_err(|error| error.class().unwrap())
}

/// Lets what runs in the background come to its end.
async fn settle() {
    sleep(Duration::from_millis(50)).await;
}

#[tokio::test(start_paused = true)]
async fn a_sealing_key_serves_while_failures_say_nothing_about_it() {
    for outage in OUTAGES {
        let provider = Scripted::default();
        let keyring = keyrings(&provider);
        let first = seals(&keyring, "a").await.unwrap();
        provider.does(outage);
        // Within its soft age, where a refresh fails; past it; and not past its hard age.
        for until in [96, 120, 290] {
            advance_to(&keyring, until).await;
            assert_eq!(
                seals(&keyring, "a").await.as_ref(),
                Ok(&first),
                "{outage:?} at {until} s"
            );
            settle().await;
        }
        let stats = keyring.sealing.stats();
        assert!(stats.failures > 0 && stats.revoked == 0, "{outage:?}: {stats:?}");
        advance_to(&keyring, 301).await;
        assert!(seals(&keyring, "a").await.is_err(), "{outage:?}");
        provider.does(Does::Work);
        assert_ne!(seals(&keyring, "a").await.unwrap(), first, "{outage:?}");
    }
}

/// Moves the clock on until the key of "a" is so old.
async fn advance_to(keyring: &Keyrings, seconds: u64) {
    let age = keyring
        .sealing
        .snapshots()
        .first()
        .map_or(Duration::ZERO, |key| key.age);
    advance((SECOND * u32::try_from(seconds).unwrap()).saturating_sub(age)).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_remembered_of_a_message() {
    for outage in OUTAGES {
        let provider = Scripted::default();
        let keyring = keyrings(&provider);
        let (old, new) = (
            seals(&keyring, "a").await.unwrap(),
            seals(&keyring, "b").await.unwrap(),
        );
        opens(&keyring.opening, "a", &old).await.unwrap();
        provider.does(outage);
        assert!(opens(&keyring.opening, "b", &new).await.is_err(), "{outage:?}");
        // The one that opened all along goes on, past the point at which it is unwrapped anew.
        advance(SECOND * 96).await;
        for _ in 0..20 {
            opens(&keyring.opening, "a", &old).await.unwrap();
        }
        settle().await;
        opens(&keyring.opening, "a", &old).await.unwrap();
        provider.does(Does::Work);
        opens(&keyring.opening, "b", &new).await.unwrap();
        let stats = keyring.opening.stats();
        assert_eq!((stats.revoked, stats.refused_from_memory), (0, 0), "{outage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_context_drops_its_own_key_and_no_other() {
    for verdict in [
        Does::Fail(ErrorClass::Denied),
        Does::Say(ErrorClass::Transient, Some(Verdict::Message)),
    ] {
        let provider = Scripted::default();
        let keyring = keyrings(&provider);
        for tenant in ["a", "b"] {
            seals(&keyring, tenant).await.unwrap();
        }
        provider.does_for(&context("a"), verdict);
        let own = keyring.sealing.key(&context("a"), Usage::unknown_length()).await;
        assert!(own.is_err());
        assert!(
            keyring.sealing.try_key(&context("a"), ONE).is_none(),
            "{verdict:?}"
        );
        assert!(
            keyring.sealing.try_key(&context("b"), ONE).is_some(),
            "{verdict:?}"
        );
    }
}

/// Ways to learn that a wrapping key may not be used any more, while "a" has a key under it.
#[derive(Debug, Clone, Copy)]
enum Learns {
    SealingAnother,
    SealingAlone,
    OpeningAnother,
}

async fn learns(keyring: &Keyrings, how: Learns, other: &WrappedKeys) -> Result<(), ErrorClass> {
    match how {
        Learns::SealingAnother => seals(keyring, "new").await.map(drop),
        Learns::SealingAlone => {
            let alone = keyring
                .sealing
                .key(&context("new"), Usage::unknown_length())
                .await;
            alone.map(drop).map_err(|error| error.class().unwrap())
        }
        Learns::OpeningAnother => opens(&keyring.opening, "b", other).await,
    }
}

fn has_sealing(keyring: &Keyrings, tenant: &str) -> bool {
    keyring.sealing.try_key(&context(tenant), ONE).is_some()
}

fn has_opening(keyring: &Keyrings, context: &EncryptionContext, wrapped: &WrappedKeys) -> bool {
    keyring.opening.try_key(context, wrapped).is_some()
}

#[tokio::test(start_paused = true)]
async fn a_revocation_learned_by_any_load_drops_every_key_under_that_wrapping_key_in_both_halves() {
    for how in [
        Learns::SealingAnother,
        Learns::SealingAlone,
        Learns::OpeningAnother,
    ] {
        for named in ["script:a", "alias/a"] {
            let provider = Scripted::default();
            let keyring = keyrings(&provider).sharing_revocations();
            provider.wraps_under(&["script:other"]);
            let elsewhere = seals(&keyring, "elsewhere").await.unwrap();
            opens(&keyring.opening, "elsewhere", &elsewhere).await.unwrap();
            provider.wraps_under(&["script:a"]);
            let (a, b) = (
                seals(&keyring, "a").await.unwrap(),
                seals(&keyring, "b").await.unwrap(),
            );
            opens(&keyring.opening, "a", &a).await.unwrap();
            provider.names(named);
            provider.does(Does::Fail(ErrorClass::UnavailableKey));
            let learned = learns(&keyring, how, &b).await;
            assert_eq!(learned, Err(ErrorClass::UnavailableKey));
            for tenant in ["a", "b"] {
                assert!(!has_sealing(&keyring, tenant), "{how:?} {named}: {tenant}");
            }
            assert!(!has_opening(&keyring, &context("a"), &a), "{how:?} {named}");
            assert!(
                has_sealing(&keyring, "elsewhere"),
                "{how:?}: another wrapping key"
            );
            assert!(
                has_opening(&keyring, &context("elsewhere"), &elsewhere),
                "{how:?}"
            );
            let stats = keyring.stats();
            assert_eq!((stats.sealing.revoked, stats.opening.revoked), (2, 1), "{how:?}");
            // Nothing of it is in the way when the key is back.
            provider.does(Does::Work);
            seals(&keyring, "a").await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_keyring_without_a_cache_tells_the_others_too() {
    let provider = Scripted::default();
    let (keyring, uncached) = (keyrings(&provider), Keyrings::uncached(provider.clone()));
    let shared = datakey_keyring::Revocations::new();
    keyring.sealing.share_revocations(&shared);
    uncached.opening.share_revocations(&shared);
    let wrapped = seals(&keyring, "a").await.unwrap();
    provider.does(Does::Fail(ErrorClass::UnavailableKey));
    opens(&uncached.opening, "a", &wrapped).await.unwrap_err();
    assert!(!has_sealing(&keyring, "a"));
}

/// The negative twin: keyrings that share nothing keep to themselves.
#[tokio::test(start_paused = true)]
async fn keyrings_that_share_nothing_are_not_told() {
    let provider = Scripted::default();
    let keyring = keyrings(&provider);
    let wrapped = seals(&keyring, "a").await.unwrap();
    provider.does(Does::Fail(ErrorClass::UnavailableKey));
    opens(&keyring.opening, "a", &wrapped).await.unwrap_err();
    assert!(has_sealing(&keyring, "a"));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_learns_of_a_revocation_drops_all_others_at_once() {
    let provider = Scripted::default();
    let keyring = keyrings(&provider);
    for tenant in ["a", "b", "c"] {
        seals(&keyring, tenant).await.unwrap();
    }
    provider.names("alias/a");
    provider.does(Does::Fail(ErrorClass::UnavailableKey));
    advance(SECOND * 96).await;
    seals(&keyring, "a").await.unwrap();
    settle().await;
    for tenant in ["a", "b", "c"] {
        assert!(!has_sealing(&keyring, tenant), "{tenant}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_invalidated_by_whatever_names_it_and_a_name_of_none_is_told() {
    let provider = Scripted::default();
    for name in ["script:a", "alias/a"] {
        let keyring = keyrings(&provider);
        let wrapped = seals(&keyring, "a").await.unwrap();
        opens(&keyring.opening, "a", &wrapped).await.unwrap();
        assert_eq!(keyring.sealing.invalidate_key(name), Ok(1), "{name}");
        assert_eq!(keyring.opening.invalidate_key(name), Ok(1), "{name}");
        assert_eq!(
            keyring.sealing.explain(&context("a")).key,
            Err(MissReason::Invalidated)
        );
        for name in [name, "alias/b", "a", ""] {
            for nothing in [
                keyring.sealing.invalidate_key(name).unwrap_err(),
                keyring.opening.invalidate_key(name).unwrap_err(),
            ] {
                assert_eq!(nothing.name(), name);
                assert!(nothing.to_string().contains(&format!("{name:?}")), "{nothing}");
            }
        }
    }
}

/// A key that is still being loaded is found, too.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_being_loaded_is_invalidated_by_its_alias() {
    let provider = Scripted::default();
    let keyring = keyrings(&provider);
    let wrapped = seals(&keyring, "a").await.unwrap();
    provider.takes(SECOND);
    let opening = tokio::spawn({
        let (keyring, wrapped) = (keyring.clone(), wrapped.clone());
        async move { opens(&keyring.opening, "a", &wrapped).await }
    });
    sleep(SECOND / 2).await;
    assert_eq!(keyring.opening.invalidate_key("alias/a"), Ok(0));
    opening.await.unwrap().unwrap();
    assert_eq!(provider.decrypted(), 2, "it started over");
}

#[tokio::test(start_paused = true)]
async fn one_remembered_refusal_can_be_forgotten() {
    let provider = Scripted::default();
    let keyring = keyrings(&provider);
    let (a, b) = (
        seals(&keyring, "a").await.unwrap(),
        seals(&keyring, "b").await.unwrap(),
    );
    provider.does(Does::Fail(ErrorClass::Denied));
    for (tenant, wrapped) in [("a", &a), ("b", &b)] {
        opens(&keyring.opening, tenant, wrapped).await.unwrap_err();
    }
    provider.does(Does::Work);
    assert_eq!(
        keyring.opening.forget_refusal(&context("b"), &a),
        0,
        "of another context"
    );
    assert!(opens(&keyring.opening, "a", &a).await.is_err());
    assert_eq!(keyring.opening.forget_refusal(&context("a"), &a), 1);
    opens(&keyring.opening, "a", &a).await.unwrap();
    assert!(
        opens(&keyring.opening, "b", &b).await.is_err(),
        "the other one is remembered"
    );
    assert_eq!(keyring.opening.forget_refusal(&context("a"), &a), 0);
}

/// A server that asks for an hour keeps nobody from trying again while the key still serves.
#[tokio::test(start_paused = true)]
async fn a_server_s_delay_of_an_hour_does_not_outlast_the_key() {
    let limits = SealingLimits::default();
    for (soft, hard) in [(300, 900), (30, 60), (10, 30)] {
        let provider = Scripted::default();
        let keyring = Keyrings::builder()
            .sealing(limits.with_soft_age(SECOND * soft).with_hard_age(SECOND * hard))
            .build(provider.clone())
            .unwrap();
        let first = seals(&keyring, "a").await.unwrap();
        advance(SECOND * soft * 96 / 100).await;
        provider.does(Does::FailFor(ErrorClass::Throttled, 3600));
        seals(&keyring, "a").await.unwrap();
        settle().await;
        assert_eq!(provider.generated(), 2, "the refresh failed");
        provider.does(Does::Work);
        // Callers come by each second, as they do.
        let mut waited = 0;
        while seals(&keyring, "a").await.unwrap() == first {
            sleep(SECOND).await;
            waited += 1;
            assert!(
                waited <= 22,
                "{soft} s and {hard} s: still the first key after {waited} s"
            );
        }
        assert!(
            keyring.sealing.stats().misses.of(MissReason::Age) == 0,
            "it never ran out"
        );
    }
}

#[test]
fn what_keyrings_tell_each_other_prints_its_name_and_no_keyring() {
    assert_eq!(
        format!("{:?}", datakey_keyring::Revocations::new()),
        "Revocations(..)"
    );
}
