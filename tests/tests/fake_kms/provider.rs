//! The fake KMS as a provider: the conformance suite, error classes, key states, rotation.
use std::time::Duration;

use datakey_fake_kms::{
    CallError, FakeKms, FakeKmsProvider, Fault, FaultRule, KmsContext, KmsError, KmsErrorCode, KmsOperation,
    Latency, NotADataKey,
};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider, ProviderError, Rank,
    SealingProvider, WrappedKey, conformance,
};

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap()
}

fn provider(fake: &FakeKms) -> FakeKmsProvider {
    fake.provider(&fake.create_key().unwrap())
}

async fn wrap(provider: &FakeKmsProvider) -> (DataKey, WrappedKey) {
    let (data_key, wrapped) = provider
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap()
        .into_parts();
    (data_key, wrapped.first().clone())
}

fn told(error: &ProviderError) -> (ErrorClass, Option<&str>) {
    (error.class(), error.code())
}

#[tokio::test(start_paused = true)]
async fn conforms() {
    conformance::check(&provider(&FakeKms::new())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn conforms_with_latency_and_after_rotation() {
    let latency = Latency::uniform(Duration::from_millis(3), Duration::from_secs(2));
    let fake = FakeKms::builder().latency(latency).seed(7).build().unwrap();
    let provider = provider(&fake);
    fake.rotate_key(provider.key_arn()).unwrap();
    conformance::check(&provider).await.unwrap();
}

#[tokio::test]
async fn wrapped_keys_look_like_those_of_kms() {
    let fake = FakeKms::builder()
        .region("eu-central-1")
        .account("444455556666")
        .build()
        .unwrap();
    let (_, wrapped) = wrap(&provider(&fake)).await;
    assert_eq!(wrapped.blob().len(), 184);
    let id = wrapped
        .key_id()
        .strip_prefix("arn:aws:kms:eu-central-1:444455556666:key/")
        .unwrap();
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
}

#[tokio::test]
async fn only_its_own_keys_open() {
    let fake = FakeKms::new();
    let (mine, theirs) = (provider(&fake), provider(&fake));
    let (data_key, wrapped) = wrap(&theirs).await;
    assert_eq!(mine.rank(&wrapped), None);
    let calls = fake.ledger().calls();
    let error = mine.decrypt(&context(), &wrapped).await.unwrap_err();
    assert_eq!(told(&error), (ErrorClass::InvalidRequest, None));
    assert_eq!(fake.ledger().calls(), calls, "refused without a call");

    // Another key's blob under my key id: the call names my key, so it does not open.
    let relabelled = WrappedKey::new(mine.key_arn(), wrapped.blob()).unwrap();
    let error = mine.decrypt(&context(), &relabelled).await.unwrap_err();
    assert_eq!(
        told(&error),
        (ErrorClass::NotAuthentic, Some("IncorrectKeyException"))
    );

    let both = mine
        .clone()
        .with_opening_key(theirs.key_arn())
        .with_rank(Rank::REMOTE);
    assert_eq!(both.rank(&wrapped), Some(Rank::REMOTE));
    assert!(both.decrypt(&context(), &wrapped).await.unwrap().ct_eq(&data_key));
    assert_eq!(wrap(&both).await.1.key_id(), mine.key_arn());
}

#[tokio::test]
async fn aliases_and_ids_become_arns() {
    let fake = FakeKms::new();
    let arn = fake.create_key().unwrap();
    fake.create_alias("alias/orders", &arn).unwrap();
    let id = fake.key_metadata(&arn).unwrap().key_id;
    for name in [
        &*arn,
        &*id,
        "alias/orders",
        "arn:aws:kms:us-east-1:111122223333:alias/orders",
    ] {
        let provider = fake.provider(name);
        assert_eq!(provider.key_arn(), &*arn, "{name}");
        let (_, wrapped) = wrap(&provider).await;
        assert!(provider.decrypt(&context(), &wrapped).await.is_ok());
    }
    let error = fake
        .provider("alias/none")
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(
        told(&error),
        (ErrorClass::UnavailableKey, Some("NotFoundException"))
    );
}

#[tokio::test(start_paused = true)]
async fn key_states_decide() {
    let fake = FakeKms::new();
    let provider = provider(&fake);
    let key = provider.key_arn().to_owned();
    let (data_key, wrapped) = wrap(&provider).await;

    fake.disable_key(&key).unwrap();
    let disabled = (ErrorClass::UnavailableKey, Some("DisabledException"));
    assert_eq!(
        told(
            &provider
                .generate_data_key(&context(), DataKeyLength::Bytes32)
                .await
                .unwrap_err()
        ),
        disabled
    );
    assert_eq!(
        told(&provider.encrypt(&context(), &data_key).await.unwrap_err()),
        disabled
    );
    assert_eq!(
        told(&provider.decrypt(&context(), &wrapped).await.unwrap_err()),
        disabled
    );
    fake.enable_key(&key).unwrap();
    assert!(
        provider
            .decrypt(&context(), &wrapped)
            .await
            .unwrap()
            .ct_eq(&data_key)
    );

    fake.schedule_key_deletion(&key, 7).unwrap();
    let pending = (ErrorClass::UnavailableKey, Some("KMSInvalidStateException"));
    assert_eq!(
        told(&provider.decrypt(&context(), &wrapped).await.unwrap_err()),
        pending
    );
    assert_eq!(
        fake.enable_key(&key).unwrap_err().code(),
        KmsErrorCode::InvalidState
    );
    fake.cancel_key_deletion(&key).unwrap();
    assert_eq!(
        told(&provider.decrypt(&context(), &wrapped).await.unwrap_err()),
        disabled
    );
    fake.enable_key(&key).unwrap();
    assert!(provider.decrypt(&context(), &wrapped).await.is_ok());

    fake.schedule_key_deletion(&key, 7).unwrap();
    tokio::time::advance(Duration::from_secs(7 * 24 * 60 * 60 - 1)).await;
    assert_eq!(
        told(&provider.decrypt(&context(), &wrapped).await.unwrap_err()),
        pending
    );
    tokio::time::advance(Duration::from_secs(1)).await;
    let gone = (ErrorClass::UnavailableKey, Some("NotFoundException"));
    assert_eq!(
        told(&provider.decrypt(&context(), &wrapped).await.unwrap_err()),
        gone
    );
    assert_eq!(
        fake.cancel_key_deletion(&key).unwrap_err().code(),
        KmsErrorCode::NotFound
    );
}

#[tokio::test]
async fn rotation_keeps_what_was_wrapped_readable() {
    let fake = FakeKms::new();
    let provider = provider(&fake);
    let mut wrapped = vec![wrap(&provider).await];
    for _ in 0..25 {
        let before = fake.key_metadata(provider.key_arn()).unwrap().key_material_id;
        fake.rotate_key(provider.key_arn()).unwrap();
        assert_ne!(
            fake.key_metadata(provider.key_arn()).unwrap().key_material_id,
            before
        );
        wrapped.push(wrap(&provider).await);
    }
    for (data_key, wrapped) in &wrapped {
        assert!(
            provider
                .decrypt(&context(), wrapped)
                .await
                .unwrap()
                .ct_eq(data_key)
        );
    }
    let error = fake.rotate_key(provider.key_arn()).unwrap_err();
    assert_eq!(error.code(), KmsErrorCode::LimitExceeded);
}

#[tokio::test(start_paused = true)]
async fn every_error_code_has_its_class() {
    use ErrorClass::{
        Denied, InvalidRequest, NotAuthentic, Throttled, Transient, Unauthenticated, UnavailableKey,
    };
    let table = [
        ("ThrottlingException", Throttled),
        ("KMSInternalException", Transient),
        ("DependencyTimeoutException", Transient),
        ("KeyUnavailableException", Transient),
        ("LimitExceededException", InvalidRequest),
        ("DisabledException", UnavailableKey),
        ("KMSInvalidStateException", Transient),
        ("NotFoundException", UnavailableKey),
        ("InvalidCiphertextException", NotAuthentic),
        ("IncorrectKeyException", NotAuthentic),
        ("AccessDeniedException", Denied),
        ("ExpiredTokenException", Unauthenticated),
        ("InvalidKeyUsageException", InvalidRequest),
        ("ValidationException", InvalidRequest),
    ];
    let fake = FakeKms::new();
    let provider = provider(&fake);
    for code in KmsErrorCode::ALL {
        fake.inject(FaultRule::new(*code).times(1));
        let error = provider
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap_err();
        assert_eq!(told(&error), (code.class(), Some(code.as_str())));
        if let Some((_, class)) = table.iter().find(|(name, _)| *name == code.as_str()) {
            assert_eq!(error.class(), *class, "{code}");
        }
    }
    for (name, _) in table {
        assert!(
            KmsErrorCode::ALL.iter().any(|code| code.as_str() == name),
            "{name}"
        );
    }
    for (fault, class) in [
        (Fault::Hang(Duration::from_secs(30)), ErrorClass::Timeout),
        (Fault::DropConnection, Transient),
        (Fault::Garbage, Transient),
    ] {
        fake.inject(FaultRule::new(fault).times(1));
        let error = provider
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap_err();
        assert_eq!(told(&error), (class, None));
    }
}

#[tokio::test]
async fn the_wait_that_the_service_asks_for_is_passed_on() {
    let fake = FakeKms::new();
    let provider = provider(&fake);
    let error = KmsError::new(KmsErrorCode::Throttling).with_retry_after(Duration::from_millis(250));
    fake.inject(FaultRule::new(Fault::Error(error)).times(1));
    let error = provider
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(error.delay(), Some(Duration::from_millis(250)));
    let source = std::error::Error::source(&error)
        .unwrap()
        .downcast_ref::<CallError>()
        .unwrap();
    assert!(
        source.to_string().starts_with("ThrottlingException: "),
        "{source}"
    );
}

#[tokio::test]
async fn a_plaintext_of_another_length_is_no_data_key() {
    let fake = FakeKms::new();
    let provider = provider(&fake);
    for len in [1, 15, 17, 31, 33] {
        let made = fake
            .generate_data_key(
                provider.key_arn(),
                &KmsContext::try_from(&context()).unwrap(),
                len,
            )
            .await
            .unwrap();
        let wrapped = WrappedKey::new(provider.key_arn(), made.ciphertext).unwrap();
        let error = provider.decrypt(&context(), &wrapped).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotAuthentic);
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.downcast_ref(), Some(&NotADataKey::Length(len)));
    }
}

#[tokio::test]
async fn data_keys_of_each_length_are_made_and_opened() {
    let provider = provider(&FakeKms::new());
    for length in DataKeyLength::ALL {
        let made = provider.generate_data_key(&context(), length).await.unwrap();
        assert_eq!(made.data_key().length(), length);
        let opened = provider.decrypt(&context(), made.wrapped_keys().first()).await;
        assert!(opened.unwrap().ct_eq(made.data_key()));
    }
}

#[tokio::test]
async fn nothing_shows_plaintext() {
    let fake = FakeKms::new();
    let provider = provider(&fake);
    let secret = DataKey::init(DataKeyLength::Bytes32, |bytes| {
        bytes.copy_from_slice(b"0123456789abcdefghijklmnopqrstuv")
    });
    let wrapped = provider.encrypt(&context(), &secret).await.unwrap();
    let opened = fake
        .decrypt(
            None,
            &KmsContext::try_from(&context()).unwrap(),
            wrapped.first().blob(),
        )
        .await
        .unwrap();
    fake.inject(FaultRule::new(KmsErrorCode::Internal).on(KmsOperation::Encrypt));
    let error = provider.encrypt(&context(), &secret).await.unwrap_err();
    let too_long = fake
        .encrypt(provider.key_arn(), &KmsContext::default(), &[b'7'; 4097])
        .await;
    for shown in [
        format!("{opened:?}"),
        format!("{error:?} {error}"),
        format!("{too_long:?}"),
        format!("{:?}", fake.ledger()),
        format!("{fake:?} {provider:?}"),
    ] {
        assert!(
            !shown.contains("0123456789") && !shown.contains("48, 49") && !shown.contains("7777"),
            "{shown}"
        );
    }
}
