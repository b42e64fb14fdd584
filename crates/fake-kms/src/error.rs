//! The errors that KMS answers, under its own names.
use std::{fmt, time::Duration};

use datakey_provider::{ErrorClass, Verdict};
use thiserror::Error;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $class:ident;)+) => {
        /// The code of an error, with the HTTP status that KMS sends it with and the class that it belongs to.
        ///
        /// Source: the KMS API reference, which gives status 400 for every fault of the client and 500 for every fault of
        /// the service; KMS sends just these. The service model states others (404, 409 and so on), which never
        /// arrive. `ThrottlingException` is not in the model; it comes with status 400 and is told by its code alone.
        ///
        /// ```
        /// use datakey_fake_kms::KmsErrorCode;
        /// use datakey_provider::ErrorClass;
        ///
        /// let code = KmsErrorCode::Throttling;
        /// assert_eq!((code.as_str(), code.http_status()), ("ThrottlingException", 400));
        /// assert_eq!(code.class(), ErrorClass::Throttled);
        /// // A resource quota: waiting does not clear it.
        /// assert!(!KmsErrorCode::LimitExceeded.class().is_retryable());
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum KmsErrorCode {
            $($(#[$doc])* $name,)+
        }

        impl KmsErrorCode {
            /// Every code, for tables.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code as KMS spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The HTTP status that it is sent with.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// What it means to whoever called, as far as the code alone says.
            #[must_use]
            pub const fn class(self) -> ErrorClass {
                match self { $(Self::$name => ErrorClass::$class,)+ }
            }
        }
    };
}

codes! {
    /// The request rate is over the quota.
    Throttling = "ThrottlingException", 400, Throttled;
    /// KMS failed.
    Internal = "KMSInternalException", 500, Transient;
    /// A part of KMS did not answer KMS in time.
    DependencyTimeout = "DependencyTimeoutException", 500, Transient;
    /// The key cannot be used at the moment.
    KeyUnavailable = "KeyUnavailableException", 500, Transient;
    /// A resource quota, not a rate.
    LimitExceeded = "LimitExceededException", 400, InvalidRequest;
    /// The key is disabled.
    Disabled = "DisabledException", 400, UnavailableKey;
    /// The key store that the key is in failed; or the key's state does not allow the operation, such as pending deletion, which
    /// the message tells: see [`KmsError::class`].
    InvalidState = "KMSInvalidStateException", 400, Transient;
    /// No such key or alias.
    NotFound = "NotFoundException", 400, UnavailableKey;
    /// The ciphertext was altered, or the encryption context is another.
    InvalidCiphertext = "InvalidCiphertextException", 400, NotAuthentic;
    /// The ciphertext was made under another key than the request names.
    IncorrectKey = "IncorrectKeyException", 400, NotAuthentic;
    /// The caller may not do this, or the key is none that the caller may know of.
    AccessDenied = "AccessDeniedException", 400, Denied;
    /// The session token has expired.
    ExpiredToken = "ExpiredTokenException", 400, Unauthenticated;
    /// The access key is unknown.
    UnrecognizedClient = "UnrecognizedClientException", 400, Unauthenticated;
    /// The `Authorization` header is not whole.
    IncompleteSignature = "IncompleteSignatureException", 400, Unauthenticated;
    /// The signature does not fit, is of another time, or is scoped to something else.
    InvalidSignature = "InvalidSignatureException", 400, Unauthenticated;
    /// The request is not signed.
    MissingAuthenticationToken = "MissingAuthenticationTokenException", 400, Unauthenticated;
    /// The principal may not do this at all, such as giving an alias that is reserved.
    NotAuthorized = "NotAuthorizedException", 400, Denied;
    /// A grant token is not valid, or not yet.
    InvalidGrantToken = "InvalidGrantTokenException", 400, InvalidRequest;
    /// The key is of another kind than the operation needs.
    InvalidKeyUsage = "InvalidKeyUsageException", 400, InvalidRequest;
    /// The request would have succeeded, had it not been a dry run.
    DryRun = "DryRunOperationException", 400, InvalidRequest;
    /// A parameter breaks a constraint.
    Validation = "ValidationException", 400, InvalidRequest;
    /// The alias exists.
    AlreadyExists = "AlreadyExistsException", 400, InvalidRequest;
    /// Not the name of an alias.
    InvalidAliasName = "InvalidAliasNameException", 400, InvalidRequest;
    /// Not an ARN, or not one of a key.
    InvalidArn = "InvalidArnException", 400, InvalidRequest;
    /// Not a marker that a listing handed out.
    InvalidMarker = "InvalidMarkerException", 400, InvalidRequest;
    /// No such grant, or not on that key.
    InvalidGrantId = "InvalidGrantIdException", 400, InvalidRequest;
    /// Tags that are not valid or too many.
    Tag = "TagException", 400, InvalidRequest;
    /// A key policy that cannot be read, or that would lock its writer out.
    MalformedPolicy = "MalformedPolicyDocumentException", 400, InvalidRequest;
    /// Something else is under way with the key.
    Conflict = "ConflictException", 400, InvalidRequest;
    /// The parameter or operation is not supported.
    UnsupportedOperation = "UnsupportedOperationException", 400, InvalidRequest;
    /// No operation of that name.
    UnknownOperation = "UnknownOperationException", 400, InvalidRequest;
    /// The body is not the JSON that the operation takes.
    Serialization = "SerializationException", 400, InvalidRequest;
}

impl KmsErrorCode {
    /// The code of that name.
    ///
    /// ```
    /// use datakey_fake_kms::KmsErrorCode;
    /// use datakey_provider::ErrorClass;
    ///
    /// let code = KmsErrorCode::from_name("ThrottlingException").expect("KMS has it");
    /// assert_eq!((code.http_status(), code.class()), (400, ErrorClass::Throttled));
    /// assert_eq!(KmsErrorCode::from_name("TeapotException"), None);
    /// // No two are spelt alike, and each is found again.
    /// assert!(KmsErrorCode::ALL.iter().all(|code| KmsErrorCode::from_name(code.as_str()) == Some(*code)));
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    const fn usual_message(self) -> &'static str {
        match self {
            Self::Throttling => {
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
            }
            Self::Internal => "The request failed inside the service; it can be tried again.",
            Self::DependencyTimeout => "A dependency timed out; the request can be tried again.",
            Self::KeyUnavailable => "The key is not available at the moment; the request can be tried again.",
            Self::InvalidState => {
                "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator."
            }
            Self::IncorrectKey => {
                "The key ID in the request does not identify a CMK that can perform this operation."
            }
            Self::DryRun => "The request would have succeeded, but the DryRun parameter is set.",
            // KMS sends these without a message.
            _ => "",
        }
    }
}

impl fmt::Display for KmsErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error that KMS answers: code, message, and the wait that it asks for. Cheap to clone, never holds plaintext.
///
/// ```
/// use std::time::Duration;
/// use datakey_fake_kms::{FakeKms, FaultRule, KmsError, KmsErrorCode};
/// use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let asks_to_wait = KmsError::new(KmsErrorCode::Throttling).with_retry_after(Duration::from_millis(250));
/// fake.inject(FaultRule::new(datakey_fake_kms::Fault::Error(asks_to_wait)).times(1));
///
/// let provider = fake.provider(&fake.create_key()?);
/// let refused = provider.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await.unwrap_err();
/// assert_eq!(refused.delay(), Some(Duration::from_millis(250))); // as a layer above is told
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsError {
    code: KmsErrorCode,
    message: Box<str>,
    retry_after: Option<Duration>,
}

impl KmsError {
    /// An error with the message that is usual for its code.
    #[must_use]
    pub fn new(code: KmsErrorCode) -> Self {
        Self::with_message(code, code.usual_message())
    }

    /// An error with a message of its own; an empty one is not sent.
    #[must_use]
    pub fn with_message(code: KmsErrorCode, message: impl Into<Box<str>>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Adds a wait before the next attempt: over HTTP the header `x-amz-retry-after`, in milliseconds.
    ///
    /// Clients that know the header wait so long instead of what their own backoff says; a test of one gives it a wait that it would not
    /// choose.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// The code; decide by this.
    #[must_use]
    pub fn code(&self) -> KmsErrorCode {
        self.code
    }

    /// The message, which may be empty.
    ///
    /// Over HTTP it is what the client's exception says. Nothing should be decided by it: KMS changes its texts.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What it means to whoever called. `KMSInvalidStateException` stands for two things, and its message tells which: a key that is
    /// to be deleted or awaits its material, or a failure of the key store that it is in.
    ///
    /// ```
    /// use datakey_fake_kms::{KmsError, KmsErrorCode};
    /// use datakey_provider::ErrorClass;
    ///
    /// let of_key = KmsError::with_message(KmsErrorCode::InvalidState, "arn:aws:kms:... is pending deletion.");
    /// assert_eq!(of_key.class(), ErrorClass::UnavailableKey);
    /// let of_key_store = KmsError::new(KmsErrorCode::InvalidState);
    /// assert_eq!(of_key_store.class(), ErrorClass::Transient);
    /// ```
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        let states = ["pending deletion", "pending replica deletion", "pending import"];
        let out_of_use = || states.iter().any(|state| self.message.contains(state));
        match self.code {
            KmsErrorCode::InvalidState if out_of_use() => ErrorClass::UnavailableKey,
            code => code.class(),
        }
    }

    /// What it says about key and message: nothing, where it is about the caller or about a quota of resources.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self.code {
            KmsErrorCode::InvalidKeyUsage => Some(Verdict::WrappingKey),
            KmsErrorCode::InvalidArn | KmsErrorCode::UnsupportedOperation | KmsErrorCode::Validation => {
                Some(Verdict::Message)
            }
            _ if self.class() == ErrorClass::InvalidRequest => None,
            _ => self.class().verdict(),
        }
    }

    /// The wait that the service asks for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for KmsError {}

/// A `ValidationException` in the words that the AWS front ends use.
pub(crate) fn constraint(member: &str, value: &str, rule: &str) -> KmsError {
    KmsError::with_message(
        KmsErrorCode::Validation,
        format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
        ),
    )
}

impl From<KmsErrorCode> for KmsError {
    fn from(code: KmsErrorCode) -> Self {
        Self::new(code)
    }
}

/// How a call fails for whoever made it: by an answer, or without a usable one.
///
/// ```
/// use datakey_fake_kms::{CallError, FakeKms, Fault, FaultRule};
/// use datakey_provider::ErrorClass;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// for (fault, class) in [
///     (Fault::DropConnection, ErrorClass::Transient),
///     (Fault::CutBody, ErrorClass::Transient),
///     (Fault::proxy_page(502), ErrorClass::Transient),
/// ] {
///     fake.inject(FaultRule::new(fault).times(1));
///     let failed = fake.generate_random(8).await.unwrap_err();
///     assert_eq!(failed.class(), class);
///     assert_eq!(failed.code(), None); // nothing that KMS would have said
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The service answered with an error.
    #[error(transparent)]
    Refused(#[from] KmsError),
    /// No answer came. See [`Fault::Hang`](crate::Fault::Hang).
    #[error("the fake KMS was told not to answer this call")]
    TimedOut,
    /// The connection closed, or was reset, without an answer. See
    /// [`Fault::DropConnection`](crate::Fault::DropConnection).
    #[error("the fake KMS was told to drop the connection of this call")]
    ConnectionLost,
    /// The answer broke off. See [`Fault::CutBody`](crate::Fault::CutBody).
    #[error("the fake KMS was told to break off the answer of this call")]
    CutOff,
    /// What came is no answer of KMS. See [`Fault::Garbage`](crate::Fault::Garbage) and
    /// [`Fault::Answer`](crate::Fault::Answer).
    #[error("the fake KMS was told to answer this call with garbage")]
    Garbage,
}

impl CallError {
    /// The class that a provider reports it under.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused(error) => error.class(),
            Self::TimedOut => ErrorClass::Timeout,
            Self::ConnectionLost | Self::CutOff | Self::Garbage => ErrorClass::Transient,
        }
    }

    /// The code, when the service answered with one.
    #[must_use]
    pub fn code(&self) -> Option<KmsErrorCode> {
        match self {
            Self::Refused(error) => Some(error.code()),
            _ => None,
        }
    }
}
