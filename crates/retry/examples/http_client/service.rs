//! A service that answers 100 requests in each second, and refuses the rest.
use std::{
    convert::Infallible,
    future, io,
    sync::{Arc, Mutex, PoisonError},
};

use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, time::Instant};

const QUOTA: u32 = 100;

/// How many requests came in the current second.
struct Counted {
    began: Instant,
    second: u64,
    requests: u32,
}

impl Counted {
    fn answer(&mut self, path: &str) -> StatusCode {
        if path != "/orders" {
            return StatusCode::NOT_FOUND;
        }
        let second = self.began.elapsed().as_secs();
        if self.second != second {
            (self.second, self.requests) = (second, 0);
        }
        self.requests = self.requests.saturating_add(1);
        if self.requests > QUOTA {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        StatusCode::OK
    }
}

/// Serves until the process ends.
pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    let counted = Arc::new(Mutex::new(Counted {
        began: Instant::now(),
        second: 0,
        requests: 0,
    }));
    loop {
        let (connection, _) = listener.accept().await?;
        let counted = Arc::clone(&counted);
        let answer = service_fn(move |request: Request<Incoming>| {
            let mut response = Response::new(Empty::<Bytes>::new());
            let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
            *response.status_mut() = counted.answer(request.uri().path());
            future::ready(Ok::<_, Infallible>(response))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), answer));
    }
}
