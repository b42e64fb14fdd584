//! Credentials: none, out of reach, and no longer good.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_credential_types::provider::{
    ProvideCredentials, Result as Provided, error::CredentialsError, future,
};
use aws_sdk_dynamodb::{
    Config,
    config::{BehaviorVersion, Credentials, Region, http::HttpResponse},
};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use datakey::{
    ErrorClass,
    branch_keys::{ItemKind, ReadingStore as _, RetryingStore},
    retry::{Policy, defaults::ATTEMPT_TIMEOUT},
};
use datakey_dynamodb_tests::*;
use serde_json::json;
use tokio::time::Instant;
use wiremock::{Request, Respond, ResponseTemplate};

/// What comes at each call, the first being number 0, and after how long. Counts how often it is asked.
#[derive(Debug, Clone)]
struct Source {
    asked: Arc<AtomicUsize>,
    takes: Duration,
    give: fn(usize) -> Provided,
}

impl Source {
    fn of(give: fn(usize) -> Provided) -> Self {
        Self {
            asked: Arc::default(),
            takes: Duration::ZERO,
            give,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            if !self.takes.is_zero() {
                tokio::time::sleep(self.takes).await;
            }
            (self.give)(number)
        })
    }
}

fn session(number: usize) -> Provided {
    let id = format!("AKIASESSION{number}");
    Ok(Credentials::new(
        id,
        "its secret",
        Some("its token".into()),
        None,
        "tests",
    ))
}

/// Takes a session unless it is one of the first `over`.
struct Service {
    over: usize,
    code: &'static str,
}

impl Respond for Service {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let signed = request.headers.get("authorization");
        let signed = signed.and_then(|text| text.to_str().ok()).unwrap_or_default();
        if (0..self.over).any(|number| signed.contains(&format!("AKIASESSION{number}/"))) {
            error(
                400,
                self.code,
                "The security token included in the request is expired",
            )
        } else {
            success(&json!({"Item": wire(&item(ItemKind::Active, Some(VERSION), b"wrapped"))}))
        }
    }
}

#[tokio::test]
async fn credentials_that_are_refused_are_asked_for_anew_and_those_that_serve_are_kept() {
    for code in [
        "ExpiredTokenException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    ] {
        let server = server(Service { over: 1, code }).await;
        let source = Source::of(session);
        let store = store_of(config(&server.uri()).credentials_provider(source.clone()));
        let refused = store.get(&id(), ItemKind::Active).await.unwrap_err();
        assert_eq!(
            (refused.class(), refused.code(), refused.verdict()),
            (ErrorClass::Unauthenticated, Some(code), None)
        );
        for _ in 0..5 {
            store.get(&id(), ItemKind::Active).await.unwrap();
        }
        assert_eq!(source.asked(), 2, "{code}");
    }
}

#[tokio::test]
async fn a_retry_has_the_new_credentials() {
    let server = server(Service {
        over: 2,
        code: "ExpiredTokenException",
    })
    .await;
    let store = store_of(config(&server.uri()).credentials_provider(Source::of(session)));
    let policy = Policy::default().with_max_attempts(3);
    let store = RetryingStore::new(store, policy);
    assert!(store.get(&id(), ItemKind::Active).await.unwrap().is_some());
    assert_eq!(seen(&server).await.len(), 3);
}

#[tokio::test]
async fn many_calls_that_are_refused_at_once_ask_for_credentials_once() {
    let server = server(Service {
        over: 1,
        code: "ExpiredTokenException",
    })
    .await;
    let source = Source::of(session);
    let store = store_of(config(&server.uri()).credentials_provider(source.clone()));
    let (one, two, three) = tokio::join!(
        async { store.get(&id(), ItemKind::Active).await },
        async { store.get(&id(), ItemKind::Active).await },
        async { store.get(&id(), ItemKind::Active).await },
    );
    for result in [one, two, three] {
        // Whoever began after another's refusal has the new ones already.
        assert!(result.is_ok() || result.unwrap_err().class() == ErrorClass::Unauthenticated);
    }
    store.get(&id(), ItemKind::Active).await.unwrap();
    assert_eq!(source.asked(), 2);
}

#[tokio::test]
async fn a_denial_and_a_gateway_s_page_leave_credentials_as_they_are() {
    for answer in [
        error(400, "AccessDeniedException", "not this table"),
        ResponseTemplate::new(403).set_body_raw("<html>no</html>", "text/html"),
    ] {
        let server = server(answer).await;
        let source = Source::of(session);
        let store = store_of(config(&server.uri()).credentials_provider(source.clone()));
        for _ in 0..3 {
            store.get(&id(), ItemKind::Active).await.unwrap_err();
        }
        assert_eq!(source.asked(), 1);
    }
}

#[tokio::test]
async fn credentials_that_do_not_come_are_the_caller_s_and_nothing_is_sent() {
    let server = server(success(&json!({}))).await;
    let nothing = Source::of(|_| {
        Err(CredentialsError::not_loaded(
            "the metadata service is out of reach",
        ))
    });
    let store = store_of(config(&server.uri()).credentials_provider(nothing));
    let failed = store.get(&id(), ItemKind::Active).await.unwrap_err();
    assert_eq!(
        (failed.class(), failed.verdict(), failed.was_sent()),
        (ErrorClass::Unauthenticated, None, false),
        "{failed:?}"
    );
    assert_eq!(seen(&server).await, []);
}

/// A cold start, an assumed role behind an assumed role: what takes longer than an attempt is not begun anew with each.
#[tokio::test(start_paused = true)]
async fn credentials_that_take_longer_than_an_attempt_serve_the_next_one() {
    let body = json!({"Item": wire(&item(ItemKind::Active, Some(VERSION), b"wrapped"))}).to_string();
    let answering = Answering::with(move || {
        HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body.clone()))
    });
    let slow = Source {
        takes: ATTEMPT_TIMEOUT * 2 + ATTEMPT_TIMEOUT / 2,
        ..Source::of(session)
    };
    let config = config("http://memory.invalid").http_client(answering);
    let store = store_of(config.credentials_provider(slow.clone()));
    let start = Instant::now();
    let retrying = RetryingStore::new(store, Policy::default());
    assert!(retrying.get(&id(), ItemKind::Active).await.unwrap().is_some());
    assert_eq!(slow.asked(), 1);
    assert!(start.elapsed() >= slow.takes);
}

/// No load goes on for ever.
#[tokio::test(start_paused = true)]
async fn credentials_that_never_come_are_the_caller_s() {
    let hanging = Source {
        takes: Duration::from_secs(86_400),
        ..Source::of(session)
    };
    let config = config("http://memory.invalid").http_client(Answering::never());
    let store = store_of(config.credentials_provider(hanging));
    let start = Instant::now();
    let failed = store.get(&id(), ItemKind::Active).await.unwrap_err();
    assert_eq!(
        (failed.class(), failed.was_sent()),
        (ErrorClass::Unauthenticated, false),
        "{failed:?}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test]
async fn a_source_of_credentials_that_panics_is_the_caller_s() {
    let server = server(success(&json!({}))).await;
    let store = store_of(config(&server.uri()).credentials_provider(Source::of(|_| panic!("a bug in it"))));
    let failed = store.get(&id(), ItemKind::Active).await.unwrap_err();
    assert_eq!(
        (failed.class(), failed.verdict(), failed.was_sent()),
        (ErrorClass::Unauthenticated, None, false),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_client_without_a_source_of_credentials_is_configured_wrongly() {
    let server = server(success(&json!({}))).await;
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(server.uri());
    let failed = store_of(config).get(&id(), ItemKind::Active).await.unwrap_err();
    assert_eq!(
        (failed.class(), failed.verdict(), failed.was_sent()),
        (ErrorClass::InvalidRequest, None, false),
        "{failed:?}"
    );
    assert_eq!(seen(&server).await, []);
}
