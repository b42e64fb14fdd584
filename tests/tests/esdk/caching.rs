//! Caching limits by the names of the AWS Encryption SDK, at each of their edges.
use std::time::Duration;

use datakey::{
    Aad, CachingLimits, ConfigError, Opener, Sealer, SealerBuilder,
    keyring::{MissReason, OpeningLimits, SealingLimits},
};
use datakey_esdk::{Header, Params, Suite};
use datakey_fake_kms::{FakeKmsProvider, KmsOperation};
use datakey_tests::{
    esdk::context,
    pipeline::{in_process, orders},
};
use tokio::{task::JoinSet, time::advance};

const AGE: Duration = Duration::from_secs(600);

fn params() -> Params {
    Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey)
}

/// One in each format: the limits are the same.
fn builders(kms: &FakeKmsProvider) -> [SealerBuilder; 2] {
    [
        Sealer::builder(kms.clone()).format(params()),
        Sealer::builder(kms.clone()),
    ]
}

/// Loads the next key only when the one before is used up, as the AWS Encryption SDK does.
fn used_up(limits: CachingLimits) -> SealingLimits {
    SealingLimits::from(limits).with_refresh_by_use(false)
}

fn generated(kms: &FakeKmsProvider) -> u64 {
    kms.fake().ledger().calls_of(KmsOperation::GenerateDataKey)
}

async fn seal(sealer: &Sealer, len: usize) -> Vec<u8> {
    sealer.seal(&orders(), &vec![7; len], Aad::EMPTY).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_key_seals_as_many_messages_as_the_limit_says_and_not_one_more() {
    for (limit, messages, keys) in [(1, 5, 5), (10, 10, 1), (10, 11, 2), (100, 10_000, 100)] {
        for place in [0, 1] {
            let kms = in_process();
            let limits = used_up(CachingLimits::new(AGE).with_max_messages_encrypted(limit));
            let sealer = builders(&kms)[place].clone().limits(limits).build().unwrap();
            for _ in 0..messages {
                drop(seal(&sealer, 30).await);
            }
            assert_eq!(generated(&kms), keys, "{messages} messages, {limit} for each key");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_seals_as_many_bytes_as_the_limit_says_and_what_is_longer_has_a_key_of_its_own() {
    for place in [0, 1] {
        let kms = in_process();
        let limits = used_up(CachingLimits::new(AGE).with_max_bytes_encrypted(100));
        let sealer = builders(&kms)[place].clone().limits(limits).build().unwrap();
        for (len, calls) in [
            (60, 1),
            (40, 1),
            (0, 1),
            (1, 2),
            (99, 2),
            (1, 3),
            (101, 4),
            (99, 4),
            (1_000, 5),
            (1, 6),
        ] {
            drop(seal(&sealer, len).await);
            assert_eq!(generated(&kms), calls, "{len}");
        }
        assert_eq!(sealer.keyring().stats().misses.of(MissReason::Oversize), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_unknown_length_has_a_key_of_its_own_that_is_not_kept() {
    for place in [0, 1] {
        let kms = in_process();
        let sealer = builders(&kms)[place]
            .clone()
            .limits(CachingLimits::new(AGE))
            .build()
            .unwrap();
        drop(seal(&sealer, 30).await);
        for calls in [2, 3] {
            let writer = sealer
                .writer(&orders(), Aad::EMPTY, None, Vec::new())
                .await
                .unwrap();
            drop(writer.finish().unwrap());
            assert_eq!(generated(&kms), calls);
        }
        drop(seal(&sealer, 30).await);
        let writer = sealer
            .writer(&orders(), Aad::EMPTY, Some(30), Vec::new())
            .await
            .unwrap();
        drop(writer.finish().unwrap());
        assert_eq!(generated(&kms), 3, "a length that is bounded shares the kept key");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_serves_until_its_age_from_when_it_was_made_and_never_past_it() {
    for place in [0, 1] {
        let kms = in_process();
        let sealer = builders(&kms)[place]
            .clone()
            .limits(CachingLimits::new(AGE))
            .build()
            .unwrap();
        drop(seal(&sealer, 30).await);
        // Use prolongs nothing. Before seven tenths of its age nothing is loaded ahead either.
        for _ in 0..6 {
            advance(AGE / 10).await;
            drop(seal(&sealer, 30).await);
        }
        assert_eq!(generated(&kms), 1);
        advance(AGE / 10 * 4).await;
        drop(seal(&sealer, 30).await);
        assert_eq!(generated(&kms), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_key_serves_until_its_age_whatever_the_number_of_messages() {
    let kms = in_process();
    let limits = CachingLimits::new(AGE)
        .with_max_messages_encrypted(2)
        .with_capacity(4);
    let opener = Opener::builder(kms.clone()).limits(limits).build().unwrap();
    let sealer = Sealer::builder(kms.clone()).format(params()).build().unwrap();
    let message = seal(&sealer, 30).await;
    let decrypts = || kms.fake().ledger().calls_of(KmsOperation::Decrypt);
    for _ in 0..6 {
        drop(opener.open(&orders(), &message, Aad::EMPTY).await.unwrap());
        advance(AGE / 10).await;
    }
    assert_eq!(decrypts(), 1);
    advance(AGE / 10 * 4).await;
    drop(opener.open(&orders(), &message, Aad::EMPTY).await.unwrap());
    assert_eq!(decrypts(), 2);
    assert_eq!(OpeningLimits::from(limits).max_keys(), 4);
}

#[tokio::test(start_paused = true)]
async fn two_hundred_callers_of_a_cold_cache_make_one_call() {
    let kms = in_process();
    kms.fake()
        .set_latency(datakey_fake_kms::Latency::fixed(Duration::from_millis(20)));
    let limits = CachingLimits::new(AGE);
    let sealer = Sealer::builder(kms.clone())
        .format(Params::new())
        .limits(limits)
        .build()
        .unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let sealer = sealer.clone();
        callers.spawn(async move { seal(&sealer, 30).await });
    }
    let messages = callers.join_all().await;
    let key = |message: &Vec<u8>| Header::decode(message).unwrap().wrapped_keys();
    assert!(messages.iter().all(|message| key(message) == key(&messages[0])));
    assert_eq!((messages.len(), generated(&kms)), (200, 1));
}

#[tokio::test(start_paused = true)]
async fn a_partition_is_a_keyring() {
    let kms = in_process();
    let one = Sealer::builder(kms.clone()).format(params()).build().unwrap();
    let same = Sealer::with_keyring(one.keyring().clone());
    let other = Sealer::builder(kms.clone()).format(params()).build().unwrap();
    drop((seal(&one, 3).await, seal(&same, 3).await));
    assert_eq!(generated(&kms), 1);
    drop(seal(&other, 3).await);
    assert_eq!(generated(&kms), 2);
    drop(
        one.seal(&context(&[("tenant", "other")]), b"order", Aad::EMPTY)
            .await
            .unwrap(),
    );
    assert_eq!(generated(&kms), 3, "a key serves one encryption context");
}

#[test]
fn the_defaults_and_bounds_are_those_of_the_aws_encryption_sdk() {
    let limits = SealingLimits::from(CachingLimits::new(AGE));
    assert_eq!((limits.soft_age(), limits.hard_age()), (AGE, AGE));
    assert_eq!(
        (limits.max_messages(), limits.max_bytes()),
        (1 << 32, (1 << 63) - 1)
    );
    assert!(limits.refreshes_by_use());
    let over = CachingLimits::new(AGE)
        .with_max_messages_encrypted(u64::MAX)
        .with_max_bytes_encrypted(u64::MAX);
    assert_eq!(SealingLimits::from(over), limits);
    let kms = in_process();
    for (zero, what) in [
        (CachingLimits::new(Duration::ZERO), "a soft age"),
        (
            CachingLimits::new(AGE).with_max_messages_encrypted(0),
            "a limit on messages",
        ),
        (
            CachingLimits::new(AGE).with_max_bytes_encrypted(0),
            "a limit on bytes",
        ),
        (CachingLimits::new(AGE).with_capacity(0), "a limit on contexts"),
    ] {
        let refused = Sealer::builder(kms.clone())
            .limits(zero)
            .build()
            .map(drop)
            .unwrap_err();
        assert_eq!(refused, ConfigError::Zero(what));
    }
    assert!(
        Sealer::builder(kms)
            .format(Params::new())
            .limits(over)
            .build()
            .is_ok()
    );
}
