//! The operations of the fake KMS: limits, names of keys, and which error comes when.
use datakey_fake_kms::{
    BuildError, CallError, FakeKms, KeyState, KmsContext, KmsErrorCode, MAX_CIPHERTEXT_LEN,
    MAX_KMS_CONTEXT_LEN, MAX_PLAINTEXT_LEN, MAX_RANDOM_LEN,
};

fn code<T: std::fmt::Debug>(result: Result<T, CallError>) -> KmsErrorCode {
    result.unwrap_err().code().expect("an answer")
}

fn context(pairs: &[(&str, &str)]) -> KmsContext {
    KmsContext::new(pairs.iter().copied()).unwrap()
}

#[tokio::test]
async fn lengths_are_limited() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let none = KmsContext::default();
    for len in [1, MAX_RANDOM_LEN] {
        assert_eq!(
            fake.generate_random(len).await.unwrap().expose_secret().len(),
            len
        );
        let made = fake.generate_data_key(&key, &none, len).await.unwrap();
        assert_eq!(
            (made.plaintext.expose_secret().len(), made.ciphertext.len()),
            (len, len + 152)
        );
        let made = fake
            .generate_data_key_without_plaintext(&key, &none, len)
            .await
            .unwrap();
        let opened = fake.decrypt(None, &none, &made.ciphertext).await.unwrap();
        assert_eq!(opened.plaintext.expose_secret().len(), len);
    }
    for len in [0, MAX_RANDOM_LEN + 1, usize::MAX] {
        assert_eq!(code(fake.generate_random(len).await), KmsErrorCode::Validation);
        assert_eq!(
            code(fake.generate_data_key(&key, &none, len).await),
            KmsErrorCode::Validation
        );
        let made = fake.generate_data_key_without_plaintext(&key, &none, len).await;
        assert_eq!(code(made), KmsErrorCode::Validation);
    }
    let longest = fake.encrypt(&key, &none, &[7; MAX_PLAINTEXT_LEN]).await.unwrap();
    let opened = fake.decrypt(None, &none, &longest.ciphertext).await.unwrap();
    assert_eq!(opened.plaintext.expose_secret(), [7; MAX_PLAINTEXT_LEN]);
    assert_eq!(
        code(fake.encrypt(&key, &none, &[7; MAX_PLAINTEXT_LEN + 1]).await),
        KmsErrorCode::Validation
    );
    assert_eq!(
        code(fake.encrypt(&key, &none, &[]).await),
        KmsErrorCode::Validation
    );
    let junk = [7; MAX_CIPHERTEXT_LEN + 1];
    assert_eq!(
        code(fake.decrypt(None, &none, &[]).await),
        KmsErrorCode::Validation
    );
    assert_eq!(
        code(fake.decrypt(None, &none, &junk).await),
        KmsErrorCode::Validation
    );
    let junk = &junk[..MAX_CIPHERTEXT_LEN];
    assert_eq!(
        code(fake.decrypt(None, &none, junk).await),
        KmsErrorCode::InvalidCiphertext
    );
}

#[tokio::test]
async fn contexts_are_equal_pair_by_pair() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let own = context(&[("tenant", "acme"), ("purpose", "orders")]);
    let made = fake.encrypt(&key, &own, b"hello").await.unwrap();
    let reordered = context(&[("purpose", "orders"), ("tenant", "acme")]);
    assert!(fake.decrypt(None, &reordered, &made.ciphertext).await.is_ok());
    for other in [
        context(&[]),
        context(&[("tenant", "acme")]),
        context(&[("tenant", "acme"), ("purpose", "orders"), ("more", "")]),
        context(&[("tenant", "acme"), ("purpose", "Orders")]),
        context(&[("tenant", "orders"), ("purpose", "acme")]),
        // The same letters, cut elsewhere.
        context(&[("tenan", "tacme"), ("purpose", "orders")]),
        context(&[("purpose", "orders\0\u{6}tenant\0\u{4}acme")]),
    ] {
        let opened = fake.decrypt(None, &other, &made.ciphertext).await;
        assert_eq!(code(opened), KmsErrorCode::InvalidCiphertext, "{other:?}");
    }
    let empty_key = context(&[("", "value")]);
    let made = fake.encrypt(&key, &empty_key, b"hello").await.unwrap();
    assert!(fake.decrypt(None, &empty_key, &made.ciphertext).await.is_ok());
    assert!(
        fake.decrypt(None, &context(&[("value", "")]), &made.ciphertext)
            .await
            .is_err()
    );
}

#[test]
fn contexts_are_limited_and_iterate() {
    let half = "x".repeat(MAX_KMS_CONTEXT_LEN / 2);
    let longest = KmsContext::new([(half.clone(), half.clone())]).unwrap();
    assert_eq!(
        longest.iter().collect::<Vec<_>>(),
        [(half.as_str(), half.as_str())]
    );
    let error = KmsContext::new([(half.clone(), half + "x")]).unwrap_err();
    assert_eq!(error.code(), KmsErrorCode::Validation);
    let twice = KmsContext::new([("a", "1"), ("b", "2"), ("a", "3")]).unwrap();
    assert_eq!(twice.iter().collect::<Vec<_>>(), [("a", "3"), ("b", "2")]);
    assert_eq!(format!("{twice:?}"), r#"{"a": "3", "b": "2"}"#);
    assert!(KmsContext::default().is_empty() && !twice.is_empty());
}

#[tokio::test]
async fn keys_are_found_by_each_of_their_names() {
    let fake = FakeKms::new();
    let arn = fake.create_key().unwrap();
    let id = fake.key_metadata(&arn).unwrap().key_id;
    fake.create_alias("alias/a/b_c-9", &id).unwrap();
    let alias_arn = "arn:aws:kms:us-east-1:111122223333:alias/a/b_c-9";
    for name in [&*arn, &*id, "alias/a/b_c-9", alias_arn] {
        let described = fake.describe_key(name).await.unwrap();
        assert_eq!((&*described.arn, &*described.key_id), (&*arn, &*id));
        assert_eq!(described.state, KeyState::Enabled);
    }
    // Operations on keys themselves take no alias.
    assert_eq!(
        fake.disable_key("alias/a/b_c-9").unwrap_err().code(),
        KmsErrorCode::NotFound
    );
    assert_eq!(
        fake.disable_key(alias_arn).unwrap_err().code(),
        KmsErrorCode::NotFound
    );
}

#[tokio::test]
async fn what_names_no_key_is_refused() {
    let fake = FakeKms::new();
    let arn = fake.create_key().unwrap();
    let id = fake.key_metadata(&arn).unwrap().key_id;
    let unknown = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let long = "x".repeat(2049);
    let cases = [
        ("", KmsErrorCode::Validation),
        (long.as_str(), KmsErrorCode::Validation),
        ("nonsense", KmsErrorCode::NotFound),
        (unknown, KmsErrorCode::NotFound),
        ("alias/none", KmsErrorCode::NotFound),
        ("key/1234abcd-12ab-34cd-56ef-1234567890ab", KmsErrorCode::NotFound),
        ("arn:aws:s3:::bucket", KmsErrorCode::NotFound),
        (
            "arn:aws:kms:us-east-1:111122223333:grant/x",
            KmsErrorCode::NotFound,
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(code(fake.describe_key(name).await), expected, "{name}");
    }
    let key_slash_id = format!("key/{id}");
    assert_eq!(
        code(fake.describe_key(&key_slash_id).await),
        KmsErrorCode::NotFound
    );
    let id_in_arn = arn.replace("key/", "");
    assert_eq!(code(fake.describe_key(&id_in_arn).await), KmsErrorCode::NotFound);
    let elsewhere = arn.replace("us-east-1", "us-west-2");
    assert_eq!(code(fake.describe_key(&elsewhere).await), KmsErrorCode::NotFound);
    let of_others = arn.replace("111122223333", "444455556666");
    assert_eq!(
        code(fake.describe_key(&of_others).await),
        KmsErrorCode::AccessDenied
    );
}

#[tokio::test]
async fn decrypt_finds_the_key_and_honours_the_pin() {
    let fake = FakeKms::new();
    let (one, two) = (fake.create_key().unwrap(), fake.create_key().unwrap());
    fake.create_alias("alias/one", &one).unwrap();
    let none = KmsContext::default();
    let made = fake.encrypt(&one, &none, b"hello").await.unwrap();
    for pin in [None, Some(&*one), Some("alias/one")] {
        let opened = fake.decrypt(pin, &none, &made.ciphertext).await.unwrap();
        assert_eq!(opened.key_arn, one);
        assert_eq!(opened.plaintext.expose_secret(), b"hello");
    }
    assert_eq!(
        code(fake.decrypt(Some(&two), &none, &made.ciphertext).await),
        KmsErrorCode::IncorrectKey
    );
    let unknown = fake.decrypt(Some("alias/none"), &none, &made.ciphertext).await;
    assert_eq!(code(unknown), KmsErrorCode::NotFound);

    // A ciphertext of another Region's fake: whether the key exists is not told.
    let other = FakeKms::builder().region("eu-west-1").build().unwrap();
    let here = other.create_key().unwrap();
    assert_eq!(
        code(other.decrypt(None, &none, &made.ciphertext).await),
        KmsErrorCode::AccessDenied
    );
    let pinned = other.decrypt(Some(&here), &none, &made.ciphertext).await;
    assert_eq!(code(pinned), KmsErrorCode::IncorrectKey);
}

#[tokio::test]
async fn re_encrypt_moves_between_keys_and_contexts() {
    let fake = FakeKms::new();
    let (one, two) = (fake.create_key().unwrap(), fake.create_key().unwrap());
    let (from, to) = (context(&[("stage", "old")]), context(&[("stage", "new")]));
    let made = fake.encrypt(&one, &from, b"hello").await.unwrap();
    let moved = fake
        .re_encrypt(&made.ciphertext, (Some(&one), &from), (&two, &to))
        .await
        .unwrap();
    assert_eq!((&moved.source_key_arn, &moved.made.key_arn), (&one, &two));
    let opened = fake
        .decrypt(Some(&two), &to, &moved.made.ciphertext)
        .await
        .unwrap();
    assert_eq!(opened.plaintext.expose_secret(), b"hello");
    let with_old_context = fake.decrypt(Some(&two), &from, &moved.made.ciphertext).await;
    assert_eq!(code(with_old_context), KmsErrorCode::InvalidCiphertext);

    let wrong_source = fake
        .re_encrypt(&made.ciphertext, (Some(&two), &from), (&two, &to))
        .await;
    assert_eq!(code(wrong_source), KmsErrorCode::IncorrectKey);
    let wrong_context = fake.re_encrypt(&made.ciphertext, (None, &to), (&two, &to)).await;
    assert_eq!(code(wrong_context), KmsErrorCode::InvalidCiphertext);
    fake.disable_key(&two).unwrap();
    let disabled = fake
        .re_encrypt(&made.ciphertext, (None, &from), (&two, &to))
        .await;
    assert_eq!(code(disabled), KmsErrorCode::Disabled);
}

#[test]
fn aliases_are_checked() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    fake.create_alias("alias/orders", &key).unwrap();
    let cases = [
        ("alias/orders", KmsErrorCode::AlreadyExists),
        ("orders", KmsErrorCode::Validation),
        ("", KmsErrorCode::Validation),
        ("alias/", KmsErrorCode::Validation),
        ("alias/a b", KmsErrorCode::Validation),
        ("alias/a:b", KmsErrorCode::Validation),
        ("alias/aws/s3", KmsErrorCode::NotAuthorized),
    ];
    for (name, expected) in cases {
        assert_eq!(
            fake.create_alias(name, &key).unwrap_err().code(),
            expected,
            "{name}"
        );
    }
    let onto_alias = fake.create_alias("alias/second", "alias/orders").unwrap_err();
    assert_eq!(onto_alias.code(), KmsErrorCode::Validation);
    let long = format!("alias/{}", "x".repeat(251));
    assert_eq!(
        fake.create_alias(&long, &key).unwrap_err().code(),
        KmsErrorCode::Validation
    );
    for number in 1..50 {
        fake.create_alias(&format!("alias/{number}"), &key).unwrap();
    }
    let one_more = fake.create_alias("alias/50", &key).unwrap_err();
    assert_eq!(one_more.code(), KmsErrorCode::LimitExceeded);
}

#[test]
fn waiting_periods_and_state_changes_are_checked() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    for days in [0, 6, 31] {
        let error = fake.schedule_key_deletion(&key, days).unwrap_err();
        assert_eq!(error.code(), KmsErrorCode::Validation, "{days}");
    }
    assert_eq!(
        fake.cancel_key_deletion(&key).unwrap_err().code(),
        KmsErrorCode::InvalidState
    );
    fake.schedule_key_deletion(&key, 30).unwrap();
    let described = fake.key_metadata(&key).unwrap();
    assert_eq!(described.state, KeyState::PendingDeletion);
    let until = described.deletion.unwrap() - described.created;
    assert!(
        (30 * 86_400..30 * 86_400 + 60).contains(&until.as_secs()),
        "{until:?}"
    );
    assert_eq!(
        fake.schedule_key_deletion(&key, 30).unwrap_err().code(),
        KmsErrorCode::InvalidState
    );
    assert_eq!(
        fake.disable_key(&key).unwrap_err().code(),
        KmsErrorCode::InvalidState
    );
    assert_eq!(
        fake.rotate_key(&key).unwrap_err().code(),
        KmsErrorCode::InvalidState
    );
}

#[test]
fn settings_are_checked() {
    for bad in ["", "US-EAST-1", "eu west 1", &"x".repeat(33)] {
        let error = FakeKms::builder().region(bad).build().unwrap_err();
        assert_eq!(error, BuildError::Region(bad.into()));
    }
    for bad in ["", "11112222333", "1111222233334", "11112222333x"] {
        let error = FakeKms::builder().account(bad).build().unwrap_err();
        assert_eq!(error, BuildError::Account(bad.into()));
    }
    let china = FakeKms::builder().region("cn-north-1").build().unwrap();
    assert!(
        china
            .create_key()
            .unwrap()
            .starts_with("arn:aws-cn:kms:cn-north-1:")
    );
}

#[tokio::test]
async fn each_partition_has_its_regions_and_no_other_partitions_arns_are_taken() {
    for (region, partition) in [
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eusc-de-east-1", "aws-eusc"),
    ] {
        let fake = FakeKms::builder().region(region).build().unwrap();
        let key = fake.create_key().unwrap();
        let (start, rest) = key.split_once(":kms:").unwrap();
        assert_eq!(
            (start, fake.partition()),
            (&*format!("arn:{partition}"), partition)
        );
        assert!(fake.describe_key(&key).await.is_ok());
        for other in ["aws", "aws-cn", "aws-eusc", "aws-iso", "nonsense", ""] {
            let arn = format!("arn:{other}:kms:{rest}");
            let found = fake.describe_key(&arn).await;
            if other == partition {
                assert!(found.is_ok(), "{arn}");
            } else {
                assert_eq!(code(found), KmsErrorCode::NotFound, "{arn}");
            }
        }
    }
}
