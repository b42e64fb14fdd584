//! The keyring's metrics and events.
use std::time::Duration;

use datakey_keyring::{
    DEFAULT_HARD_AGE, DEFAULT_MAX_BYTES, DEFAULT_MAX_MESSAGES, KeyringMetrics, SealingKeyring, SealingLimits,
    Usage, describe_metrics,
};
use datakey_provider::{EncryptionContext, ErrorClass, Operation, ProviderError, Verdict};
use datakey_retry::Retry;
use datakey_tests::keyring::{Does, Scripted, context, junk};
use datakey_tests::{keyrings::Keyrings, retry};
use tokio::time::{self, timeout};
use tracing::Instrument as _;

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

/// Seconds, messages and bytes, of the key that has the least; not a number while there is none.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_keys_is_a_gauge() {
    let listening = Listening::begin().await;
    let keyring = Keyrings::new(Scripted::default());
    let left = |what: &str, half: &str| {
        let name = format!("datakey.keyring.least_{what}_left{{half={half}}}");
        listening.metric(&name).map(f64::from_bits)
    };
    keyring.sealing.stats().publish();
    keyring.opening.stats().publish();
    assert!(left("time", "sealing").unwrap().is_nan() && left("time", "opening").unwrap().is_nan());

    for tenant in ["a", "b", "b", "b"] {
        let key = keyring
            .sealing
            .key(&context(tenant), Usage::message(100))
            .await
            .unwrap();
        keyring
            .opening
            .key(&context(tenant), key.wrapped_keys())
            .await
            .unwrap();
        time::sleep(Duration::from_secs(10)).await;
    }
    keyring.sealing.stats().publish();
    keyring.opening.stats().publish();
    // The system's clocks have a part in how old keys are, so that ages are not exact to the nanosecond.
    let about = |half, seconds: f64| (left("time", half).unwrap() - seconds).abs() < 0.1;
    assert!(about("sealing", DEFAULT_HARD_AGE.as_secs_f64() - 40.0));
    assert!(about("opening", 260.0));
    assert_eq!(
        left("messages", "sealing"),
        Some((DEFAULT_MAX_MESSAGES - 3) as f64)
    );
    assert_eq!(left("bytes", "sealing"), Some((DEFAULT_MAX_BYTES - 300) as f64));
    assert_eq!(left("messages", "opening"), None);
}

/// By the keys of its pairs, and by their values where whoever built the keyring said so.
#[tokio::test(start_paused = true)]
async fn events_say_which_context_and_its_values_when_asked_to() {
    for (values, told) in [
        (false, "context=purpose, tenant "),
        (true, "context=purpose=orders, tenant=acme "),
    ] {
        let listening = Listening::begin().await;
        let provider = Scripted::default();
        let builder = SealingKeyring::builder();
        let builder = if values {
            builder.tell_context_values()
        } else {
            builder
        };
        let keyring = builder.build(provider.clone()).unwrap();
        let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap();
        keyring.key(&context, ONE).await.unwrap();
        time::sleep(Duration::from_secs(290)).await;
        provider.does(Does::Fail(ErrorClass::Throttled));
        keyring.key(&context, ONE).await.unwrap();
        time::sleep(Duration::from_secs(2)).await;
        let lines = listening.lines();
        assert_eq!(lines[0].name, "datakey.keyring.refresh_failed");
        assert!(lines[0].fields.contains(told), "{lines:?}");
        assert!(
            lines[0].fields.contains("half=\"sealing\" ") && lines[0].fields.contains("digest="),
            "{lines:?}"
        );
        assert!(values || !lines[0].fields.contains("acme"), "{lines:?}");
    }
}

/// Also when they have gone, and a task of the runtime drives what they began. What is done for nobody stands in no span.
#[tokio::test(start_paused = true)]
async fn what_a_load_does_stands_in_the_span_of_who_began_it() {
    let listening = Listening::begin().await;
    let failing = ProviderError::new(ErrorClass::Transient, Operation::GenerateDataKey);
    // A wait that is drawn may be shorter than the caller's.
    let provider = Retry::new(retry::Scripted::failing(vec![failing]), retry::seeded(1));
    let keyring = SealingKeyring::new(provider);
    let order = tracing::info_span!(target: "datakey_test", "order");
    let (own, instant) = (context("a"), Duration::from_micros(1));
    let left = timeout(instant, keyring.key(&own, ONE).instrument(order)).await;
    assert!(left.is_err(), "the caller has gone");
    time::sleep(Duration::from_secs(5)).await;
    let load = Some("datakey.keyring.load");
    let told: Vec<_> = listening
        .lines()
        .iter()
        .map(|line| (line.name, line.span))
        .collect();
    assert!(told.contains(&("datakey.retry.failed", load)), "{told:?}");
    assert!(told.contains(&("datakey.retry.succeeded", load)), "{told:?}");
    let parents = |listening: &Listening| -> Vec<_> {
        let loads = listening
            .spans()
            .into_iter()
            .filter(|span| Some(span.name) == load);
        loads.map(|span| span.parent).collect()
    };
    assert_eq!(parents(&listening), [Some("order")]);

    time::sleep(Duration::from_secs(286)).await;
    let other = tracing::info_span!(target: "datakey_test", "other");
    keyring.key(&own, ONE).instrument(other).await.unwrap();
    time::sleep(Duration::from_secs(1)).await;
    assert_eq!(parents(&listening), [Some("order"), None]);
}

/// Those of one name together, and what was counted stays counted when a keyring is dropped.
#[tokio::test(start_paused = true)]
async fn keyrings_of_one_name_are_counted_together() {
    let listening = Listening::begin().await;
    let metrics = KeyringMetrics::new();
    let keyrings = [(); 2].map(|()| SealingKeyring::new(Scripted::default()));
    let other = SealingKeyring::new(Scripted::default());
    for keyring in &keyrings {
        metrics.watch_sealing(Some("shop"), keyring);
        metrics.watch_sealing(Some("shop"), &keyring.clone());
    }
    metrics.watch_sealing(None, &other);
    for keyring in keyrings.iter().chain([&other]) {
        for _ in 0..5 {
            keyring.key(&context("a"), ONE).await.unwrap();
        }
        time::sleep(Duration::from_secs(10)).await;
    }
    let count = |name: &str| listening.metric(&format!("datakey.keyring.{name}"));
    let gauge = |name: &str| count(name).map(f64::from_bits);
    metrics.publish();
    assert_eq!(count("hits{half=sealing,keyring=shop}"), Some(8));
    assert_eq!(count("hits{half=sealing}"), Some(4));
    assert_eq!(count("misses{half=sealing,keyring=shop,reason=cold}"), Some(2));
    assert_eq!(gauge("keys{half=sealing,keyring=shop}"), Some(2.0));
    let age = gauge("greatest_age{half=sealing,keyring=shop}").unwrap();
    assert!((age - 30.0).abs() < 0.1, "{age}");
    let left = gauge("least_messages_left{half=sealing,keyring=shop}").unwrap();
    assert_eq!(left, (DEFAULT_MAX_MESSAGES - 5) as f64);

    let [first, second] = keyrings;
    drop(first);
    second.key(&context("a"), ONE).await.unwrap();
    metrics.publish();
    assert_eq!(
        count("hits{half=sealing,keyring=shop}"),
        Some(9),
        "nothing is forgotten"
    );
    assert_eq!(gauge("keys{half=sealing,keyring=shop}"), Some(1.0));
    drop(second);
    metrics.publish();
    assert_eq!(count("hits{half=sealing,keyring=shop}"), Some(9));
    assert_eq!(gauge("keys{half=sealing,keyring=shop}"), Some(0.0));
    assert!(gauge("greatest_age{half=sealing,keyring=shop}").unwrap().is_nan());
}

/// Counts stay, and what is of one moment goes with the keyring.
#[tokio::test(start_paused = true)]
async fn of_a_keyring_that_is_dropped_only_what_was_counted_is_published() {
    const MOMENTS: [&str; 6] = [
        "keys",
        "greatest_age",
        "least_time_left",
        "least_messages_left",
        "least_bytes_left",
        "loads_in_flight",
    ];
    let listening = Listening::begin().await;
    let metrics = KeyringMetrics::new();
    let provider = Scripted::default();
    let keyrings = Keyrings::new(provider.clone());
    metrics.watch_sealing(None, &keyrings.sealing);
    metrics.watch_opening(None, &keyrings.opening);
    let gauge = |half: &str, what: &str| {
        let gauge = listening.metric(&format!("datakey.keyring.{what}{{half={half}}}"));
        gauge.map(f64::from_bits)
    };
    let sealed = keyrings.sealing.key(&context("a"), ONE).await.unwrap();
    keyrings
        .opening
        .key(&context("a"), sealed.wrapped_keys())
        .await
        .unwrap();
    time::sleep(Duration::from_secs(10)).await;
    provider.does(Does::Hang);
    let slow = context("slow");
    let wrapped = junk(1);
    let waits = async {
        tokio::join!(
            keyrings.sealing.key(&slow, ONE),
            keyrings.opening.key(&slow, &wrapped)
        )
    };
    assert!(timeout(Duration::from_secs(1), waits).await.is_err());
    metrics.publish();
    for half in ["sealing", "opening"] {
        for what in MOMENTS {
            if half == "opening" && ["least_messages_left", "least_bytes_left"].contains(&what) {
                continue;
            }
            let gauge = gauge(half, what);
            assert!(gauge.is_some_and(|value| value > 0.0), "{half} {what}: {gauge:?}");
        }
    }

    drop((sealed, keyrings));
    // The loads that hang hold them until they are given up.
    time::sleep(Duration::from_secs(600)).await;
    metrics.publish();
    for half in ["sealing", "opening"] {
        for what in MOMENTS {
            let gauge = gauge(half, what).unwrap_or_default();
            assert!(gauge == 0.0 || gauge.is_nan(), "{half} {what}: {gauge}");
        }
        let loads = listening.metric(&format!("datakey.keyring.loads{{half={half}}}"));
        assert!(loads.is_some_and(|loads| loads >= 2), "{half}: {loads:?}");
    }
}

/// How a load came out, and nothing that is secret or somebody's business: neither values of contexts nor keys, however they are spelled.
#[tokio::test(start_paused = true)]
async fn a_load_is_a_span_with_its_outcome_and_tells_no_values() {
    for values in [false, true] {
        let listening = Listening::begin().await;
        let provider = Scripted::default();
        let builder = SealingKeyring::builder().load_timeout(Duration::from_secs(5));
        let builder = if values {
            builder.tell_context_values()
        } else {
            builder
        };
        let keyring = builder.build(provider.clone()).unwrap();
        let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
        for does in [Does::Fail(ErrorClass::Throttled), Does::Hang, Does::Work] {
            provider.does(does);
            let _found_or_not = keyring.key(&context, ONE).await;
        }
        let spans = listening.spans();
        let outcomes: Vec<_> = spans.iter().map(|span| &*span.fields).collect();
        let tenant = if values { "tenant=acme" } else { "tenant" };
        assert_eq!(spans.len(), 3);
        for (fields, outcome) in outcomes.iter().zip(["throttled", "dropped", "ok"]) {
            assert!(
                fields.starts_with(&format!("half=\"sealing\" context={tenant} digest=")),
                "{fields}"
            );
            assert!(fields.ends_with(&format!(" outcome=\"{outcome}\" ")), "{fields}");
        }
        let told = format!("{:?} {:?} {:?}", spans, listening.lines(), listening.series());
        assert_eq!(told.contains("acme"), values, "{told}");
        let held = keyring.key(&context, ONE).await.unwrap();
        let secret = held.data_key().expose_secret();
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(
            !told.contains(&hex) && !told.contains(&format!("{secret:?}")),
            "{told}"
        );
    }
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
    describe_metrics();
    let described: Vec<String> = listening.described().into_keys().collect();
    assert_eq!(described, documented, "each is described");
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
    provider.does(Does::Say(ErrorClass::Denied, Some(Verdict::WrappingKey)));
    assert!(keyring.sealing.key(&context("a"), ONE).await.is_err());
    assert!(keyring.opening.key(&context("a"), &junk(1)).await.is_err());
    assert_eq!(names(), [""; 0], "and no key was dropped");

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

/// Once when it begins, and once more when it begins again.
#[tokio::test(start_paused = true)]
async fn contexts_that_look_like_one_per_record_are_told_once() {
    let listening = Listening::begin().await;
    let keyring = SealingKeyring::new(Scripted::default());
    let seal = async |name: &str, contexts: usize, times: usize| {
        for n in 0..contexts {
            let context = context(format!("{name} {n}"));
            for _ in 0..times {
                keyring.key(&context, ONE).await.unwrap();
            }
        }
        let name = "datakey.keyring.contexts_look_per_record";
        let lines = listening.lines();
        lines.iter().filter(|line| line.name == name).count()
    };
    assert_eq!(seal("tenant", 1_024, 5).await, 0);
    assert_eq!(seal("order", 1_024, 1).await, 1, "of four windows");
    assert_eq!(seal("another tenant", 1_024, 5).await, 0);
    assert_eq!(seal("another order", 1_024, 1).await, 1);
}
