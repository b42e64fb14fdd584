//! Answers as HTTP has them.
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;

use super::body::AnswerBody;
use crate::{KmsError, arn::KeyId};

const CONTENT: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");

#[derive(Serialize)]
struct Refusal<'a> {
    #[serde(rename = "__type")]
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

pub(super) fn refusal(error: &KmsError) -> Response<AnswerBody> {
    let status = StatusCode::from_u16(error.code().http_status());
    let body = json(&Refusal {
        code: error.code().as_str(),
        message: error.message(),
    });
    let mut response = response(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body);
    if let Some(delay) = error.retry_after() {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        response
            .headers_mut()
            .insert("x-amz-retry-after", HeaderValue::from(millis));
    }
    response
}

pub(super) fn too_large() -> Response<AnswerBody> {
    let body = json(&Refusal {
        code: "RequestEntityTooLargeException",
        message: "The body of the request is too large.",
    });
    response(StatusCode::PAYLOAD_TOO_LARGE, body)
}

pub(super) fn json(value: &impl Serialize) -> Bytes {
    // Writing strings, numbers and lists of them into memory does not fail.
    serde_json::to_vec(value).unwrap_or_default().into()
}

pub(super) fn response(status: StatusCode, body: Bytes) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, CONTENT);
    let id = KeyId::random(false).map(|id| HeaderValue::try_from(id.to_string()));
    if let Ok(Ok(id)) = id {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
