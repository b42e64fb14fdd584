//! What the errors of a call that was given up say: the cause, to the end, and nothing twice.
use std::{error::Error as _, fmt, time::Duration};

use datakey_provider::{
    EncryptionContext, ErrorClass, OpeningProvider as _, Operation, ProviderError, SealingProvider as _,
    Several, WrappedKey,
};
use datakey_retry::{
    CircuitOpen, Classify, Failure, GaveUp, LastFailure, Policy, Reason, Retry, defaults, retry,
};
use datakey_tests::{
    errors::told_once,
    retry::{Scripted, seeded},
};
use tokio::time::sleep;

#[derive(Debug, Clone)]
struct Cause;

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HTTP 500: the store is away (request id 77)")
    }
}

impl std::error::Error for Cause {}

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme")]).unwrap()
}

fn wrapped() -> WrappedKey {
    WrappedKey::new("scripted:1", [0x5A; 16]).unwrap()
}

/// As a provider fails that knows much, and as one fails that knows nothing.
fn failures(class: ErrorClass) -> [ProviderError; 3] {
    let bare = ProviderError::new(class, Operation::Decrypt);
    [
        bare.clone(),
        bare.clone().with_key_id("scripted:1"),
        bare.with_key_id("scripted:1")
            .with_code("KMSInternalException")
            .with_source(Cause),
    ]
}

fn failing(with: &ProviderError, policy: Policy) -> Retry<Scripted> {
    Retry::new(Scripted::failing(vec![with.clone(); 99]), policy)
}

fn gave_up(error: &ProviderError) -> &GaveUp<ProviderError> {
    error.source().unwrap().downcast_ref().unwrap()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_twice_however_a_call_ends() {
    let few = |policy: Policy| policy.with_max_attempts(3).without_adaptive_rate();
    for class in ErrorClass::ALL {
        for failure in failures(class) {
            for policy in [
                few(seeded(1)),
                few(seeded(1)).with_max_attempts(1),
                few(seeded(1)).with_deadline(Duration::from_millis(1)),
            ] {
                let error = failing(&failure, policy)
                    .decrypt(&context(), &wrapped())
                    .await
                    .unwrap_err();
                let texts = told_once(&error);
                assert_eq!(error.class(), class);
                if failure.code().is_some() {
                    assert!(texts[0].contains("KMSInternalException"), "{texts:?}");
                    assert_eq!(texts.last().unwrap(), &Cause.to_string());
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_twice_by_retries_over_retries_and_over_several() {
    for failure in failures(ErrorClass::Transient) {
        let policy = || seeded(1).with_max_attempts(3);
        let nested = Retry::new(failing(&failure, policy()), policy());
        let error = nested.decrypt(&context(), &wrapped()).await.unwrap_err();
        told_once(&error);
        assert_eq!(gave_up(&error).reason(), Reason::Attempts);

        let two = || {
            let parts = [(); 2].map(|()| failing(&failure, policy()));
            Several::new(parts).unwrap()
        };
        let bare = two().decrypt(&context(), &wrapped()).await.unwrap_err();
        let over = Retry::new(two(), policy())
            .decrypt(&context(), &wrapped())
            .await
            .unwrap_err();
        for error in [bare, over] {
            let texts = told_once(&error);
            assert!(texts.iter().any(|text| text.contains("3 attempts")), "{texts:?}");
            let causes = texts.concat().matches("the store is away").count();
            assert_eq!(
                causes,
                if failure.code().is_some() { 2 } else { 0 },
                "one of each"
            );
        }
    }
}

/// Fails until the breaker opens.
async fn bring_down(provider: &Retry<Scripted>) {
    while provider.policy().breaker().unwrap().down().is_empty() {
        provider.decrypt(&context(), &wrapped()).await.unwrap_err();
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_says_what_the_last_failure_was() {
    for failure in failures(ErrorClass::Transient) {
        let provider = failing(&failure, seeded(1).with_max_attempts(1));
        bring_down(&provider).await;
        let error = provider.decrypt(&context(), &wrapped()).await.unwrap_err();
        assert_eq!(
            (error.class(), error.key_id()),
            (ErrorClass::Transient, Some("scripted:1"))
        );
        assert!(error.delay().unwrap() <= defaults::BREAKER_WAIT);
        let open = gave_up(&error).source().unwrap();
        let last = open.downcast_ref::<CircuitOpen>().unwrap().last();
        assert_eq!(
            (last.class(), last.operation(), last.key_id(), last.code()),
            (
                failure.class(),
                Some(Operation::Decrypt),
                failure.key_id(),
                failure.code()
            )
        );
        assert_eq!(last.to_string(), failure.to_string());
        let texts = told_once(&error);
        if failure.code().is_some() {
            assert!(
                texts[2].contains("(Decrypt with the key scripted:1)"),
                "{texts:?}"
            );
            assert!(
                texts[2].contains("failed with KMSInternalException, transient"),
                "{texts:?}"
            );
            assert_eq!(texts[3], Cause.to_string());
        }
    }
}

/// Sealing is judged as a whole, so what failed last may have been another call.
#[tokio::test(start_paused = true)]
async fn the_last_failure_may_be_that_of_another_operation() {
    let [_, _, failure] = failures(ErrorClass::Transient);
    let policy = seeded(1).with_max_attempts(1).with_scope("kms");
    let provider = failing(&failure, policy);
    bring_down(&provider).await;
    let error = provider
        .generate_data_key(&context(), datakey_provider::DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(
        (error.operation(), error.code()),
        (Operation::GenerateDataKey, None)
    );
    let texts = told_once(&error);
    assert!(
        texts[2].contains("(Decrypt with the key scripted:1)"),
        "{texts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_failure_that_a_try_met_takes_the_place_of_the_one_that_opened() {
    let policy = seeded(1).with_max_attempts(1);
    let call = async |answer: Option<ProviderError>| {
        retry(&policy, async || match answer.clone() {
            Some(error) => Err::<(), _>(error),
            None => std::future::pending().await,
        })
        .await
        .unwrap_err()
    };
    let [failure, ..] = failures(ErrorClass::Transient);
    while policy.breaker().unwrap().down().is_empty() {
        call(Some(failure.clone())).await;
        sleep(Duration::from_millis(200)).await;
    }
    let refused = async || {
        let gave_up = call(None).await;
        let Failure::CircuitOpen(open) = gave_up.failure() else {
            panic!("{gave_up:?}");
        };
        open.last().clone()
    };
    assert_eq!(refused().await.class(), ErrorClass::Transient);
    sleep(defaults::BREAKER_WAIT).await;
    assert_eq!(call(None).await.class(), ErrorClass::Timeout);
    let last = refused().await;
    assert_eq!((last.class(), last.operation()), (ErrorClass::Timeout, None));
    assert_eq!(last.to_string(), "no answer within 5s");
}

/// An error of somebody's own, kept whole or by its class alone.
#[derive(Debug, Clone)]
struct Own {
    kept: bool,
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the printer is on fire")
    }
}

impl std::error::Error for Own {}

impl Classify for Own {
    fn class(&self) -> ErrorClass {
        ErrorClass::Transient
    }

    fn kept(&self) -> LastFailure {
        if self.kept {
            LastFailure::with_error(self.class(), self.clone())
        } else {
            LastFailure::of_class(self.class())
        }
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_others_are_told_as_they_ask_for() {
    for kept in [true, false] {
        let policy = seeded(1);
        let failed = async || {
            retry(&policy, async || Err::<(), _>(Own { kept }))
                .await
                .unwrap_err()
        };
        let first = failed().await;
        assert_eq!(first.reason(), Reason::CircuitOpen);
        for gave_up in [first, failed().await] {
            let texts = told_once(&gave_up);
            assert_eq!(texts.len(), if kept { 3 } else { 2 }, "{texts:?}");
            assert_eq!(
                texts.get(2).map(String::as_str),
                kept.then_some("the printer is on fire")
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_error_says_whether_waiting_helps() {
    for class in ErrorClass::ALL {
        let helps = class.is_retryable();
        let error = || ProviderError::new(class, Operation::Decrypt);
        assert_eq!(error().is_retryable(), helps, "{class:?}");
        let policy = seeded(1).with_max_attempts(1);
        let gave_up = retry(&policy, async || Err::<(), _>(error())).await.unwrap_err();
        assert_eq!(gave_up.is_retryable(), helps, "{class:?}");
        assert_eq!(gave_up.failure().is_retryable(), helps, "{class:?}");
        assert_eq!(error().kept().is_retryable(), helps, "{class:?}");
    }
    assert!(LastFailure::timed_out(Duration::from_secs(5)).is_retryable());
    assert!(Failure::<ProviderError>::NeverSent.is_retryable());
    assert!(Failure::<ProviderError>::TimedOut(Duration::ZERO).is_retryable());
}
