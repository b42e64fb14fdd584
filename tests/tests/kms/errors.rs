//! Every error that KMS answers, as it answers it: class, code, delay, and one request for one call.
use std::{error::Error as _, time::Duration};

use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, retry::RetryConfig},
};
use datakey_kms::{KmsFailure, KmsProvider, class_of_status};
use datakey_provider::{
    DataKey, DataKeyLength, ErrorClass, OpeningProvider as _, Operation, ProviderError, SealingProvider as _,
};
use datakey_tests::{errors::told_once, kms::*};
use wiremock::ResponseTemplate;

/// What KMS sends for a code: HTTP status, code, class.
const ROWS: &[(u16, &str, ErrorClass)] = &[
    (400, "ThrottlingException", ErrorClass::Throttled),
    (400, "RequestLimitExceeded", ErrorClass::Throttled),
    (400, "TooManyRequestsException", ErrorClass::Throttled),
    (500, "KMSInternalException", ErrorClass::Transient),
    (500, "KeyUnavailableException", ErrorClass::Transient),
    (500, "DependencyTimeoutException", ErrorClass::Transient),
    (500, "InternalFailure", ErrorClass::Transient),
    (503, "ServiceUnavailable", ErrorClass::Transient),
    (400, "RequestTimeout", ErrorClass::Timeout),
    (400, "AccessDeniedException", ErrorClass::Denied),
    (400, "UnrecognizedClientException", ErrorClass::Unauthenticated),
    (400, "InvalidSignatureException", ErrorClass::Unauthenticated),
    (400, "IncompleteSignatureException", ErrorClass::Unauthenticated),
    (
        400,
        "MissingAuthenticationTokenException",
        ErrorClass::Unauthenticated,
    ),
    (400, "ExpiredTokenException", ErrorClass::Unauthenticated),
    (400, "InvalidClientTokenId", ErrorClass::Unauthenticated),
    (403, "RequestTimeTooSkewed", ErrorClass::Unauthenticated),
    (400, "RequestExpired", ErrorClass::Unauthenticated),
    (400, "NotAuthorized", ErrorClass::Denied),
    (400, "OptInRequired", ErrorClass::Unauthenticated),
    (400, "DisabledException", ErrorClass::UnavailableKey),
    (400, "KMSInvalidStateException", ErrorClass::Transient),
    (400, "NotFoundException", ErrorClass::UnavailableKey),
    (400, "InvalidCiphertextException", ErrorClass::NotAuthentic),
    (400, "IncorrectKeyException", ErrorClass::NotAuthentic),
    (400, "LimitExceededException", ErrorClass::InvalidRequest),
    (400, "InvalidKeyUsageException", ErrorClass::InvalidRequest),
    (400, "InvalidGrantTokenException", ErrorClass::InvalidRequest),
    (400, "DryRunOperationException", ErrorClass::InvalidRequest),
    (400, "InvalidArnException", ErrorClass::InvalidRequest),
    (400, "ValidationException", ErrorClass::InvalidRequest),
    (400, "SerializationException", ErrorClass::InvalidRequest),
    (400, "UnknownOperationException", ErrorClass::InvalidRequest),
];

/// One failed call of each operation against the same answer.
async fn each_operation(kms: &KmsProvider) -> [ProviderError; 4] {
    let (context, wrapped, destination) = (context(), wrapped_by(KEY), KEY.parse().unwrap());
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(1));
    [
        kms.generate_data_key(&context, DataKeyLength::Bytes32)
            .await
            .unwrap_err(),
        kms.encrypt(&context, &data_key).await.unwrap_err(),
        kms.decrypt(&context, &wrapped).await.unwrap_err(),
        kms.re_encrypt(&wrapped, &context, &destination, &context)
            .await
            .unwrap_err(),
    ]
}

const OPERATIONS: [Operation; 4] = [
    Operation::GenerateDataKey,
    Operation::Encrypt,
    Operation::Decrypt,
    Operation::ReEncrypt,
];

async fn decrypt_fails(answer: ResponseTemplate) -> ProviderError {
    let server = server(answer).await;
    let kms = provider(&server.uri());
    let failed = kms.decrypt(&context(), &wrapped_by(KEY)).await.unwrap_err();
    assert_eq!(seen(&server).await.len(), 1, "one request for one call");
    told_once(&failed);
    failed
}

#[tokio::test]
async fn every_row_of_the_table_in_every_operation() {
    for (status, code, class) in ROWS {
        let server = server(error(*status, code, "what KMS says")).await;
        let failures = each_operation(&provider(&server.uri())).await;
        for (failed, operation) in failures.iter().zip(OPERATIONS) {
            assert_eq!(failed.class(), *class, "{code}");
            assert_eq!(failed.operation(), operation);
            assert_eq!(failed.code(), Some(*code));
            assert_eq!(failed.key_id(), Some(KEY));
            assert_eq!(failed.delay(), None);
            let source: &KmsFailure = failed.source().unwrap().downcast_ref().unwrap();
            assert_eq!(source.status(), Some(*status));
            assert_eq!(source.message(), Some("what KMS says"));
            assert_eq!(source.request_id(), Some(REQUEST_ID));
            assert_eq!(
                (source.class(), source.is_retryable()),
                (*class, class.is_retryable())
            );
            told_once(failed);
        }
        // What no retry layer calls is called twice where the first answer has taught something.
        let again = usize::from(*class == ErrorClass::Unauthenticated);
        assert_eq!(seen(&server).await.len(), 4 + again, "one request for each call");
    }
}

#[tokio::test]
async fn the_code_is_found_wherever_aws_puts_it() {
    let in_type = answer(400, r#"{"__type":"com.amazonaws.kms#ThrottlingException"}"#);
    let in_code = answer(400, r#"{"code":"ThrottlingException","Message":"Rate exceeded"}"#);
    let in_header = answer(400, "").insert_header("x-amzn-errortype", "ThrottlingException:http://docs/");
    let beside_garbage =
        answer(400, "<html>").insert_header("x-amzn-errortype", "com.amazonaws.kms#ThrottlingException");
    for answer in [in_type, in_code, in_header, beside_garbage] {
        let failed = decrypt_fails(answer).await;
        assert_eq!(failed.class(), ErrorClass::Throttled);
        assert_eq!(failed.code(), Some("ThrottlingException"));
    }
}

#[tokio::test]
async fn unknown_codes_and_pages_of_proxies_go_by_their_status() {
    let page = |status| {
        ResponseTemplate::new(status).set_body_raw("<html><h1>Sorry</h1></html>", "text/html; charset=utf-8")
    };
    for (status, class) in [
        (200, ErrorClass::Transient),
        (302, ErrorClass::Transient),
        (400, ErrorClass::Transient),
        (401, ErrorClass::Unauthenticated),
        (403, ErrorClass::Unauthenticated),
        (404, ErrorClass::Transient),
        (407, ErrorClass::Unauthenticated),
        (408, ErrorClass::Timeout),
        (413, ErrorClass::Transient),
        (429, ErrorClass::Throttled),
        (500, ErrorClass::Transient),
        (502, ErrorClass::Transient),
        (503, ErrorClass::Transient),
        (504, ErrorClass::Transient),
    ] {
        assert_eq!(class_of_status(status), class, "{status}");
        for answer in [page(status), answer(status, "")] {
            // An empty success is a success without fields.
            let failed = decrypt_fails(answer).await;
            assert_eq!((failed.class(), failed.verdict()), (class, None), "{status}");
            assert_eq!(failed.code(), None);
        }
        if status != 200 {
            let failed = decrypt_fails(error(status, "NeverHeardOfException", "?")).await;
            // KMS refuses, and nobody here knows why: that is final, and says nothing of the key.
            let class = match status {
                400 | 404 | 413 => ErrorClass::InvalidRequest,
                _ => class,
            };
            assert_eq!((failed.class(), failed.verdict()), (class, None), "{status}");
            assert_eq!(failed.code(), Some("NeverHeardOfException"));
        }
    }
}

#[tokio::test]
async fn the_service_s_delay_is_handed_on_for_what_waiting_helps() {
    let throttled = error(400, "ThrottlingException", "Rate exceeded");
    let failed = decrypt_fails(throttled.clone().insert_header("x-amz-retry-after", "1500")).await;
    assert_eq!(failed.delay(), Some(Duration::from_millis(1500)));
    let failed = decrypt_fails(throttled.clone().insert_header("Retry-After", "3")).await;
    assert_eq!(failed.delay(), Some(Duration::from_secs(3)));
    let date = "Sat, 02 May 2026 10:00:07 GMT";
    let failed = decrypt_fails(throttled.insert_header("Retry-After", date)).await;
    assert_eq!(failed.delay(), Some(Duration::from_secs(7)));
    let denied = error(400, "AccessDeniedException", "no").insert_header("Retry-After", "3");
    assert_eq!(decrypt_fails(denied).await.delay(), None);
}

#[tokio::test]
async fn a_client_that_retries_makes_one_request_here() {
    let millisecond = Duration::from_millis(1);
    let retrying = RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(millisecond);
    let adaptive = RetryConfig::adaptive()
        .with_max_attempts(4)
        .with_initial_backoff(millisecond);
    #[expect(deprecated, reason = "an old behaviour version is what this is about")]
    let versions = [
        BehaviorVersion::latest(),
        BehaviorVersion::v2026_01_12(),
        BehaviorVersion::v2025_01_17(),
        BehaviorVersion::v2023_11_09(),
    ];
    for version in versions {
        for retries in [None, Some(retrying.clone()), Some(adaptive.clone())] {
            let server = server(error(400, "ThrottlingException", "Rate exceeded")).await;
            let mut config = config(&server.uri()).behavior_version(version);
            config.set_retry_config(retries);
            let kms = KmsProvider::from_client(&Client::from_conf(config.build()))
                .key(KEY)
                .build()
                .unwrap();
            each_operation(&kms).await;
            assert_eq!(seen(&server).await.len(), 4, "{version:?}");
        }
    }
}

#[tokio::test]
async fn retries_that_are_kept_are_the_client_s() {
    let server = server(error(400, "ThrottlingException", "Rate exceeded")).await;
    let given = client(&server.uri());
    let kms = KmsProvider::from_client(&given)
        .key(KEY)
        .danger_keep_sdk_retries()
        .build()
        .unwrap();
    let failed = kms.decrypt(&context(), &wrapped_by(KEY)).await.unwrap_err();
    assert_eq!(failed.class(), ErrorClass::Throttled);
    assert_eq!(seen(&server).await.len(), 4);
    let quiet = KmsProvider::from_client(&given).key(KEY).build().unwrap();
    quiet.decrypt(&context(), &wrapped_by(KEY)).await.unwrap_err();
    assert_eq!(seen(&server).await.len(), 5);
    given.decrypt().send().await.unwrap_err();
    assert_eq!(seen(&server).await.len(), 9, "the given client stays as it was");
}
