//! The table of error codes: all of it over the wire, and nothing of the service's model missing.
use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use datakey_kms::class_of_code;
use datakey_provider::{ErrorClass, OpeningProvider as _};
use datakey_tests::kms::*;
use wiremock::{Request, Respond, ResponseTemplate};

/// Every code of the table, by class.
const TABLE: &[(ErrorClass, &[&str])] = &[
    (
        ErrorClass::Throttled,
        &[
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
        ],
    ),
    (
        ErrorClass::Transient,
        &[
            "DependencyTimeoutException",
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServerException",
            "InternalServiceError",
            "KMSInternalException",
            "KMSInvalidStateException",
            "KeyUnavailableException",
            "RequestAbortedException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ],
    ),
    (
        ErrorClass::Timeout,
        &["RequestTimeout", "RequestTimeoutException"],
    ),
    (
        ErrorClass::UnavailableKey,
        &["DisabledException", "NotFoundException"],
    ),
    (
        ErrorClass::NotAuthentic,
        &["IncorrectKeyException", "InvalidCiphertextException"],
    ),
    (
        ErrorClass::Denied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "NotAuthorized",
            "NotAuthorizedException",
            "UnauthorizedAccess",
            "UnauthorizedOperation",
        ],
    ),
    (
        ErrorClass::Unauthenticated,
        &[
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidIdentityToken",
            "InvalidSignatureException",
            "InvalidToken",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "OptInRequired",
            "RequestExpired",
            "RequestInTheFuture",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "SubscriptionRequiredException",
            "TokenRefreshRequired",
            "UnrecognizedClient",
            "UnrecognizedClientException",
        ],
    ),
    (
        ErrorClass::InvalidRequest,
        &[
            "AlreadyExistsException",
            "CloudHsmClusterInUseException",
            "CloudHsmClusterInvalidConfigurationException",
            "CloudHsmClusterNotActiveException",
            "CloudHsmClusterNotFoundException",
            "CloudHsmClusterNotRelatedException",
            "ConflictException",
            "CustomKeyStoreHasCMKsException",
            "CustomKeyStoreInvalidStateException",
            "CustomKeyStoreNameInUseException",
            "CustomKeyStoreNotFoundException",
            "DryRunOperationException",
            "ExpiredImportTokenException",
            "IncorrectKeyMaterialException",
            "IncorrectTrustAnchorException",
            "InvalidAction",
            "InvalidAliasNameException",
            "InvalidArnException",
            "InvalidGrantIdException",
            "InvalidGrantTokenException",
            "InvalidImportTokenException",
            "InvalidKeyUsageException",
            "InvalidMarkerException",
            "InvalidParameterCombination",
            "InvalidParameterValue",
            "InvalidQueryParameter",
            "KMSInvalidMacException",
            "KMSInvalidSignatureException",
            "LimitExceededException",
            "MalformedHttpRequestException",
            "MalformedPolicyDocumentException",
            "MalformedQueryString",
            "MissingAction",
            "MissingParameter",
            "RequestEntityTooLargeException",
            "SerializationException",
            "TagException",
            "UnknownOperationException",
            "UnsupportedOperation",
            "UnsupportedOperationException",
            "ValidationError",
            "ValidationException",
            "XksKeyAlreadyInUseException",
            "XksKeyInvalidConfigurationException",
            "XksKeyNotFoundException",
            "XksProxyIncorrectAuthenticationCredentialException",
            "XksProxyInvalidConfigurationException",
            "XksProxyInvalidResponseException",
            "XksProxyUriEndpointInUseException",
            "XksProxyUriInUseException",
            "XksProxyUriUnreachableException",
            "XksProxyVpcEndpointServiceInUseException",
            "XksProxyVpcEndpointServiceInvalidConfigurationException",
            "XksProxyVpcEndpointServiceNotFoundException",
        ],
    ),
];

/// Answers the error that it is told to, under whatever status.
#[derive(Debug, Clone, Default)]
struct Told(Arc<Mutex<(u16, &'static str)>>);

impl Respond for Told {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let (status, code) = *self.0.lock().unwrap();
        error(status, code, "what KMS says")
    }
}

#[tokio::test]
async fn every_code_of_the_table_over_the_wire_whatever_its_status() {
    let told = Told::default();
    let server = server(told.clone()).await;
    let kms = provider(&server.uri());
    for (class, codes) in TABLE {
        for code in *codes {
            assert_eq!(class_of_code(code), Some(*class), "{code}");
            // KMS sends 400 and 500; the model states others, and a gateway may rewrite them.
            for status in [400, 404, 500] {
                *told.0.lock().unwrap() = (status, code);
                let failed = kms.decrypt(&context(), &wrapped_by(KEY)).await.unwrap_err();
                assert_eq!((failed.class(), failed.code()), (*class, Some(*code)), "{status}");
            }
        }
    }
}

/// The table above has the rows of the crate, all of them and no other: read from the crate's source.
#[test]
fn the_table_here_is_the_crate_s() {
    let source = include_str!("../../../crates/kms/src/classify.rs");
    let (_, table) = source.split_once("pub fn class_of_code").unwrap();
    let (table, _) = table
        .split_once("/// The class of an answer whose code is missing")
        .unwrap();
    let theirs: BTreeSet<&str> = table.split('"').skip(1).step_by(2).collect();
    let ours: BTreeSet<&str> = TABLE
        .iter()
        .flat_map(|(_, codes)| codes.iter().copied())
        .collect();
    assert_eq!(theirs, ours);
    assert_eq!(
        ours.len(),
        TABLE.iter().map(|(_, codes)| codes.len()).sum::<usize>()
    );
}

/// The folder of the SDK's sources, where cargo says that it is.
fn sdk_sources() -> PathBuf {
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    // Without the filter, cargo asks for the sources of other systems' dependencies too, which are not there.
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let sdk = packages.find(|package| package["name"] == "aws-sdk-kms").unwrap();
    PathBuf::from(sdk["manifest_path"].as_str().unwrap()).with_file_name("src")
}

/// The codes that stand at the start of a match arm, as in `"NotFoundException" => ...`.
fn codes_in(source: &str) -> BTreeSet<&str> {
    source
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>"))
        .map(|(code, _)| code)
        .filter(|code| code.ends_with("Exception"))
        .collect()
}

#[test]
fn no_error_of_the_model_is_unmapped() {
    let folder = sdk_sources().join("protocol_serde");
    let mut all = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let codes = codes_in(&source);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let used = ["generate_data_key", "encrypt", "decrypt", "re_encrypt"]
            .iter()
            .any(|operation| stem == format!("shape_{operation}"));
        assert!(!used || codes.len() >= 9, "{stem} declares {codes:?}");
        all.extend(codes.into_iter().map(str::to_owned));
    }
    assert!(all.len() > 40, "found {all:?}");
    assert!(all.contains("KMSInvalidStateException") && all.contains("LimitExceededException"));
    let unmapped: Vec<_> = all.iter().filter(|code| class_of_code(code).is_none()).collect();
    assert_eq!(unmapped, Vec::<&String>::new());
}

#[test]
fn the_throttling_codes_of_the_sdk_are_throttled_but_for_the_resource_quota() {
    for code in aws_runtime_throttling_codes() {
        let expected = if code == "LimitExceededException" {
            ErrorClass::InvalidRequest
        } else {
            ErrorClass::Throttled
        };
        assert_eq!(class_of_code(code), Some(expected), "{code}");
    }
}

/// Those of `aws_runtime::retries::classifiers::THROTTLING_ERRORS`.
const fn aws_runtime_throttling_codes() -> [&'static str; 14] {
    [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "RequestThrottled",
        "SlowDown",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
    ]
}
