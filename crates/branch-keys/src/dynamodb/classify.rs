//! The table from what DynamoDB, or the way to it, answered to a class.
use datakey_provider::ErrorClass;

/// The class of a DynamoDB error code; `None` for an unknown code.
///
/// | code | class | why |
/// |---|---|---|
/// | `ProvisionedThroughputExceededException`, `ThrottlingException`, `RequestLimitExceeded` and others | throttled | the table, its partition or the account is asked too often |
/// | `TransactionConflictException`, `TransactionInProgressException`, `ReplicatedWriteConflictException` | transient | another write of the same items is under way |
/// | `InternalServerError`, `ServiceUnavailable` and others | transient | |
/// | `ResourceNotFoundException` | invalid request | no table of this name in this Region: nothing is said of any branch key |
/// | `AccessDeniedException` | denied | with status 400; with 401, 403 or 407 it is a gateway that says so, and unauthenticated |
/// | `ExpiredTokenException`, `UnrecognizedClientException`, `InvalidSignatureException` and others | unauthenticated | credentials and clocks |
/// | `ValidationException`, `ItemCollectionSizeLimitExceededException`, `IdempotentParameterMismatchException` and others | invalid request | |
///
/// `ConditionalCheckFailedException` is no failure but an [answer](crate::Written::Conflict), and
/// `TransactionCanceledException` is as its reasons say:
///
/// | reasons | what it is |
/// |---|---|
/// | one `ConditionalCheckFailed` or `DuplicateItem` | a [conflict](crate::Written::Conflict) |
/// | otherwise one `ProvisionedThroughputExceeded`, `ThrottlingError` or `RequestLimitExceeded` | throttled |
/// | otherwise one `TransactionConflict` | transient |
/// | otherwise one `AccessDenied` | denied |
/// | otherwise any other, `ValidationError` and `ItemCollectionSizeLimitExceeded` among them | invalid request |
/// | none | transient: whoever cancelled it does not say why, and to write again does no harm |
///
/// ```
/// use datakey_branch_keys::class_of_code;
/// use datakey_provider::ErrorClass;
///
/// assert_eq!(class_of_code("RequestLimitExceeded"), Some(ErrorClass::Throttled));
/// assert_eq!(class_of_code("NobodyHasHeardOfItException"), None);
/// ```
///
/// Sources: "Error handling with DynamoDB" in its developer guide; the errors of `GetItem`, `Query` and `TransactWriteItems` in its API
/// reference; "Common errors" there.
#[must_use]
pub fn class_of_code(code: &str) -> Option<ErrorClass> {
    Some(match code {
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "LimitExceededException"
        | "TooManyRequestsException"
        | "BandwidthLimitExceeded"
        | "SlowDown" => ErrorClass::Throttled,

        "TransactionConflictException"
        | "TransactionInProgressException"
        | "ReplicatedWriteConflictException"
        | "InternalServerError"
        | "InternalFailure"
        | "InternalError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "RequestAbortedException" => ErrorClass::Transient,

        "RequestTimeout" | "RequestTimeoutException" => ErrorClass::Timeout,

        "AccessDenied" | "AccessDeniedException" | "NotAuthorized" | "UnauthorizedOperation" => {
            ErrorClass::Denied
        }

        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "OptInRequired"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "SubscriptionRequiredException"
        | "UnrecognizedClient"
        | "UnrecognizedClientException" => ErrorClass::Unauthenticated,

        "ResourceNotFoundException"
        | "TableNotFoundException"
        | "ResourceInUseException"
        | "ItemCollectionSizeLimitExceededException"
        | "IdempotentParameterMismatchException"
        | "InvalidEndpointException"
        | "RequestEntityTooLargeException"
        | "SerializationException"
        | "UnknownOperationException"
        | "ValidationError"
        | "ValidationException" => ErrorClass::InvalidRequest,

        _ => return None,
    })
}

/// How far a call came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The request could not be made ready to be sent, or the HTTP client refused it: something about the configuration.
    Construction,
    /// The credentials to sign with could not be loaded.
    Credentials,
    /// The attempt ran out of time, in whatever it was doing.
    Timeout,
    /// A proxy did not make the connection through it.
    Proxy,
    /// Connecting, TLS, or the connection failed; nothing was answered.
    Connection,
    /// An answer began and broke off, or is none of DynamoDB's.
    BrokenAnswer,
    /// An answer came whole.
    Answered,
}

/// The decision: stage, then code, then status.
pub(super) fn decide(stage: Stage, code: Option<&str>, status: Option<u16>) -> ErrorClass {
    match stage {
        Stage::Construction => ErrorClass::InvalidRequest,
        Stage::Credentials | Stage::Proxy => ErrorClass::Unauthenticated,
        Stage::Timeout => ErrorClass::Timeout,
        Stage::Connection => ErrorClass::Transient,
        Stage::BrokenAnswer | Stage::Answered => match (code.and_then(class_of_code), status) {
            // A gateway says so: DynamoDB sends its refusals with status 400.
            (Some(ErrorClass::Denied), Some(401 | 403 | 407)) => ErrorClass::Unauthenticated,
            (Some(class), _) => class,
            (None, Some(status)) => class_of_status(status, code.is_some() && stage == Stage::Answered),
            (None, None) => ErrorClass::Transient,
        },
    }
}

/// The class of an answer whose code is missing or unknown, by its HTTP status.
const fn class_of_status(status: u16, has_code: bool) -> ErrorClass {
    match status {
        429 => ErrorClass::Throttled,
        401 | 403 | 407 => ErrorClass::Unauthenticated,
        408 => ErrorClass::Timeout,
        400..=499 if has_code => ErrorClass::InvalidRequest,
        _ => ErrorClass::Transient,
    }
}

/// What a transaction that was cancelled comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancelled {
    Conflict,
    Failed(ErrorClass),
}

/// Decides by the codes of the reasons: one for each item, `None` where an item was not the reason.
pub(super) fn cancelled<'a>(reasons: impl IntoIterator<Item = &'a str>) -> Cancelled {
    let reasons: Vec<_> = reasons.into_iter().filter(|reason| *reason != "None").collect();
    let any = |codes: &[&str]| reasons.iter().any(|reason| codes.contains(reason));
    if any(&["ConditionalCheckFailed", "DuplicateItem"]) {
        return Cancelled::Conflict;
    }
    Cancelled::Failed(
        if any(&[
            "ProvisionedThroughputExceeded",
            "ThrottlingError",
            "RequestLimitExceeded",
        ]) {
            ErrorClass::Throttled
        } else if any(&["TransactionConflict"]) || reasons.is_empty() {
            ErrorClass::Transient
        } else if any(&["AccessDenied"]) {
            ErrorClass::Denied
        } else {
            ErrorClass::InvalidRequest
        },
    )
}
