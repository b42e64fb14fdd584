//! The way to KMS fails: no connection, half an answer, no credentials. What is slow is in `kms_slow.rs`.
use std::{
    error::Error as _,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError, future};
use aws_sdk_kms::{
    Client, Config,
    config::{BehaviorVersion, Region},
    error::ErrorMetadata,
};
use datakey_kms::{KmsFailure, KmsProvider};
use datakey_provider::{
    DataKeyLength, ErrorClass, OpeningProvider as _, ProviderError, SealingProvider as _,
};
use datakey_tests::{errors::told_once, kms::*};

async fn decrypt(kms: &KmsProvider) -> Result<(), ProviderError> {
    let opened = kms.decrypt(&context(), &wrapped_by(KEY)).await;
    if let Err(error) = &opened {
        told_once(error);
        let failure = error.source().unwrap().downcast_ref::<KmsFailure>().unwrap();
        assert_eq!(failure.class(), error.class());
    }
    opened.map(drop)
}

/// A server that reads one request and then does something with its connection.
fn raw(act: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut chunk) {
                Ok(len) if len > 0 => request.extend_from_slice(&chunk[..len]),
                _ => return,
            }
        }
        act(stream);
    });
    address
}

#[tokio::test]
async fn a_refused_connection_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = decrypt(&provider(&address)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert_eq!((error.code(), error.key_id()), (None, Some(KEY)));
}

#[tokio::test]
async fn a_failed_tls_handshake_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _hello = stream.read(&mut [0; 4096]);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let error = decrypt(&provider(&address)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_transient() {
    let error = decrypt(&provider(&raw(drop))).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
}

#[tokio::test]
async fn an_answer_cut_short_is_transient_even_if_it_is_a_400() {
    for status in ["200 OK", "400 Bad Request", "500 Internal Server Error"] {
        let address = raw(move |mut stream| {
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 500\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(br#"{"__type":"Thrott"#).unwrap();
        });
        let error = decrypt(&provider(&address)).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{status}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_transient() {
    let address = raw(|mut stream| stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").unwrap());
    let error = decrypt(&provider(&address)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
}

#[tokio::test]
async fn a_dropped_call_leaves_the_provider_usable() {
    let server = server(json_answer(&success())).await;
    let kms = provider(&server.uri());
    for _ in 0..20 {
        let context = context();
        tokio::select! {
            biased;
            () = std::future::ready(()) => {}
            _ = kms.generate_data_key(&context, DataKeyLength::Bytes32) => {}
        }
        let call = tokio::spawn({
            let kms = kms.clone();
            async move { decrypt(&kms).await }
        });
        tokio::task::yield_now().await;
        call.abort();
    }
    decrypt(&kms).await.unwrap();
}

/// Credentials that fail in a given way.
#[derive(Debug)]
struct Failing(fn() -> CredentialsError);

impl ProvideCredentials for Failing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err((self.0)()))
    }
}

#[tokio::test]
async fn credentials_that_fail_are_told_apart() {
    let server = server(json_answer(&success())).await;
    let rows: [(fn() -> CredentialsError, ErrorClass); 6] = [
        (
            || CredentialsError::not_loaded("nothing found"),
            ErrorClass::Denied,
        ),
        (
            || CredentialsError::invalid_configuration("bad profile"),
            ErrorClass::Denied,
        ),
        (
            || CredentialsError::provider_timed_out(Duration::from_secs(1)),
            ErrorClass::Timeout,
        ),
        (
            || CredentialsError::provider_error("metadata service is down"),
            ErrorClass::Transient,
        ),
        (|| CredentialsError::unhandled("?"), ErrorClass::Transient),
        (
            || {
                let meta = ErrorMetadata::builder().code("AccessDenied").build();
                CredentialsError::provider_error(meta)
            },
            ErrorClass::Denied,
        ),
    ];
    for (failure, class) in rows {
        let config = config(&server.uri())
            .credentials_provider(Failing(failure))
            .build();
        let kms = KmsProvider::from_client(&Client::from_conf(config))
            .key(KEY)
            .build()
            .unwrap();
        let error = decrypt(&kms).await.unwrap_err();
        assert_eq!(error.class(), class, "{error:?}");
    }
    assert_eq!(seen(&server).await, [], "nothing was sent");
}

#[tokio::test]
async fn a_client_without_a_credentials_provider_sends_nothing() {
    let server = server(json_answer(&success())).await;
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(server.uri())
        .build();
    let kms = KmsProvider::from_client(&Client::from_conf(config))
        .key(KEY)
        .build()
        .unwrap();
    let error = decrypt(&kms).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error:?}");
    assert_eq!(seen(&server).await, []);
}
