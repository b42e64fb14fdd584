//! The tables of error codes and of reasons for which transactions are cancelled: all of them over the wire.
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use datakey::{
    ErrorClass::{self, Denied, InvalidRequest, Throttled, Timeout, Transient, Unauthenticated},
    branch_keys::{ItemKind, ReadingStore as _, Store as _, Written, class_of_code},
    provider::Verdict,
};
use datakey_dynamodb_tests::*;
use wiremock::{Request, Respond, ResponseTemplate};

/// Every code of the table, by class.
const TABLE_OF_CODES: &[(ErrorClass, &[&str])] = &[
    (
        Throttled,
        &[
            "BandwidthLimitExceeded",
            "LimitExceededException",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ],
    ),
    (
        Transient,
        &[
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "ReplicatedWriteConflictException",
            "RequestAbortedException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "TransactionConflictException",
            "TransactionInProgressException",
        ],
    ),
    (Timeout, &["RequestTimeout", "RequestTimeoutException"]),
    (
        Denied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "NotAuthorized",
            "UnauthorizedOperation",
        ],
    ),
    (
        Unauthenticated,
        &[
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "OptInRequired",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
            "SubscriptionRequiredException",
            "UnrecognizedClient",
            "UnrecognizedClientException",
        ],
    ),
    (
        InvalidRequest,
        &[
            "IdempotentParameterMismatchException",
            "InvalidEndpointException",
            "ItemCollectionSizeLimitExceededException",
            "RequestEntityTooLargeException",
            "ResourceInUseException",
            "ResourceNotFoundException",
            "SerializationException",
            "TableNotFoundException",
            "UnknownOperationException",
            "ValidationError",
            "ValidationException",
        ],
    ),
];

/// Answers what it is told to.
#[derive(Clone)]
struct Told(Arc<Mutex<ResponseTemplate>>);

impl Told {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(ResponseTemplate::new(500))))
    }

    fn set(&self, answer: ResponseTemplate) {
        *self.0.lock().unwrap() = answer;
    }
}

impl Respond for Told {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn every_code_of_the_table_over_the_wire_in_each_operation_whatever_its_status() {
    let told = Told::new();
    let server = server(told.clone()).await;
    let store = store(&server.uri());
    let items = [version_item(VERSION, b"first")];
    for (class, codes) in TABLE_OF_CODES {
        for code in *codes {
            assert_eq!(class_of_code(code), Some(*class), "{code}");
            for status in [400, 404, 500] {
                told.set(error(status, code, "what DynamoDB says"));
                for failed in [
                    store.get(&id(), ItemKind::Active).await.unwrap_err(),
                    store.versions(&id()).await.unwrap_err(),
                    store.put_if_absent(&items).await.unwrap_err(),
                    store.swap(&items[0], &items[0], b"old").await.unwrap_err(),
                ] {
                    assert_eq!((failed.class(), failed.code()), (*class, Some(*code)), "{status}");
                    // A refusal to read one branch key says nothing of others; nothing else says anything of any.
                    let verdict = (*class == Denied).then_some(Verdict::Message);
                    assert_eq!(failed.verdict(), verdict, "{code}");
                    assert_eq!(failed.key_id(), Some("branch-key:tenant-acme"));
                    assert_eq!(failed.quota(), Some(store.quota()));
                    assert!(failed.was_sent());
                }
            }
        }
    }
}

/// The table above has the rows of the crate, all of them and no other: read from the crate's source.
#[test]
fn the_table_here_is_the_crate_s() {
    let source = include_str!("../../../../crates/branch-keys/src/dynamodb/classify.rs");
    let (_, table) = source.split_once("pub fn class_of_code").unwrap();
    let (table, _) = table.split_once("/// How far a call came").unwrap();
    let theirs: BTreeSet<&str> = table.split('"').skip(1).step_by(2).collect();
    let rows = || TABLE_OF_CODES.iter().flat_map(|(_, codes)| codes.iter().copied());
    assert_eq!(theirs, rows().collect());
    assert_eq!(theirs.len(), rows().count());
}

/// What the operations' models declare.
#[test]
fn no_error_of_the_model_is_unmapped() {
    for code in [
        "IdempotentParameterMismatchException",
        "InternalServerError",
        "InvalidEndpointException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ResourceNotFoundException",
        "ThrottlingException",
        "TransactionInProgressException",
    ] {
        assert!(class_of_code(code).is_some(), "{code}");
    }
    // These are answers: their reasons say of what kind.
    for code in ["TransactionCanceledException", "ConditionalCheckFailedException"] {
        assert_eq!(class_of_code(code), None, "{code}");
    }
}

#[tokio::test]
async fn a_gateway_s_denial_is_the_caller_s_and_not_the_branch_key_s() {
    for status in [401, 403, 407] {
        let server = server(error(status, "AccessDeniedException", "by the gateway")).await;
        let failed = store(&server.uri())
            .get(&id(), ItemKind::Active)
            .await
            .unwrap_err();
        assert_eq!(
            (failed.class(), failed.verdict()),
            (Unauthenticated, None),
            "{status}"
        );
    }
}

#[tokio::test]
async fn an_unknown_code_is_judged_by_its_status() {
    for (status, class) in [
        (400, InvalidRequest),
        (401, Unauthenticated),
        (403, Unauthenticated),
        (408, Timeout),
        (413, InvalidRequest),
        (429, Throttled),
        (500, Transient),
        (503, Transient),
    ] {
        let server = server(error(status, "NobodyHasHeardOfItException", "hm")).await;
        let failed = store(&server.uri())
            .get(&id(), ItemKind::Active)
            .await
            .unwrap_err();
        assert_eq!((failed.class(), failed.verdict()), (class, None), "{status}");
        assert_eq!(failed.code(), Some("NobodyHasHeardOfItException"));
    }
}

#[tokio::test]
async fn the_delay_that_is_asked_for_is_told_where_waiting_helps() {
    use std::time::Duration;
    let throttled = || error(400, "ThrottlingException", "slower");
    for (answer, delay) in [
        (
            throttled().insert_header("x-amz-retry-after", "250"),
            Some(Duration::from_millis(250)),
        ),
        (
            throttled().insert_header("Retry-After", "3"),
            Some(Duration::from_secs(3)),
        ),
        (throttled().insert_header("Retry-After", "soon"), None),
        (
            error(400, "ValidationException", "no").insert_header("Retry-After", "3"),
            None,
        ),
    ] {
        let server = server(answer).await;
        let failed = store(&server.uri())
            .get(&id(), ItemKind::Active)
            .await
            .unwrap_err();
        assert_eq!(failed.delay(), delay);
    }
}

/// Reasons, one for each item, and what they come to: `None` is a conflict.
const CANCELLED: &[(&[&str], Option<ErrorClass>)] = &[
    (&["ConditionalCheckFailed", "None"], None),
    (&["None", "ConditionalCheckFailed"], None),
    (&["DuplicateItem", "None"], None),
    (&["ConditionalCheckFailed", "ThrottlingError"], None),
    (&["TransactionConflict", "ConditionalCheckFailed"], None),
    (&["None", "ProvisionedThroughputExceeded"], Some(Throttled)),
    (&["ThrottlingError", "None"], Some(Throttled)),
    (&["RequestLimitExceeded", "None"], Some(Throttled)),
    (&["TransactionConflict", "ThrottlingError"], Some(Throttled)),
    (&["TransactionConflict", "None"], Some(Transient)),
    (&["AccessDenied", "None"], Some(Denied)),
    (&["None", "ValidationError"], Some(InvalidRequest)),
    (&["ItemCollectionSizeLimitExceeded", "None"], Some(InvalidRequest)),
    (&["NobodyHasHeardOfIt", "None"], Some(InvalidRequest)),
    (&["None", "None"], Some(Transient)),
    (&[], Some(Transient)),
];

#[tokio::test]
async fn every_reason_of_a_cancelled_transaction_over_the_wire() {
    let told = Told::new();
    let server = server(told.clone()).await;
    let store = store(&server.uri());
    let items = [
        version_item(VERSION, b"first"),
        item(ItemKind::Active, Some(VERSION), b"second"),
    ];
    for (reasons, expected) in CANCELLED {
        told.set(cancelled(reasons));
        for written in [
            store.put_if_absent(&items).await,
            store.swap(&items[0], &items[1], b"old").await,
        ] {
            match (written, expected) {
                (Ok(written), None) => assert_eq!(written, Written::Conflict, "{reasons:?}"),
                (Err(failed), Some(class)) => {
                    assert_eq!(failed.class(), *class, "{reasons:?}");
                    assert_eq!(failed.code(), Some("TransactionCanceledException"));
                    let verdict = (*class == Denied).then_some(Verdict::Message);
                    assert_eq!(failed.verdict(), verdict, "{reasons:?}");
                }
                (written, expected) => panic!("{reasons:?}: {written:?}, expected {expected:?}"),
            }
        }
    }
}

/// Every reason that the crate decides by is in the cases above.
#[test]
fn no_reason_of_the_crate_is_untested() {
    let source = include_str!("../../../../crates/branch-keys/src/dynamodb/classify.rs");
    let (_, decision) = source.split_once("pub(super) fn cancelled").unwrap();
    for reason in decision.split('"').skip(1).step_by(2) {
        let is_tested = CANCELLED.iter().any(|(reasons, _)| reasons.contains(&reason));
        assert!(is_tested, "{reason}");
    }
}
