//! The way to DynamoDB fails: no connection, half an answer, none at all, and callers who do not wait.
use std::{
    error::Error as _,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use aws_sdk_dynamodb::config::{http::HttpResponse, timeout::TimeoutConfig};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use datakey::{
    ErrorClass,
    branch_keys::{DynamoDbFailure, DynamoDbStore, ItemKind, ReadingStore, RetryingStore, Store as _},
    provider::ProviderError,
    retry::{Policy, defaults::ATTEMPT_TIMEOUT},
};
use datakey_dynamodb_tests::*;
use serde_json::json;
use tokio::time::Instant;

async fn read(store: &impl ReadingStore) -> Result<(), ProviderError> {
    store.get(&id(), ItemKind::Active).await.map(drop)
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

fn is_transient(error: &ProviderError, what: &str) {
    assert_eq!(
        (error.class(), error.verdict(), error.code(), error.was_sent()),
        (ErrorClass::Transient, None, None, true),
        "{what}: {error:?}"
    );
    assert_eq!(error.key_id(), Some("branch-key:tenant-acme"));
}

#[tokio::test]
async fn a_refused_connection_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = read(&store(&address)).await.unwrap_err();
    is_transient(&error, "refused");
    let failure = error.source().unwrap().downcast_ref::<DynamoDbFailure>().unwrap();
    assert_eq!(failure.to_string(), "no answer from DynamoDB");
    assert!(failure.source().is_some(), "it says why");
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
    is_transient(&read(&store(&address)).await.unwrap_err(), "no TLS");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_transient_even_if_it_is_a_400() {
    is_transient(&read(&store(&raw(drop))).await.unwrap_err(), "nothing");
    for status in ["200 OK", "400 Bad Request", "500 Internal Server Error"] {
        let address = raw(move |mut stream| {
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 500\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(br#"{"__type":"Thrott"#).unwrap();
        });
        is_transient(&read(&store(&address)).await.unwrap_err(), status);
    }
    let other = raw(|mut stream| stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").unwrap());
    is_transient(&read(&store(&other)).await.unwrap_err(), "not HTTP");
}

/// A client in a static, and a runtime for each test: connections end with the runtime that made them.
#[test]
fn a_connection_whose_runtime_has_ended_is_replaced() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let serving = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let answer = success(&json!({"Item": wire(&item(ItemKind::Active, Some(VERSION), b"wrapped"))}));
    let server = serving.block_on(server(answer));
    let store = store(&server.uri());
    runtime().block_on(read(&store)).unwrap();
    let later = runtime();
    let tries: Vec<_> = (0..4).map(|_| later.block_on(read(&store))).collect();
    for error in tries.iter().filter_map(|tried| tried.as_ref().err()) {
        assert_eq!(
            (error.class(), error.verdict()),
            (ErrorClass::Transient, None),
            "{error:?}"
        );
    }
    assert!(tries.last().unwrap().is_ok(), "{tries:?}");
}

#[tokio::test]
async fn dropped_calls_leave_the_store_usable() {
    let answer = success(&json!({"Item": wire(&item(ItemKind::Active, Some(VERSION), b"wrapped"))}));
    let server = server(answer).await;
    let store = store(&server.uri());
    for _ in 0..20 {
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            _ = read(&store) => {}
        }
    }
    read(&store).await.unwrap();
}

#[tokio::test]
async fn what_the_sdk_refuses_before_it_sends_is_a_wrong_request() {
    let server = server(success(&json!({}))).await;
    for config in [
        config(&server.uri()).use_fips(true),
        config(&server.uri()).use_dual_stack(true),
        config("localhost:9"),
    ] {
        let store = store_of(config);
        let items = [version_item(VERSION, b"first")];
        for error in [
            read(&store).await.unwrap_err(),
            store.versions(&id()).await.map(drop).unwrap_err(),
            store.put_if_absent(&items).await.map(drop).unwrap_err(),
        ] {
            assert_eq!(
                (error.class(), error.verdict(), error.was_sent()),
                (ErrorClass::InvalidRequest, None, false),
                "{error:?}"
            );
        }
    }
    assert_eq!(seen(&server).await, []);
}

fn silent() -> DynamoDbStore {
    store_of(config("http://slow.invalid").http_client(Answering::never()))
}

/// An attempt has one owner of its time limit: the layer that makes attempts.
#[tokio::test(start_paused = true)]
async fn silence_is_the_retry_layer_s_to_end_unless_the_client_has_a_limit() {
    let alone = tokio::time::timeout(ATTEMPT_TIMEOUT * 10, read(&silent())).await;
    assert!(alone.is_err(), "it has no limit of its own");
    let start = Instant::now();
    let retrying = RetryingStore::new(silent(), Policy::default().with_max_attempts(1));
    let error = read(&retrying).await.unwrap_err();
    assert_eq!((error.class(), error.verdict()), (ErrorClass::Timeout, None));
    assert_eq!(start.elapsed(), ATTEMPT_TIMEOUT);
    let patience = Duration::from_millis(700);
    for limits in [
        TimeoutConfig::builder().operation_attempt_timeout(patience),
        TimeoutConfig::builder().operation_timeout(patience),
    ] {
        let config = config("http://slow.invalid").http_client(Answering::never());
        let store = store_of(config.timeout_config(limits.build()));
        let start = Instant::now();
        let error = read(&store).await.unwrap_err();
        assert_eq!(
            (error.class(), error.was_sent()),
            (ErrorClass::Timeout, true),
            "{error:?}"
        );
        assert_eq!(start.elapsed(), patience);
    }
}

/// Another answer than to the request that was sent would be taken for one.
#[tokio::test]
async fn another_item_than_was_asked_for_is_refused_above_the_store() {
    use datakey::branch_keys::{BranchKeyAdmin, BranchKeys};
    let other = item(ItemKind::Beacon, None, b"wrapped");
    let body = json!({"Item": wire(&other)}).to_string();
    let store = || {
        let body = body.clone();
        let answering = Answering::with(move || {
            let status = StatusCode::try_from(200).unwrap();
            HttpResponse::new(status, SdkBody::from(body.clone()))
        });
        store_of(config("http://memory.invalid").http_client(answering))
    };
    let fake = datakey_fake_kms::FakeKms::new();
    let kms = fake.provider(&fake.create_key().unwrap());
    let admin = BranchKeyAdmin::new(store(), kms.clone(), KEY);
    assert!(admin.active(&id()).await.is_err());
    assert!(admin.rotate(&id()).await.is_err());
    let keys = BranchKeys::builder(store(), kms)
        .branch_key(id())
        .build()
        .unwrap();
    let cold = keys.sealing().warm([id()]).await;
    assert_eq!(cold.len(), 1, "{cold:?}");
    assert_eq!(fake.ledger().calls(), 0, "KMS is asked for nothing");
}
