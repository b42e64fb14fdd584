//! What `datakey-kms` sends: read off the wire, as a round trip alone proves nothing.
use aws_sdk_kms::{
    Client,
    config::{
        ConfigBag, Intercept, IntoShared as _, RuntimeComponents,
        interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey_kms::{DiscoveryFilter, KmsProvider};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, Rank, SealingProvider as _,
    conformance,
};
use datakey_tests::kms::*;
use serde_json::json;

#[tokio::test]
async fn generate_data_key_sends_key_spec_context_and_grant_tokens() {
    let server = server(json_answer(&success())).await;
    let kms = KmsProvider::from_client(&client(&server.uri()))
        .wrapping_key("alias/orders")
        .grant_tokens(["token one", "token two"])
        .build()
        .unwrap();
    let made = kms
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    assert_eq!(made.data_key().expose_secret(), &PLAINTEXT);
    assert_eq!(made.wrapped_keys().first(), &wrapped_by(KEY));
    let sent = seen(&server).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].operation, "GenerateDataKey");
    assert_eq!(
        sent[0].body,
        json!({
            "KeyId": "alias/orders",
            "KeySpec": "AES_256",
            "EncryptionContext": {"tenant": "acme", "purpose": "orders"},
            "GrantTokens": ["token one", "token two"],
        })
    );
}

#[tokio::test]
async fn generate_data_key_asks_for_the_length() {
    for (length, asked) in [
        (DataKeyLength::Bytes16, json!({"KeySpec": "AES_128"})),
        (DataKeyLength::Bytes24, json!({"NumberOfBytes": 24})),
        (DataKeyLength::Bytes32, json!({"KeySpec": "AES_256"})),
    ] {
        let mut answer = success();
        answer["Plaintext"] = STANDARD.encode(vec![7; length.bytes()]).into();
        let server = server(json_answer(&answer)).await;
        let made = provider(&server.uri())
            .generate_data_key(&EncryptionContext::empty(), length)
            .await
            .unwrap();
        assert_eq!(made.data_key().length(), length);
        let mut expected = asked;
        expected["KeyId"] = KEY.into();
        assert_eq!(seen(&server).await[0].body, expected);
    }
}

#[tokio::test]
async fn encrypt_sends_the_data_key_and_the_context() {
    let server = server(json_answer(&success())).await;
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x5A));
    let wrapped = provider(&server.uri())
        .encrypt(&context(), &data_key)
        .await
        .unwrap();
    assert_eq!(wrapped.as_slice(), [wrapped_by(KEY)]);
    let sent = seen(&server).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].operation, "Encrypt");
    assert_eq!(
        sent[0].body,
        json!({
            "KeyId": KEY,
            "Plaintext": STANDARD.encode([0x5A; 32]),
            "EncryptionContext": {"tenant": "acme", "purpose": "orders"},
        })
    );
}

#[tokio::test]
async fn decrypt_names_the_key_and_sends_the_context() {
    let server = server(json_answer(&success())).await;
    let kms = provider(&server.uri());
    let opened = kms.decrypt(&context(), &wrapped_by(KEY)).await.unwrap();
    assert_eq!(opened.expose_secret(), &PLAINTEXT);
    let sent = seen(&server).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].operation, "Decrypt");
    assert_eq!(
        sent[0].body,
        json!({
            "KeyId": KEY,
            "CiphertextBlob": STANDARD.encode(b"opaque blob"),
            "EncryptionContext": {"tenant": "acme", "purpose": "orders"},
        })
    );
}

#[tokio::test]
async fn every_pair_of_a_large_context_is_sent_and_an_empty_one_is_left_out() {
    let server = server(json_answer(&success())).await;
    let kms = provider(&server.uri());
    let pairs: Vec<(String, String)> = (0..32)
        .map(|n| (format!("key {n} \u{2603}"), format!("\"\\\n{n}")))
        .collect();
    let large = EncryptionContext::new(pairs.clone()).unwrap();
    drop(
        kms.generate_data_key(&large, DataKeyLength::Bytes32)
            .await
            .unwrap(),
    );
    kms.decrypt(&EncryptionContext::empty(), &wrapped_by(KEY))
        .await
        .unwrap();
    let sent = seen(&server).await;
    let object = sent[0].body["EncryptionContext"].as_object().unwrap();
    assert_eq!(object.len(), pairs.len());
    assert!(pairs.iter().all(|(key, value)| object[key] == *value));
    assert_eq!(sent[1].body.get("EncryptionContext"), None);
}

#[tokio::test]
async fn foreign_keys_are_refused_without_a_request() {
    let server = server(json_answer(&success())).await;
    let kms = provider(&server.uri());
    let destination = KEY.parse().unwrap();
    for id in [OTHER_KEY, KEY_ID, "alias/orders", "nobody:nothing", "local:dev"] {
        let wrapped = wrapped_by(id);
        assert_eq!(kms.rank(&wrapped), None);
        let refused = [
            kms.decrypt(&context(), &wrapped).await.map(drop),
            kms.re_encrypt(&wrapped, &context(), &destination, &context())
                .await
                .map(drop),
        ];
        for error in refused.map(Result::unwrap_err) {
            assert_eq!(error.class(), ErrorClass::InvalidRequest);
            assert_eq!(error.key_id(), Some(id));
        }
    }
    assert_eq!(seen(&server).await, []);
}

#[tokio::test]
async fn halves_that_are_not_configured_are_refused_without_a_request() {
    let server = server(json_answer(&success())).await;
    let client = client(&server.uri());
    let sealer = KmsProvider::from_client(&client)
        .wrapping_key(KEY)
        .build()
        .unwrap();
    let opener = KmsProvider::from_client(&client)
        .opening_key(KEY)
        .build()
        .unwrap();
    let sealing = opener
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(sealing.class(), ErrorClass::InvalidRequest);
    let data_key = DataKey::init(DataKeyLength::Bytes32, |_| {});
    let sealing = opener.encrypt(&context(), &data_key).await.unwrap_err();
    assert_eq!(sealing.class(), ErrorClass::InvalidRequest);
    let opening = sealer.decrypt(&context(), &wrapped_by(KEY)).await.unwrap_err();
    assert_eq!(opening.class(), ErrorClass::InvalidRequest);
    assert_eq!(seen(&server).await, []);
}

#[tokio::test]
async fn re_encrypt_pins_its_source_and_sends_both_contexts() {
    let mut body = success();
    body["KeyId"] = OTHER_KEY.into();
    let server = server(json_answer(&body)).await;
    let kms = provider(&server.uri());
    let theirs = EncryptionContext::new([("tenant", "accounting")]).unwrap();
    let destination = OTHER_KEY.parse().unwrap();
    let made = kms
        .re_encrypt(&wrapped_by(KEY), &context(), &destination, &theirs)
        .await
        .unwrap();
    assert_eq!(made, wrapped_by(OTHER_KEY));
    let sent = seen(&server).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].operation, "ReEncrypt");
    assert_eq!(
        sent[0].body,
        json!({
            "CiphertextBlob": STANDARD.encode(b"opaque blob"),
            "SourceKeyId": KEY,
            "SourceEncryptionContext": {"tenant": "acme", "purpose": "orders"},
            "DestinationKeyId": OTHER_KEY,
            "DestinationEncryptionContext": {"tenant": "accounting"},
        })
    );
    let away = OTHER_KEY.replace("eu-central-1", "us-east-1").parse().unwrap();
    let error = kms
        .re_encrypt(&wrapped_by(KEY), &context(), &away, &theirs)
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::InvalidRequest);
    assert_eq!(seen(&server).await.len(), 1, "refused without a request");
}

#[tokio::test]
async fn replicas_are_asked_for_in_the_client_s_region() {
    let here = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    let away = here.replace("eu-central-1", "us-east-1");
    let mut body = success();
    body["KeyId"] = here.into();
    let server = server(json_answer(&body)).await;
    let pinned = KmsProvider::from_client(&client(&server.uri())).opening_key(here);
    let strict = pinned.clone().build().unwrap();
    assert_eq!(strict.rank(&wrapped_by(&away)), None);
    let replicas = pinned.allow_multi_region_replicas().build().unwrap();
    assert_eq!(replicas.rank(&wrapped_by(&away)), Some(Rank::LOCAL));
    replicas.decrypt(&context(), &wrapped_by(&away)).await.unwrap();
    assert_eq!(seen(&server).await[0].body["KeyId"], here);
}

#[tokio::test]
async fn discovery_asks_for_the_key_that_the_message_names() {
    let server = server(json_answer(&success())).await;
    let discover = |account: &str| {
        let filter = DiscoveryFilter::new("aws", [account]).unwrap();
        KmsProvider::from_client(&client(&server.uri()))
            .danger_discovery(filter)
            .build()
            .unwrap()
    };
    let ours = discover("111122223333");
    assert_eq!(ours.rank(&wrapped_by(KEY)), Some(Rank(1)), "behind pinned keys");
    ours.decrypt(&context(), &wrapped_by(KEY)).await.unwrap();
    assert_eq!(seen(&server).await[0].body["KeyId"], KEY);
    let theirs = discover("444455556666");
    assert_eq!(theirs.rank(&wrapped_by(KEY)), None);
    assert!(theirs.decrypt(&context(), &wrapped_by(KEY)).await.is_err());
    assert_eq!(seen(&server).await.len(), 1);
}

#[tokio::test]
async fn an_alias_is_sent_as_it_is() {
    let server = server(json_answer(&success())).await;
    let kms = KmsProvider::from_client(&client(&server.uri()))
        .opening_key("alias/orders")
        .rank(Rank::REMOTE)
        .build()
        .unwrap();
    assert_eq!(kms.rank(&wrapped_by(KEY)), Some(Rank(Rank::REMOTE.0 + 1)));
    kms.decrypt(&context(), &wrapped_by(KEY)).await.unwrap();
    assert_eq!(seen(&server).await[0].body["KeyId"], "alias/orders");
}

#[tokio::test]
async fn warm_up_is_a_dry_run_of_each_half() {
    let dry_run = error(
        412,
        "DryRunOperationException",
        "The request would have succeeded",
    );
    let server = server(dry_run).await;
    provider(&server.uri()).warm_up(&context()).await.unwrap();
    let sent = seen(&server).await;
    let context = json!({"tenant": "acme", "purpose": "orders"});
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].operation, "GenerateDataKey");
    assert_eq!(
        sent[0].body,
        json!({"KeyId": KEY, "KeySpec": "AES_256", "DryRun": true, "EncryptionContext": context})
    );
    assert_eq!(sent[1].operation, "Decrypt");
    assert_eq!(
        sent[1].body,
        json!({"KeyId": KEY, "DryRun": true, "DryRunModifiers": ["IGNORE_CIPHERTEXT"], "EncryptionContext": context})
    );
}

#[tokio::test]
async fn warm_up_finds_out_what_is_denied() {
    let server = server(error(400, "AccessDeniedException", "not authorized")).await;
    let denied = provider(&server.uri()).warm_up(&context()).await.unwrap_err();
    assert_eq!(denied.class(), ErrorClass::Denied);
}

#[tokio::test]
async fn the_conformance_suite_passes() {
    let server = server(SmallKms::default()).await;
    conformance::check(&provider(&server.uri())).await.unwrap();
}

/// Writes down where a request would go, and stops it there.
#[derive(Debug, Clone, Default)]
struct Address(std::sync::Arc<std::sync::Mutex<String>>);

impl Intercept for Address {
    fn name(&self) -> &'static str {
        "Address"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request().uri().clone_into(&mut self.0.lock().unwrap());
        Err("stopped on purpose".into())
    }
}

#[tokio::test]
async fn fips_and_dual_stack_pass_through() {
    for (fips, dual_stack, expected) in [
        (false, false, "https://kms.eu-central-1.amazonaws.com/"),
        (true, false, "https://kms-fips.eu-central-1.amazonaws.com/"),
        (false, true, "https://kms.eu-central-1.api.aws/"),
        (true, true, "https://kms-fips.eu-central-1.api.aws/"),
    ] {
        let address = Address::default();
        let mut config = config("").use_fips(fips).use_dual_stack(dual_stack);
        config
            .set_endpoint_url(None)
            .push_interceptor(address.clone().into_shared());
        let kms = KmsProvider::from_client(&Client::from_conf(config.build()))
            .key(KEY)
            .build()
            .unwrap();
        kms.generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap_err();
        assert_eq!(*address.0.lock().unwrap(), expected);
    }
}
