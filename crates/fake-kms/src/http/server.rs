//! The server: connections in, answers out.
use std::{io, net::SocketAddr, pin::pin, time::Duration};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request as HttpRequest, Response, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{dispatch, request::Request};
use crate::{CallError, FakeKms, KmsError, KmsErrorCode, KmsOperation, arn::KeyId};

/// The longest body of a request, in bytes: several times what the largest valid one needs.
pub const MAX_BODY_LEN: usize = 64 * 1024;

/// How long [`FakeKmsServer::shutdown`] waits for calls that are being answered.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

const CONTENT: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const GARBAGE: &[u8] = b"<html><body><h1>502 Bad Gateway</h1></body></html>";

/// A [`FakeKms`] behind an HTTP endpoint, in the protocol of KMS. Dropping it stops it.
///
/// Plain HTTP/1.1 with keep-alive; point an AWS client at it with an endpoint URL. Any credentials will do, as
/// signatures are not looked at.
///
/// ```
/// use datakey_fake_kms::{FakeKms, FakeKmsServer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let server = FakeKmsServer::start(fake.clone()).await?;
/// let (endpoint, key) = (server.url(), fake.create_key()?); // give these to the client
/// assert!(endpoint.starts_with("http://127.0.0.1:"));
/// server.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct FakeKmsServer {
    fake: FakeKms,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl FakeKmsServer {
    /// Serves on a free port of the loopback interface.
    ///
    /// # Errors
    /// What the operating system says when it gives no port.
    pub async fn start(fake: FakeKms) -> io::Result<Self> {
        Self::bind(fake, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Serves on an address. Whoever reaches it may use every key: keep it on the loopback interface.
    ///
    /// # Errors
    /// What the operating system says when the address is taken or not ours.
    pub async fn bind(fake: FakeKms, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, fake.clone(), stopped));
        Ok(Self {
            fake,
            address,
            stop,
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The fake behind it.
    #[must_use]
    pub fn fake(&self) -> &FakeKms {
        &self.fake
    }

    /// Takes no more connections and calls, lets those finish that are being answered, at most for
    /// [`SHUTDOWN_GRACE`], and returns when all is closed.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // An error here is a panic of the server's task, which has nothing left to stop.
        let _stopped = (&mut self.task).await;
    }
}

impl Drop for FakeKmsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, fake: FakeKms, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, fake.clone(), stopped.clone()));
                }
                // Out of descriptors, mostly: some will be closed in a moment.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    let all_closed = async { while connections.join_next().await.is_some() {} };
    let _cut_off = timeout(SHUTDOWN_GRACE, all_closed).await;
}

async fn connection(stream: TcpStream, fake: FakeKms, mut stopped: watch::Receiver<bool>) {
    // Answers are small and waited for: nothing is gained by collecting them.
    let _best_effort = stream.set_nodelay(true);
    let service = service_fn(|request| answer(&fake, request));
    let serving = http1::Builder::new()
        .max_buf_size(MAX_BODY_LEN)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    // A connection that ends badly is the client's to notice.
    tokio::select! {
        _ended = serving.as_mut() => return,
        _ = stopped.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _ended = serving.await;
}

/// Tells hyper to close the connection without an answer.
#[derive(Debug, Error)]
#[error("the connection is dropped")]
struct NoAnswer;

async fn answer(fake: &FakeKms, request: HttpRequest<Incoming>) -> Result<Response<Full<Bytes>>, NoAnswer> {
    let Some(operation) = operation_of(&request) else {
        return Ok(refusal(&KmsErrorCode::UnknownOperation.into()));
    };
    // A length that is claimed is refused before it is waited for; the limit below is for one that is not told.
    if request.body().size_hint().lower() > MAX_BODY_LEN as u64 {
        return Ok(too_large());
    }
    let body = match Limited::new(request.into_body(), MAX_BODY_LEN).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(too_large()),
        Err(_lost) => return Err(NoAnswer),
    };
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(error) => return Ok(refusal(&error)),
    };
    match dispatch::call(fake, operation, &request).await {
        Ok(Some(answer)) => Ok(response(StatusCode::OK, json(&answer))),
        Ok(None) => Ok(response(StatusCode::OK, Bytes::new())),
        Err(CallError::Refused(error)) => Ok(refusal(&error)),
        Err(CallError::Garbage) => Ok(response(StatusCode::OK, Bytes::from_static(GARBAGE))),
        Err(CallError::TimedOut | CallError::ConnectionLost) => Err(NoAnswer),
    }
}

fn operation_of(request: &HttpRequest<Incoming>) -> Option<KmsOperation> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?;
    let name = target.strip_prefix("TrentService.")?;
    (request.method() == Method::POST && request.uri().path() == "/").then_some(())?;
    KmsOperation::from_name(name)
}

#[derive(Serialize)]
struct Refusal<'a> {
    #[serde(rename = "__type")]
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

fn refusal(error: &KmsError) -> Response<Full<Bytes>> {
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

fn too_large() -> Response<Full<Bytes>> {
    let body = json(&Refusal {
        code: "RequestEntityTooLargeException",
        message: "The body of the request is too large.",
    });
    response(StatusCode::PAYLOAD_TOO_LARGE, body)
}

fn json(value: &impl Serialize) -> Bytes {
    // Writing strings, numbers and lists of them into memory does not fail.
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn response(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, CONTENT);
    let id = KeyId::random().map(|id| HeaderValue::try_from(id.to_string()));
    if let Ok(Ok(id)) = id {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
