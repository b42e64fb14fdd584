//! Calls, attempts, waits, budgets, rates and breakers as metrics.
use std::{collections::BTreeSet, time::Duration};

use datakey::{Aad, Opener, Publisher, Sealer, describe_metrics, fake_kms::FakeKms};
use datakey_branch_keys::{BranchKeyAdmin, BranchKeyId, BranchKeys, MemoryStore, NewBranchKey};
use datakey_fake_kms::{FaultRule, KmsErrorCode, Quota};
use datakey_keyring::KeyringMetrics;
use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, Operation, ProviderError,
    SealingProvider as _,
};
use datakey_retry::{Backoff, Breaker, DURATION_BUCKETS, Metrics, Policy, retry, retry_operation};
use tokio::time;

use crate::listener::Listening;

fn failing(class: ErrorClass) -> Result<(), ProviderError> {
    Err(ProviderError::new(class, Operation::Decrypt))
}

/// Takes as many milliseconds as it is told, one number for each attempt; all but the last one fail.
async fn call(policy: &Policy, takes: &[u64], class: ErrorClass) {
    let mut takes = takes.iter();
    let answer = retry_operation(policy, Operation::Decrypt, || {
        let (millis, is_last) = (*takes.next().unwrap(), takes.len() == 0);
        async move {
            time::sleep(Duration::from_millis(millis)).await;
            if is_last { Ok(()) } else { failing(class) }
        }
    });
    answer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn attempts_waits_and_calls_have_their_durations() {
    let listening = Listening::begin().await;
    let metrics = Metrics::new();
    let policy = Policy::default()
        .with_transient_backoff(Backoff::constant(Duration::from_millis(100)))
        .with_metrics(&metrics)
        .with_metrics(&metrics)
        .with_quota("eu-west-1");
    call(&policy, &[20, 30], ErrorClass::Transient).await;
    let kms = "rpc.service=KMS,rpc.method=Decrypt";
    let recorded = listening.recorded();
    let of = |name: &str| recorded.get(name).cloned().unwrap_or_default();
    let attempt = "datakey.client.attempt.duration";
    let failed = format!("{attempt}{{{kms},error.type=transient,quota=eu-west-1}}");
    assert_eq!(of(&failed), [0.02]);
    assert_eq!(of(&format!("{attempt}{{{kms},quota=eu-west-1}}")), [0.03]);
    assert_eq!(of(&format!("datakey.client.call.duration{{{kms}}}")), [0.15]);
    let delay = format!("datakey.retry.delay{{{kms},cause=backoff,quota=eu-west-1}}");
    assert_eq!(of(&delay), [0.1]);
    assert_eq!(recorded.len(), 4, "{recorded:?}");

    // A call that is none of a provider's, on no quota that has a name.
    let plain = Policy::default().with_max_attempts(1).with_metrics(&metrics);
    assert!(retry(&plain, async || failing(ErrorClass::Denied)).await.is_err());
    assert!(
        retry(&plain, async || failing(ErrorClass::Timeout))
            .await
            .is_err()
    );
    let recorded = listening.recorded();
    assert_eq!(recorded["datakey.client.call.duration{error.type=denied}"], [0.0]);
    let gave_up = |class: &str, reason: &str| {
        listening.metric(&format!(
            "datakey.retry.gave_up{{error.type={class},reason={reason}}}"
        ))
    };
    assert_eq!(gave_up("denied", "permanent"), Some(1));
    assert_eq!(gave_up("timeout", "attempts"), Some(1));
    assert!(DURATION_BUCKETS.is_sorted());
}

/// The wait for a turn is one too, and what throttles taught is told until it is forgotten.
#[tokio::test(start_paused = true)]
async fn the_learnt_rate_and_the_tokens_are_gauges() {
    let listening = Listening::begin().await;
    let metrics = Metrics::new();
    let policy = Policy::default().with_metrics(&metrics).with_quota("eu-west-1");
    let gauge = |name: &str| {
        let value = listening.metric(&format!("datakey.retry.{name}{{quota=eu-west-1}}"));
        value.map(f64::from_bits)
    };
    metrics.publish();
    assert_eq!(gauge("rate.limit"), None, "nothing was called");
    call(&policy, &[10], ErrorClass::Throttled).await;
    metrics.publish();
    assert!(gauge("rate.limit").unwrap().is_nan(), "nothing was throttled");
    assert_eq!(gauge("budget.tokens"), gauge("budget.capacity"));

    call(&policy, &[10, 10], ErrorClass::Throttled).await;
    metrics.publish();
    assert!(gauge("rate.limit").unwrap() > 0.0);
    assert_eq!(gauge("rate.waiting"), Some(0.0));
    let kms = "rpc.service=KMS,rpc.method=Decrypt";
    let recorded = listening.recorded();
    let turns = &recorded[&format!("datakey.retry.delay{{{kms},cause=rate,quota=eu-west-1}}")];
    assert!(turns.len() == 1 && turns[0] > 0.0, "{turns:?}");

    // Of a call that is under way the tokens are taken.
    let other = policy.clone().with_max_attempts(2);
    assert!(
        retry(&other, async || failing(ErrorClass::Transient))
            .await
            .is_err()
    );
    metrics.publish();
    let (left, of) = (gauge("budget.tokens").unwrap(), gauge("budget.capacity").unwrap());
    assert!(of - left > 5.0, "{left} of {of}");
    drop((policy, other));
    time::sleep(Duration::from_secs(600)).await;
    metrics.publish();
    assert!(of - left > 5.0, "what nobody has any more is not looked at");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_is_told_by_quota_and_by_scope_when_asked_to() {
    for scopes in [false, true] {
        let listening = Listening::begin().await;
        let metrics = Metrics::new();
        let metrics = if scopes { metrics.tell_scopes() } else { metrics };
        let policy = Policy::default().with_max_attempts(1).with_metrics(&metrics);
        let near = policy.with_quota("eu-west-1").with_scope("key-1");
        let labels = if scopes {
            "quota=eu-west-1,scope=key-1"
        } else {
            "quota=eu-west-1"
        };
        let gauge = |state: &str| {
            let value = listening.metric(&format!("datakey.breaker.{state}{{{labels}}}"));
            value.map(f64::from_bits)
        };
        assert!(
            retry(&near, async || failing(ErrorClass::Transient))
                .await
                .is_err()
        );
        metrics.publish();
        assert_eq!((gauge("unwell"), gauge("open")), (Some(1.0), Some(0.0)));
        for _ in 0..20 {
            let _refused = retry(&near, async || failing(ErrorClass::Transient)).await;
            time::advance(Duration::from_millis(200)).await;
        }
        metrics.publish();
        assert_eq!((gauge("unwell"), gauge("open")), (Some(1.0), Some(1.0)));
        assert!(listening.metric("datakey.breaker.opened{quota=eu-west-1}") >= Some(1));
        let refused = "datakey.retry.gave_up{error.type=transient,reason=circuit_open}";
        assert!(listening.metric(refused) >= Some(1));

        time::advance(Duration::from_secs(2)).await;
        retry(&near, async || Ok::<_, ProviderError>(())).await.unwrap();
        metrics.publish();
        assert_eq!((gauge("unwell"), gauge("open")), (Some(0.0), Some(0.0)));
        let told = listening.series().iter().any(|series| series.contains("key-1"));
        assert_eq!(told, scopes);
    }
}

/// However many quotas and scopes there are, so many names are told and no more.
#[tokio::test(start_paused = true)]
async fn names_are_bounded() {
    let listening = Listening::begin().await;
    let metrics = Metrics::new().tell_scopes();
    for number in 0..200 {
        let policy = Policy::default()
            .with_max_attempts(1)
            .with_breaker(Breaker::new());
        let policy = policy
            .with_metrics(&metrics)
            .with_quota(format!("quota-{number}"));
        let policy = policy.with_scope(format!("scope-{number}"));
        assert!(
            retry(&policy, async || failing(ErrorClass::Transient))
                .await
                .is_err()
        );
        metrics.publish();
    }
    let series = listening.series();
    for label in ["quota", "scope"] {
        let value = |series: &String| {
            let (_, rest) = series.split_once(&format!("{label}="))?;
            Some(rest.split([',', '}']).next()?.to_owned())
        };
        let values: BTreeSet<_> = series.iter().filter_map(value).collect();
        assert!(values.len() == 65 && values.contains("other"), "{values:?}");
    }
}

/// The calls that the emulator counted, and what it threw back.
#[tokio::test(start_paused = true)]
async fn the_facade_publishes_as_many_attempts_as_kms_counts() {
    let listening = Listening::begin().await;
    let fake = FakeKms::new();
    let kms = fake.provider(&fake.create_key().unwrap());
    let publisher = Publisher::new();
    let sealer = Sealer::builder(kms.clone())
        .metrics_as(&publisher, "orders")
        .without_cache();
    let sealer = sealer.build().unwrap();
    let opener = Opener::builder(kms).metrics(&publisher).build().unwrap();
    fake.set_quota(Quota::per_second(10));
    let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
    for number in 0..40_u32 {
        let sealed = sealer
            .seal(&context, b"order", Aad::new(&number.to_be_bytes()))
            .await;
        let aad = number.to_be_bytes();
        opener
            .open(&context, &sealed.unwrap(), Aad::new(&aad))
            .await
            .unwrap();
    }
    publisher.publish();
    let recorded = listening.recorded();
    let attempts = |of: &str| -> usize {
        let those = recorded
            .iter()
            .filter(|(name, _)| name.starts_with("datakey.client.attempt.duration") && name.contains(of));
        those.map(|(_, values)| values.len()).sum()
    };
    let ledger = fake.ledger();
    assert!(ledger.throttled() > 0);
    assert_eq!(attempts("") as u64, ledger.calls());
    assert_eq!(attempts("error.type=throttled") as u64, ledger.throttled());
    let misses = listening.metric("datakey.keyring.misses{half=sealing,keyring=orders,reason=uncached}");
    assert_eq!(misses, Some(40));
    assert_eq!(listening.metric("datakey.keyring.calls{half=opening}"), Some(40));
    assert!(!listening.series().iter().any(|series| series.contains("acme")));
}

/// Both what the store is asked and what KMS is, and the keyrings of branch keys; neither names a branch key.
#[tokio::test(start_paused = true)]
async fn branch_keys_are_published_and_have_spans() {
    for told in [false, true] {
        let listening = Listening::begin().await;
        let fake = FakeKms::new();
        let key = fake.create_key().unwrap();
        let (kms, store) = (fake.provider(&key), MemoryStore::new("branch-keys"));
        let id: BranchKeyId = "tenant-acme".parse().unwrap();
        let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), &key);
        admin
            .create(&NewBranchKey::with_id(id.clone()).context([("tenant", "acme")]))
            .await
            .unwrap();
        let publisher = Publisher::new();
        let builder = BranchKeys::builder(store, kms)
            .branch_key(id)
            .metrics(publisher.keyrings(), publisher.calls());
        let builder = if told {
            builder.tell_branch_key_ids()
        } else {
            builder
        };
        let keys = builder.build().unwrap();
        let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
        fake.inject(FaultRule::new(KmsErrorCode::Internal).times(1));
        let made = keys
            .generate_data_key(&context, DataKeyLength::Bytes32)
            .await
            .unwrap();
        keys.decrypt(&context, made.wrapped_keys().first()).await.unwrap();
        publisher.publish();
        let recorded = listening.recorded();
        let count = |labels: &str| {
            let name = format!("datakey.client.attempt.duration{{{labels}}}");
            recorded.get(&name).map(Vec::len)
        };
        assert_eq!(
            count("rpc.service=DynamoDB,rpc.method=GetItem,quota=branch-keys"),
            Some(1)
        );
        let prefix = "datakey.client.attempt.duration{rpc.service=KMS,rpc.method=Decrypt,quota=";
        let opened = recorded.iter().filter(|(name, _)| name.starts_with(prefix));
        assert_eq!(
            opened.map(|(_, values)| values.len()).sum::<usize>(),
            1,
            "{recorded:?}"
        );
        let calls = listening.metric("datakey.keyring.calls{half=sealing,keyring=branch-keys}");
        assert_eq!(calls, Some(1));
        let spans = listening.spans();
        let load = spans
            .iter()
            .find(|span| span.name == "datakey.branch_key.load")
            .unwrap();
        let named = if told { " branch_key=\"tenant-acme\"" } else { "" };
        assert_eq!(load.fields, format!("item=\"active\"{named} outcome=\"ok\" "));
        assert_eq!(load.parent, Some("datakey.keyring.load"));
        let heard = format!("{spans:?}{:?}", listening.series());
        assert_eq!(heard.contains("acme"), told, "{heard}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_name_of_calls_is_in_the_table_and_described() {
    let listening = Listening::begin().await;
    let source = include_str!("../../../crates/retry/src/published.rs");
    let rows = source.lines().filter_map(|line| {
        let name = line.trim().strip_prefix("/// | `datakey.")?;
        Some(format!("datakey.{}", name.split_once('`')?.0))
    });
    let mut documented: Vec<String> = rows.collect();
    documented.sort();
    let metrics = Metrics::new();
    let policy = Policy::default().with_metrics(&metrics);
    call(&policy, &[1, 1], ErrorClass::Transient).await;
    for _ in 0..20 {
        let _failed = retry(&policy.clone().with_max_attempts(1), async || {
            failing(ErrorClass::Transient)
        })
        .await;
        time::advance(Duration::from_millis(200)).await;
    }
    metrics.publish();
    assert_eq!(listening.metrics(), documented);
    datakey_retry::describe_metrics();
    assert_eq!(listening.described().into_keys().collect::<Vec<_>>(), documented);
    drop(listening);

    // The facade describes both, with units, and publishes nothing else.
    let listening = Listening::begin().await;
    describe_metrics();
    KeyringMetrics::new().publish();
    let described = listening.described();
    assert!(documented.iter().all(|name| described.contains_key(name)) && described.len() > 30);
    for (name, (unit, says)) in described {
        assert!(unit.is_some() && says.ends_with('.'), "{name}: {says}");
    }
}
