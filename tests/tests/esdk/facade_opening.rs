//! Opening keys of this format: cached by wrapped key and context, of several wrapped keys the right one, and pairs that no message
//! stores.
use datakey::{
    Aad, ErrorClass, Formats, KeyringError, OpenError, Opener, SealedHeader, Sealer,
    keyring::MissReason,
    provider::{OpeningProvider as _, SealingProvider as _, Several, WrappedKeys},
};
use datakey_esdk::{Header, Params, RawAesKey, SealingKey, SigningKey, Suite, context_with_public_key};
use datakey_fake_kms::{FakeKmsProvider, KmsOperation};
use datakey_tests::{
    esdk::{any_suite, context, opener, params, sealable, sealer},
    pipeline::{Loopback, fake, in_process, orders},
};

const SUITE: Suite = Suite::Aes256GcmHkdfSha512CommitKey;

fn decrypts(kms: &FakeKmsProvider) -> u64 {
    kms.fake().ledger().calls_of(KmsOperation::Decrypt)
}

#[tokio::test]
async fn a_pair_that_is_not_stored_is_required_of_whoever_opens_and_bound() {
    for suite in sealable() {
        let kms = in_process();
        let own = context(&[("purpose", "orders"), ("shop", "9"), ("tenant", "acme")]);
        let params = params(suite).with_required_context_keys(["shop", "tenant"]);
        let message = sealer(&kms, params)
            .seal(&own, b"order", Aad::EMPTY)
            .await
            .unwrap();
        let stored = Header::decode(&message).unwrap().context().unwrap();
        assert_eq!(
            (stored.get("purpose"), stored.get("shop")),
            (Some("orders"), None)
        );
        let opener = opener(&kms);
        assert_eq!(opener.open(&own, &message, Aad::EMPTY).await.unwrap(), b"order");
        let withheld = context(&[("shop", "9"), ("tenant", "acme")]);
        assert_eq!(
            opener.open(&withheld, &message, Aad::EMPTY).await.unwrap(),
            b"order"
        );
        assert_eq!(
            decrypts(&kms),
            1,
            "it is one context, whichever of its stored pairs are expected"
        );
        for wrong in [
            context(&[("purpose", "orders")]),
            context(&[("purpose", "orders"), ("shop", "9")]),
            context(&[("shop", "8"), ("tenant", "acme")]),
            context(&[("shop", "9"), ("tenant", "acme"), ("more", "x")]),
        ] {
            let refused = opener.open(&wrong, &message, Aad::EMPTY).await.unwrap_err();
            assert_eq!(
                refused.class(),
                Some(ErrorClass::NotAuthentic),
                "{suite} {wrong:?}: {refused}"
            );
        }
        let anything = opener.danger_open_any_context(&message, Aad::EMPTY).await;
        assert!(anything.is_err(), "nobody said what is not stored");
    }
}

#[tokio::test]
async fn a_pair_that_is_expected_and_was_not_bound_opens_nothing_even_where_the_wrapping_binds_no_context() {
    // A provider that binds no context, as RSA does: the header's tag is what refuses.
    let kms = in_process();
    let message = sealer(&kms, params(SUITE))
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let header = Header::decode(&message).unwrap();
    let wrapped = header.wrapped_keys().unwrap();
    let data_key = kms.decrypt(&orders(), wrapped.first()).await.unwrap();
    let more = context(&[("purpose", "orders"), ("shop", "9"), ("tenant", "acme")]);
    let key = datakey_esdk::OpeningKey::new(&data_key, &more);
    assert!(key.check_header(&header, &any_suite()).is_err());
    let key = datakey_esdk::OpeningKey::new(&data_key, &orders());
    assert!(key.check_header(&header, &any_suite()).is_ok());
}

#[tokio::test]
async fn of_several_wrapped_keys_the_messages_own_is_found_whichever_provider_there_is() {
    for suite in sealable() {
        let (one, two, none) = (in_process(), in_process(), in_process());
        let both = Several::new([one.clone(), two.clone()]).unwrap();
        let sealer = Sealer::builder(both).format(params(suite)).build().unwrap();
        let message = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
        assert_eq!(Header::decode(&message).unwrap().encrypted_data_keys().count(), 2);
        for kms in [&one, &two] {
            let opened = opener(kms).open(&orders(), &message, Aad::EMPTY).await;
            assert_eq!(opened.unwrap(), b"order", "{suite}");
            assert_eq!(decrypts(kms), 1);
        }
        let refused = opener(&none)
            .open(&orders(), &message, Aad::EMPTY)
            .await
            .unwrap_err();
        let OpenError::Keyring(KeyringError::NotRecognised { key_ids }) = refused else {
            panic!("{refused}");
        };
        assert_eq!((key_ids.len(), decrypts(&none)), (2, 0));
    }
}

#[tokio::test]
async fn a_wrapped_key_of_another_message_is_passed_over_and_a_message_with_one_put_in_is_refused() {
    for suite in sealable() {
        let kms = in_process();
        let one = sealer(&kms, params(suite))
            .seal(&orders(), b"one", Aad::EMPTY)
            .await
            .unwrap();
        let two = sealer(&kms, params(suite))
            .seal(&orders(), b"two", Aad::EMPTY)
            .await
            .unwrap();
        // The other message's wrapped key in place of the own one: as long, since both are of one key.
        let key_of = |message: &[u8]| {
            let keys: WrappedKeys = Header::decode(message).unwrap().wrapped_keys().unwrap();
            keys.first().blob().to_vec()
        };
        let (own, foreign) = (key_of(&one), key_of(&two));
        let at = one.windows(own.len()).position(|part| part == own).unwrap();
        let mut altered = one.clone();
        altered[at..at + own.len()].copy_from_slice(&foreign);
        let opener = opener(&kms);
        let expected = if suite.is_signed() {
            // The public key differs, and KMS binds it.
            assert_eq!(opener.open(&orders(), &two, Aad::EMPTY).await.unwrap(), b"two");
            opener
                .open(&orders(), &altered, Aad::EMPTY)
                .await
                .unwrap_err()
                .class()
        } else {
            let refused = opener.open(&orders(), &altered, Aad::EMPTY).await.unwrap_err();
            assert!(matches!(refused, OpenError::NotAuthentic), "{suite}: {refused}");
            assert_eq!(opener.open(&orders(), &two, Aad::EMPTY).await.unwrap(), b"two");
            assert_eq!(
                decrypts(&kms),
                1,
                "{suite}: the key is right for the other message"
            );
            Some(ErrorClass::NotAuthentic)
        };
        assert_eq!(expected, Some(ErrorClass::NotAuthentic), "{suite}");
        assert_eq!(opener.open(&orders(), &one, Aad::EMPTY).await.unwrap(), b"one");
    }
}

#[tokio::test]
async fn wrapped_keys_that_open_to_another_data_key_are_passed_over_whatever_is_kept() {
    for suite in sealable() {
        let kms = in_process();
        let signing = SigningKey::generate(suite).unwrap();
        let whole = context_with_public_key(&orders(), signing.as_ref()).unwrap();
        let length = suite.data_key_length();
        let own = kms.generate_data_key(&whole, length).await.unwrap();
        let foreign = kms.generate_data_key(&whole, length).await.unwrap();
        let keys = foreign.wrapped_keys().join(own.wrapped_keys()).unwrap();
        let sealing = SealingKey::new(own.data_key(), &keys, &whole, signing, &params(suite)).unwrap();
        let mut message = Vec::new();
        sealing.seal(b"order", &mut message).unwrap();
        let opener = opener(&kms);
        for _ in 0..2 {
            let opened = opener.open(&orders(), &message, Aad::EMPTY).await;
            assert_eq!(opened.unwrap(), b"order", "{suite}");
            assert_eq!(decrypts(&kms), 2, "{suite}: one call for each wrapped key");
        }
        let header = SealedHeader::read(&mut &*message).unwrap();
        assert!(
            opener
                .key_of(&orders(), header.header(), Aad::EMPTY)
                .await
                .is_ok()
        );
        let last = message.len() - 1;
        message[last] ^= 1;
        let refused = opener.open(&orders(), &message, Aad::EMPTY).await.unwrap_err();
        assert!(matches!(refused, OpenError::NotAuthentic), "{suite}: {refused}");
    }
}

/// The messages of `tests/interop/esdk/vectors.py`, with their plaintexts.
fn of_python() -> Vec<(Suite, Vec<u8>, Vec<u8>)> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let text = include_str!("../../vectors/esdk/python.json");
    let tests: serde_json::Value = serde_json::from_str(text).unwrap();
    let read = |test: &serde_json::Value| {
        let suite = Suite::from_id(test["suite"].as_u64().unwrap() as u16).unwrap();
        let message = BASE64_STANDARD.decode(test["message"].as_str().unwrap()).unwrap();
        let len = test["plaintext-length"].as_u64().unwrap();
        let plaintext = (0..len).map(|at| ((7 * at + len) % 256) as u8).collect();
        (suite, message, plaintext)
    };
    tests["tests"].as_array().unwrap().iter().map(read).collect()
}

/// The wrapping keys of that script, and an opener of every suite.
fn opener_for_python() -> Opener {
    let key: Vec<u8> = (0..32).collect();
    let keys = ["first", "second"].map(|name| RawAesKey::new("shop", name, &key).unwrap());
    let keys = Several::new(keys).unwrap();
    let allow = any_suite().danger_release_before_signature();
    let formats = Formats::only_esdk(allow);
    Opener::builder(keys).formats(formats).build().unwrap()
}

#[tokio::test]
async fn the_python_sdks_messages_of_all_suites_open_whole_and_as_streams_and_their_contexts_are_told() {
    use tokio::io::AsyncReadExt as _;
    let opener = opener_for_python();
    for (suite, message, plaintext) in of_python() {
        let (context, opened) = opener
            .danger_open_any_context(&message, Aad::EMPTY)
            .await
            .unwrap();
        assert_eq!(opened, plaintext, "{suite}");
        assert!(context.iter().all(|(key, _)| !key.starts_with("aws-crypto-")));
        assert_eq!(
            opener.open(&context, &message, Aad::EMPTY).await.unwrap(),
            plaintext
        );
        let mut reader = opener.reader(&context, Aad::EMPTY, &*message).await.unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, plaintext, "{suite}");
        let header = SealedHeader::read(&mut &*message).unwrap();
        let key = opener
            .key_of(&context, header.header(), Aad::EMPTY)
            .await
            .unwrap();
        let own = key.esdk().unwrap();
        assert!(own.context().len() >= context.len());
    }
}

#[tokio::test]
async fn data_keys_that_are_a_messages_own_are_never_kept() {
    let opener = opener_for_python();
    let messages = of_python();
    let identity = messages.iter().filter(|(suite, ..)| !suite.derives_keys());
    for (_, message, plaintext) in identity {
        for _ in 0..2 {
            let opened = opener.danger_open_any_context(message, Aad::EMPTY).await.unwrap();
            assert_eq!(opened.1, *plaintext);
        }
    }
    let stats = opener.keyring().stats();
    assert_eq!((stats.live, stats.hits), (0, 0));
    assert_eq!(stats.misses.of(MissReason::Uncached), 2 * 21);
    let others = messages.iter().filter(|(suite, ..)| suite.derives_keys());
    for (_, message, _) in others {
        for _ in 0..2 {
            drop(opener.danger_open_any_context(message, Aad::EMPTY).await.unwrap());
        }
    }
    let stats = opener.keyring().stats();
    assert_eq!((stats.live, stats.hits), (56, 56));
}

#[tokio::test]
async fn over_the_wire_a_thousand_orders_take_one_call_each_way_with_each_default_suite() {
    for suite in [SUITE, Suite::default()] {
        let loopback = Loopback::start().await;
        let kms = loopback.provider();
        let params = Params::new().with_suite(suite);
        let sealer = Sealer::builder(kms.clone()).format(params).build().unwrap();
        let opener = Opener::new(kms);
        // Signatures take their time.
        let orders_of_the_day = if suite.is_signed() { 50 } else { 1_000_u32 };
        for number in 0..orders_of_the_day {
            let order = format!("order {number}");
            let message = sealer
                .seal(&orders(), order.as_bytes(), Aad::EMPTY)
                .await
                .unwrap();
            let opened = opener.open(&orders(), &message, Aad::EMPTY).await.unwrap();
            assert_eq!(opened, order.as_bytes());
        }
        let ledger = loopback.fake.ledger();
        for operation in [KmsOperation::GenerateDataKey, KmsOperation::Decrypt] {
            assert_eq!(ledger.calls_of(operation), 1, "{suite}");
        }
    }
}

#[tokio::test]
async fn shorter_data_keys_are_asked_for_where_the_suite_has_them() {
    let fake = fake();
    let kms = fake.provider(&fake.create_key().unwrap());
    for suite in sealable() {
        let sealer = sealer(&kms, params(suite));
        let message = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
        let header = Header::decode(&message).unwrap();
        let wrapped = header.wrapped_keys().unwrap();
        let context = header.context().unwrap();
        let data_key = kms.decrypt(&context, wrapped.first());
        assert_eq!(
            data_key.await.unwrap().length(),
            suite.data_key_length(),
            "{suite}"
        );
        let opened = opener(&kms).open(&orders(), &message, Aad::EMPTY).await;
        assert_eq!(opened.unwrap(), b"order");
    }
}
