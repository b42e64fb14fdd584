//! Sealer and Opener over every provider: round trips, and how many calls they take.
use std::time::Duration;

use datakey::{
    Aad, Envelope, ErrorClass, OpenError, Opener, Params, SealError, Sealer, Suite, both,
    envelope::FrameLen,
    keyring::{OpeningKeyring, OpeningLimits, SealingKeyring, SealingLimits},
    local::LocalKeys,
    provider::{KeyProvider, SealingProvider, Several},
    retry::{Policy, Retry},
};
use datakey_fake_kms::{Fault, FaultRule, KmsErrorCode, KmsOperation, Quota};
use datakey_tests::pipeline::{Loopback, context, in_process, orders, plaintext};

/// Everything that seals, opened again, with every length that is near the edge of a frame.
async fn round_trips<P: KeyProvider + Clone + 'static>(provider: P, longest: usize) {
    let context = orders();
    for suite in Suite::ALL {
        let params = Params::new()
            .with_suite(suite)
            .with_frame_len(FrameLen::from_exponent(12).unwrap());
        let sealer = Sealer::builder(provider.clone()).params(params).build().unwrap();
        let opener = Opener::new(provider.clone());
        for len in [0, 1, 4095, 4096, 4097, 8191, 8192, 8193, longest] {
            let (text, aad) = (plaintext(len), Aad::from("order 17"));
            let sealed = sealer.seal(&context, &text, aad).await.unwrap();
            assert_eq!(
                opener.open(&context, &sealed, aad).await.unwrap(),
                text,
                "{len} {suite}"
            );
            let (mut appended, mut opened) = (b"before".to_vec(), b"before".to_vec());
            sealer
                .seal_into(&context, &text, aad, &mut appended)
                .await
                .unwrap();
            opener
                .open_into(&context, &appended[6..], aad, &mut opened)
                .await
                .unwrap();
            assert_eq!((&opened[..6], &opened[6..]), (&b"before"[..], &text[..]));
        }
    }
}

/// Many messages at once, and records: whole, and where each stands.
async fn batches<P: KeyProvider + Clone + 'static>(provider: P) {
    let (context, sealer, opener) = (orders(), Sealer::new(provider.clone()), Opener::new(provider));
    let texts: Vec<Vec<u8>> = (0..40).map(plaintext).collect();
    let numbers: Vec<[u8; 4]> = (0..40_u32).map(u32::to_be_bytes).collect();
    let pairs = texts.iter().zip(&numbers);
    let messages: Vec<(&[u8], Aad<'_>)> = pairs
        .map(|(text, number)| (text.as_slice(), Aad::new(number)))
        .collect();
    let sealed = sealer.seal_many(&context, &messages).await.unwrap();
    assert_eq!(sealed.len(), 40);
    for ((text, aad), message) in messages.iter().zip(&sealed) {
        assert_eq!(opener.open(&context, message, *aad).await.unwrap(), *text);
        let other = opener.open(&context, message, Aad::from("another")).await;
        assert!(matches!(other, Err(OpenError::NotAuthentic)));
    }
    for records in [&texts[..0], &texts[..1], &texts[..]] {
        let batch = sealer
            .seal_records(&context, records, Aad::from("batch"))
            .await
            .unwrap();
        let opened = opener.open_records(&context, &batch, Aad::from("batch")).await;
        assert_eq!(opened.unwrap(), records);
        let mut out = b"before".to_vec();
        let ranges = opener
            .open_records_into(&context, &batch, Aad::from("batch"), &mut out)
            .await;
        let found: Vec<&[u8]> = ranges.unwrap().into_iter().map(|range| &out[range]).collect();
        assert_eq!(found, records);
    }
}

#[tokio::test]
async fn every_provider_round_trips() {
    round_trips(in_process(), 1 << 20).await;
    round_trips(LocalKeys::generate("dev").unwrap(), 100_000).await;
    let loopback = Loopback::start().await;
    round_trips(loopback.provider(), 100_000).await;
    // For each suite one key, and each is opened once.
    assert_eq!(loopback.fake.ledger().calls(), 4);
}

#[tokio::test]
async fn every_provider_seals_batches() {
    batches(in_process()).await;
    batches(LocalKeys::generate("dev").unwrap()).await;
    batches(Loopback::start().await.provider()).await;
}

#[tokio::test]
async fn thousands_of_messages_take_one_call_on_either_side() {
    let loopback = Loopback::start().await;
    let (sealer, opener) = (Sealer::new(loopback.provider()), Opener::new(loopback.provider()));
    let context = orders();
    for number in 0..5_000_u32 {
        let aad = number.to_be_bytes();
        let sealed = sealer.seal(&context, b"an order", Aad::new(&aad)).await.unwrap();
        assert_eq!(
            opener.open(&context, &sealed, Aad::new(&aad)).await.unwrap(),
            b"an order"
        );
    }
    let ledger = loopback.fake.ledger();
    assert_eq!(ledger.calls_of(KmsOperation::GenerateDataKey), 1);
    assert_eq!(ledger.calls_of(KmsOperation::Decrypt), 1);
    assert_eq!(ledger.calls(), 2, "and no other call");
    assert_eq!(sealer.keyring().stats().calls_avoided, 4_999);
}

/// Whichever side learns of it, and through a load for whichever context.
#[tokio::test]
async fn both_sides_of_a_process_drop_the_keys_under_a_wrapping_key_that_is_disabled() {
    for seals in [true, false] {
        let loopback = Loopback::start().await;
        let (sealer, opener) = both(loopback.provider());
        let (own, other) = (orders(), context(&[("tenant", "other")]));
        let message = sealer.seal(&own, b"order", Aad::EMPTY).await.unwrap();
        opener.open(&own, &message, Aad::EMPTY).await.unwrap();
        let unopened = Sealer::new(loopback.provider())
            .seal(&other, b"order", Aad::EMPTY)
            .await
            .unwrap();
        loopback.fake.disable_key(&loopback.arn).unwrap();
        let class = if seals {
            sealer
                .seal(&other, b"order", Aad::EMPTY)
                .await
                .unwrap_err()
                .class()
        } else {
            opener
                .open(&other, &unopened, Aad::EMPTY)
                .await
                .unwrap_err()
                .class()
        };
        assert_eq!(class, Some(ErrorClass::UnavailableKey));
        let mut out = Vec::new();
        assert!(
            sealer
                .try_seal_into(&own, b"order", Aad::EMPTY, &mut out)
                .is_none()
        );
        let opened = opener.open(&own, &message, Aad::EMPTY).await.unwrap_err();
        assert_eq!(opened.class(), Some(ErrorClass::UnavailableKey));
        assert_eq!(opener.keyring().stats().live, 0);
    }
}

#[tokio::test]
async fn what_is_at_hand_is_sealed_without_waiting() {
    let (context, provider) = (orders(), in_process());
    let sealer = Sealer::new(provider.clone());
    let mut out = b"before".to_vec();
    assert!(
        sealer
            .try_seal_into(&context, b"order", Aad::EMPTY, &mut out)
            .is_none()
    );
    assert_eq!(out, b"before", "nothing was written");
    drop(sealer.seal(&context, b"", Aad::EMPTY).await.unwrap());
    sealer
        .try_seal_into(&context, b"order", Aad::EMPTY, &mut out)
        .unwrap()
        .unwrap();
    let opener = Opener::new(provider);
    assert_eq!(
        opener.open(&context, &out[6..], Aad::EMPTY).await.unwrap(),
        b"order"
    );
}

#[tokio::test]
async fn no_messages_need_no_key() {
    let provider = in_process();
    let sealer = Sealer::new(provider.clone());
    assert!(sealer.seal_many(&orders(), &[]).await.unwrap().is_empty());
    assert_eq!(provider.fake().ledger().calls(), 0);
}

/// Only the sealing half of a provider; there is no way to open with it.
struct SealOnly<P>(P);

#[datakey::provider::async_trait]
impl<P: SealingProvider> SealingProvider for SealOnly<P> {
    async fn generate_data_key(
        &self,
        context: &datakey::EncryptionContext,
        length: datakey::provider::DataKeyLength,
    ) -> Result<datakey::provider::GeneratedDataKey, datakey::ProviderError> {
        self.0.generate_data_key(context, length).await
    }

    async fn encrypt(
        &self,
        context: &datakey::EncryptionContext,
        data_key: &datakey::provider::DataKey,
    ) -> Result<datakey::provider::WrappedKeys, datakey::ProviderError> {
        self.0.encrypt(context, data_key).await
    }
}

// That `Opener::new(SealOnly(..))` does not compile is a compile_fail example of the facade.
#[tokio::test]
async fn an_encrypt_only_provider_seals() {
    let provider = in_process();
    let sealer = Sealer::new(SealOnly(provider.clone()));
    let sealed = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
    let opened = Opener::new(provider).open(&orders(), &sealed, Aad::EMPTY).await;
    assert_eq!(opened.unwrap(), b"order");
}

#[tokio::test]
async fn without_a_cache_each_message_is_a_call() {
    let provider = in_process();
    let sealer = Sealer::builder(provider.clone()).without_cache().build().unwrap();
    let opener = Opener::builder(provider.clone()).without_cache().build().unwrap();
    for _ in 0..7 {
        let sealed = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
        drop(opener.open(&orders(), &sealed, Aad::EMPTY).await.unwrap());
        drop(opener.open(&orders(), &sealed, Aad::EMPTY).await.unwrap());
    }
    let ledger = provider.fake().ledger();
    assert_eq!(ledger.calls_of(KmsOperation::GenerateDataKey), 7);
    assert_eq!(ledger.calls_of(KmsOperation::Decrypt), 14);
    let mut out = Vec::new();
    assert!(
        sealer
            .try_seal_into(&orders(), b"", Aad::EMPTY, &mut out)
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn a_throttled_kms_shows_no_error_with_retry_and_errors_without() {
    let provider = in_process();
    provider.fake().set_quota(Quota::per_second(20));
    let policy = Policy::default();
    let with_retry = Sealer::builder(provider.clone())
        .without_cache()
        .retry(policy)
        .build()
        .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let sealer = with_retry.clone();
        tasks.spawn(async move {
            sealer
                .seal(&orders(), b"order", Aad::EMPTY)
                .await
                .map(|_| ())
                .map_err(|error| error.to_string())
        });
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.unwrap(), Ok(()));
    }
    assert!(
        provider.fake().ledger().throttled() > 0,
        "the quota was at work, or this shows nothing"
    );

    let alone = Sealer::builder(provider)
        .without_cache()
        .without_retry()
        .build()
        .unwrap();
    let mut classes = Vec::new();
    for _ in 0..40 {
        if let Err(error) = alone.seal(&orders(), b"order", Aad::EMPTY).await {
            classes.push(error.class());
        }
    }
    assert!(
        !classes.is_empty() && classes.iter().all(|class| *class == Some(ErrorClass::Throttled)),
        "{classes:?}"
    );
}

#[tokio::test]
async fn a_keyring_is_shared_by_sealers_openers_and_clones() {
    let provider = in_process();
    let retrying = Retry::new(provider.clone(), Policy::default());
    let sealing = SealingKeyring::builder().material(Envelope::default());
    let sealing = sealing.build(retrying.clone()).unwrap();
    let opening = OpeningKeyring::builder().material(Envelope::default());
    let opening = opening.build(retrying).unwrap();
    let (sealer, opener) = (
        Sealer::with_keyring(sealing.clone()),
        Opener::with_keyring(opening.clone()),
    );
    for _ in 0..10 {
        let sealed = sealer
            .clone()
            .seal(&orders(), b"order", Aad::EMPTY)
            .await
            .unwrap();
        drop(opener.clone().open(&orders(), &sealed, Aad::EMPTY).await.unwrap());
    }
    assert_eq!(provider.fake().ledger().calls(), 2);
    let (one, same) = (sealing.stats(), sealer.keyring().stats());
    assert_eq!((one.hits, one.misses, one.live), (9, same.misses, 1));
    assert_eq!((one.hits, one.calls_made), (same.hits, same.calls_made));
    let (one, same) = (opening.stats(), opener.keyring().stats());
    assert_eq!((one.hits, one.misses, one.live), (same.hits, same.misses, 1));
    sealing.shutdown();
    let sealed = sealer.seal(&orders(), b"", Aad::EMPTY).await;
    assert!(matches!(sealed, Err(SealError::ShutDown)));
}

#[tokio::test]
async fn limits_rotate_the_key() {
    let provider = in_process();
    let limits = SealingLimits::default().with_max_messages(10);
    let sealer = Sealer::builder(provider.clone()).limits(limits).build().unwrap();
    let mut keys = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let sealed = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
        let header = datakey::Header::decode(&sealed).unwrap();
        keys.insert(header.wrapped_keys().unwrap().first().digest());
    }
    assert!((10..=20).contains(&keys.len()), "{} keys", keys.len());
    // More at once than a key may seal: a key of its own.
    let many = vec![(&b"order"[..], Aad::EMPTY); 50];
    assert_eq!(sealer.seal_many(&orders(), &many).await.unwrap().len(), 50);
    assert_eq!(sealer.keyring().stats().dedicated, 1);
}

#[tokio::test(start_paused = true)]
async fn the_ttl_of_opening_keys_is_kept() {
    let provider = in_process();
    let sealer = Sealer::new(provider.clone());
    let limits = OpeningLimits::default().with_ttl(Duration::from_secs(60));
    let opener = Opener::builder(provider.clone()).limits(limits).build().unwrap();
    let sealed = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
    for (wait, calls) in [(0, 1), (30, 1), (61, 2)] {
        tokio::time::advance(Duration::from_secs(wait)).await;
        drop(opener.open(&orders(), &sealed, Aad::EMPTY).await.unwrap());
        assert_eq!(
            provider.fake().ledger().calls_of(KmsOperation::Decrypt),
            calls,
            "after {wait} s"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_hangs_costs_the_deadline_of_the_policy_once() {
    let (near, far) = (in_process(), in_process());
    let both = || Several::new([near.clone(), far.clone()]).unwrap();
    let sealed = Sealer::new(both())
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    near.fake().inject(FaultRule::new(Fault::Hang(Duration::MAX)));
    for (deadline, most) in [(2, 3), (10, 11)] {
        let policy = Policy::default().with_deadline(Duration::from_secs(deadline));
        let opener = Opener::builder(both()).retry(policy).build().unwrap();
        let begun = tokio::time::Instant::now();
        for _ in 0..100 {
            let opened = opener.open(&orders(), &sealed, Aad::EMPTY).await;
            assert_eq!(opened.unwrap(), b"order");
        }
        let waited = begun.elapsed().as_secs_f64();
        assert!(waited > 0.0 && waited <= f64::from(most), "{waited} s");
    }
}

#[tokio::test(start_paused = true)]
async fn either_region_opens_while_the_other_is_down() {
    let (near, far) = (in_process(), in_process());
    let both = || Several::new([near.clone(), far.clone()]).unwrap();
    let sealed = Sealer::new(both())
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    assert_eq!(
        datakey::Header::decode(&sealed)
            .unwrap()
            .wrapped_key_refs()
            .count(),
        2
    );
    for down in [&near, &far] {
        down.fake().inject(FaultRule::new(KmsErrorCode::Internal));
        let opened = Opener::new(both()).open(&orders(), &sealed, Aad::EMPTY).await;
        assert_eq!(opened.unwrap(), b"order");
        down.fake().clear_faults();
    }
    for provider in [near, far] {
        let alone = Opener::new(provider).open(&orders(), &sealed, Aad::EMPTY).await;
        assert_eq!(alone.unwrap(), b"order", "each key opens it without the other");
    }
}
