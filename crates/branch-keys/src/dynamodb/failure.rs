//! How a failed call of DynamoDB is told.
use std::{error::Error, fmt, sync::Arc, time::Duration};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId as _,
};
use datakey_provider::{ErrorClass, Operation, ProviderError, Verdict};

use super::classify::{Stage, decide};
use crate::BranchKeyId;

/// The longest message that is repeated, in characters.
const MAX_MESSAGE_LEN: usize = 1024;

/// The longest error code, in bytes.
const MAX_CODE_LEN: usize = 128;

/// What DynamoDB, or the way to it, answered: the source of a [`ProviderError`].
///
/// It says in its text what DynamoDB answered, in one line of at most 1,024 characters, or how far the request came. It never quotes a body
/// that DynamoDB did not send. The request id is what AWS support asks for.
///
/// ```
/// use std::error::Error as _;
/// use datakey_branch_keys::DynamoDbFailure;
/// use datakey_provider::ProviderError;
///
/// fn request_id(error: &ProviderError) -> Option<String> {
///     let failure = error.source()?.downcast_ref::<DynamoDbFailure>()?;
///     failure.request_id().map(Into::into)
/// }
/// # use datakey_provider::{ErrorClass, Operation};
/// # let unsent = ProviderError::new(ErrorClass::Transient, Operation::GetItem);
/// # assert_eq!(request_id(&unsent), None);
/// ```
#[derive(Debug, Clone)]
pub struct DynamoDbFailure {
    class: ErrorClass,
    stage: Stage,
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
            (None, _) => f.write_str(without_answer(self.stage))?,
        }
        match &self.request_id {
            Some(id) => write!(f, " (request id {id})"),
            None => Ok(()),
        }
    }
}

const fn without_answer(stage: Stage) -> &'static str {
    match stage {
        Stage::Construction => "the request was not sent; check how the client is configured",
        Stage::Credentials => "the request was not sent, as there was nothing to sign it with",
        Stage::Proxy => "a proxy did not connect to DynamoDB",
        Stage::Timeout | Stage::Connection | Stage::BrokenAnswer | Stage::Answered => {
            "no answer from DynamoDB"
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

/// Classifies a failed call by how far it came and what was answered; `decided` where the answer says of what class it is otherwise
/// than by its code.
pub(super) fn provider_error<E>(
    operation: Operation,
    (id, quota): (&BranchKeyId, &str),
    stage: Stage,
    error: SdkError<E, HttpResponse>,
    decided: Option<ErrorClass>,
) -> ProviderError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let code = code(&error);
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let class = decided.unwrap_or_else(|| decide(stage, code.as_deref(), status));
    let service = error.as_service_error();
    let message = service.and_then(ProvideErrorMetadata::message).map(one_line);
    let request_id = service
        .and_then(|service| service.meta().request_id())
        .map(one_line);
    let delay = delay(&error).filter(|_| class.is_retryable());
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
    made.with_source(DynamoDbFailure {
        class,
        stage,
        status,
        message,
        request_id,
        source,
    })
}

/// A success that DynamoDB did not send: its answers have a request id, and those of whoever stands on the way have none.
pub(super) fn not_from_dynamodb(operation: Operation, (id, quota): (&BranchKeyId, &str)) -> ProviderError {
    const CLASS: ErrorClass = ErrorClass::Transient;
    ProviderError::new(CLASS, operation)
        .with_key_id(id.key_id())
        .with_quota(quota)
        .with_source(DynamoDbFailure {
            class: CLASS,
            stage: Stage::BrokenAnswer,
            status: Some(200),
            message: None,
            request_id: None,
            source: None,
        })
}

/// The error code, wherever AWS puts it.
fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Box<str>> {
    let in_body = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let in_header = || {
        error
            .raw_response()?
            .headers()
            .get("x-amzn-errortype")
            .map(bare_code)
    };
    let code = in_body.or_else(in_header)?;
    is_code(code).then(|| code.into())
}

/// `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException:http://...` is `ResourceNotFoundException`.
fn bare_code(header: &str) -> &str {
    let code = header.split_once(':').map_or(header, |(code, _)| code);
    code.rsplit_once('#').map_or(code, |(_, code)| code)
}

/// The delay that is asked for: `x-amz-retry-after` in milliseconds, else `Retry-After` in seconds.
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
