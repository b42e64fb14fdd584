//! How a failed call of DynamoDB is told.
use std::{error::Error, fmt, sync::Arc, time::Duration};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId as _,
};
use datakey_provider::{ErrorClass, Operation, ProviderError, Verdict};

use super::classify::{class_of_code, class_of_status};
use crate::BranchKeyId;

/// The longest message that is repeated, in characters.
const MAX_MESSAGE_LEN: usize = 1024;

/// The longest error code, in bytes.
const MAX_CODE_LEN: usize = 128;

/// What DynamoDB, or the way to it, answered: the source of a [`ProviderError`].
#[derive(Debug, Clone)]
pub struct DynamoDbFailure {
    class: ErrorClass,
    status: Option<u16>,
    message: Option<Box<str>>,
    request_id: Option<Box<str>>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl DynamoDbFailure {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.class.is_retryable()
    }

    /// The HTTP status, where there was an answer.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// DynamoDB's id of the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl fmt::Display for DynamoDbFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.message) {
            (Some(status), Some(message)) => write!(f, "HTTP {status} from DynamoDB: {message}")?,
            (Some(status), None) => write!(f, "HTTP {status} with a body that DynamoDB does not send")?,
            (None, _) => f.write_str("no answer from DynamoDB")?,
        }
        match &self.request_id {
            Some(id) => write!(f, " (request id {id})"),
            None => Ok(()),
        }
    }
}

impl Error for DynamoDbFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref();
        source.map(|source| source as &(dyn Error + 'static))
    }
}

/// Text of bounded length, which cannot pretend to be further lines of a log.
fn one_line(text: &str) -> Box<str> {
    let visible = text.chars().take(MAX_MESSAGE_LEN);
    let visible = visible.map(|char| if char.is_control() { ' ' } else { char });
    visible.collect::<String>().into()
}

fn is_code(text: &str) -> bool {
    let in_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_CODE_LEN).contains(&text.len()) && text.bytes().all(in_code)
}

/// Classifies a failed call, with what is known of it; `decided` where the answer says of what class it is.
pub(crate) fn failed<E>(
    operation: Operation,
    (id, quota): (&BranchKeyId, &str),
    error: SdkError<E, HttpResponse>,
    decided: Option<ErrorClass>,
) -> ProviderError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let service = error.as_service_error();
    let code = service
        .and_then(ProvideErrorMetadata::code)
        .filter(|code| is_code(code));
    let code: Option<Box<str>> = code.map(Into::into);
    let class = decided.unwrap_or_else(|| class_of(&error, status, code.as_deref()));
    let message = service.and_then(ProvideErrorMetadata::message).map(one_line);
    let request_id = service
        .and_then(|service| service.meta().request_id())
        .map(one_line);
    let delay = delay(&error).filter(|_| class.is_retryable());
    let was_sent = !matches!(error, SdkError::ConstructionFailure(_));
    let source: Option<Arc<dyn Error + Send + Sync>> = match error {
        // What the parser says of them may quote the body.
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => None,
        other => Some(Arc::new(other)),
    };
    let mut made = ProviderError::new(class, operation)
        .with_key_id(id.key_id())
        .with_quota(quota)
        .with_verdict((class == ErrorClass::Denied).then_some(Verdict::Message));
    if let Some(code) = code {
        made = made.with_code(code);
    }
    if let Some(delay) = delay {
        made = made.with_delay(delay);
    }
    let made = made.with_source(DynamoDbFailure {
        class,
        status,
        message,
        request_id,
        source,
    });
    if was_sent { made } else { made.unsent() }
}

fn class_of<E>(error: &SdkError<E, HttpResponse>, status: Option<u16>, code: Option<&str>) -> ErrorClass {
    match error {
        SdkError::ConstructionFailure(_) => ErrorClass::InvalidRequest,
        SdkError::TimeoutError(_) => ErrorClass::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ErrorClass::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_other() => ErrorClass::Unauthenticated,
        SdkError::DispatchFailure(_) => ErrorClass::Transient,
        _ => match (code.and_then(class_of_code), status) {
            // A gateway says so: DynamoDB sends its refusals with status 400.
            (Some(ErrorClass::Denied), Some(401 | 403 | 407)) => ErrorClass::Unauthenticated,
            (Some(class), _) => class,
            (None, Some(status)) => class_of_status(status, code.is_some()),
            (None, None) => ErrorClass::Transient,
        },
    }
}

/// The delay that is asked for, in seconds.
fn delay<E>(error: &SdkError<E, HttpResponse>) -> Option<Duration> {
    let headers = error.raw_response()?.headers();
    if let Some(millis) = headers
        .get("x-amz-retry-after")
        .and_then(|text| text.trim().parse().ok())
    {
        return Some(Duration::from_millis(millis));
    }
    let seconds = headers.get("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
