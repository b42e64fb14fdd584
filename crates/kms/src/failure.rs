//! From the SDK's error to a classified one that holds nothing of a body.
use std::{error::Error, fmt, sync::Arc};

use aws_sdk_kms::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_types::request_id::RequestId as _;
use datakey_provider::{ErrorClass, Operation, ProviderError, Verdict};

use crate::{
    cause::Cause,
    classify::{Stage, Told, decide},
    proxy,
    told::{code, delay, header, key_named_in},
};

/// The longest text of a service that an error keeps, in bytes.
const MAX_MESSAGE_LEN: usize = 1024;

/// What is known of a failed call beyond its class: the source of the [`ProviderError`].
///
/// It is made of the SDK's error without the response: an answer that cannot be read may hold the plaintext data key,
/// and a proxy may echo a request, so no part of a body is kept save the message of a well-formed service error. Its
/// source is what the SDK said of a call without an answer, as text, link by link.
///
/// ```
/// use std::error::Error as _;
/// use datakey_kms::KmsFailure;
///
/// fn request_id(error: &datakey_provider::ProviderError) -> Option<&str> {
///     error.source()?.downcast_ref::<KmsFailure>()?.request_id()
/// }
/// ```
///
/// Its text says the status and KMS's own words, or how far the call came; never what could not be read.
#[derive(Debug, Clone)]
pub struct KmsFailure {
    class: ErrorClass,
    stage: Stage,
    proxy: Option<Box<str>>,
    status: Option<u16>,
    message: Option<Box<str>>,
    request_id: Option<Box<str>>,
    source: Option<Arc<Cause>>,
}

impl KmsFailure {
    /// The class that the [`ProviderError`] has.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        self.class
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.class.is_retryable()
    }

    /// The HTTP status of the answer, if one came.
    ///
    /// Without one, the call came to no answer: its [source](std::error::Error::source) says how far it got.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// The service's message, cut to 1024 bytes.
    ///
    /// It is for people. KMS changes such texts, so decide by the [class](Self::class) or by the code of the `ProviderError`.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The id under which AWS support and CloudTrail know the request.
    ///
    /// It belongs into every log line about a failed call: it is what finds the call again.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl fmt::Display for KmsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.message) {
            (Some(status), Some(message)) => write!(f, "HTTP {status}: {message}")?,
            (Some(status), None) => write!(f, "HTTP {status} with a body that KMS does not send")?,
            (None, _) => f.write_str(without_answer(self.stage))?,
        }
        if let Some(proxy) = &self.proxy {
            write!(f, ": {proxy}, as the environment names it")?;
        }
        match &self.request_id {
            Some(id) => write!(f, " (request id {id})"),
            None => Ok(()),
        }
    }
}

const fn without_answer(stage: Stage) -> &'static str {
    match stage {
        Stage::Construction | Stage::Refused => {
            "the request was not sent; check how the client is configured"
        }
        Stage::Credentials => "the request was not sent, as there was nothing to sign it with",
        Stage::Proxy => "a proxy did not connect to KMS",
        Stage::Timeout | Stage::Connection | Stage::BrokenAnswer | Stage::Answered => "no answer from KMS",
    }
}

impl Error for KmsFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// Classifies a failed call.
pub(crate) fn provider_error<E>(
    operation: Operation,
    key_id: &str,
    stage: Stage,
    error: SdkError<E>,
) -> ProviderError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let code = code(&error);
    let told = Told {
        code: code.as_deref(),
        message: error.as_service_error().and_then(ProvideErrorMetadata::message),
        status: error.raw_response().map(|raw| raw.status().as_u16()),
    };
    let (class, verdict) = decide(stage, told);
    // Of an alias, only KMS knows which key it names at the moment.
    let key_named = told
        .message
        .filter(|_| verdict == Some(Verdict::WrappingKey))
        .and_then(key_named_in);
    let delay = delay(&error).filter(|_| class.is_retryable());
    let mut made = ProviderError::new(class, operation)
        .with_verdict(verdict)
        .with_key_id(key_named.unwrap_or(key_id));
    if let Some(code) = code {
        made = made.with_code(code);
    }
    if let Some(delay) = delay {
        made = made.with_delay(delay);
    }
    made.with_source(facts(class, stage, error))
}

fn facts<E>(class: ErrorClass, stage: Stage, error: SdkError<E>) -> KmsFailure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
    let message = meta.and_then(ErrorMetadata::message).map(one_line);
    let request_id = meta
        .and_then(|meta| meta.request_id())
        .or_else(|| header(&error, "x-amzn-requestid"))
        .map(one_line);
    let source = match error {
        // The source of these is the parser's, which may quote the body.
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => None,
        other => Cause::of(&other).map(Arc::new),
    };
    KmsFailure {
        class,
        stage,
        proxy: (stage == Stage::Proxy).then(proxy::named).flatten(),
        status,
        message,
        request_id,
        source,
    }
}

/// A text of bounded length, which cannot pretend to be further lines of a log.
fn one_line(text: &str) -> Box<str> {
    let visible = cut(text)
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    visible.collect::<String>().into()
}

fn cut(text: &str) -> &str {
    let end = text
        .char_indices()
        .map(|(start, char)| start.saturating_add(char.len_utf8()))
        .take_while(|end| *end <= MAX_MESSAGE_LEN)
        .last();
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// An error found here, without a call.
pub(crate) fn refused(
    operation: Operation,
    key_id: Option<&str>,
    source: impl Error + Send + Sync + 'static,
) -> ProviderError {
    let error = ProviderError::new(ErrorClass::InvalidRequest, operation)
        .unsent()
        .with_source(source);
    match key_id {
        Some(key_id) => error.with_key_id(key_id),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_line() {
        assert_eq!(
            &*one_line("no such key\r\nERROR forged\u{85}\u{1b}[2J"),
            "no such key  ERROR forged  [2J"
        );
    }

    #[test]
    fn texts_are_cut_at_a_character() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(""), "");
        let long = "\u{1F511}".repeat(400);
        assert_eq!(cut(&long).len(), 1024);
        assert_eq!(cut(&format!("x{long}")).len(), 1021);
    }
}
