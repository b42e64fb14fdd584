//! Credentials: kept, asked for anew when KMS refuses them, and loaded in a time of their own. And clocks that are wrong.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_credential_types::provider::{
    ProvideCredentials, Result as Provided, error::CredentialsError, future,
};
use aws_sdk_kms::{
    Client,
    config::{Builder, Credentials},
};
use aws_smithy_async::time::{SystemTimeSource, TimeSource};
use datakey::{Aad, Opener, Sealer};
use datakey_fake_kms::{FakeKms, FakeKmsServer, FaultRule, KmsErrorCode, Principal};
use datakey_kms::{CREDENTIALS_TIMEOUT, KmsProvider};
use datakey_provider::{DataKeyLength, ErrorClass, OpeningProvider as _, ProviderError, SealingProvider};
use datakey_retry::{Policy, Retry, defaults::ATTEMPT_TIMEOUT};
use datakey_tests::{
    kms::{KEY, REGION, config, context, success, wrapped_by},
    kms_memory::Answering,
};
use tokio::time::{Instant, sleep};

async fn seal(sealer: &Sealer) -> Vec<u8> {
    sealer.seal(&context(), b"an order", Aad::EMPTY).await.unwrap()
}

async fn opens(opener: &Opener, message: &[u8]) -> bool {
    opener.open(&context(), message, Aad::EMPTY).await.is_ok()
}

/// What a source answers once.
type Give = fn() -> Provided;

/// Credentials in the order in which they are given out, the last of them for ever. Counts how often it is asked.
#[derive(Debug, Clone, Default)]
struct Source {
    asked: Arc<AtomicUsize>,
    takes: Duration,
    given: Arc<Mutex<Vec<Give>>>,
}

impl Source {
    fn of(given: &[Give]) -> Self {
        Self {
            given: Arc::new(Mutex::new(given.iter().rev().copied().collect())),
            ..Self::default()
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
            self.asked.fetch_add(1, Ordering::SeqCst);
            if !self.takes.is_zero() {
                sleep(self.takes).await;
            }
            let mut given = self.given.lock().unwrap();
            let give = if given.len() > 1 {
                given.pop()
            } else {
                given.last().copied()
            };
            give.expect("something to give")()
        })
    }
}

fn over() -> Provided {
    Ok(Credentials::new(
        "AKIAOVER",
        "its secret",
        Some("its token".into()),
        None,
        "tests",
    ))
}

fn going() -> Provided {
    Ok(Credentials::new(
        "AKIAGOING",
        "its secret",
        Some("its token".into()),
        None,
        "tests",
    ))
}

fn nothing() -> Provided {
    Err(CredentialsError::not_loaded(
        "the metadata service is out of reach",
    ))
}

/// An emulator that looks at signatures, with one session that is over and one that goes on.
struct Strict {
    fake: FakeKms,
    server: FakeKmsServer,
    key: Arc<str>,
}

impl Strict {
    async fn start() -> Self {
        let fake = FakeKms::builder().region(REGION).wall_clock().build().unwrap();
        let day = Duration::from_secs(86_400);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        for (id, expires) in [("AKIAOVER", now - day), ("AKIAGOING", now + day)] {
            let session = Principal::new(id, "its secret", "arn:aws:iam::111122223333:role/session").unwrap();
            fake.add_principal(session.with_session_token("its token").expires_at(expires));
        }
        let server = FakeKmsServer::builder(fake.clone()).verify_signatures().start();
        Self {
            server: server.await.unwrap(),
            key: fake.create_key().unwrap(),
            fake,
        }
    }

    fn provider(&self, with: impl FnOnce(Builder) -> Builder) -> KmsProvider {
        let client = Client::from_conf(with(config(&self.server.url())).build());
        KmsProvider::from_client(&client).key(&*self.key).build().unwrap()
    }

    fn provider_from(&self, source: &Source) -> KmsProvider {
        self.provider(|config| config.credentials_provider(source.clone()))
    }
}

async fn generates(kms: &impl SealingProvider) -> Result<(), ProviderError> {
    kms.generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .map(drop)
}

#[tokio::test]
async fn credentials_that_kms_refuses_are_asked_for_anew_once_for_all_calls() {
    let strict = Strict::start().await;
    let source = Source::of(&[over, going]);
    let kms = strict.provider_from(&source);
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let retry = Retry::new(kms.clone(), Policy::default());
            tokio::spawn(async move { generates(&retry).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(source.asked(), 2);
    generates(&kms).await.unwrap();
    assert_eq!(source.asked(), 2, "what is good is kept");
}

#[tokio::test]
async fn a_refused_session_says_nothing_of_the_key_and_the_next_call_has_another() {
    let strict = Strict::start().await;
    let source = Source::of(&[over, going]);
    let kms = strict.provider_from(&source);
    let refused = generates(&kms).await.unwrap_err();
    assert_eq!(
        (refused.class(), refused.code(), refused.verdict()),
        (ErrorClass::Unauthenticated, Some("ExpiredTokenException"), None)
    );
    assert!(refused.was_sent());
    generates(&kms).await.unwrap();
    assert_eq!(source.asked(), 2);
}

#[tokio::test]
async fn credentials_are_kept_whatever_else_kms_refuses() {
    let strict = Strict::start().await;
    let source = Source::of(&[going]);
    let kms = strict.provider_from(&source);
    generates(&kms).await.unwrap();
    for code in [
        KmsErrorCode::Throttling,
        KmsErrorCode::AccessDenied,
        KmsErrorCode::Disabled,
        KmsErrorCode::Internal,
    ] {
        strict.fake.inject(FaultRule::new(code).times(1));
        let refused = generates(&kms).await.unwrap_err();
        assert_ne!(refused.class(), ErrorClass::Unauthenticated, "{refused:?}");
        assert!(refused.code().is_some(), "{refused:?}");
        generates(&kms).await.unwrap();
        assert_eq!(source.asked(), 1, "{refused:?}");
    }
}

/// A source that has nothing better is not asked again with each call.
#[tokio::test]
async fn a_source_that_has_nothing_new_is_not_asked_again_and_again() {
    let strict = Strict::start().await;
    let source = Source::of(&[over]);
    let kms = strict.provider_from(&source);
    for _ in 0..20 {
        assert_eq!(
            generates(&kms).await.unwrap_err().class(),
            ErrorClass::Unauthenticated
        );
    }
    assert!(source.asked() <= 4, "asked {} times", source.asked());
    assert!(strict.fake.ledger().calls() <= 20, "one request for one call");
}

#[tokio::test]
async fn credentials_that_cannot_be_loaded_are_an_outage() {
    let strict = Strict::start().await;
    let source = Source::of(&[nothing, nothing, going]);
    let kms = strict.provider_from(&source);
    let refused = generates(&kms).await.unwrap_err();
    assert_eq!(
        (refused.class(), refused.verdict(), refused.was_sent()),
        (ErrorClass::Unauthenticated, None, false)
    );
    assert!(refused.to_string().contains("check credentials"), "{refused}");
    let first: &dyn std::error::Error = &refused;
    let chain = std::iter::successors(Some(first), |error| error.source()).map(ToString::to_string);
    let chain = chain.collect::<Vec<_>>().join(": ");
    assert!(chain.contains("the credentials could not be loaded"), "{chain}");
    // Not remembered by an opener, and tried again where something tries again.
    let source = Source::of(&[going, nothing, nothing, going]);
    let message = seal(&Sealer::new(strict.provider_from(&Source::of(&[going])))).await;
    let opener = Opener::builder(strict.provider_from(&source))
        .without_retry()
        .build()
        .unwrap();
    assert!(opens(&opener, &message).await);
    let source = Source::of(&[nothing, going]);
    let opener = Opener::builder(strict.provider_from(&source))
        .without_retry()
        .build()
        .unwrap();
    assert!(!opens(&opener, &message).await);
    assert!(opens(&opener, &message).await);
    let source = Source::of(&[nothing, nothing, going]);
    assert!(opens(&Opener::new(strict.provider_from(&source)), &message).await);
}

/// A clock that is behind, or ahead.
#[derive(Debug, Clone, Copy)]
struct Off(i64);

impl TimeSource for Off {
    fn now(&self) -> SystemTime {
        let by = Duration::from_secs(self.0.unsigned_abs());
        if self.0 < 0 {
            SystemTimeSource::new().now() - by
        } else {
            SystemTimeSource::new().now() + by
        }
    }
}

#[tokio::test]
async fn a_wrong_clock_is_put_right_by_the_first_answer() {
    let strict = Strict::start().await;
    for off in [-600, 600, 86_400] {
        let kms = strict.provider(|config| {
            let going = Credentials::new("AKIAGOING", "its secret", Some("its token".into()), None, "tests");
            config.credentials_provider(going).time_source(Off(off))
        });
        let (sealer, before) = (Sealer::new(kms.clone()), strict.fake.ledger().calls());
        let message = seal(&sealer).await;
        let opener = Opener::builder(kms.clone()).without_retry().build().unwrap();
        assert!(
            opens(&opener, &message).await,
            "{off} s: it knows the time by now"
        );
        assert!(strict.fake.ledger().calls() <= before + 3, "{off} s");
        // What no retry layer calls is called twice.
        let fresh = strict.provider(|config| {
            let going = Credentials::new("AKIAGOING", "its secret", Some("its token".into()), None, "tests");
            config.credentials_provider(going).time_source(Off(off))
        });
        fresh.warm_up(&context()).await.unwrap();
    }
}

fn in_memory(source: &Source) -> KmsProvider {
    let answers = Answering::with(|| {
        let body = aws_smithy_types::body::SdkBody::from(success().to_string());
        aws_sdk_kms::config::http::HttpResponse::new(200.try_into().unwrap(), body)
    });
    let config = config("http://memory.invalid")
        .credentials_provider(source.clone())
        .http_client(answers.into_client());
    let client = Client::from_conf(config.build());
    KmsProvider::from_client(&client).key(KEY).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn credentials_slower_than_an_attempt_are_there_for_the_next() {
    let source = Source {
        takes: ATTEMPT_TIMEOUT + Duration::from_secs(1),
        ..Source::of(&[going])
    };
    let kms = in_memory(&source);
    let retry = Retry::new(kms.clone(), Policy::default());
    let start = Instant::now();
    retry.decrypt(&context(), &wrapped_by(KEY)).await.unwrap();
    assert!(
        start.elapsed() < source.takes + Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(source.asked(), 1, "begun once");
    // However many callers wait, and however soon they give up.
    let (source, calls) = (
        Source {
            asked: Arc::default(),
            ..source
        },
        64,
    );
    let kms = in_memory(&source);
    let calls: Vec<_> = (0..calls)
        .map(|_| {
            let kms = kms.clone();
            tokio::spawn(async move {
                let hasty = Duration::from_millis(100);
                let _gave_up = tokio::time::timeout(hasty, kms.decrypt(&context(), &wrapped_by(KEY))).await;
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    sleep(source.takes).await;
    kms.decrypt(&context(), &wrapped_by(KEY)).await.unwrap();
    assert_eq!(source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_never_come_end_after_their_own_time() {
    let source = Source {
        takes: Duration::MAX / 2,
        ..Source::of(&[going])
    };
    let start = Instant::now();
    let failed = in_memory(&source).decrypt(&context(), &wrapped_by(KEY)).await;
    let failed = failed.unwrap_err();
    assert_eq!(
        (failed.class(), failed.was_sent()),
        (ErrorClass::Unauthenticated, false)
    );
    assert_eq!(start.elapsed(), CREDENTIALS_TIMEOUT);
}
