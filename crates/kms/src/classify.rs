//! The table from what KMS, or the way to it, answered to a class, and to what it says about key and message.
//!
//! Codes come first, since KMS sends most of its errors with HTTP 400, throttling among them; statuses decide what has
//! no code that is known, such as the page of a proxy. Only a code is a verdict on a key or a message: whoever else stands on
//! the way does not know either.
use datakey_provider::{ErrorClass, Verdict};

/// The class of a service error code, as it stands in `__type` or `x-amzn-errortype`; `None` for an unknown code.
///
/// Complete for every error in the KMS model, not only those that the four operations declare, and for the errors
/// that all AWS services share. Rows that deserve a reason:
///
/// | code | class | why |
/// |---|---|---|
/// | `ThrottlingException` and 12 more | throttled | the codes that AWS SDKs treat as throttling; KMS declares none of them |
/// | `LimitExceededException` | invalid request | a resource quota (of grants, of keys); waiting does not clear it |
/// | `KMSInvalidStateException` | transient | what KMS answers to every failure of a custom or external key store: no connection, no answer in time, too many requests. A key that is to be deleted or awaits its material answers it too, and is told by the message: see [below](#invalid-states) |
/// | `InvalidGrantTokenException` | invalid request | a token exists to work before its grant has spread; one that is refused is wrong |
/// | `IncorrectKeyException` | not authentic | the blob was not made under the key that was pinned |
/// | `RequestTimeTooSkewed`, `InvalidSignatureException` | unauthenticated | a wrong clock or secret; the answer has taught the SDK the right time, so the next attempt is signed with it |
/// | `ExpiredTokenException`, `UnrecognizedClientException` | unauthenticated | the credentials are asked for anew, once for all calls, and the next attempt has them |
/// | `AccessDeniedException` | denied | KMS says so with status 400; with 401, 403 or 407 it is a gateway that does, and unauthenticated |
/// | `RequestAbortedException` | transient | the request was given up before it was answered |
/// | `DryRunOperationException` | invalid request | the answer to a dry run that would have succeeded; not sent to these calls |
///
/// # Invalid states
///
/// `KMSInvalidStateException` stands for two things, and AWS says that the message is what tells them apart. `pending
/// deletion`, `pending replica deletion` and `pending import` are states in which a key is out of use for good or until somebody
/// acts: the class is unavailable key, with a verdict on the wrapping key. Whatever else the message says, or if there is none, it
/// is a failure of the key store, tried again like an HTTP 503. So if KMS should ever word it otherwise, a key that is to be
/// deleted is in use until its hard age at the latest, and no fault of a key store empties a cache.
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
/// Sources: the errors of each operation in the KMS API reference; "Common errors" there; "Troubleshooting external key stores"
/// in the KMS Developer Guide; the clock-skew codes of the AWS SDK.
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
        | "KMSInvalidStateException"
        | "KeyUnavailableException"
        | "RequestAbortedException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => ErrorClass::Transient,

        "RequestTimeout" | "RequestTimeoutException" => ErrorClass::Timeout,

        "DisabledException" | "NotFoundException" => ErrorClass::UnavailableKey,

        "IncorrectKeyException" | "InvalidCiphertextException" => ErrorClass::NotAuthentic,

        "AccessDenied"
        | "AccessDeniedException"
        | "NotAuthorized"
        | "NotAuthorizedException"
        | "UnauthorizedAccess"
        | "UnauthorizedOperation" => ErrorClass::Denied,

        _ if is_of_the_caller(code) => ErrorClass::Unauthenticated,
        _ if is_invalid(code) => ErrorClass::InvalidRequest,
        _ => return None,
    })
}

/// The service does not know or does not believe who asks.
fn is_of_the_caller(code: &str) -> bool {
    matches!(
        code,
        "AuthFailure"
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
            | "OptInRequired"
            | "RequestExpired"
            | "RequestInTheFuture"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch"
            | "SubscriptionRequiredException"
            | "TokenRefreshRequired"
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

/// The class of an answer whose code is missing, by its HTTP status. It is nothing that KMS says of a key or a message.
///
/// | status | class |
/// |---|---|
/// | 429 | throttled |
/// | 401, 403, 407 | unauthenticated: a proxy or gateway that does not let the caller through |
/// | 408 | timeout |
/// | everything else | transient: pages and redirections of whoever stands on the way, a success that cannot be read |
///
/// With a code that is unknown here, any other 4xx is an invalid request: KMS refuses for a reason that nobody here knows.
///
/// ```
/// # use datakey_kms::class_of_status;
/// # use datakey_provider::ErrorClass;
/// assert_eq!(class_of_status(503), ErrorClass::Transient);
/// assert_eq!(class_of_status(403), ErrorClass::Unauthenticated);
/// assert_eq!(class_of_status(429), ErrorClass::Throttled);
/// ```
#[must_use]
pub const fn class_of_status(status: u16) -> ErrorClass {
    match status {
        429 => ErrorClass::Throttled,
        401 | 403 | 407 => ErrorClass::Unauthenticated,
        408 => ErrorClass::Timeout,
        _ => ErrorClass::Transient,
    }
}

/// How far a call came before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The request could not be made ready to be sent: something about the configuration.
    Construction,
    /// The credentials to sign with could not be loaded.
    Credentials,
    /// The attempt ran out of time, in whatever it was doing.
    Timeout,
    /// The HTTP client refused the request as wrong in itself.
    Refused,
    /// A proxy did not make the connection through it.
    Proxy,
    /// Connecting, TLS, or the connection failed; nothing was answered.
    Connection,
    /// An answer began and broke off.
    BrokenAnswer,
    /// An answer came whole.
    Answered,
}

/// What an answer says, as far as there is one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
    pub(crate) status: Option<u16>,
}

/// The decision: stage, then code, then status.
pub(crate) fn decide(stage: Stage, told: Told<'_>) -> (ErrorClass, Option<Verdict>) {
    let silent = |class| (class, None);
    match stage {
        Stage::Construction | Stage::Refused => silent(ErrorClass::InvalidRequest),
        Stage::Timeout => silent(ErrorClass::Timeout),
        Stage::Connection => silent(ErrorClass::Transient),
        Stage::Credentials | Stage::Proxy => silent(ErrorClass::Unauthenticated),
        Stage::BrokenAnswer | Stage::Answered => match told.code.and_then(class_of_code) {
            Some(class) => by_code(class, told),
            None => silent(by_status(stage, told)),
        },
    }
}

fn by_code(class: ErrorClass, told: Told<'_>) -> (ErrorClass, Option<Verdict>) {
    let (code, message) = (told.code.unwrap_or_default(), told.message.unwrap_or_default());
    match class {
        ErrorClass::Denied if matches!(told.status, Some(401 | 403 | 407)) => {
            (ErrorClass::Unauthenticated, None)
        }
        ErrorClass::Transient if code == "KMSInvalidStateException" && is_out_of_use(message) => {
            (ErrorClass::UnavailableKey, Some(Verdict::WrappingKey))
        }
        ErrorClass::InvalidRequest => (class, verdict_on_request(code)),
        _ => (class, class.verdict()),
    }
}

/// Whether a message says of a key that it is in a state in which it is out of use until somebody acts.
fn is_out_of_use(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let states = ["pending deletion", "pending replica deletion", "pending import"];
    states.iter().any(|state| message.contains(state))
}

/// Which of the requests that are wrong in themselves are so for the key or the message: the others are for the caller, and
/// what a caller may have done says nothing of keys.
fn verdict_on_request(code: &str) -> Option<Verdict> {
    match code {
        "InvalidKeyUsageException" => Some(Verdict::WrappingKey),
        "InvalidArnException"
        | "InvalidParameterCombination"
        | "InvalidParameterValue"
        | "UnsupportedOperation"
        | "UnsupportedOperationException"
        | "ValidationError"
        | "ValidationException" => Some(Verdict::Message),
        _ => None,
    }
}

fn by_status(stage: Stage, told: Told<'_>) -> ErrorClass {
    let Some(status) = told.status else {
        return ErrorClass::Transient;
    };
    match class_of_status(status) {
        // A cut 400 may have been a throttle: its code is in the part that is missing.
        ErrorClass::Transient if told.code.is_some() && stage == Stage::Answered && is_refusal(status) => {
            ErrorClass::InvalidRequest
        }
        class => class,
    }
}

const fn is_refusal(status: u16) -> bool {
    matches!(status, 400..=499)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::{
        Denied, InvalidRequest, NotAuthentic, Throttled, Timeout, Transient, Unauthenticated, UnavailableKey,
    };
    use Verdict::{Message, WrappingKey};

    fn decided(stage: Stage, code: &str, message: &str, status: u16) -> (ErrorClass, Option<Verdict>) {
        let told = Told {
            code: Some(code).filter(|code| !code.is_empty()),
            message: Some(message).filter(|message| !message.is_empty()),
            status: Some(status).filter(|status| *status > 0),
        };
        decide(stage, told)
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn stage_then_code_then_status() {
        let rows = [
            (Stage::Construction, "", 0, InvalidRequest, None),
            (Stage::Refused, "", 0, InvalidRequest, None),
            (Stage::Credentials, "", 0, Unauthenticated, None),
            (
                Stage::Credentials,
                "ThrottlingException",
                0,
                Unauthenticated,
                None,
            ),
            (Stage::Credentials, "AccessDenied", 0, Unauthenticated, None),
            (Stage::Proxy, "", 0, Unauthenticated, None),
            (Stage::Timeout, "", 0, Timeout, None),
            (Stage::Connection, "", 0, Transient, None),
            (Stage::BrokenAnswer, "", 200, Transient, None),
            (Stage::BrokenAnswer, "", 400, Transient, None),
            (Stage::BrokenAnswer, "", 403, Unauthenticated, None),
            (Stage::BrokenAnswer, "Unheard", 400, Transient, None),
            (Stage::BrokenAnswer, "", 0, Transient, None),
            (Stage::Answered, "ThrottlingException", 400, Throttled, None),
            (Stage::Answered, "KMSInternalException", 400, Transient, None),
            (
                Stage::Answered,
                "AccessDeniedException",
                400,
                Denied,
                Some(Message),
            ),
            (
                Stage::Answered,
                "AccessDeniedException",
                403,
                Unauthenticated,
                None,
            ),
            (
                Stage::Answered,
                "ExpiredTokenException",
                400,
                Unauthenticated,
                None,
            ),
            (
                Stage::Answered,
                "NotFoundException",
                400,
                UnavailableKey,
                Some(WrappingKey),
            ),
            (
                Stage::Answered,
                "InvalidKeyUsageException",
                400,
                InvalidRequest,
                Some(WrappingKey),
            ),
            (
                Stage::Answered,
                "InvalidCiphertextException",
                400,
                NotAuthentic,
                Some(Message),
            ),
            (
                Stage::Answered,
                "ValidationException",
                400,
                InvalidRequest,
                Some(Message),
            ),
            (
                Stage::Answered,
                "LimitExceededException",
                400,
                InvalidRequest,
                None,
            ),
            (
                Stage::Answered,
                "InvalidGrantTokenException",
                400,
                InvalidRequest,
                None,
            ),
            (Stage::Answered, "Unheard", 400, InvalidRequest, None),
            (Stage::Answered, "Unheard", 403, Unauthenticated, None),
            (Stage::Answered, "Unheard", 302, Transient, None),
            (Stage::Answered, "Unheard", 500, Transient, None),
            (Stage::Answered, "", 429, Throttled, None),
            (Stage::Answered, "", 302, Transient, None),
            (Stage::Answered, "", 404, Transient, None),
            (Stage::Answered, "", 200, Transient, None),
            (Stage::Answered, "", 0, Transient, None),
        ];
        for (stage, code, status, class, verdict) in rows {
            assert_eq!(
                decided(stage, code, "what KMS says", status),
                (class, verdict),
                "{stage:?} {code:?} {status:?}"
            );
        }
    }

    /// The texts of keys are those that KMS sends; those of key stores stand in "Troubleshooting external key stores" of the KMS
    /// Developer Guide.
    #[test]
    fn the_message_of_an_invalid_state_tells_a_key_from_a_key_store() {
        let key = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let state = |message: &str| decided(Stage::Answered, "KMSInvalidStateException", message, 400);
        for state_of_key in [
            "pending deletion",
            "pending replica deletion",
            "pending import",
            "Pending Import",
        ] {
            let message = format!("{key} is {state_of_key}.");
            assert_eq!(state(&message), (UnavailableKey, Some(WrappingKey)), "{message}");
        }
        for message in [
            "",
            "AWS KMS cannot communicate with the external key store proxy. Verify that your external key store proxy is active",
            "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request.",
            "AWS KMS rejected the request due to a very high request rate.",
            "The external key store proxy rejected the request because it could not find the external key.",
            "The external key store proxy is in an unhealthy state.",
            "The external key store proxy denied access to the operation.",
            &format!("{key} is unavailable."),
            "something that nobody has read before",
        ] {
            assert_eq!(state(message), (Transient, None), "{message}");
        }
    }
}
