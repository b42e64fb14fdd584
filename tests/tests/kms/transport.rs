//! The way to KMS fails: no connection, half an answer, no credentials. What is slow is in `kms_slow.rs`.
use std::{
    error::Error as _,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
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
        assert!(
            failure.status().is_some() || failure.source().is_some(),
            "{failure}"
        );
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
async fn credentials_that_fail_are_an_outage_of_the_caller_s() {
    let server = server(json_answer(&success())).await;
    let rows: [fn() -> CredentialsError; 6] = [
        || CredentialsError::not_loaded("nothing found"),
        || CredentialsError::invalid_configuration("bad profile"),
        || CredentialsError::provider_timed_out(Duration::from_secs(1)),
        || CredentialsError::provider_error("metadata service is down"),
        || CredentialsError::unhandled("?"),
        // A denial of whoever gives out credentials is none of KMS.
        || {
            let meta = ErrorMetadata::builder().code("AccessDenied").build();
            CredentialsError::provider_error(meta)
        },
    ];
    for failure in rows {
        let config = config(&server.uri())
            .credentials_provider(Failing(failure))
            .build();
        let kms = KmsProvider::from_client(&Client::from_conf(config))
            .key(KEY)
            .build()
            .unwrap();
        let error = decrypt(&kms).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Unauthenticated, "{error:?}");
        assert_eq!((error.verdict(), error.was_sent()), (None, false), "{error:?}");
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
    assert_eq!(error.class(), ErrorClass::InvalidRequest, "{error:?}");
    assert_eq!((error.verdict(), error.was_sent()), (None, false));
    assert_eq!(seen(&server).await, []);
}

/// What a client is configured with that the SDK makes nothing of is found out by each call, at once.
#[tokio::test]
async fn what_the_sdk_refuses_before_it_sends_is_a_wrong_request() {
    let server = server(json_answer(&success())).await;
    for config in [
        config(&server.uri()).use_fips(true),
        config(&server.uri()).use_dual_stack(true),
        config("localhost:9"),
    ] {
        let client = Client::from_conf(config.build());
        let kms = KmsProvider::from_client(&client).key(KEY).build().unwrap();
        let error = decrypt(&kms).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::InvalidRequest, "{error:?}");
        assert_eq!((error.verdict(), error.was_sent()), (None, false));
    }
    assert_eq!(seen(&server).await, []);
}

/// A proxy that answers each `CONNECT` in this way; the endpoint is HTTPS, so that there is one.
fn proxy(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _asked = stream.read(&mut [0; 4096]);
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// The environment of a process cannot be changed safely from within, so this one is run in a process of its own.
#[test]
fn a_proxy_that_does_not_connect_is_named() {
    for status in ["407 Proxy Authentication Required", "403 Forbidden"] {
        let address = proxy(status);
        let output = Command::new(env!("CARGO_BIN_EXE_kms_from_environment"))
            .args([KEY, REGION])
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
            .env("AWS_ENDPOINT_URL_KMS", "https://kms.invalid")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HTTPS_PROXY", format!("http://user:hunter2@{address}"))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{status}");
        assert!(told.contains("Unauthenticated"), "{status}: {told}");
        assert!(told.contains(&format!("http://{address}")), "{status}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
