//! What an opener and a sealer refuse in this format, and that no call is made for it.
use datakey::{Aad, FormatName, Formats, OpenError, Opener, SealError, StreamError, Unsupported};
use datakey_esdk::{CommitmentPolicy, FormatError, OpenParams, Params, PublicKeyProblem, Suite};
use datakey_provider::ContextMismatch;
use datakey_tests::{
    esdk::{any_suite, context, opener, params, sealer},
    pipeline::{in_process, orders},
};

const SUITE: Suite = Suite::Aes256GcmHkdfSha512CommitKey;

#[tokio::test]
async fn a_sealer_says_what_the_format_has_no_place_for_before_it_asks_for_a_data_key() {
    let kms = in_process();
    let sealer = sealer(&kms, params(SUITE));
    let aad = Aad::from("order 17");
    let of_aad = |refused| matches!(refused, SealError::Unsupported(Unsupported::AssociatedData));
    let of_records = |refused| matches!(refused, SealError::Unsupported(Unsupported::Records));
    assert!(of_aad(sealer.seal(&orders(), b"order", aad).await.unwrap_err()));
    let mut out = b"before".to_vec();
    let tried = sealer.try_seal_into(&orders(), b"order", aad, &mut out).unwrap();
    assert!(of_aad(tried.unwrap_err()));
    let many = [(&b"one"[..], Aad::EMPTY), (b"two", aad)];
    assert!(of_aad(sealer.seal_many(&orders(), &many).await.unwrap_err()));
    let writer = sealer.writer(&orders(), aad, None, Vec::<u8>::new()).await;
    let Err(StreamError::Seal(refused)) = writer else {
        panic!("it is refused");
    };
    assert!(of_aad(refused));
    let records = sealer.seal_records(&orders(), &["one", "two"], Aad::EMPTY).await;
    assert!(of_records(records.unwrap_err()));
    let writer = sealer
        .record_writer(&orders(), Aad::EMPTY, Some(9), Vec::<u8>::new())
        .await;
    let Err(StreamError::Seal(refused)) = writer else {
        panic!("it is refused");
    };
    assert!(of_records(refused));
    assert_eq!((out, kms.fake().ledger().calls()), (b"before".to_vec(), 0));
    for what in [Unsupported::AssociatedData, Unsupported::Records] {
        let text = what.to_string();
        assert!(
            text.contains("AWS Encryption SDK") && text.contains("native format"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_opener_says_what_the_format_has_no_place_for_before_it_asks_for_a_data_key() {
    let kms = in_process();
    let message = sealer(&kms, params(SUITE))
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let opener = opener(&kms);
    let before = kms.fake().ledger().calls();
    let of_aad = |refused: &OpenError| matches!(refused, OpenError::Unsupported(Unsupported::AssociatedData));
    let of_records = |refused: &OpenError| matches!(refused, OpenError::Unsupported(Unsupported::Records));
    let aad = Aad::from("order 17");
    assert!(of_aad(&opener.open(&orders(), &message, aad).await.unwrap_err()));
    assert!(of_aad(
        &opener.danger_open_any_context(&message, aad).await.unwrap_err()
    ));
    let reader = opener.reader(&orders(), aad, &*message).await;
    assert!(matches!(reader, Err(StreamError::Open(ref refused)) if of_aad(refused)));
    assert!(of_records(
        &opener
            .open_records(&orders(), &message, Aad::EMPTY)
            .await
            .unwrap_err()
    ));
    let reader = opener.record_reader(&orders(), Aad::EMPTY, &*message).await;
    assert!(matches!(reader, Err(StreamError::Open(ref refused)) if of_records(refused)));
    assert_eq!(kms.fake().ledger().calls(), before);
}

#[tokio::test]
async fn an_opener_of_one_format_refuses_the_other_without_a_call_however_it_is_to_open() {
    let kms = in_process();
    let theirs = sealer(&kms, params(SUITE))
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let ours = datakey::Sealer::new(kms.clone())
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let before = kms.fake().ledger().calls();
    for (formats, message, other) in [
        (Formats::only_datakey(), &theirs, FormatName::Esdk),
        (Formats::only_esdk(OpenParams::new()), &ours, FormatName::Datakey),
    ] {
        let opener = Opener::builder(kms.clone()).formats(formats).build().unwrap();
        assert_eq!(*opener.formats(), formats);
        let is_other =
            |refused: &OpenError| matches!(refused, OpenError::OtherFormat { found } if *found == other);
        assert!(is_other(
            &opener.open(&orders(), message, Aad::EMPTY).await.unwrap_err()
        ));
        assert!(is_other(
            &opener
                .danger_open_any_context(message, Aad::EMPTY)
                .await
                .unwrap_err()
        ));
        assert!(is_other(
            &opener
                .open_records(&orders(), message, Aad::EMPTY)
                .await
                .unwrap_err()
        ));
        let reader = opener.reader(&orders(), Aad::EMPTY, &**message).await;
        assert!(matches!(reader, Err(StreamError::Open(ref refused)) if is_other(refused)));
        let reader = opener.record_reader(&orders(), Aad::EMPTY, &**message).await;
        assert!(matches!(reader, Err(StreamError::Open(ref refused)) if is_other(refused)));
        let header = datakey::SealedHeader::read(&mut &**message).unwrap();
        let key = opener.key_of(&orders(), header.header(), Aad::EMPTY).await;
        assert!(is_other(&key.unwrap_err()));
    }
    assert_eq!(kms.fake().ledger().calls(), before);
    for (formats, message, is_esdk) in [
        (Formats::only_datakey(), &ours, false),
        (Formats::only_esdk(OpenParams::new()), &theirs, true),
    ] {
        let opener = Opener::builder(kms.clone()).formats(formats).build().unwrap();
        let opened = opener.open(&orders(), message, Aad::EMPTY).await;
        assert_eq!(opened.unwrap(), b"order");
        let header = datakey::SealedHeader::read(&mut &**message).unwrap();
        let key = opener
            .key_of(&orders(), header.header(), Aad::EMPTY)
            .await
            .unwrap();
        assert_eq!(
            key.esdk().is_ok(),
            is_esdk,
            "one for the native format alone holds no data key"
        );
    }
}

#[tokio::test]
async fn bytes_of_no_format_are_told_so_by_the_format_that_is_accepted() {
    let kms = in_process();
    for bytes in [&b"something else"[..], b"", b"\x02", b"\x01\x01"] {
        let refused = opener(&kms).open(&orders(), bytes, Aad::EMPTY).await.unwrap_err();
        assert!(matches!(refused, OpenError::Format(_)), "{refused}");
        let formats = Formats::only_esdk(OpenParams::new());
        let only = opener(&kms).with_formats(formats);
        let refused = only.open(&orders(), bytes, Aad::EMPTY).await.unwrap_err();
        assert!(matches!(
            refused,
            OpenError::Esdk(datakey_esdk::OpenError::Format(_))
        ));
    }
    for bytes in [&b"\x02\x05\x78"[..], b"\x01\x80"] {
        let refused = opener(&kms).open(&orders(), bytes, Aad::EMPTY).await.unwrap_err();
        let OpenError::Esdk(datakey_esdk::OpenError::Format(FormatError::Truncated { missing })) = refused
        else {
            panic!("{refused}");
        };
        assert!(missing > 0);
    }
    assert_eq!(kms.fake().ledger().calls(), 0);
}

#[tokio::test]
async fn the_commitment_policy_and_the_limit_of_data_keys_are_looked_at_before_any_call() {
    let kms = in_process();
    let suite = Suite::Aes256GcmHkdfSha256;
    let uncommitted = sealer(&kms, params(suite))
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let one_key = sealer(&kms, params(SUITE))
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let before = kms.fake().ledger().calls();
    let strict = Opener::new(kms.clone());
    let refused = strict
        .open(&orders(), &uncommitted, Aad::EMPTY)
        .await
        .unwrap_err();
    let policy = CommitmentPolicy::RequireEncryptRequireDecrypt;
    let expected = datakey_esdk::OpenError::Policy { suite, policy };
    assert!(matches!(refused, OpenError::Esdk(error) if error == expected));
    let none = Formats::both(OpenParams::new().with_max_encrypted_data_keys(0));
    let opener = Opener::builder(kms.clone()).formats(none).build().unwrap();
    let expected = FormatError::TooManyDataKeys { found: 1, limit: 0 };
    let is_expected = |refused: &OpenError| matches!(refused, OpenError::Esdk(datakey_esdk::OpenError::Format(error)) if *error == expected);
    assert!(is_expected(
        &opener.open(&orders(), &one_key, Aad::EMPTY).await.unwrap_err()
    ));
    let reader = opener.reader(&orders(), Aad::EMPTY, &*one_key).await;
    assert!(matches!(reader, Err(StreamError::Open(ref refused)) if is_expected(refused)));
    assert_eq!(kms.fake().ledger().calls(), before);
}

#[tokio::test]
async fn another_context_is_refused_before_any_call_and_the_formats_own_pair_need_not_be_expected() {
    let kms = in_process();
    for params in [Params::new(), params(SUITE)] {
        let sealer = sealer(&kms, params);
        let message = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
        let bare = sealer.seal(&context(&[]), b"order", Aad::EMPTY).await.unwrap();
        let opener = opener(&kms);
        let before = kms.fake().ledger().calls();
        let other = context(&[("tenant", "other")]);
        let refused = opener.open(&other, &message, Aad::EMPTY).await.unwrap_err();
        assert!(matches!(
            refused,
            OpenError::Context(ContextMismatch::OtherValue { .. })
        ));
        let refused = opener
            .open(&context(&[]), &message, Aad::EMPTY)
            .await
            .unwrap_err();
        assert!(matches!(
            refused,
            OpenError::Context(ContextMismatch::NothingExpected { pairs: 2 })
        ));
        let reserved = context(&[("aws-crypto-mine", "x")]);
        let refused = opener.open(&reserved, &bare, Aad::EMPTY).await.unwrap_err();
        assert!(matches!(
            refused,
            OpenError::Context(ContextMismatch::Missing { .. })
        ));
        assert_eq!(kms.fake().ledger().calls(), before);
        let part = context(&[("purpose", "orders")]);
        assert_eq!(opener.open(&part, &message, Aad::EMPTY).await.unwrap(), b"order");
        assert_eq!(
            opener.open(&context(&[]), &bare, Aad::EMPTY).await.unwrap(),
            b"order"
        );
    }
}

#[tokio::test]
async fn a_public_key_where_none_belongs_and_none_where_one_does_is_refused_without_a_call() {
    let kms = in_process();
    let signed = sealer(&kms, Params::new())
        .seal(&context(&[]), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let plain = sealer(&kms, params(SUITE))
        .seal(&context(&[]), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let before = kms.fake().ledger().calls();
    for (mut message, suite, expected) in [
        (signed, 0x0478_u16, PublicKeyProblem::Unexpected),
        (plain, 0x0578, PublicKeyProblem::Missing),
    ] {
        message[1..3].copy_from_slice(&suite.to_be_bytes());
        let refused = opener(&kms)
            .open(&context(&[]), &message, Aad::EMPTY)
            .await
            .unwrap_err();
        let OpenError::Esdk(datakey_esdk::OpenError::PublicKey { problem, .. }) = refused else {
            panic!("{refused}");
        };
        assert_eq!(problem, expected);
    }
    assert_eq!(kms.fake().ledger().calls(), before);
}

#[tokio::test]
async fn what_is_not_authentic_is_told_alike_whatever_differs() {
    let kms = in_process();
    for suite in [
        Suite::default(),
        SUITE,
        Suite::Aes256GcmHkdfSha384EcdsaP384,
        Suite::Aes256GcmHkdfSha256,
    ] {
        let sealer = sealer(&kms, params(suite));
        let message = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
        let header = datakey_esdk::Header::decode(&message).unwrap().len();
        let opener = opener(&kms).with_formats(Formats::both(any_suite()));
        // In the message id, the header's tag, the frame's ciphertext, and the end: a tag, or a signature's number.
        for at in [10, header - 1, header + 26, message.len() - 1] {
            let mut altered = message.clone();
            altered[at] ^= 4;
            let refused = opener.open(&orders(), &altered, Aad::EMPTY).await.unwrap_err();
            assert!(
                matches!(refused, OpenError::NotAuthentic),
                "{suite} at {at}: {refused}"
            );
        }
    }
}
