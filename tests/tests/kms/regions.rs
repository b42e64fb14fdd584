//! Several regions: the near one first, the one that does not answer last, and its silence paid for once.
//!
//! The SDK whole, on fakes in the process, so that the clock is paused and every duration is exact.
use std::{sync::Arc, time::Duration};

use datakey::{Aad, Opener, Sealer, several};
use datakey_fake_kms::{FakeKms, Fault, FaultRule, KmsErrorCode, Latency, NewKey};
use datakey_kms::KmsProvider;
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, NoTraffic, OpeningProvider, Rank,
    SealingProvider as _, Several, WrappedKey, WrappedKeys,
};
use datakey_retry::{
    Guarded, Policy, Retry,
    defaults::{ATTEMPT_TIMEOUT, BREAKER_ABANDONED_AFTER, BREAKER_REST, BREAKER_REST_CAP, TRANSIENT_BASE},
};
use datakey_tests::{kms::context, kms_memory::provider_of};
use tokio::time::{Instant, advance, timeout};

const PATIENCE: Duration = Duration::from_secs(2);
const NEAR: Duration = Duration::from_millis(5);
const FAR: Duration = Duration::from_millis(100);

/// Two regions, a key in each, and the service that opens in the first.
struct Regions {
    near: FakeKms,
    far: FakeKms,
    here: Guarded<KmsProvider>,
    there: Guarded<KmsProvider>,
}

impl Regions {
    fn new() -> Self {
        let region = |name, latency| {
            let fake = FakeKms::builder().region(name).latency(Latency::fixed(latency));
            fake.build().unwrap()
        };
        let (near, far) = (region("eu-central-1", NEAR), region("us-east-1", FAR));
        let provider = |fake: &FakeKms, rank| {
            let key = fake.create_key().unwrap();
            let builder = provider_of(fake).key(key).rank(rank).attempt_timeout(PATIENCE);
            Guarded::new(builder.build().unwrap())
        };
        Self {
            here: provider(&near, Rank::LOCAL),
            there: provider(&far, Rank::REMOTE),
            near,
            far,
        }
    }

    fn both(&self) -> Several<Guarded<KmsProvider>> {
        // The far one comes first, so that order alone would be wrong.
        Several::new([self.there.clone(), self.here.clone()]).unwrap()
    }

    async fn seal(&self) -> (DataKey, WrappedKeys) {
        self.both()
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap()
            .into_parts()
    }

    fn near_is_unwell(&self) -> bool {
        let key = self.here.inner().wrapping_key().unwrap();
        self.here.breaker().is_unwell(key.as_str())
    }

    fn silence(&self) {
        self.near.inject(FaultRule::new(Fault::Hang(Duration::MAX)));
    }

    fn calls(&self) -> (u64, u64) {
        (self.near.ledger().calls(), self.far.ledger().calls())
    }
}

/// Opens as a keyring does: the wrapped keys by rank, the next one when one fails.
async fn open(provider: &impl OpeningProvider, wrapped: &WrappedKeys) -> DataKey {
    let mut able: Vec<(Rank, &WrappedKey)> = wrapped
        .iter()
        .filter_map(|key| Some((provider.rank(key)?, key)))
        .collect();
    able.sort_by_key(|(rank, _)| *rank);
    for (_, key) in able {
        if let Ok(opened) = provider.decrypt(&context(), key).await {
            return opened;
        }
    }
    panic!("no region opened it");
}

#[tokio::test(start_paused = true)]
async fn the_near_region_opens_what_both_can() {
    let regions = Regions::new();
    let (data_key, wrapped) = regions.seal().await;
    assert_eq!(wrapped.as_slice().len(), 2);
    let before = regions.calls();
    let start = Instant::now();
    assert!(open(&regions.both(), &wrapped).await.ct_eq(&data_key));
    assert_eq!(start.elapsed(), NEAR);
    assert_eq!(regions.calls(), (before.0 + 1, before.1));
}

#[tokio::test(start_paused = true)]
async fn the_silence_of_a_dead_region_is_paid_for_once() {
    let regions = Regions::new();
    let mut messages = Vec::new();
    for _ in 0..30 {
        messages.push(regions.seal().await);
    }
    let before = regions.calls();
    regions.silence();
    let (both, start) = (regions.both(), Instant::now());
    for (data_key, wrapped) in &messages {
        assert!(open(&both, wrapped).await.ct_eq(data_key));
    }
    assert_eq!(start.elapsed(), PATIENCE + FAR * 30);
    assert_eq!(regions.calls(), (before.0 + 1, before.1 + 30));
    assert!(regions.near_is_unwell());
}

#[tokio::test(start_paused = true)]
async fn every_way_of_not_answering_is_found_out() {
    let ways = [
        Fault::Hang(Duration::MAX),
        Fault::DropConnection,
        Fault::Garbage,
        KmsErrorCode::Internal.into(),
        KmsErrorCode::DependencyTimeout.into(),
    ];
    for way in ways {
        let regions = Regions::new();
        let (data_key, wrapped) = regions.seal().await;
        regions.near.inject(FaultRule::new(way.clone()));
        let both = regions.both();
        for _ in 0..3 {
            assert!(open(&both, &wrapped).await.ct_eq(&data_key), "{way:?}");
        }
        assert_eq!(
            regions.calls(),
            (2, 4),
            "{way:?}: one call of the near region failed"
        );
    }
}

/// The negative twin: a region that refuses is one that answers.
#[tokio::test(start_paused = true)]
async fn a_refusal_is_no_silence() {
    for code in [
        KmsErrorCode::Throttling,
        KmsErrorCode::AccessDenied,
        KmsErrorCode::Disabled,
        KmsErrorCode::LimitExceeded,
    ] {
        let regions = Regions::new();
        let (_, wrapped) = regions.seal().await;
        regions.near.inject(FaultRule::new(code));
        open(&regions.both(), &wrapped).await;
        if code == KmsErrorCode::Throttling {
            // It answers, and for a moment the other one answers better.
            let key = wrapped.iter().find(|key| key.key_id().contains("eu-central-1"));
            assert_eq!(regions.here.rank(key.unwrap()), Some(Rank::LOCAL.busy()));
            assert!(!regions.near_is_unwell());
            continue;
        }
        assert!(!regions.near_is_unwell(), "{code}");
        assert_eq!(regions.here.rank(&wrapped.as_slice()[1]), Some(Rank::LOCAL));
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_finds_out_that_a_region_is_back() {
    let regions = Regions::new();
    let (data_key, wrapped) = regions.seal().await;
    let both = regions.both();
    regions.silence();
    open(&both, &wrapped).await;
    // Still dead after the rest: one of a hundred callers waits, and the next rest is longer.
    advance(BREAKER_REST).await;
    let before = regions.calls();
    let start = Instant::now();
    let mut callers = Vec::new();
    for _ in 0..100 {
        let (both, wrapped) = (regions.both(), wrapped.clone());
        callers.push(tokio::spawn(async move {
            open(&both, &wrapped).await;
            start.elapsed()
        }));
    }
    let mut waited = Vec::new();
    for caller in callers {
        waited.push(caller.await.unwrap());
    }
    waited.sort();
    assert_eq!(regions.calls().0, before.0 + 1);
    assert_eq!((waited[98], waited[99]), (FAR, PATIENCE + FAR));
    advance(BREAKER_REST).await;
    assert!(regions.near_is_unwell(), "the second rest is longer");
    advance(BREAKER_REST).await;
    // It has come back: the next call goes there, and so do all after it.
    regions.near.clear_faults();
    let start = Instant::now();
    for _ in 0..3 {
        assert!(open(&both, &wrapped).await.ct_eq(&data_key));
    }
    assert_eq!(start.elapsed(), NEAR * 3);
    assert!(!regions.near_is_unwell());
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_costs_one_slow_call_a_minute() {
    const MINUTES: u32 = 20;
    let regions = Regions::new();
    let (_, wrapped) = regions.seal().await;
    regions.silence();
    let (both, mut slow) = (regions.both(), 0);
    for _ in 0..MINUTES * 60 {
        let asked = Instant::now();
        open(&both, &wrapped).await;
        slow += u32::from(asked.elapsed() > FAR);
        advance(Duration::from_secs(1) - FAR).await;
    }
    // At first 5, 10, 20 and 40 seconds apart, then 60.
    assert_eq!(BREAKER_REST_CAP, Duration::from_secs(60));
    assert!((MINUTES - 2..=MINUTES + 4).contains(&slow), "{slow} were slow");
}

/// Whoever asks both regions at once drops the slower answer. The region that hangs is found out all the same.
#[tokio::test(start_paused = true)]
async fn a_call_given_up_for_a_faster_region_counts() {
    let regions = Regions::new();
    let (_, wrapped) = regions.seal().await;
    let near = wrapped
        .iter()
        .find(|key| regions.here.rank(key).is_some())
        .unwrap();
    regions.silence();
    timeout(
        BREAKER_ABANDONED_AFTER / 2,
        regions.here.decrypt(&context(), near),
    )
    .await
    .unwrap_err();
    assert!(!regions.near_is_unwell(), "too soon to tell");
    timeout(BREAKER_ABANDONED_AFTER, regions.here.decrypt(&context(), near))
        .await
        .unwrap_err();
    assert!(regions.near_is_unwell());
    assert_eq!(regions.here.rank(near), Some(Rank::UNHEALTHY));
}

#[tokio::test(start_paused = true)]
async fn a_dead_region_is_still_asked_when_there_is_no_other() {
    let regions = Regions::new();
    let (data_key, wrapped) = regions.seal().await;
    let near = wrapped
        .iter()
        .find(|key| regions.here.rank(key).is_some())
        .unwrap();
    regions
        .near
        .inject(FaultRule::new(Fault::DropConnection).times(1));
    let lost = regions.here.decrypt(&context(), near).await.unwrap_err();
    assert_eq!(lost.class(), ErrorClass::Transient);
    assert!(regions.near_is_unwell());
    let opened = regions.here.decrypt(&context(), near).await.unwrap();
    assert!(opened.ct_eq(&data_key));
    assert!(!regions.near_is_unwell(), "any answer is a sign of health");
}

/// By design: a message that silently lacks a region is found out on the day that region is needed.
#[tokio::test(start_paused = true)]
async fn sealing_needs_every_region() {
    for dead in 0..2 {
        let regions = Regions::new();
        let fake = [&regions.near, &regions.far][dead];
        fake.inject(FaultRule::new(Fault::DropConnection));
        let refused = regions
            .both()
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap_err();
        assert_eq!(refused.class(), ErrorClass::Transient);
        fake.clear_faults();
        let made = regions
            .both()
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap();
        assert_eq!(made.wrapped_keys().as_slice().len(), 2, "region {dead} is back");
    }
}

/// The facade: cache, retry and all.
#[tokio::test(start_paused = true)]
async fn messages_open_through_the_whole_stack_while_a_region_is_down() {
    let regions = Regions::new();
    let mut messages = Vec::new();
    for _ in 0..20 {
        // A sealer each, so that each message has a data key of its own.
        let sealer = Sealer::new(regions.both());
        messages.push(sealer.seal(&context(), b"order", Aad::from("")).await.unwrap());
    }
    regions.silence();
    let opener = Opener::new(Arc::new(regions.both()));
    let mut waited = Vec::new();
    for message in &messages {
        let asked = Instant::now();
        let opened = opener.open(&context(), message, Aad::from("")).await.unwrap();
        assert_eq!(opened, b"order");
        waited.push(asked.elapsed());
    }
    let slow = waited.iter().filter(|waited| **waited > FAR * 2).count();
    assert!(slow <= 2, "{waited:?}");
}

/// A multi-Region key: one wrapped key in the message, opened in whichever region the opener is.
#[tokio::test(start_paused = true)]
async fn a_replica_opens_in_its_own_region_what_its_primary_wrapped() {
    let home = FakeKms::builder()
        .region("eu-central-1")
        .latency(Latency::fixed(FAR))
        .build()
        .unwrap();
    let away = home.in_region("us-east-1").unwrap();
    away.set_latency(Latency::fixed(NEAR));
    let primary = home.create_key_with(&NewKey::new().multi_region()).unwrap();
    let replica = home.replicate_key(&primary, "us-east-1").unwrap();
    let sealer = provider_of(&home).key(&*primary).build().unwrap();
    let made = sealer
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let wrapped = made.wrapped_keys().first();
    assert_eq!(wrapped.key_id(), &*primary);
    for told in [&primary, &replica] {
        let opener = provider_of(&away).opening_key(&**told);
        assert_eq!(
            opener
                .clone()
                .build()
                .ok()
                .and_then(|strict| strict.rank(wrapped)),
            None,
            "replicas must be allowed"
        );
        let opener = opener.allow_multi_region_replicas().build().unwrap();
        let before = (home.ledger().calls(), away.ledger().calls());
        let start = Instant::now();
        assert!(
            opener
                .decrypt(&context(), wrapped)
                .await
                .unwrap()
                .ct_eq(made.data_key())
        );
        assert_eq!(start.elapsed(), NEAR, "in its own region");
        assert_eq!(
            (home.ledger().calls(), away.ledger().calls()),
            (before.0, before.1 + 1)
        );
        let other = opener
            .decrypt(&EncryptionContext::empty(), wrapped)
            .await
            .unwrap_err();
        assert_eq!(other.class(), ErrorClass::NotAuthentic);
    }
}

/// Of two regions' replicas the near one is asked, and the far one when the near one is down.
#[tokio::test(start_paused = true)]
async fn replicas_stand_in_for_each_other_by_locality_and_health() {
    let near = FakeKms::builder()
        .region("eu-central-1")
        .latency(Latency::fixed(NEAR))
        .build()
        .unwrap();
    let far = near.in_region("us-east-1").unwrap();
    far.set_latency(Latency::fixed(FAR));
    let primary = near.create_key_with(&NewKey::new().multi_region()).unwrap();
    near.replicate_key(&primary, "us-east-1").unwrap();
    let here = provider_of(&near).key(&*primary).allow_multi_region_replicas();
    let there = provider_of(&far)
        .opening_key(&*primary)
        .allow_multi_region_replicas();
    let here = here.attempt_timeout(PATIENCE).build().unwrap();
    let both = several([there.rank(Rank::REMOTE).build().unwrap(), here.clone()]).unwrap();
    let made = here
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let wrapped = made.wrapped_keys().first();
    let asked = async || {
        let start = Instant::now();
        assert!(
            both.decrypt(&context(), wrapped)
                .await
                .unwrap()
                .ct_eq(made.data_key())
        );
        start.elapsed()
    };
    assert_eq!(asked().await, NEAR);
    near.inject(FaultRule::new(Fault::Hang(Duration::MAX)));
    // One wrapped key, two ways to open it: the second is taken within the same call.
    assert_eq!(asked().await, PATIENCE + FAR);
    assert_eq!(asked().await, FAR);
    near.clear_faults();
    advance(BREAKER_REST).await;
    assert_eq!(asked().await, NEAR);
}

/// No limit in the provider: the retry policy's ends the attempt, and the next one asks the other region first.
#[tokio::test(start_paused = true)]
async fn one_attempt_timeout_is_enough_for_a_region_that_hangs_fails_or_is_slow() {
    let faults = [
        (Some(Fault::Hang(Duration::MAX)), ATTEMPT_TIMEOUT),
        (Some(KmsErrorCode::Internal.into()), NEAR),
        (None, ATTEMPT_TIMEOUT),
    ];
    for (way, (fault, first)) in faults.into_iter().enumerate() {
        let near = FakeKms::builder()
            .region("eu-central-1")
            .latency(Latency::fixed(NEAR))
            .build()
            .unwrap();
        let far = near.in_region("us-east-1").unwrap();
        far.set_latency(Latency::fixed(FAR));
        let primary = near.create_key_with(&NewKey::new().multi_region()).unwrap();
        near.replicate_key(&primary, "us-east-1").unwrap();
        let provider = |fake: &FakeKms, rank| {
            let builder = provider_of(fake).opening_key(&*primary).rank(rank);
            builder.allow_multi_region_replicas().build().unwrap()
        };
        let parts = [provider(&far, Rank::REMOTE), provider(&near, Rank::LOCAL)];
        let retry = Retry::new(several(parts).unwrap(), Policy::default());
        let sealer = provider_of(&near).wrapping_key(&*primary).build().unwrap();
        let (data_key, wrapped) = sealer
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap()
            .into_parts();
        match fault {
            Some(fault) => {
                near.inject(FaultRule::new(fault));
            }
            None => near.set_latency(Latency::fixed(ATTEMPT_TIMEOUT * 2)),
        }
        let start = Instant::now();
        assert!(open(&retry, &wrapped).await.ct_eq(&data_key));
        let took = start.elapsed();
        assert!(
            took >= first + FAR && took <= first + TRANSIENT_BASE + FAR,
            "{way}: {took:?}"
        );
        let calls = near.ledger().calls();
        for _ in 0..30 {
            let start = Instant::now();
            assert!(open(&retry, &wrapped).await.ct_eq(&data_key));
            assert_eq!(start.elapsed(), FAR, "{way}");
        }
        assert_eq!(near.ledger().calls(), calls, "{way}");
        near.clear_faults();
        near.set_latency(Latency::fixed(NEAR));
        advance(BREAKER_REST_CAP).await;
        let start = Instant::now();
        assert!(open(&retry, &wrapped).await.ct_eq(&data_key));
        assert_eq!(start.elapsed(), NEAR, "{way}: it is found again");
    }
}

/// What layers above ask before they call: how long a call may take, and what it counts against.
#[tokio::test(start_paused = true)]
async fn both_halves_say_how_long_a_call_takes_at_the_most_and_what_it_counts_against() {
    let fake = FakeKms::builder().region("eu-central-1").build().unwrap();
    let builder = provider_of(&fake)
        .key(fake.create_key().unwrap())
        .attempt_timeout(PATIENCE);
    let provider = builder.build().unwrap();
    let limit = provider.sealing_time_limit();
    assert!(limit.is_some_and(|limit| limit >= PATIENCE), "{limit:?}");
    assert_eq!(provider.opening_time_limit(), limit);
    let made = provider
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let wrapped = made.wrapped_keys().first();
    let scope = provider.opening_scope(wrapped);
    assert_eq!(scope.key, wrapped.key_id());
    assert!(scope.quota.starts_with("eu-central-1"), "{}", scope.quota);
    assert_eq!(provider.opening_scope_amid(wrapped, &NoTraffic), scope);
}
