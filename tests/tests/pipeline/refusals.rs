//! What Opener and Sealer refuse, and as what: another context, other associated data, another key, altered bytes.
use datakey::{
    Aad, ConfigError, ErrorClass, KeyringError, Kind, OpenError, Opener, Sealer,
    envelope::{FormatError, MAX_DATA_KEY_BYTES, MAX_DATA_KEY_MESSAGES},
    keyring::{SealingLimits, Usage},
    local::LocalKeys,
};
use datakey_fake_kms::{FaultRule, KmsErrorCode, KmsOperation};
use datakey_tests::pipeline::{context, in_process, orders};

#[tokio::test]
async fn a_message_opens_only_for_whoever_expects_part_of_its_context() {
    let provider = in_process();
    let (sealer, opener) = (Sealer::new(provider.clone()), Opener::new(provider.clone()));
    let sealed = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
    let bare = sealer.seal(&context(&[]), b"bare", Aad::EMPTY).await.unwrap();
    for expected in [
        orders(),
        context(&[("tenant", "acme")]),
        context(&[("purpose", "orders")]),
    ] {
        assert!(opener.open(&expected, &sealed, Aad::EMPTY).await.is_ok());
    }
    assert!(opener.open(&context(&[]), &bare, Aad::EMPTY).await.is_ok());
    let calls = provider.fake().ledger().calls();
    let refused = [
        (context(&[]), &sealed),
        (context(&[("tenant", "other")]), &sealed),
        (context(&[("tenant", "acme"), ("purpose", "archive")]), &sealed),
        (
            context(&[("tenant", "acme"), ("purpose", "orders"), ("more", "")]),
            &sealed,
        ),
        (context(&[("Tenant", "acme")]), &sealed),
        (context(&[("tenant", "acme")]), &bare),
    ];
    for (expected, message) in refused {
        let mut out = b"before".to_vec();
        let opened = opener
            .open_into(&expected, message, Aad::EMPTY, &mut out)
            .await
            .unwrap_err();
        assert!(
            matches!(opened, OpenError::Context(_)),
            "{expected:?}: {opened:?}"
        );
        assert_eq!((opened.class(), out.as_slice()), (None, &b"before"[..]));
    }
    assert_eq!(
        provider.fake().ledger().calls(),
        calls,
        "no call was made for them"
    );
    let (own, text) = opener.danger_open_any_context(&sealed, Aad::EMPTY).await.unwrap();
    assert_eq!((own, text), (orders(), b"order".to_vec()));
}

#[tokio::test]
async fn other_associated_data_is_not_authentic() {
    let provider = in_process();
    let (sealer, opener) = (Sealer::new(provider.clone()), Opener::new(provider));
    let sealed = sealer
        .seal(&orders(), b"order", Aad::from("order 17"))
        .await
        .unwrap();
    for aad in ["", "order 18", "order 1", "order 17 "] {
        let opened = opener.open(&orders(), &sealed, Aad::from(aad)).await.unwrap_err();
        assert!(matches!(opened, OpenError::NotAuthentic), "{aad:?}: {opened:?}");
        assert_eq!(opened.class(), None);
    }
    assert!(
        opener
            .open(&orders(), &sealed, Aad::from("order 17"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_key_that_is_not_ours_is_not_asked() {
    let (ours, theirs) = (in_process(), in_process());
    let sealed = Sealer::new(theirs)
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let opened = Opener::new(ours.clone())
        .open(&orders(), &sealed, Aad::EMPTY)
        .await
        .unwrap_err();
    assert!(
        matches!(&opened, OpenError::Keyring(KeyringError::NotRecognised { key_ids }) if key_ids.len() == 1),
        "{opened:?}"
    );
    assert_eq!(opened.class(), Some(ErrorClass::InvalidRequest));
    assert_eq!(ours.fake().ledger().calls(), 0);

    // A key of the same name with other bytes.
    let (one, other) = (
        LocalKeys::generate("dev").unwrap(),
        LocalKeys::generate("dev").unwrap(),
    );
    let sealed = Sealer::new(one)
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let opened = Opener::new(other)
        .open(&orders(), &sealed, Aad::EMPTY)
        .await
        .unwrap_err();
    assert_eq!(opened.class(), Some(ErrorClass::NotAuthentic), "{opened:?}");
}

#[tokio::test]
async fn the_kind_of_the_message_is_told() {
    let provider = in_process();
    let (sealer, opener) = (Sealer::new(provider.clone()), Opener::new(provider));
    let bytes = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
    let records = sealer
        .seal_records(&orders(), &["order"], Aad::EMPTY)
        .await
        .unwrap();
    let as_records = opener
        .open_records(&orders(), &bytes, Aad::EMPTY)
        .await
        .unwrap_err();
    let as_bytes = opener.open(&orders(), &records, Aad::EMPTY).await.unwrap_err();
    assert!(matches!(
        as_records,
        OpenError::OtherKind {
            expected: Kind::Records,
            found: Kind::Bytes
        }
    ));
    assert!(matches!(
        as_bytes,
        OpenError::OtherKind {
            expected: Kind::Bytes,
            found: Kind::Records
        }
    ));
}

/// What a message with its byte at `at` flipped is refused as: a word for it.
async fn refused_as(opener: &Opener, records: bool, message: &[u8]) -> &'static str {
    let opened = if records {
        opener
            .open_records(&orders(), message, Aad::EMPTY)
            .await
            .map(|_| ())
    } else {
        opener.open(&orders(), message, Aad::EMPTY).await.map(|_| ())
    };
    match opened {
        Ok(()) => "opened",
        Err(OpenError::Format(FormatError::Truncated { .. })) => "truncated",
        Err(OpenError::Format(FormatError::Malformed { .. })) => "malformed",
        Err(OpenError::Context(_)) => "context",
        Err(OpenError::NotAuthentic) => "not authentic",
        Err(OpenError::OtherKind { .. }) => "kind",
        Err(OpenError::Keyring(KeyringError::NotRecognised { .. })) => "not recognised",
        Err(OpenError::Keyring(error)) if error.class() == Some(ErrorClass::NotAuthentic) => "wrapped key",
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn every_flipped_byte_and_every_cut_is_refused_as_what_it_is() {
    let keys = LocalKeys::generate("dev").unwrap();
    let sealer = Sealer::new(keys.clone());
    let opener = Opener::new(keys);
    for records in [false, true] {
        let sealed = if records {
            sealer
                .seal_records(&orders(), &["one", "two"], Aad::EMPTY)
                .await
                .unwrap()
        } else {
            sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap()
        };
        let header = datakey::Header::decode(&sealed).unwrap().len();
        let mut seen = std::collections::BTreeSet::new();
        for at in 0..sealed.len() {
            for flip in [0x01, 0x80] {
                let mut altered = sealed.clone();
                altered[at] ^= flip;
                let word = refused_as(&opener, records, &altered).await;
                assert_ne!(word, "opened", "byte {at}");
                // Magic and version are structure; salt and commitment are only ever not authentic.
                let expected: Option<&str> = match at {
                    0..5 => Some("malformed"),
                    8..64 => Some("not authentic"),
                    _ if at >= header && !records => Some("not authentic"),
                    _ => None,
                };
                assert!(
                    expected.is_none_or(|expected| expected == word),
                    "byte {at}: {word}"
                );
                seen.insert(word);
            }
        }
        for word in [
            "malformed",
            "not authentic",
            "context",
            "not recognised",
            "wrapped key",
        ] {
            assert!(seen.contains(word), "{word} is not among {seen:?}");
        }
        for len in 0..sealed.len() {
            let word = refused_as(&opener, records, &sealed[..len]).await;
            match len {
                _ if len < header => assert_eq!(word, "truncated", "{len}"),
                _ => assert!(
                    ["truncated", "malformed", "not authentic"].contains(&word),
                    "{len}: {word}"
                ),
            }
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_ne!(refused_as(&opener, records, &longer).await, "opened");
    }
}

#[tokio::test(start_paused = true)]
async fn junk_does_not_burn_the_quota() {
    let provider = in_process();
    let sealer = Sealer::new(provider.clone());
    let opener = Opener::new(provider.clone());
    let sealed = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
    let header = datakey::Header::decode(&sealed).unwrap().len();
    let mut poisoned = sealed.clone();
    poisoned[header - 1] ^= 1; // the last byte of the wrapped key
    for _ in 0..1_000 {
        let opened = opener.open(&orders(), &poisoned, Aad::EMPTY).await.unwrap_err();
        assert_eq!(opened.class(), Some(ErrorClass::NotAuthentic), "{opened:?}");
    }
    for junk in [&b""[..], b"junk", &[0xDA; 400], &sealed[..header - 1]] {
        assert!(matches!(
            opener.open(&orders(), junk, Aad::EMPTY).await,
            Err(OpenError::Format(_))
        ));
    }
    let decrypts = provider.fake().ledger().calls_of(KmsOperation::Decrypt);
    assert_eq!(decrypts, 1, "a refusal is remembered");
    assert!(opener.open(&orders(), &sealed, Aad::EMPTY).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_an_error_at_once_and_says_so() {
    let provider = in_process();
    provider.fake().inject(FaultRule::new(KmsErrorCode::AccessDenied));
    let failed = Sealer::new(provider.clone())
        .seal(&orders(), b"", Aad::EMPTY)
        .await
        .unwrap_err();
    assert_eq!(failed.class(), Some(ErrorClass::Denied));
    assert_eq!(provider.fake().ledger().calls(), 1, "a denial is not tried again");
    assert!(failed.to_string().contains("access was denied"), "{failed}");
}

#[test]
fn what_is_over_a_limit_has_no_class_and_what_fails_on_this_side_is_internal() {
    use datakey::{SealError, envelope};

    for internal in [envelope::SealError::Cipher, envelope::SealError::Abandoned] {
        let error = SealError::from(internal);
        assert_eq!(
            (error.class(), error.is_retryable()),
            (Some(ErrorClass::Internal), false)
        );
    }
    let over = envelope::SealError::RecordTooLong { len: 2, limit: 1 };
    for over in [
        over,
        envelope::SealError::TooManyRecords,
        envelope::SealError::MessageTooLong,
    ] {
        assert_eq!(SealError::from(over).class(), None);
    }
}

/// Rule L2 of the format: 2^48 messages, 2^56 bytes.
#[tokio::test]
async fn no_data_key_is_asked_to_seal_more_than_the_format_allows() {
    let build = |limits: SealingLimits| Sealer::builder(in_process()).limits(limits).build();
    let limits = SealingLimits::default().with_max_messages(MAX_DATA_KEY_MESSAGES);
    assert!(build(limits).is_ok());
    for messages in [MAX_DATA_KEY_MESSAGES + 1, u64::MAX] {
        let refused = build(limits.with_max_messages(messages)).unwrap_err();
        assert!(
            matches!(refused, ConfigError::TooManyMessages { wanted, limit: MAX_DATA_KEY_MESSAGES } if wanted == messages),
            "{refused}"
        );
    }

    // More bytes than the format allows count as what it allows: the key that has sealed so many is replaced.
    let provider = in_process();
    let sealer = Sealer::builder(provider.clone())
        .limits(
            SealingLimits::default()
                .with_max_bytes(u64::MAX)
                .with_refresh_by_use(false),
        )
        .build()
        .unwrap();
    for bytes in [MAX_DATA_KEY_BYTES, 1] {
        let key = sealer.keyring().key(&orders(), Usage::message(bytes)).await;
        assert!(key.is_ok());
    }
    assert_eq!(provider.fake().ledger().calls(), 2);
}
