//! KMS on loopback: a client pointed at a mock server, answers as KMS sends them, and a small KMS that works.
use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_kms::{
    Client, Config,
    config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey_kms::KmsProvider;
use datakey_provider::{EncryptionContext, WrappedKey};
use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// The region of [`client`].
pub const REGION: &str = "eu-central-1";
/// The id of [`KEY`].
pub const KEY_ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
/// The key of [`provider`].
pub const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// Another key of the same account and region.
pub const OTHER_KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321";
/// The data key in the answers that are made here.
pub const PLAINTEXT: [u8; 32] = [0xA7; 32];
/// The request id in the answers that are made here.
pub const REQUEST_ID: &str = "8ad35e62-7b2c-4d3f-9a1e-0c6f5d4b3a21";

/// A configuration for an address on loopback, with retries on and hardly any wait between them.
#[must_use]
pub fn config(address: &str) -> Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(
            "AKIDEXAMPLE",
            "not-a-secret",
            None,
            None,
            "tests",
        ))
        .endpoint_url(address)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(1)),
        )
}

/// A client for an address on loopback, with retries on.
#[must_use]
pub fn client(address: &str) -> Client {
    Client::from_conf(config(address).build())
}

/// A provider that seals and opens with [`KEY`].
///
/// # Panics
/// Never; the parts are well-formed.
#[must_use]
pub fn provider(address: &str) -> KmsProvider {
    KmsProvider::from_client(&client(address))
        .key(KEY)
        .build()
        .expect("well-formed")
}

/// A server that gives one answer to everything.
pub async fn server(answer: impl Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// An answer with the headers that KMS sends.
#[must_use]
pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("x-amzn-RequestId", REQUEST_ID)
        .insert_header("Cache-Control", "no-cache, no-store, must-revalidate, private")
        .insert_header("Date", "Sat, 02 May 2026 10:00:00 GMT")
        .set_body_raw(body, "application/x-amz-json-1.1")
}

/// An error as KMS sends it.
#[must_use]
pub fn error(status: u16, code: &str, message: &str) -> ResponseTemplate {
    answer(status, json!({"__type": code, "message": message}).to_string())
}

/// A success, whichever of the four operations it is for.
#[must_use]
pub fn success() -> Value {
    json!({
        "CiphertextBlob": STANDARD.encode(b"opaque blob"),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "KeyId": KEY,
        "Plaintext": STANDARD.encode(PLAINTEXT),
        "SourceKeyId": KEY,
    })
}

/// The answer of a server that is given as JSON.
#[must_use]
pub fn json_answer(body: &Value) -> ResponseTemplate {
    answer(200, body.to_string())
}

/// A request as it arrived: the operation, and the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The name of the operation.
    pub operation: String,
    /// The JSON body.
    pub body: Value,
}

/// The requests that a server got.
///
/// # Panics
/// When one of them is no KMS request.
pub async fn seen(server: &MockServer) -> Vec<Seen> {
    let requests = server.received_requests().await.expect("recording is on");
    requests.iter().map(see).collect()
}

fn see(request: &Request) -> Seen {
    let target = request
        .headers
        .get("x-amz-target")
        .expect("every KMS request has a target");
    let target = target.to_str().expect("ASCII");
    Seen {
        operation: target.strip_prefix("TrentService.").expect("KMS").to_owned(),
        body: serde_json::from_slice(&request.body).expect("JSON"),
    }
}

/// Two pairs.
///
/// # Panics
/// Never; the pairs are well-formed.
#[must_use]
pub fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).expect("well-formed")
}

/// What a message under a key carries.
///
/// # Panics
/// When the key id is too long.
#[must_use]
pub fn wrapped_by(key_id: &str) -> WrappedKey {
    WrappedKey::new(key_id, b"opaque blob".to_vec()).expect("well-formed")
}

/// How many bytes a `GenerateDataKey` asks for.
#[must_use]
pub fn data_key_len(body: &Value) -> usize {
    match body["KeySpec"].as_str() {
        Some("AES_128") => 16,
        Some("AES_256") => 32,
        _ => body["NumberOfBytes"].as_u64().unwrap_or_default() as usize,
    }
}

/// A KMS with one key, [`KEY`], that remembers what it wrapped: enough for the conformance suite.
#[derive(Debug, Default)]
pub struct SmallKms {
    wrapped: Mutex<HashMap<String, (Value, Value)>>,
    next: AtomicU64,
}

impl SmallKms {
    fn random(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let seed = self.next.fetch_add(1, Ordering::Relaxed);
        Xoshiro256PlusPlus::seed_from_u64(seed).fill_bytes(&mut bytes);
        bytes
    }

    fn wrap(&self, plaintext: Value, context: Value) -> Value {
        let ticket = STANDARD.encode(self.random(48));
        let mut wrapped = self.wrapped.lock().expect("not poisoned");
        wrapped.insert(ticket.clone(), (plaintext.clone(), context));
        json!({"CiphertextBlob": ticket, "KeyId": KEY, "Plaintext": plaintext})
    }

    fn open(&self, blob: &str, context: &Value) -> ResponseTemplate {
        match self.wrapped.lock().expect("not poisoned").get(blob) {
            Some((plaintext, own)) if own == context => {
                json_answer(&json!({"KeyId": KEY, "Plaintext": plaintext}))
            }
            _ => answer(400, r#"{"__type":"InvalidCiphertextException"}"#),
        }
    }
}

impl Respond for SmallKms {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let Seen { operation, body } = see(request);
        let context = body["EncryptionContext"].clone();
        let fresh = self.random(data_key_len(&body));
        match operation.as_str() {
            "GenerateDataKey" => json_answer(&self.wrap(STANDARD.encode(fresh).into(), context)),
            "Encrypt" => json_answer(&self.wrap(body["Plaintext"].clone(), context)),
            "Decrypt" => self.open(body["CiphertextBlob"].as_str().unwrap_or_default(), &context),
            _ => error(400, "UnknownOperationException", "not here"),
        }
    }
}
