//! What is sealed opens, in every suite and length.
use std::num::NonZeroU32;

use datakey_esdk::{
    Content, EncryptedDataKey, Header, LimitError, Message, OpenError, OpenParams, OpeningKey, PUBLIC_KEY,
    Params, SealError, SealingKey, SigningKey, Suite, context_with_public_key, is_esdk_message,
};
use datakey_provider::{EncryptionContext, WrappedKey, WrappedKeys};
use datakey_tests::esdk::{Pair, any_suite, context, data_key, params, sealable, wrapped};

fn lens(frame_len: usize) -> [usize; 8] {
    [
        0,
        1,
        300,
        frame_len - 1,
        frame_len,
        frame_len + 1,
        2 * frame_len,
        5 * frame_len + 3,
    ]
}

#[test]
fn every_suite_opens_what_it_seals_and_nothing_else_opens_it() {
    let own = context(&[("tenant", "acme"), ("\u{1F4B6}", "\u{e4}\u{f6}"), ("purpose", "")]);
    for suite in sealable() {
        let params = params(suite).with_frame_len(NonZeroU32::new(512).unwrap());
        let pair = Pair::new(&params, &own).unwrap();
        for len in lens(512) {
            let plaintext: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let sealed = pair.seal(&plaintext);
            let most = pair.sealing.max_sealed_len(len).unwrap();
            assert!(sealed.len() <= most && sealed.len() + 3 > most, "{suite} {len}");
            assert!(suite.is_signed() || sealed.len() == most);
            assert!(is_esdk_message(&sealed));
            let message = Message::decode(&sealed).unwrap();
            let header = message.header();
            assert_eq!(header.suite(), suite);
            assert_eq!(header.content(), Content::Framed { frame_len: 512 });
            assert_eq!(header.wrapped_keys(), Some(wrapped()));
            assert_eq!(header.context().unwrap(), pair.context);
            assert_eq!(header.len(), pair.sealing.header_len());
            assert_eq!(message.plain_len(), Ok(len));

            let mut out = b"before".to_vec();
            pair.opening.open(&message, &any_suite(), &mut out).unwrap();
            assert_eq!(out, [b"before", &plaintext[..]].concat(), "{suite} {len}");
            let mut into = vec![1; len + 3];
            assert_eq!(pair.opening.open_into(&message, &any_suite(), &mut into), Ok(len));
            assert_eq!(into, [&plaintext[..], &[1, 1, 1]].concat());

            let other = OpeningKey::new(&data_key(suite, 8), &pair.context);
            let refused = other.open(&message, &any_suite(), &mut out).unwrap_err();
            let expected = if suite.is_committing() {
                OpenError::Commitment
            } else {
                OpenError::NotAuthentic
            };
            assert_eq!(refused, expected);
            let other = context_with_public_key(&context(&[("tenant", "evil")]), None).unwrap();
            let other = EncryptionContext::new(
                other
                    .iter()
                    .chain(pair.context.get(PUBLIC_KEY).map(|key| (PUBLIC_KEY, key))),
            );
            let other = OpeningKey::new(&data_key(suite, 7), &other.unwrap());
            assert_eq!(
                other.open(&message, &any_suite(), &mut out),
                Err(OpenError::NotAuthentic)
            );
            assert_eq!(out.len(), 6 + len);
        }
    }
}

#[test]
fn no_two_messages_have_an_id_in_common() {
    let pair = Pair::new(
        &params(Suite::Aes256GcmHkdfSha512CommitKey),
        &EncryptionContext::empty(),
    )
    .unwrap();
    let (one, other) = (pair.seal(b"order"), pair.seal(b"order"));
    let id = |sealed: &[u8]| Header::decode(sealed).unwrap().message_id().to_vec();
    assert_ne!(id(&one), id(&other));
}

#[test]
fn pairs_that_are_required_are_not_stored_and_must_be_stated() {
    let own = context(&[("purpose", "orders"), ("tenant", "acme"), ("zone", "eu")]);
    for suite in sealable() {
        let params = params(suite).with_required_context_keys(["tenant", "zone"]);
        let pair = Pair::new(&params, &own).unwrap();
        let sealed = pair.seal(b"order");
        let message = Message::decode(&sealed).unwrap();
        let stored = message.header().context().unwrap();
        assert_eq!(
            (stored.get("tenant"), stored.get("purpose")),
            (None, Some("orders"))
        );
        assert!(!sealed.windows(4).any(|part| part == b"acme"));
        let mut out = Vec::new();
        pair.opening.open(&message, &any_suite(), &mut out).unwrap();
        assert_eq!(out, b"order");
        let lacking = OpeningKey::new(&data_key(suite, 7), &stored);
        assert_eq!(
            lacking.open(&message, &any_suite(), &mut out),
            Err(OpenError::NotAuthentic)
        );
    }
}

#[test]
fn what_has_no_place_is_refused_before_anything_is_sealed() {
    let suite = Suite::Aes256GcmHkdfSha512CommitKey;
    let (params, own) = (params(suite), context(&[("tenant", "acme")]));
    let key = |params: &Params, own: &EncryptionContext, wrapped: &WrappedKeys| {
        SealingKey::new(&data_key(suite, 7), wrapped, own, None, params).map(|_key| ())
    };
    assert_eq!(key(&params, &own, &wrapped()), Ok(()));
    let one = params.clone().with_max_encrypted_data_keys(1);
    let over = LimitError::DataKeys { found: 2, limit: 1 };
    assert_eq!(key(&one, &own, &wrapped()), Err(over));
    let local = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
    assert_eq!(key(&params, &own, &local), Err(LimitError::KeyId));
    let longest = WrappedKey::new("esdk:shop", vec![0; 65_535 + 2]).unwrap().into();
    assert_eq!(key(&params, &own, &longest), Ok(()));
    let long = WrappedKey::new("esdk:shop", vec![0; 65_536 + 2]).unwrap().into();
    assert_eq!(key(&params, &own, &long), Err(LimitError::DataKeyPart(65_536)));
    let required = params.clone().with_required_context_keys(["zone"]);
    assert_eq!(key(&required, &own, &wrapped()), Err(LimitError::RequiredKey));
    let other_suite = Suite::Aes192GcmHkdfSha256;
    let other = datakey_tests::esdk::params(other_suite);
    let length = LimitError::DataKeyLength {
        suite: other_suite,
        found: suite.data_key_length(),
    };
    assert_eq!(key(&other, &own, &wrapped()), Err(length));
    for reserved in ["aws-crypto-", "aws-crypto-public-key", "aws-crypto-x"] {
        let refused = context_with_public_key(&context(&[(reserved, "1")]), None);
        assert_eq!(refused.map(|_| ()), Err(LimitError::ReservedKey));
    }
    let long = context(&[("a", &"b".repeat(65_000)), ("c", &"d".repeat(600))]);
    assert!(matches!(
        context_with_public_key(&long, None),
        Err(LimitError::ContextLength(_))
    ));
    for suite in Suite::ALL.into_iter().filter(|suite| !suite.derives_keys()) {
        let refused = LimitError::Suite {
            suite,
            policy: datakey_tests::esdk::params(suite).commitment_policy(),
        };
        assert_eq!(datakey_tests::esdk::params(suite).check(), Err(refused));
    }
}

#[test]
fn signing_keys_fit_their_suite_or_are_refused() {
    let own = context(&[("tenant", "acme")]);
    for suite in sealable() {
        for other in sealable() {
            let signing = SigningKey::generate(other).unwrap();
            let whole = context_with_public_key(&own, signing.as_ref()).unwrap();
            let made = SealingKey::new(&data_key(suite, 7), &wrapped(), &whole, signing, &params(suite));
            let fits = SigningKey::generate(suite)
                .unwrap()
                .map(|key| key.public_key().len())
                == SigningKey::generate(other)
                    .unwrap()
                    .map(|key| key.public_key().len());
            assert_eq!(made.is_ok(), fits, "{suite} {other}");
        }
        let signing = SigningKey::generate(suite).unwrap();
        let without = SealingKey::new(&data_key(suite, 7), &wrapped(), &own, signing, &params(suite));
        assert_eq!(
            without.is_ok(),
            !suite.is_signed(),
            "the public key is in the context"
        );
    }
}

#[test]
fn a_buffer_that_is_too_short_is_left_alone() {
    let pair = Pair::new(&Params::new(), &EncryptionContext::empty()).unwrap();
    let needed = pair.sealing.max_sealed_len(5).unwrap();
    let mut short = vec![3; needed - 1];
    let refused = pair.sealing.seal_into(b"order", &mut short);
    assert_eq!(refused, Err(SealError::BufferTooShort { needed }));
    assert!(short.iter().all(|byte| *byte == 3));
    let mut enough = vec![3; needed + 1];
    let len = pair.sealing.seal_into(b"order", &mut enough).unwrap();
    let message = Message::decode(&enough[..len]).unwrap();
    let mut plain = [3; 4];
    let refused = pair.opening.open_into(&message, &OpenParams::new(), &mut plain);
    assert_eq!(refused, Err(OpenError::BufferTooShort { needed: 5 }));
    assert_eq!(plain, [3; 4]);
}

#[test]
fn encrypted_data_keys_are_wrapped_keys_and_the_other_way_round() {
    for wrapped in &wrapped() {
        let key = EncryptedDataKey::of(wrapped).unwrap();
        assert_eq!(key.to_wrapped_key().as_ref(), Some(wrapped));
    }
    for (key_id, blob) in [
        ("esdk:aws-kms", &b"\x00\x01ab"[..]),
        ("esdk:shop", b"\x00"),
        ("esdk:shop", b"\x00\x09ab"),
        ("esdk:shop", b"\x00\x02ab"),
        ("local:dev", b"ab"),
        ("alias/orders", b"ab"),
    ] {
        let wrapped = WrappedKey::new(key_id, blob).unwrap();
        assert_eq!(EncryptedDataKey::of(&wrapped), Err(LimitError::KeyId), "{key_id}");
    }
}
