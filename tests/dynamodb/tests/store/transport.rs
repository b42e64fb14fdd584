//! The way to DynamoDB fails: no connection, half an answer, none at all, and callers who do not wait.
use std::{
    error::Error as _,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::mpsc,
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
use tokio::{sync::oneshot, time::Instant};

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

/// Reads one request off a connection.
fn one_request(stream: &mut TcpStream) {
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"}") {
        let len = stream.read(&mut chunk).unwrap();
        assert_ne!(len, 0, "the client hung up");
        request.extend_from_slice(&chunk[..len]);
    }
}

/// A server that answers the first request, says when the second has come on the same connection, and then those on others.
fn answers_once() -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (came, comes) = mpsc::channel();
    std::thread::spawn(move || {
        let body = json!({"Item": wire(&item(ItemKind::Active, Some(VERSION), b"wrapped"))}).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (mut first, _) = listener.accept().unwrap();
        one_request(&mut first);
        first.write_all(answer.as_bytes()).unwrap();
        one_request(&mut first);
        came.send(()).unwrap();
        let (mut next, _) = listener.accept().unwrap();
        one_request(&mut next);
        next.write_all(answer.as_bytes()).unwrap();
    });
    (address, comes)
}

/// A store that lives longer than the runtime that made its connections: a static in a suite of small tests.
#[test]
fn a_connection_whose_runtime_has_ended_is_transient_and_replaced() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (address, second_came) = answers_once();
    let store = store(&address);
    let ((idle, is_idle), (end, ends)) = (oneshot::channel(), oneshot::channel());
    let first = std::thread::spawn({
        let store = store.clone();
        move || {
            runtime().block_on(async {
                read(&store).await.unwrap();
                idle.send(()).unwrap();
                ends.await.unwrap();
            });
        }
    });
    let failed = runtime().block_on(async {
        is_idle.await.unwrap();
        let mut call = std::pin::pin!(read(&store));
        while second_came.try_recv().is_err() {
            tokio::select! {
                biased;
                early = &mut call => return early,
                () = tokio::task::yield_now() => {}
            }
        }
        end.send(()).unwrap();
        call.await
    });
    first.join().unwrap();
    is_transient(&failed.unwrap_err(), "its runtime ended");
    runtime().block_on(read(&store)).unwrap();
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

/// A proxy that answers each `CONNECT` in this way.
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

/// The environment of a process cannot be changed safely from within, so this one is read in a process of its own.
#[test]
fn a_proxy_that_does_not_connect_is_the_caller_s_and_is_called_one() {
    for status in ["407 Proxy Authentication Required", "403 Forbidden"] {
        let mut process = Command::new(env!("CARGO_BIN_EXE_branch_keys_interop"))
            .args([
                "obey",
                "http://127.0.0.1:9",
                "https://dynamodb.invalid",
                TABLE,
                LOGICAL_NAME,
                KEY,
            ])
            .env("HTTPS_PROXY", format!("http://user:hunter2@{}", proxy(status)))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        input
            .write_all(b"{\"do\": \"read\", \"id\": \"tenant-acme\"}\n")
            .unwrap();
        drop(input);
        let told = String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap();
        assert!(told.contains("\"Unauthenticated\""), "{status}: {told}");
        assert!(
            told.contains("a proxy did not connect to DynamoDB"),
            "{status}: {told}"
        );
        assert!(!told.contains("hunter2"), "{told}");
    }
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
