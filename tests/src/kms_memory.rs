//! `KmsProvider` on the fake without a socket in between: the SDK whole, its HTTP client replaced, so that a paused clock
//! governs latencies, hangs and timeouts.
use std::{fmt, sync::Arc};

use aws_sdk_kms::{
    Client,
    config::{
        Builder, HttpClient, Region, RuntimeComponents, SharedHttpClient,
        http::{HttpRequest, HttpResponse},
    },
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey_fake_kms::{CallError, FakeKms, KmsContext};
use datakey_kms::{KmsProvider, KmsProviderBuilder};
use serde_json::{Value, json};

use crate::kms::{config, data_key_len};

/// Starts a provider for a fake, in its region.
pub fn provider_of(fake: &FakeKms) -> KmsProviderBuilder {
    KmsProvider::from_client(&client_of(fake))
}

/// A client for a fake, in its region.
#[must_use]
pub fn client_of(fake: &FakeKms) -> Client {
    client_with(fake, |config| config)
}

/// A client for a fake, in its region, with settings of one's own.
pub fn client_with(fake: &FakeKms, set: impl FnOnce(Builder) -> Builder) -> Client {
    let config = config("http://fake.invalid")
        .region(Region::new(fake.region().to_owned()))
        .http_client(SharedHttpClient::new(InMemory(fake.clone())));
    Client::from_conf(set(config).build())
}

/// An HTTP client that gives one kind of answer, or none.
#[derive(Clone)]
pub struct Answering(Option<Arc<dyn Fn() -> HttpResponse + Send + Sync>>);

impl Answering {
    /// It never answers.
    #[must_use]
    pub fn never() -> Self {
        Self(None)
    }

    /// It answers at once; the body may take its time.
    pub fn with(make: impl Fn() -> HttpResponse + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(make)))
    }

    /// As the SDK takes it.
    #[must_use]
    pub fn into_client(self) -> SharedHttpClient {
        SharedHttpClient::new(self)
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

/// An HTTP client whose only server is a fake.
#[derive(Debug, Clone)]
struct InMemory(FakeKms);

impl HttpClient for InMemory {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InMemory {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let fake = self.0.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.trim_start_matches("TrentService.").to_owned();
            let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default())
                .map_err(|error| ConnectorError::user(error.into()))?;
            match work(&fake, &operation, &body).await {
                Ok(answer) => Ok(response(200, answer.to_string())),
                Err(CallError::Refused(error)) => {
                    let told = json!({"__type": error.code().as_str(), "message": error.message()});
                    let mut refused = response(error.code().http_status(), told.to_string());
                    if let Some(delay) = error.retry_after() {
                        let millis = delay.as_millis().to_string();
                        refused.headers_mut().insert("x-amz-retry-after", millis);
                    }
                    Ok(refused)
                }
                Err(CallError::Garbage) => Ok(response(200, "<html>Sorry</html>".into())),
                Err(lost) => Err(ConnectorError::io(lost.into())),
            }
        })
    }
}

fn response(status: u16, body: String) -> HttpResponse {
    let status = StatusCode::try_from(status).expect("statuses of the fake are such");
    HttpResponse::new(status, SdkBody::from(body))
}

async fn work(fake: &FakeKms, operation: &str, body: &Value) -> Result<Value, CallError> {
    let text = |field: &str| body[field].as_str().unwrap_or_default();
    let bytes = |field: &str| STANDARD.decode(text(field)).unwrap_or_default();
    let context = |field: &str| {
        let pairs = body[field].as_object().into_iter().flatten();
        let pairs = pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
        KmsContext::new(pairs)
    };
    let own = context("EncryptionContext")?;
    Ok(match operation {
        "GenerateDataKey" => {
            let made = fake
                .generate_data_key(text("KeyId"), &own, data_key_len(body))
                .await?;
            let plaintext = STANDARD.encode(made.plaintext.expose_secret());
            json!({"KeyId": *made.key_arn, "Plaintext": plaintext, "CiphertextBlob": STANDARD.encode(made.ciphertext)})
        }
        "Encrypt" => {
            let made = fake.encrypt(text("KeyId"), &own, &bytes("Plaintext")).await?;
            json!({"KeyId": *made.key_arn, "CiphertextBlob": STANDARD.encode(made.ciphertext)})
        }
        "Decrypt" => {
            let opened = fake
                .decrypt(body["KeyId"].as_str(), &own, &bytes("CiphertextBlob"))
                .await?;
            json!({"KeyId": *opened.key_arn, "Plaintext": STANDARD.encode(opened.plaintext.expose_secret())})
        }
        "ReEncrypt" => {
            let (source, destination) = (
                context("SourceEncryptionContext")?,
                context("DestinationEncryptionContext")?,
            );
            let from = (body["SourceKeyId"].as_str(), &source);
            let to = (text("DestinationKeyId"), &destination);
            let moved = fake.re_encrypt(&bytes("CiphertextBlob"), from, to).await?;
            let blob = STANDARD.encode(moved.made.ciphertext);
            json!({"KeyId": *moved.made.key_arn, "SourceKeyId": *moved.source_key_arn, "CiphertextBlob": blob})
        }
        other => unreachable!("{other} is no call of a provider"),
    })
}
