//! One connection: requests in, answers out.
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    Method, Request as HttpRequest, Response, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    http::request::Parts,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::{net::TcpStream, sync::watch, time::timeout};

use super::{
    answer::Reply,
    body::{AnswerBody, Broken},
    control, dispatch, observe,
    request::Request,
    settings::Settings,
    signature::{self, Authorization},
    wire::Wire,
};
use crate::{
    CallError, FakeKms, KmsContext, KmsError, KmsErrorCode, KmsOperation, Outcome, arn::KeyId,
    calls::Delivery,
};

/// The longest body of a request, in bytes: room for a key policy of the greatest length, escaped, and for much more
/// than all else needs.
pub const MAX_BODY_LEN: usize = 256 * 1024;

/// The longest head of a request, in bytes.
const MAX_HEAD_LEN: usize = 64 * 1024;

const CONTENT: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");

/// What is behind an address.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) fake: FakeKms,
    pub(super) settings: Arc<Settings>,
}

type Answered = Result<Response<AnswerBody>, Broken>;

pub(super) async fn connection(stream: TcpStream, endpoint: Endpoint, mut stopped: watch::Receiver<bool>) {
    // Answers are small and waited for: nothing is gained by collecting them.
    let _best_effort = stream.set_nodelay(true);
    let (wire, reset) = Wire::new(stream);
    let service = service_fn(|request| answer(&endpoint, &reset, request));
    let mut http = http1::Builder::new();
    http.max_buf_size(MAX_HEAD_LEN);
    if let Some(time) = endpoint.settings.request_timeout {
        http.timer(TokioTimer::new()).header_read_timeout(time);
    }
    let mut serving = pin!(http.serve_connection(TokioIo::new(wire), service));
    // A connection that ends badly is the client's to notice.
    tokio::select! {
        _ended = serving.as_mut() => return,
        _ = stopped.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _ended = serving.await;
}

async fn answer(endpoint: &Endpoint, reset: &AtomicBool, request: HttpRequest<Incoming>) -> Answered {
    if let Some(told) = observe::answer(endpoint, &request) {
        let mut answer = response(StatusCode::OK, told.body);
        answer.headers_mut().insert(CONTENT_TYPE, told.content_type);
        return Ok(answer);
    }
    let operation = operation_of(&request);
    let is_control = endpoint.settings.faults_path.as_deref() == Some(request.uri().path());
    if operation.is_none() && !is_control {
        return Ok(refusal(&KmsErrorCode::UnknownOperation.into()));
    }
    let (head, body) = request.into_parts();
    let body = match endpoint.collect(body).await? {
        Some(body) => body,
        None => return Ok(too_large()),
    };
    let Some(operation) = operation else {
        let (status, told) = control::answer(endpoint, &head.method, &head.uri, &body);
        return Ok(response(status, told));
    };
    let fake = match endpoint.admit(&head, &body) {
        Ok(fake) => fake,
        Err(error) => {
            let ledger = endpoint.fake.ledger();
            let now = endpoint.fake.engine().clock().since_start();
            ledger.record(
                now,
                operation,
                None,
                KmsContext::default(),
                Outcome::Refused(error.code()),
            );
            return Ok(refusal(&error));
        }
    };
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(error) => return Ok(refusal(&error)),
    };
    let (result, delivery) = dispatch::call(&fake, operation, &request).await;
    deliver(result, delivery, reset)
}

impl Endpoint {
    /// The whole body; nothing when it is longer than [`MAX_BODY_LEN`].
    async fn collect(&self, body: Incoming) -> Result<Option<Bytes>, Broken> {
        // A length that is claimed is refused before it is waited for; the limit below is for one that is not told.
        if body.size_hint().lower() > MAX_BODY_LEN as u64 {
            return Ok(None);
        }
        let collected = Limited::new(body, MAX_BODY_LEN).collect();
        let collected = match self.settings.request_timeout {
            Some(time) => timeout(time, collected).await.map_err(|_too_slow| Broken)?,
            None => collected.await,
        };
        match collected {
            Ok(body) => Ok(Some(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Ok(None),
            Err(_lost) => Err(Broken),
        }
    }

    /// The fake as the request's signer sees it, in the Region that the request is for.
    fn admit(&self, head: &Parts, body: &[u8]) -> Result<FakeKms, KmsError> {
        let who_matters = self.settings.verify_signatures || self.fake.world().has_principals();
        if !who_matters && !self.settings.regions_by_signature {
            return Ok(self.fake.clone());
        }
        let authorization = match Authorization::of(&head.headers) {
            Ok(found) => found,
            Err(error) if who_matters => return Err(error),
            Err(_nobody_asked) => None,
        };
        let Some(authorization) = authorization else {
            return if who_matters {
                Err(signature::unsigned())
            } else {
                Ok(self.fake.clone())
            };
        };
        let region = if self.settings.regions_by_signature {
            authorization.region
        } else {
            self.fake.region()
        };
        let fake = self
            .fake
            .in_region(region)
            .map_err(|_no_such| signature::no_such_region())?;
        if !who_matters {
            return Ok(fake);
        }
        let principal = authorization.principal(&fake, &head.headers)?;
        if self.settings.verify_signatures {
            let now = fake.engine().clock().unix();
            authorization.verify(&principal, region, now, head, body)?;
        }
        Ok(fake.called_by(principal))
    }
}

fn operation_of(request: &HttpRequest<Incoming>) -> Option<KmsOperation> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?;
    let name = target.strip_prefix("TrentService.")?;
    (request.method() == Method::POST && request.uri().path() == "/").then_some(())?;
    KmsOperation::from_name(name)
}

fn deliver(result: Result<Reply, CallError>, delivery: Delivery, reset: &AtomicBool) -> Answered {
    match delivery {
        Delivery::Closed => return Err(Broken),
        Delivery::Reset => {
            reset.store(true, Ordering::Relaxed);
            return Err(Broken);
        }
        Delivery::Instead {
            status,
            content_type,
            body,
        } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            let mut answer = response(status, body.into_string().into());
            if let Ok(content_type) = HeaderValue::try_from(&*content_type) {
                answer.headers_mut().insert(CONTENT_TYPE, content_type);
            }
            return Ok(answer);
        }
        Delivery::Whole | Delivery::Cut | Delivery::Slow(_) => {}
    }
    let answer = match result {
        Ok(Reply::Empty) => response(StatusCode::OK, Bytes::new()),
        Ok(Reply::Cryptographic(answer)) => response(StatusCode::OK, json(&answer)),
        Ok(Reply::Other(answer)) => response(StatusCode::OK, json(&answer)),
        Err(CallError::Refused(error)) => refusal(&error),
        Err(_without_an_answer) => return Err(Broken),
    };
    Ok(match delivery {
        Delivery::Cut => answer.map(AnswerBody::cut),
        Delivery::Slow(time) => answer.map(|body| body.slow(time)),
        _ => answer,
    })
}

#[derive(Serialize)]
struct Refusal<'a> {
    #[serde(rename = "__type")]
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

fn refusal(error: &KmsError) -> Response<AnswerBody> {
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

fn too_large() -> Response<AnswerBody> {
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

fn response(status: StatusCode, body: Bytes) -> Response<AnswerBody> {
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
