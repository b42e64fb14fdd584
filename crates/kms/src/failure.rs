//! From the SDK's error to a classified one that holds nothing of a body.
use std::{error::Error, fmt, sync::Arc, time::Duration};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::{
    error::{ErrorMetadata, ProvideErrorMetadata, SdkError},
    primitives::{DateTime, DateTimeFormat},
};
use aws_smithy_runtime_api::client::endpoint::error::ResolveEndpointError;
use aws_smithy_types::retry::ErrorKind;
use aws_types::request_id::RequestId as _;
use datakey_provider::{ErrorClass, Operation, ProviderError};

use crate::{
    cause::Cause,
    classify::{Stage, decide},
};

/// The longest text of a service that an error keeps, in bytes.
const MAX_MESSAGE_LEN: usize = 1024;

/// The longest error code, in bytes: about twice the longest that AWS has.
const MAX_CODE_LEN: usize = 128;

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
#[derive(Debug, Clone)]
pub struct KmsFailure {
    class: ErrorClass,
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
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// The service's message, cut to 1024 bytes.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The id under which AWS support and CloudTrail know the request.
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
            (None, _) => f.write_str("no answer from KMS")?,
        }
        match &self.request_id {
            Some(id) => write!(f, " (request id {id})"),
            None => Ok(()),
        }
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
pub(crate) fn provider_error<E>(operation: Operation, key_id: &str, error: SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let stage = stage(&error);
    let code = code(&error);
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let class = decide(stage, code.as_deref(), status);
    let delay = delay(&error).filter(|_| class.is_retryable());
    let mut made = ProviderError::new(class, operation).with_key_id(key_id);
    if let Some(code) = code {
        made = made.with_code(code);
    }
    if let Some(delay) = delay {
        made = made.with_delay(delay);
    }
    made.with_source(facts(class, status, error))
}

fn facts<E>(class: ErrorClass, status: Option<u16>, error: SdkError<E>) -> KmsFailure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
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
        status,
        message,
        request_id,
        source,
    }
}

fn stage<E: Error + 'static>(error: &SdkError<E>) -> Stage {
    match error {
        SdkError::ConstructionFailure(_) => Stage::Construction,
        SdkError::TimeoutError(_) => Stage::Timeout,
        SdkError::ResponseError(_) => Stage::BrokenAnswer,
        SdkError::ServiceError(_) => Stage::Answered,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Stage::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_user() => Stage::Refused,
        SdkError::DispatchFailure(failure) if failure.as_other() == Some(ErrorKind::ClientError) => {
            Stage::Refused
        }
        other if find::<ResolveEndpointError>(other).is_some() => Stage::Construction,
        other => find::<CredentialsError>(other).map_or(Stage::Connection, credentials),
    }
}

fn credentials(error: &CredentialsError) -> Stage {
    match error {
        CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_) => {
            Stage::Credentials
        }
        CredentialsError::ProviderTimedOut(_) => Stage::Timeout,
        // The service behind the provider (STS, the instance metadata) failed; its code decides, where it has one.
        _ => Stage::Connection,
    }
}

fn code<E>(error: &SdkError<E>) -> Option<Box<str>>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .or_else(|| header(error, "x-amzn-errortype").map(bare_code))
        .or_else(|| find::<ErrorMetadata>(error).and_then(ErrorMetadata::code))
        .filter(|code| is_code(code))
        .map(Into::into)
}

/// Whether a text can be an error code. What is something else, whoever put it there, is not repeated.
fn is_code(text: &str) -> bool {
    let in_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_CODE_LEN).contains(&text.len()) && text.bytes().all(in_code)
}

/// `com.amazonaws.kms#NotFoundException:http://...` is `NotFoundException`.
fn bare_code(header: &str) -> &str {
    let code = header.split_once(':').map_or(header, |(code, _)| code);
    code.rsplit_once('#').map_or(code, |(_, code)| code)
}

/// The delay that the service asks for: `x-amz-retry-after` in milliseconds, else `Retry-After` in seconds or as a
/// date, which is held against the answer's own `Date` so that no local clock is needed.
fn delay<E>(error: &SdkError<E>) -> Option<Duration> {
    parse_delay(|name| header(error, name))
}

fn parse_delay<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    if let Some(millis) = header("x-amz-retry-after").and_then(|text| text.trim().parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let after = header("retry-after")?.trim();
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| DateTime::from_str(text, DateTimeFormat::HttpDate).ok();
    let (after, now) = (date(after)?, date(header("date")?.trim())?);
    let seconds = after.secs().checked_sub(now.secs())?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

fn header<'a, E>(error: &'a SdkError<E>, name: &str) -> Option<&'a str> {
    error.raw_response()?.headers().get(name)
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
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

    fn delay_of(headers: &[(&str, &'static str)]) -> Option<Duration> {
        parse_delay(|name| {
            headers
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, value)| *value)
        })
    }

    #[test]
    fn delays_are_read_in_all_their_forms() {
        let millis = Some(Duration::from_millis(1500));
        assert_eq!(
            delay_of(&[("x-amz-retry-after", "1500"), ("retry-after", "9")]),
            millis
        );
        assert_eq!(delay_of(&[("retry-after", " 7 ")]), Some(Duration::from_secs(7)));
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        let later = ("retry-after", "Wed, 21 Oct 2015 07:28:12 GMT");
        assert_eq!(delay_of(&[date, later]), Some(Duration::from_secs(12)));
    }

    #[test]
    fn what_is_no_delay_is_none() {
        assert_eq!(delay_of(&[]), None);
        assert_eq!(delay_of(&[("x-amz-retry-after", "-5")]), None);
        assert_eq!(delay_of(&[("retry-after", "soon")]), None);
        assert_eq!(delay_of(&[("retry-after", "1e3")]), None);
        let later = ("retry-after", "Wed, 21 Oct 2015 07:28:12 GMT");
        assert_eq!(delay_of(&[later]), None, "a date needs the answer's date");
        assert_eq!(
            delay_of(&[("date", "Thu, 22 Oct 2015 07:28:12 GMT"), later]),
            None
        );
    }

    #[test]
    fn codes_are_stripped_of_namespace_and_address() {
        for text in [
            "X",
            "com.amazonaws.kms#X",
            "X:http://docs",
            "com.amazonaws.kms#X:http://a#b",
        ] {
            assert_eq!(bare_code(text), "X");
        }
    }

    #[test]
    fn what_is_no_code_is_not_repeated() {
        for code in [
            "ThrottlingException",
            "AWS.SimpleQueueService.NonExistent",
            "KMS-1_2",
        ] {
            assert!(is_code(code), "{code}");
        }
        let long = "E".repeat(129);
        for text in [
            "",
            "a b",
            "p6enp6enp6enp6enp6c=",
            "Throttling\nException",
            "\u{1F511}",
            &long,
        ] {
            assert!(!is_code(text), "{text}");
        }
    }

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
