//! The edges of messages and of their callers: the shortest and the longest frames, contexts as long as the format has room for, callers
//! that leave, and runtimes that end.
use std::{num::NonZeroU32, time::Duration};

use datakey::{Aad, Formats, Opener, Sealer};
use datakey_esdk::{Header, OpenParams, Params, RawAesKey, Suite};
use datakey_fake_kms::{KmsOperation, Latency};
use datakey_tests::{
    esdk::{any_suite, context, params, sealable},
    pipeline::{in_process, orders, plaintext},
};
use tokio::io::AsyncReadExt as _;

const SIGNED: Suite = Suite::Aes256GcmHkdfSha512CommitKeyEcdsaP384;

fn raw() -> RawAesKey {
    RawAesKey::new("shop", "2026", &[7; 32]).unwrap()
}

fn opener(params: OpenParams) -> Opener {
    let formats = Formats::only_esdk(params.danger_release_before_signature());
    Opener::builder(raw()).formats(formats).build().unwrap()
}

#[tokio::test]
async fn frames_of_one_byte_and_of_the_longest_open_whole_and_as_streams() {
    for suite in sealable() {
        for frame_len in [1, u32::MAX] {
            let params = params(suite).with_frame_len(NonZeroU32::new(frame_len).unwrap());
            let sealer = Sealer::builder(raw()).format(params).build().unwrap();
            for len in [0, 1, 2, 300] {
                let text = plaintext(len);
                let sealed = sealer.seal(&orders(), &text, Aad::EMPTY).await.unwrap();
                let opener = opener(any_suite());
                let opened = opener.open(&orders(), &sealed, Aad::EMPTY).await.unwrap();
                assert!(opened == text, "{suite}, {frame_len}, {len}");
                let mut reader = opener.reader(&orders(), Aad::EMPTY, &sealed[..]).await.unwrap();
                let mut streamed = Vec::new();
                reader.read_to_end(&mut streamed).await.unwrap();
                assert!(streamed == text, "{suite}, {frame_len}, {len}");
            }
        }
    }
}

/// A context of one pair that takes so many bytes when it is encoded, its count included.
fn context_of(encoded: usize) -> datakey::EncryptionContext {
    context(&[("k", &"v".repeat(encoded - 2 - 2 - 1 - 2))])
}

#[tokio::test]
async fn a_context_as_long_as_the_format_has_room_for_is_sealed_and_a_longer_one_is_refused() {
    // A signed message has its public key beside it: 21 bytes of key, 68 of value, and their lengths.
    for (suite, most) in [
        (Suite::Aes256GcmHkdfSha512CommitKey, 65_535),
        (SIGNED, 65_535 - 93),
        // A point of the smaller curve takes 44 bytes.
        (Suite::Aes128GcmHkdfSha256EcdsaP256, 65_535 - 69),
    ] {
        let sealer = Sealer::builder(raw()).format(params(suite)).build().unwrap();
        let longest = context_of(most);
        let sealed = sealer.seal(&longest, b"order", Aad::EMPTY).await.unwrap();
        let opened = opener(any_suite()).open(&longest, &sealed, Aad::EMPTY).await;
        assert_eq!(opened.unwrap(), b"order", "{suite}");
        let refused = sealer.seal(&context_of(most + 1), b"order", Aad::EMPTY).await;
        let refused = refused.unwrap_err();
        assert!(!refused.is_retryable(), "{suite}: {refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_leaves_its_data_key_and_its_key_pair_to_the_next() {
    let kms = in_process();
    kms.fake().set_latency(Latency::fixed(Duration::from_millis(200)));
    let sealer = Sealer::builder(kms.clone())
        .format(Params::new())
        .build()
        .unwrap();
    for _ in 0..3 {
        let early = Duration::from_millis(50);
        let context = orders();
        let seal = sealer.seal(&context, b"order", Aad::EMPTY);
        assert!(tokio::time::timeout(early, seal).await.is_err());
    }
    let mut public = Vec::new();
    for _ in 0..3 {
        let sealed = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
        let header = Header::decode(&sealed).unwrap();
        let key = header.context().unwrap();
        public.push(key.get(datakey_esdk::PUBLIC_KEY).unwrap().to_owned());
    }
    assert!(public.iter().all(|key| *key == public[0]));
    assert_eq!(kms.fake().ledger().calls_of(KmsOperation::GenerateDataKey), 1);
}

#[test]
fn a_data_key_whose_runtime_ended_while_it_was_made_is_made_on_another() {
    let kms = in_process();
    kms.fake().set_latency(Latency::fixed(Duration::from_secs(5)));
    let sealer = Sealer::builder(kms.clone())
        .format(Params::new())
        .build()
        .unwrap();
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let context = orders();
    runtime().block_on(async {
        let seal = sealer.seal(&context, b"order", Aad::EMPTY);
        assert!(tokio::time::timeout(Duration::from_secs(1), seal).await.is_err());
    });
    for _ in 0..2 {
        let sealed = runtime()
            .block_on(sealer.seal(&context, b"order", Aad::EMPTY))
            .unwrap();
        assert!(Header::decode(&sealed).unwrap().suite().is_signed());
    }
}
