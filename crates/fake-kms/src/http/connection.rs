//! One connection: requests in, answers out.
use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
};

use hyper::{
    HeaderMap, Method, Request as HttpRequest, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
};
#[cfg(feature = "tls")]
use {
    super::tls,
    std::{io, sync::Arc, time::Duration},
    tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::timeout,
    },
    tokio_rustls::{TlsAcceptor, server::TlsStream},
};

use super::{
    answer::Reply,
    body::{AnswerBody, Broken},
    control, dispatch,
    endpoint::Endpoint,
    observe,
    request::Request,
    response::{json, refusal, response, too_large},
    wire::Wire,
};
use crate::{
    CallError, KmsError, KmsErrorCode, KmsOperation, Outcome, asked::Call, calls::Delivery, lacking,
};

/// The longest head of a request, in bytes.
const MAX_HEAD_LEN: usize = 64 * 1024;

type Answered = Result<Response<AnswerBody>, Broken>;

pub(super) async fn connection(stream: TcpStream, endpoint: Endpoint, stopped: watch::Receiver<bool>) {
    // Answers are small and waited for: nothing is gained by collecting them.
    let _best_effort = stream.set_nodelay(true);
    #[cfg(feature = "tls")]
    if let Some(identity) = &endpoint.settings.tls {
        let (acceptor, mut until) = (identity.acceptor(), stopped.clone());
        let shaken = tokio::select! {
            shaken = secured(stream, &acceptor, endpoint.settings.request_timeout) => shaken,
            _ = until.changed() => return,
        };
        // A handshake that comes to nothing is the client's to notice.
        if let Ok((secured, reset)) = shaken {
            requests(secured, &reset, &endpoint, stopped).await;
        }
        return;
    }
    let (wire, reset) = Wire::new(stream);
    requests(wire, &reset, &endpoint, stopped).await;
}

/// The connection after its handshake, in so much time.
#[cfg(feature = "tls")]
async fn secured(
    mut stream: TcpStream,
    acceptor: &TlsAcceptor,
    limit: Option<Duration>,
) -> io::Result<(TlsStream<Wire>, Arc<AtomicBool>)> {
    let shaking = async {
        let mut first = [0];
        if stream.peek(&mut first).await? > 0 && tls::is_in_the_clear(first[0]) {
            stream.write_all(tls::NO_TLS).await?;
            stream.shutdown().await?;
            // Closed with something unread, it would be reset, and the answer lost with it.
            tokio::io::copy(&mut stream.take(MAX_HEAD_LEN as u64), &mut tokio::io::sink()).await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (wire, reset) = Wire::new(stream);
        Ok((acceptor.accept(wire).await?, reset))
    };
    match limit {
        Some(time) => timeout(time, shaking).await.map_err(|_slow| tls::too_slow())?,
        None => shaking.await,
    }
}

async fn requests(
    io: impl AsyncRead + AsyncWrite + Unpin,
    reset: &AtomicBool,
    endpoint: &Endpoint,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(|request| answer(endpoint, reset, request));
    let mut http = http1::Builder::new();
    http.max_buf_size(MAX_HEAD_LEN);
    // As KMS writes them: there are clients that compare the names of headers as they are written.
    http.title_case_headers(true);
    if let Some(time) = endpoint.settings.request_timeout {
        http.timer(TokioTimer::new()).header_read_timeout(time);
    }
    let mut serving = pin!(http.serve_connection(TokioIo::new(io), service));
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
    let name = operation_of(&request);
    let operation = name.and_then(KmsOperation::from_name);
    let control = control::of_path(&endpoint.settings, request.uri().path());
    if operation.is_none() && control.is_none() {
        return Ok(refusal(&unknown(endpoint, name, request.headers())));
    }
    let (head, body) = request.into_parts();
    let body = match endpoint.collect(body).await? {
        Some(body) => body,
        None => return Ok(too_large()),
    };
    let operation = match (operation, control) {
        (Some(operation), _) => operation,
        (None, Some(control)) => {
            let (status, told) = control::answer(endpoint, control, &head.method, &head.uri, &body);
            return Ok(response(status, told));
        }
        (None, None) => return Ok(refusal(&KmsErrorCode::UnknownOperation.into())),
    };
    let fake = match endpoint.admit(&head, &body) {
        Ok(fake) => fake,
        Err(error) => {
            let fake = endpoint.signed_region(&head.headers);
            let now = fake.engine().clock().since_start();
            fake.ledger()
                .record(now, Call::new(operation), None, Outcome::Refused(error.code()));
            return Ok(refusal(&error));
        }
    };
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(error) => return Ok(refusal(&error)),
    };
    let (result, delivery) = dispatch::call(&fake, endpoint.source, operation, &request).await;
    deliver(result, delivery, reset)
}

/// The name of the operation that a request is for, which may be none that there is.
fn operation_of(request: &HttpRequest<Incoming>) -> Option<&str> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?;
    let name = target.strip_prefix("TrentService.")?;
    (request.method() == Method::POST && request.uri().path() == "/").then_some(name)
}

fn unknown(endpoint: &Endpoint, name: Option<&str>, headers: &HeaderMap) -> KmsError {
    let Some(name) = name else {
        return KmsErrorCode::UnknownOperation.into();
    };
    let region = endpoint.signed_region(headers);
    region.ledger().record_lacking(lacking::counted_as(name));
    lacking::refusal(name)
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
