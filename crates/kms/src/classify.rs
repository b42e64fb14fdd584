//! The table from what KMS, or the way to it, answered to a class.
//!
//! Codes come first, since KMS sends most of its errors with HTTP 400, throttling among them; statuses decide what has
//! no code that is known, such as the page of a proxy.
use datakey_provider::ErrorClass;

/// The class of a service error code, as it stands in `__type` or `x-amzn-errortype`; `None` for an unknown code.
///
/// Complete for every error in the KMS model, not only those that the four operations declare, and for the errors
/// that all AWS services share. Rows that deserve a reason:
///
/// | code | class | why |
/// |---|---|---|
/// | `ThrottlingException` and 12 more | throttled | the codes that AWS SDKs treat as throttling; KMS declares none of them |
/// | `LimitExceededException` | invalid request | a resource quota (of grants, of keys); waiting does not clear it |
/// | `KMSInvalidStateException` | unavailable key | pending deletion or import, mostly; a custom key store that reconnects sends it for a moment too, for which nobody should wait blindly |
/// | `InvalidGrantTokenException` | invalid request | a token exists to work before its grant has spread; one that is refused is wrong |
/// | `IncorrectKeyException` | not authentic | the blob was not made under the key that was pinned |
/// | `RequestTimeTooSkewed`, `InvalidSignatureException` | denied | a wrong clock or secret; the same request fails again |
/// | `ExpiredTokenException` | denied | the SDK refreshes credentials itself; what arrives expired stays expired |
/// | `DryRunOperationException` | invalid request | the answer to a dry run that would have succeeded; not sent to these calls |
///
/// ```
/// use datakey_kms::class_of_code;
/// use datakey_provider::ErrorClass;
///
/// assert_eq!(class_of_code("ThrottlingException"), Some(ErrorClass::Throttled));
/// assert_eq!(class_of_code("LimitExceededException"), Some(ErrorClass::InvalidRequest));
/// assert_eq!(class_of_code("NobodyHasHeardOfItException"), None);
/// ```
///
/// Sources: the errors of each operation in the KMS API reference; "Common errors" there.
#[must_use]
pub fn class_of_code(code: &str) -> Option<ErrorClass> {
    Some(match code {
        "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "ThrottledException"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "TransactionInProgressException" => ErrorClass::Throttled,

        "DependencyTimeoutException"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServerException"
        | "InternalServiceError"
        | "KMSInternalException"
        | "KeyUnavailableException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => ErrorClass::Transient,

        "RequestTimeout" | "RequestTimeoutException" => ErrorClass::Timeout,

        "DisabledException" | "KMSInvalidStateException" | "NotFoundException" => ErrorClass::UnavailableKey,

        "IncorrectKeyException" | "InvalidCiphertextException" => ErrorClass::NotAuthentic,

        _ if is_denial(code) => ErrorClass::Denied,
        _ if is_invalid(code) => ErrorClass::InvalidRequest,
        _ => return None,
    })
}

fn is_denial(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied"
            | "AccessDeniedException"
            | "AuthFailure"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidIdentityToken"
            | "InvalidSignatureException"
            | "InvalidToken"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "NotAuthorized"
            | "NotAuthorizedException"
            | "OptInRequired"
            | "RequestExpired"
            | "RequestInTheFuture"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch"
            | "SubscriptionRequiredException"
            | "TokenRefreshRequired"
            | "UnauthorizedAccess"
            | "UnauthorizedOperation"
            | "UnrecognizedClient"
            | "UnrecognizedClientException"
    )
}

fn is_invalid(code: &str) -> bool {
    matches!(
        code,
        "DryRunOperationException"
            | "InvalidAction"
            | "InvalidGrantTokenException"
            | "InvalidKeyUsageException"
            | "InvalidParameterCombination"
            | "InvalidParameterValue"
            | "InvalidQueryParameter"
            | "LimitExceededException"
            | "MalformedHttpRequestException"
            | "MalformedQueryString"
            | "MissingAction"
            | "MissingParameter"
            | "RequestAbortedException"
            | "RequestEntityTooLargeException"
            | "SerializationException"
            | "UnknownOperationException"
            | "UnsupportedOperation"
            | "UnsupportedOperationException"
            | "ValidationError"
            | "ValidationException"
    ) || is_management(code)
}

/// Errors of the operations that manage keys, aliases, grants and key stores, which no call of this crate makes.
fn is_management(code: &str) -> bool {
    matches!(
        code,
        "AlreadyExistsException"
            | "CloudHsmClusterInUseException"
            | "CloudHsmClusterInvalidConfigurationException"
            | "CloudHsmClusterNotActiveException"
            | "CloudHsmClusterNotFoundException"
            | "CloudHsmClusterNotRelatedException"
            | "ConflictException"
            | "CustomKeyStoreHasCMKsException"
            | "CustomKeyStoreInvalidStateException"
            | "CustomKeyStoreNameInUseException"
            | "CustomKeyStoreNotFoundException"
            | "ExpiredImportTokenException"
            | "IncorrectKeyMaterialException"
            | "IncorrectTrustAnchorException"
            | "InvalidAliasNameException"
            | "InvalidArnException"
            | "InvalidGrantIdException"
            | "InvalidImportTokenException"
            | "InvalidMarkerException"
            | "KMSInvalidMacException"
            | "KMSInvalidSignatureException"
            | "MalformedPolicyDocumentException"
            | "TagException"
            | "XksKeyAlreadyInUseException"
            | "XksKeyInvalidConfigurationException"
            | "XksKeyNotFoundException"
            | "XksProxyIncorrectAuthenticationCredentialException"
            | "XksProxyInvalidConfigurationException"
            | "XksProxyInvalidResponseException"
            | "XksProxyUriEndpointInUseException"
            | "XksProxyUriInUseException"
            | "XksProxyUriUnreachableException"
            | "XksProxyVpcEndpointServiceInUseException"
            | "XksProxyVpcEndpointServiceInvalidConfigurationException"
            | "XksProxyVpcEndpointServiceNotFoundException"
    )
}

/// The class of an answer whose code is missing or unknown, by its HTTP status.
///
/// | status | class |
/// |---|---|
/// | 429 | throttled |
/// | 401, 403, 407 | denied |
/// | 408 | timeout |
/// | other 4xx, and redirections | invalid request: not KMS, or a KMS that refuses for a reason unknown here |
/// | everything else | transient, a success that cannot be read among them |
///
/// ```
/// # use datakey_kms::class_of_status;
/// # use datakey_provider::ErrorClass;
/// assert_eq!(class_of_status(503), ErrorClass::Transient);
/// assert_eq!(class_of_status(429), ErrorClass::Throttled);
/// ```
#[must_use]
pub const fn class_of_status(status: u16) -> ErrorClass {
    match status {
        429 => ErrorClass::Throttled,
        401 | 403 | 407 => ErrorClass::Denied,
        408 => ErrorClass::Timeout,
        300..=499 => ErrorClass::InvalidRequest,
        _ => ErrorClass::Transient,
    }
}

/// How far a call came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The request could not be made from what was given.
    Construction,
    /// There are no usable credentials to sign with, for good.
    Credentials,
    /// The attempt ran out of time, in whatever it was doing.
    Timeout,
    /// The HTTP client refused the request as wrong in itself.
    Refused,
    /// Connecting, TLS, or the connection failed; nothing was answered.
    Connection,
    /// An answer began and broke off.
    BrokenAnswer,
    /// An answer came whole.
    Answered,
}

/// The decision: stage, then code, then status.
pub(crate) fn decide(stage: Stage, code: Option<&str>, status: Option<u16>) -> ErrorClass {
    let by_code = code.and_then(class_of_code);
    match stage {
        Stage::Construction | Stage::Refused => ErrorClass::InvalidRequest,
        Stage::Timeout => ErrorClass::Timeout,
        Stage::Connection => by_code.unwrap_or(ErrorClass::Transient),
        Stage::Credentials => by_code.unwrap_or(ErrorClass::Denied),
        // A cut 400 may have been a throttle: its code is in the part that is missing.
        Stage::BrokenAnswer => by_code.unwrap_or(match status {
            Some(400) | None => ErrorClass::Transient,
            Some(status) => class_of_status(status),
        }),
        Stage::Answered => by_code.unwrap_or(status.map_or(ErrorClass::Transient, class_of_status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::{Denied, InvalidRequest, Throttled, Timeout, Transient};

    #[test]
    fn stage_then_code_then_status() {
        let rows: [(Stage, Option<&str>, Option<u16>, ErrorClass); 18] = [
            (Stage::Construction, None, None, InvalidRequest),
            (Stage::Refused, None, None, InvalidRequest),
            (Stage::Credentials, None, None, Denied),
            (Stage::Credentials, Some("ThrottlingException"), None, Throttled),
            (Stage::Timeout, None, None, Timeout),
            (Stage::Connection, None, None, Transient),
            (Stage::Connection, Some("AccessDenied"), None, Denied),
            (Stage::BrokenAnswer, None, Some(200), Transient),
            (Stage::BrokenAnswer, None, Some(400), Transient),
            (Stage::BrokenAnswer, None, Some(403), Denied),
            (Stage::BrokenAnswer, None, None, Transient),
            (Stage::Answered, Some("ThrottlingException"), Some(400), Throttled),
            (
                Stage::Answered,
                Some("KMSInternalException"),
                Some(400),
                Transient,
            ),
            (Stage::Answered, Some("Unheard"), Some(400), InvalidRequest),
            (Stage::Answered, Some("Unheard"), Some(500), Transient),
            (Stage::Answered, None, Some(429), Throttled),
            (Stage::Answered, None, Some(200), Transient),
            (Stage::Answered, None, None, Transient),
        ];
        for (stage, code, status, class) in rows {
            assert_eq!(
                decide(stage, code, status),
                class,
                "{stage:?} {code:?} {status:?}"
            );
        }
    }
}
