//! DynamoDB on loopback: stores pointed at a mock server, answers as DynamoDB sends them, and items to put into them.
use std::{fmt, sync::Arc, time::Duration};

use aws_sdk_dynamodb::{
    Client, Config,
    config::{
        BehaviorVersion, Builder, Credentials, HttpClient, Region, RuntimeComponents, SharedHttpClient,
        http::{HttpRequest, HttpResponse},
        retry::RetryConfig,
    },
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey::branch_keys::{BranchKeyId, BranchKeyVersion, DynamoDbStore, Item, ItemKind};
use serde_json::{Map, Value, json};
use wiremock::{Mock, MockServer, Respond, ResponseTemplate, matchers::any};

/// The region of [`config`].
pub const REGION: &str = "eu-central-1";
/// The table of [`store`].
pub const TABLE: &str = "branch-keys-restored";
/// Its logical name.
pub const LOGICAL_NAME: &str = "branch-keys";
/// The KMS key in the items that are made here.
pub const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// The request id in the answers that are made here.
pub const REQUEST_ID: &str = "8AD35E627B2C4D3F9A1E0C6F5D4B3A21VV4KQNSO5AEMVJF66Q9ASUAAJG";
/// A version.
pub const VERSION: &str = "0b4d5a6e-8f0e-4a54-9d8e-0b1f2c3d4e5f";
/// Another one.
pub const NEXT: &str = "7d0c1c9e-55a2-4a6f-8f5a-2b8e6a1f9c30";

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

/// A store over a configuration.
#[must_use]
pub fn store_of(config: Builder) -> DynamoDbStore {
    DynamoDbStore::from_client(&Client::from_conf(config.build()), TABLE).with_logical_name(LOGICAL_NAME)
}

/// A store at an address on loopback.
#[must_use]
pub fn store(address: &str) -> DynamoDbStore {
    store_of(config(address))
}

/// A server that gives one answer to everything.
pub async fn server(answer: impl Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// An answer with the headers that DynamoDB sends.
#[must_use]
pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("x-amzn-RequestId", REQUEST_ID)
        .set_body_raw(body, "application/x-amz-json-1.0")
}

/// A success as DynamoDB sends it.
#[must_use]
pub fn success(body: &Value) -> ResponseTemplate {
    answer(200, body.to_string())
}

/// An error as DynamoDB sends it.
#[must_use]
pub fn error(status: u16, code: &str, message: &str) -> ResponseTemplate {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    answer(status, json!({"__type": code, "message": message}).to_string())
}

/// A cancelled transaction, with one reason for each item.
#[must_use]
pub fn cancelled(reasons: &[&str]) -> ResponseTemplate {
    let told: Vec<_> = reasons.iter().map(|code| json!({"Code": code})).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", reasons.join(", ")),
        "CancellationReasons": told,
    });
    answer(400, body.to_string())
}

/// The branch key of the items that are made here.
///
/// # Panics
/// Never; it is an id.
#[must_use]
pub fn id() -> BranchKeyId {
    "tenant-acme".parse().expect("an id")
}

/// A version by its UUID.
///
/// # Panics
/// Unless it is one.
#[must_use]
pub fn version(uuid: &str) -> BranchKeyVersion {
    uuid.parse().expect("a UUID")
}

/// An item of [`id`] that holds `enc`; the active one is of the version that is given.
///
/// # Panics
/// Never; it is well-formed.
#[must_use]
pub fn item(kind: ItemKind, active: Option<&str>, enc: &[u8]) -> Item {
    let mut texts = vec![
        ("branch-key-id", id().as_str().to_owned()),
        ("type", kind.to_string()),
        ("kms-arn", KEY.to_owned()),
        ("create-time", "2026-05-02T10:00:00.000000Z".to_owned()),
        ("hierarchy-version", "1".to_owned()),
        ("aws-crypto-ec:tenant", "acm\u{e9} \u{2603}".to_owned()),
    ];
    if let Some(active) = active {
        texts.push(("version", format!("branch:version:{active}")));
    }
    let texts = texts.into_iter().map(|(name, text)| (name.into(), text.into()));
    Item::new(texts, enc).expect("well-formed")
}

/// The item of a version.
#[must_use]
pub fn version_item(uuid: &str, enc: &[u8]) -> Item {
    item(ItemKind::Version(version(uuid)), None, enc)
}

/// An item as it stands in requests and answers.
#[must_use]
pub fn wire(item: &Item) -> Value {
    let text = |name: &str, text: &str| match name {
        "hierarchy-version" => json!({"N": text}),
        _ => json!({"S": text}),
    };
    let texts = item
        .texts()
        .map(|(name, value)| (name.to_owned(), text(name, value)));
    let mut fields: Map<String, Value> = texts.collect();
    fields.insert("enc".into(), json!({"B": STANDARD.encode(item.enc())}));
    fields.into()
}

/// What a server was asked: the operation and the body of each request.
///
/// # Panics
/// When a request is not DynamoDB's.
pub async fn seen(server: &MockServer) -> Vec<(String, Value)> {
    let requests = server.received_requests().await.unwrap_or_default();
    let operation = |request: &wiremock::Request| {
        let target = request.headers.get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok()).unwrap_or_default();
        target.trim_start_matches("DynamoDB_20120810.").to_owned()
    };
    let read = requests.iter().map(|request| {
        let body = serde_json::from_slice(&request.body).expect("JSON");
        (operation(request), body)
    });
    read.collect()
}

/// An HTTP client without a socket, which gives one kind of answer or none at all.
#[derive(Clone)]
pub struct Answering(Option<Arc<dyn Fn() -> HttpResponse + Send + Sync>>);

impl Answering {
    /// It never answers.
    #[must_use]
    pub fn never() -> SharedHttpClient {
        SharedHttpClient::new(Self(None))
    }

    /// It answers at once; the body may take its time.
    pub fn with(make: impl Fn() -> HttpResponse + Send + Sync + 'static) -> SharedHttpClient {
        SharedHttpClient::new(Self(Some(Arc::new(make))))
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering")
    }
}

impl HttpClient for Answering {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Answering {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let made = self.0.as_ref().map(|make| make());
        HttpConnectorFuture::new(async move {
            match made {
                Some(answer) => Ok(answer),
                None => std::future::pending().await,
            }
        })
    }
}
