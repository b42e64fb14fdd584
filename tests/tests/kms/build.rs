//! What a provider is built from, and what is refused.
use std::{process::Command, time::Duration};

use aws_sdk_kms::{
    Client,
    config::{Credentials, Region, SharedCredentialsProvider, http::HttpResponse},
};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use datakey_kms::{
    BuildError, DiscoveryFilter, DiscoveryFilterError, KeyIdForm, KmsKeyId, KmsKeyIdError, KmsProvider,
    KmsProviderBuilder, MAX_GRANT_TOKEN_LEN,
};
use datakey_provider::{DataKeyLength, OpeningProvider as _, Rank, SealingProvider as _};
use datakey_tests::{kms::*, kms_memory::Answering};

fn builder() -> KmsProviderBuilder {
    KmsProvider::from_client(&client("http://127.0.0.1:9"))
}

#[test]
fn what_is_missing_or_at_odds_is_named() {
    let away = KEY.replace("eu-central-1", "us-east-1");
    let filter = DiscoveryFilter::new("aws", ["111122223333"]).unwrap();
    let refused = |builder: KmsProviderBuilder| builder.build().map(drop).unwrap_err();
    assert_eq!(refused(builder()), BuildError::NoKey);
    assert!(!BuildError::NoKey.is_retryable());
    for made in [builder().wrapping_key(&away), builder().opening_key(&away)] {
        assert!(matches!(refused(made), BuildError::OtherRegion { .. }));
    }
    let malformed = BuildError::KeyId {
        text: "alias/".into(),
        source: KmsKeyIdError::Alias,
    };
    assert_eq!(refused(builder().key("alias/")), malformed);
    assert_eq!(
        refused(builder().opening_key("alias/one").opening_key("alias/two")),
        BuildError::SeveralAliases
    );
    assert_eq!(
        refused(builder().opening_key(KEY).danger_discovery(filter)),
        BuildError::PinnedAndDiscovery
    );
    for made in [
        builder().attempt_timeout(Duration::ZERO),
        builder().connect_timeout(Duration::ZERO),
    ] {
        assert_eq!(refused(made.key(KEY)), BuildError::ZeroTimeout);
    }
    let long = "t".repeat(MAX_GRANT_TOKEN_LEN + 1);
    for tokens in [vec!["t"; 11], vec![""], vec![&long]] {
        assert_eq!(
            refused(builder().key(KEY).grant_tokens(tokens)),
            BuildError::GrantTokens
        );
    }
    builder()
        .key(KEY)
        .opening_key("alias/one")
        .grant_tokens([&long[1..]; 10])
        .build()
        .unwrap();
}

#[test]
fn a_replica_stands_in_for_an_opening_key_of_another_region_if_that_is_allowed() {
    let away = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    let strict = builder().opening_key(away).build().map(drop).unwrap_err();
    assert!(matches!(strict, BuildError::OtherRegion { .. }));
    let made = builder()
        .opening_key(away)
        .allow_multi_region_replicas()
        .build()
        .unwrap();
    for named in [
        away,
        &away.replace("us-east-1", "eu-central-1"),
        &away.replace("us-east-1", "ap-south-1"),
    ] {
        assert_eq!(made.rank(&wrapped_by(named)), Some(Rank::LOCAL), "{named}");
    }
    // A key that has no replicas is in its own region only, and a sealing key is the one that is named.
    let single = KEY.replace("eu-central-1", "us-east-1");
    for made in [builder().opening_key(single), builder().wrapping_key(away)] {
        let refused = made.allow_multi_region_replicas().build().map(drop).unwrap_err();
        assert!(matches!(refused, BuildError::OtherRegion { .. }));
    }
}

#[test]
fn a_client_without_a_region_is_refused() {
    let mut config = config("http://127.0.0.1:9");
    config.set_region(None);
    let client = Client::from_conf(config.build());
    let refused = KmsProvider::from_client(&client).key(KEY).build();
    assert_eq!(refused.map(drop).unwrap_err(), BuildError::NoRegion);
}

#[test]
fn key_ids_have_four_forms() {
    let long = format!("alias/{}", "a".repeat(2048));
    for (text, expected) in [
        (KEY, Ok(KeyIdForm::KeyArn)),
        (KEY_ID, Ok(KeyIdForm::KeyId)),
        ("mrk-1234abcd12ab34cd56ef1234567890ab", Ok(KeyIdForm::KeyId)),
        ("alias/team/orders_v2", Ok(KeyIdForm::AliasName)),
        (
            "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/orders",
            Ok(KeyIdForm::AliasArn),
        ),
        ("", Err(KmsKeyIdError::Length(0))),
        (&long, Err(KmsKeyIdError::Length(2054))),
        ("alias/", Err(KmsKeyIdError::Alias)),
        ("alias/a b", Err(KmsKeyIdError::Alias)),
        ("alias/a\n", Err(KmsKeyIdError::Alias)),
        ("key/1234", Err(KmsKeyIdError::KeyId)),
        ("1234 abcd", Err(KmsKeyIdError::KeyId)),
        ("arn:aws:s3:::bucket", Err(KmsKeyIdError::Arn)),
        ("arn:aws:kms:eu-central-1:1111:key/a", Err(KmsKeyIdError::Arn)),
        // What KMS itself finds out at the first call: "there is no such key".
        ("orders", Err(KmsKeyIdError::KeyId)),
        ("1234ABCD-12AB-34CD-56EF-1234567890AB", Err(KmsKeyIdError::KeyId)),
        ("mrk-1234abcd", Err(KmsKeyIdError::KeyId)),
        (&KEY[..KEY.len() - 1], Err(KmsKeyIdError::Arn)),
        (&format!("{KEY} "), Err(KmsKeyIdError::Arn)),
        (&KEY.replace("key/", "key:"), Err(KmsKeyIdError::Arn)),
        (&KEY.replace(":kms:", ":KMS:"), Err(KmsKeyIdError::Arn)),
    ] {
        let parsed = text.parse::<KmsKeyId>();
        assert_eq!(
            parsed.as_ref().map(KmsKeyId::form).map_err(|error| *error),
            expected,
            "{text}"
        );
        if let Ok(key) = parsed {
            assert_eq!((key.as_str(), key.to_string().as_str()), (text, text));
        }
    }
}

#[test]
fn discovery_needs_a_filter() {
    let none: [&str; 0] = [];
    assert_eq!(
        DiscoveryFilter::new("aws", none),
        Err(DiscoveryFilterError::NoAccount)
    );
    assert_eq!(
        DiscoveryFilter::new("aws", ["*"]),
        Err(DiscoveryFilterError::Account("*".into()))
    );
    assert_eq!(
        DiscoveryFilter::new("", ["111122223333"]),
        Err(DiscoveryFilterError::Partition("".into()))
    );
}

#[tokio::test]
async fn an_sdk_config_is_taken_as_it_is() {
    let server = server(json_answer(&success())).await;
    let credentials = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "tests");
    // No behaviour version and no sleep implementation, which the SDK's own constructor answers with a panic.
    let config = SdkConfig::builder()
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(server.uri())
        .build();
    let kms = KmsProvider::from_sdk_config(&config).key(KEY).build().unwrap();
    assert_eq!(kms.region(), REGION);
    drop(
        kms.generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap(),
    );
    assert_eq!(seen(&server).await.len(), 1);
}

#[test]
fn an_sdk_config_without_credentials_or_region_is_refused() {
    let credentials = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "tests");
    let no_region = SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let no_credentials = SdkConfig::builder().region(Region::new(REGION)).build();
    for (config, expected) in [
        (no_region, BuildError::NoRegion),
        (no_credentials, BuildError::NoCredentials),
    ] {
        let refused = KmsProvider::from_sdk_config(&config).key(KEY).build();
        assert_eq!(refused.map(drop).unwrap_err(), expected);
    }
}

#[test]
fn debug_shows_no_grant_token() {
    let made = builder().key(KEY).grant_tokens(["AQpA token"]);
    let text = format!("{made:?} {:?}", made.clone().build().unwrap());
    assert!(text.contains(KEY) && !text.contains("AQpA"), "{text}");
}

/// An endpoint that is set to nothing is none: the SDK panics over it at the first call.
#[tokio::test]
async fn an_empty_endpoint_is_none() {
    let answering = Answering::with(|| {
        let body = SdkBody::from(success().to_string());
        HttpResponse::new(200.try_into().unwrap(), body)
    });
    let credentials = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "tests");
    for endpoint in ["", " "] {
        let config = SdkConfig::builder()
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .http_client(answering.clone().into_client())
            .endpoint_url(endpoint)
            .build();
        let kms = KmsProvider::from_sdk_config(&config).key(KEY).build().unwrap();
        drop(
            kms.generate_data_key(&context(), DataKeyLength::Bytes32)
                .await
                .unwrap(),
        );
    }
}

/// The environment of a process cannot be changed safely from within, so this one is run in a process of its own.
#[tokio::test]
async fn the_environment_makes_a_provider() {
    // The service's own endpoint comes before that of all services, unless it is empty.
    let (server, other) = (server(json_answer(&success())).await, "http://127.0.0.1:9");
    for (own, all) in [(&*server.uri(), other), ("", &*server.uri())] {
        let before = seen(&server).await.len();
        let output = Command::new(env!("CARGO_BIN_EXE_kms_from_environment"))
            .args([KEY, REGION])
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
            .env("AWS_ENDPOINT_URL_KMS", own)
            .env("AWS_ENDPOINT_URL", all)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_MAX_ATTEMPTS", "5")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(seen(&server).await.len(), before + 1);
    }
}

/// What the SDK would refuse at each call, found out when the provider is built.
#[test]
fn an_endpoint_that_cannot_be_used_is_refused() {
    let credentials = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "tests");
    let config = || {
        SdkConfig::builder()
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
    };
    let url = "http://127.0.0.1:9";
    for (config, part) in [
        (config().endpoint_url(url).use_fips(true), "FIPS"),
        (config().endpoint_url(url).use_dual_stack(true), "Dualstack"),
        (config().endpoint_url("localhost:9"), "http://"),
        (config().endpoint_url("https://"), "host"),
        (config().region(Region::new("not a region")), "egion"),
    ] {
        let refused = KmsProvider::from_sdk_config(&config.build()).key(KEY_ID).build();
        match refused.map(drop).unwrap_err() {
            BuildError::Endpoint(reason) => assert!(reason.contains(part), "{reason}"),
            other => panic!("{part}: {other}"),
        }
    }
    // The negative twins.
    for config in [
        config().use_fips(true),
        config().use_dual_stack(true),
        config().endpoint_url("HTTPS://kms.example/path"),
    ] {
        KmsProvider::from_sdk_config(&config.build())
            .key(KEY_ID)
            .build()
            .unwrap();
    }
}
