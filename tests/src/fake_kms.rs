//! A plain HTTP client for the fake KMS, so that tests see what goes over the wire.
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey_fake_kms::{FakeKms, FakeKmsServer};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Request,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// One connection to a server.
#[derive(Debug)]
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body, which must be JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    /// Status and code of a refusal.
    #[track_caller]
    pub fn told(&self) -> (u16, String) {
        let code = self.json()["__type"].as_str().map(str::to_owned);
        (
            self.status,
            code.unwrap_or_else(|| panic!("no refusal: {:?}", self.body)),
        )
    }

    /// The message of a refusal.
    #[track_caller]
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The body, as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// The answer, which must not be a refusal.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{:?}", self.body);
        self
    }
}

/// A request for an operation, without a signature.
pub fn request(target: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("host", "kms.test")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(Full::new(body.into()))
        .unwrap()
}

impl Client {
    /// Opens a connection.
    pub async fn connect(server: &FakeKmsServer) -> Self {
        let stream = TcpStream::connect(server.addr()).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Sends a request as it is.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, hyper::Error> {
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }

    /// Sends a request with a target and a body of whatever kind.
    pub async fn try_send(&mut self, target: &str, body: impl Into<Bytes>) -> Result<Answer, hyper::Error> {
        self.send(request(target, body)).await
    }

    /// Calls an operation with JSON parameters.
    pub async fn call(&mut self, operation: &str, parameters: Value) -> Answer {
        let target = format!("TrentService.{operation}");
        self.try_send(&target, parameters.to_string()).await.unwrap()
    }

    /// Calls an operation in a Region as whoever has an access key; the signature itself is none.
    pub async fn call_as(
        &mut self,
        access_key: &str,
        region: &str,
        operation: &str,
        parameters: Value,
    ) -> Answer {
        let mut request = request(&format!("TrentService.{operation}"), parameters.to_string());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/20260101/{region}/kms/aws4_request, SignedHeaders=host, Signature=00"
        );
        request
            .headers_mut()
            .insert("authorization", authorization.parse().unwrap());
        self.send(request).await.unwrap()
    }

    /// Sends a body to a path.
    pub async fn put(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "kms.test");
        let request = request.body(Full::from(body.to_owned())).unwrap();
        self.send(request).await.unwrap()
    }

    /// Gets a path.
    pub async fn get(&mut self, path: &str) -> Answer {
        let request = Request::get(path)
            .header("host", "kms.test")
            .body(Full::default())
            .unwrap();
        self.send(request).await.unwrap()
    }
}

/// A server with metrics, ledger and clock for whoever watches it, which answers in each Region; and a client.
///
/// # Panics
/// When there is no port on loopback.
pub async fn start_watched(fake: &FakeKms) -> (FakeKmsServer, Client) {
    let server = FakeKmsServer::builder(fake.clone())
        .regions_by_signature()
        .metrics_path("/metrics")
        .ledger_path("/ledger")
        .clock_path("/clock")
        .start()
        .await
        .unwrap();
    let client = Client::connect(&server).await;
    (server, client)
}

/// A server for a fake, a connection to it, and a key.
pub async fn start(fake: &FakeKms) -> (FakeKmsServer, Client, Arc<str>) {
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let client = Client::connect(&server).await;
    (server, client, fake.create_key().unwrap())
}

/// The bytes of a base64 string.
pub fn decoded(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().expect("a base64 string")).unwrap()
}
