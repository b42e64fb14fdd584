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
/// | others, `ValidationError` and `ItemCollectionSizeLimitExceeded` among them | invalid request |
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
        | "RequestEntityTooLargeException"
        | "SerializationException"
        | "UnknownOperationException"
        | "ValidationError"
        | "ValidationException" => ErrorClass::InvalidRequest,

        _ => return None,
    })
}

/// The class of an answer whose code is missing or unknown, by its HTTP status.
pub(crate) const fn class_of_status(status: u16, has_code: bool) -> ErrorClass {
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
pub(crate) enum Cancelled {
    Conflict,
    Failed(ErrorClass),
}

/// Decides by the codes of the reasons, one for each item, `None` where an item was not the reason.
pub(crate) fn cancelled(reasons: &[&str]) -> Cancelled {
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
        } else if any(&["TransactionConflict"]) {
            ErrorClass::Transient
        } else if any(&["AccessDenied"]) {
            ErrorClass::Denied
        } else {
            ErrorClass::InvalidRequest
        },
    )
}
