//! The accounting service: takes batches over HTTP, opens each order, enters it into the books.
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use datakey::{Aad, EncryptionContext, OpenError, Opener, esdk::is_esdk_message};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, task::JoinSet};

use super::{books::Books, orders, wire};

/// The largest batch that is accepted, in bytes.
const MAX_BATCH: usize = 16 << 20;

/// How long the service waits after a connection that could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// The service, listening on loopback until it is dropped.
pub(crate) struct Accounting {
    address: SocketAddr,
    books: Arc<Books>,
    server: tokio::task::JoinHandle<()>,
}

struct Desk {
    opener: Opener,
    expected: EncryptionContext,
    books: Arc<Books>,
}

impl Accounting {
    /// Starts the service on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub(crate) async fn start(opener: Opener, expected: EncryptionContext) -> io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let books = Arc::new(Books::default());
        let desk = Arc::new(Desk {
            opener,
            expected,
            books: Arc::clone(&books),
        });
        Ok(Self {
            address,
            books,
            server: tokio::spawn(serve(listener, desk)),
        })
    }

    /// Where to post.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has been opened so far.
    pub(crate) fn books(&self) -> &Books {
        &self.books
    }
}

impl Drop for Accounting {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    // Dropping the set, with the service, ends the connections too.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: let connections end before the next try.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let _latency_only = stream.set_nodelay(true);
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&desk), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            let _closed_by_the_shop = connection.await;
        });
    }
}

async fn answer(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if request.method() != Method::POST {
        return Ok(status(StatusCode::METHOD_NOT_ALLOWED));
    }
    let Ok(body) = Limited::new(request.into_body(), MAX_BATCH).collect().await else {
        return Ok(status(StatusCode::BAD_REQUEST));
    };
    let body = body.to_bytes();
    let entered = match path.as_str() {
        "/orders" => desk.orders(&body).await,
        "/records" => desk.records(&body).await,
        _ => return Ok(status(StatusCode::NOT_FOUND)),
    };
    Ok(status(if entered.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    }))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

impl Desk {
    async fn orders(&self, mut batch: &[u8]) -> Result<(), wire::BadBatch> {
        // A batch is taken as a whole: a malformed one enters nothing.
        let mut messages = Vec::new();
        while let Some(message) = wire::next(&mut batch)? {
            messages.push(message);
        }
        for (number, message) in messages {
            // The messages of the AWS Encryption SDK bind no associated data: what they are is in the order itself.
            let bound = number.to_be_bytes();
            let is_bound = !is_esdk_message(message);
            let aad = if is_bound { Aad::new(&bound) } else { Aad::EMPTY };
            match self.opener.open(&self.expected, message, aad).await {
                Ok(transaction) if !is_bound && !is_order(number, &transaction) => {
                    self.books.note_error("another order than was posted");
                }
                Ok(transaction) => self.books.enter(number, transaction),
                Err(error) => self.books.note_error(&kind(&error)),
            }
        }
        Ok(())
    }

    async fn records(&self, batch: &[u8]) -> Result<(), wire::BadBatch> {
        let (numbers, message) = wire::split_records(batch)?;
        let aad: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        match self
            .opener
            .open_records(&self.expected, message, Aad::new(&aad))
            .await
        {
            Ok(records) if records.len() == numbers.len() => {
                for (number, record) in numbers.iter().zip(records) {
                    self.books.enter(*number, record);
                }
            }
            Ok(_) => numbers
                .iter()
                .for_each(|_| self.books.note_error("another number of records")),
            Err(error) => numbers.iter().for_each(|_| self.books.note_error(&kind(&error))),
        }
        Ok(())
    }
}

/// Whether a transaction is that of the order with this number.
fn is_order(number: u32, transaction: &[u8]) -> bool {
    orders::total_of(transaction).is_some_and(|(own, _)| own == number)
}

/// The kind of an error in a word: the class of the provider's error, where it is one.
pub(crate) fn kind(error: &OpenError) -> String {
    error
        .class()
        .map_or_else(|| error.to_string(), |class| class.as_str().to_owned())
}
