//! `Retry<P>` as a provider: conformance, what its errors say, and that attempts never multiply.
use std::{error::Error as _, sync::Arc, time::Duration};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, KeyProvider, OpeningProvider as _, Operation,
    ProviderError, Rank, SealingProvider as _, Several, WrappedKey, conformance,
};
use datakey_retry::{Classify as _, GaveUp, Policy, Reason, Retry};
use datakey_tests::retry::{Scripted, seeded};
use tokio::time::Instant;

fn throttled() -> ProviderError {
    ProviderError::new(ErrorClass::Throttled, Operation::GenerateDataKey)
        .with_code("ThrottlingException")
        .with_key_id("scripted:1")
}

fn transient() -> ProviderError {
    ProviderError::new(ErrorClass::Transient, Operation::GenerateDataKey)
}

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme")]).unwrap()
}

fn gave_up(error: &ProviderError) -> &GaveUp<ProviderError> {
    error.source().unwrap().downcast_ref().unwrap()
}

#[tokio::test(start_paused = true)]
async fn conforms() {
    conformance::check(&Scripted::default())
        .await
        .expect("the fixture conforms");
    conformance::check(&Retry::new(Scripted::default(), seeded(1)))
        .await
        .expect("conforms");
    conformance::check(&Retry::new(Scripted::default(), Policy::never()))
        .await
        .expect("conforms without retries");
}

#[tokio::test(start_paused = true)]
async fn conforms_while_the_adaptive_rate_is_at_work() {
    let retry = Retry::new(Scripted::failing(vec![throttled(); 4]), seeded(1));
    conformance::check(&retry).await.expect("throttles do not show");
    assert!(retry.policy().adaptive_rate().unwrap().state().rate.is_some());
    assert_eq!(retry.policy().adaptive_rate().unwrap().state().throttled, 4);
}

#[tokio::test(start_paused = true)]
async fn each_operation_is_retried() {
    let retry = Retry::new(Scripted::failing(vec![throttled(), transient()]), seeded(1));
    let made = retry
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    assert_eq!(retry.inner().calls(), 3);

    let retry = Retry::new(Scripted::failing(vec![transient()]), seeded(1));
    let wrapped = retry.encrypt(&context(), made.data_key()).await.unwrap();
    assert_eq!(retry.inner().calls(), 2);
    assert_eq!(retry.rank(wrapped.first()), Some(Rank::REMOTE));
    assert_eq!(retry.rank(&WrappedKey::new("other:1", *b"blob").unwrap()), None);

    let inner = retry.into_inner();
    let opened = Retry::new(&inner, seeded(1))
        .decrypt(&context(), wrapped.first())
        .await
        .unwrap();
    assert!(opened.ct_eq(made.data_key()));
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_passes_through_as_it_is() {
    for class in ErrorClass::ALL.into_iter().filter(|class| !class.is_retryable()) {
        let original = ProviderError::new(class, Operation::Encrypt).with_code("SomeException");
        let retry = Retry::new(Scripted::failing(vec![original]), seeded(1));
        let began = Instant::now();
        let error = retry
            .encrypt(&context(), &DataKey::init(DataKeyLength::Bytes32, |_| {}))
            .await
            .unwrap_err();
        assert_eq!((error.class(), error.code()), (class, Some("SomeException")));
        assert!(error.source().is_none());
        assert_eq!((retry.inner().calls(), began.elapsed()), (1, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn a_given_up_call_tells_its_story() {
    let policy = seeded(1).with_max_attempts(3);
    let retry = Retry::new(
        Scripted::failing(vec![throttled().with_delay(Duration::from_secs(2)); 9]),
        policy,
    );
    let error = retry
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Throttled);
    assert_eq!(error.operation(), Operation::GenerateDataKey);
    assert_eq!(
        (error.code(), error.key_id()),
        (Some("ThrottlingException"), Some("scripted:1"))
    );
    assert_eq!(error.delay(), Some(Duration::from_secs(2)));
    let story = gave_up(&error);
    assert_eq!((story.attempts(), story.reason()), (3, Reason::Attempts));
    assert!(story.waited() >= Duration::from_secs(4));
    assert_eq!(story.last().unwrap().code(), Some("ThrottlingException"));
    assert!(story.source().is_none(), "the error around it says all of that");
    let text = story.to_string();
    assert!(
        text.starts_with("gave up after 3 attempts and ") && text.ends_with("no attempts are left"),
        "{text}"
    );
}

/// A provider whose calls never come back.
#[derive(Debug)]
struct Hangs;

#[datakey_provider::async_trait]
impl datakey_provider::OpeningProvider for Hangs {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_provider_costs_the_deadline_and_no_more() {
    let retry = Retry::new(Hangs, seeded(1).with_deadline(Duration::from_secs(12)));
    let began = Instant::now();
    let wrapped = WrappedKey::new("hangs:1", *b"blob").unwrap();
    let error = retry.decrypt(&context(), &wrapped).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(12));
    assert_eq!(
        (error.class(), error.operation()),
        (ErrorClass::Timeout, Operation::Decrypt)
    );
    assert_eq!(error.key_id(), Some("hangs:1"));
    assert_eq!(
        (gave_up(&error).attempts(), gave_up(&error).reason()),
        (3, Reason::Deadline)
    );
}

#[tokio::test(start_paused = true)]
async fn attempts_of_nested_retries_do_not_multiply() {
    let policy = || seeded(1).with_max_attempts(3).without_adaptive_rate();
    let inner = Arc::new(Scripted::failing(vec![transient(); 99]));
    let nested = Retry::new(Retry::new(Arc::clone(&inner), policy()), policy());
    let error = nested
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(inner.calls(), 3, "the outer retry makes one attempt");
    assert_eq!(error.class(), ErrorClass::Transient);
    assert_eq!(gave_up(&error).reason(), Reason::Attempts);
    assert!(error.is_final());
    assert!(!transient().is_final());

    let made = Scripted::default()
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let regions = [0, 1].map(|_| Arc::new(Scripted::failing(vec![transient(); 99])));
    let several = Several::new(
        regions
            .iter()
            .map(|region| Retry::new(Arc::clone(region), policy())),
    )
    .unwrap();
    let above = Retry::new(several, policy());
    let error = above
        .decrypt(&context(), made.wrapped_keys().first())
        .await
        .unwrap_err();
    assert_eq!((regions[0].calls(), regions[1].calls()), (3, 3));
    assert_eq!(error.class(), ErrorClass::Transient);
}

#[test]
fn handles_with_other_priorities_share_what_they_should() {
    fn is_provider<P: KeyProvider + Clone>(_: &P) {}
    let retry = Retry::new(Arc::new(Scripted::default()), seeded(1));
    is_provider(&retry);
    let other = Retry::new(
        Arc::clone(retry.inner()),
        retry.policy().clone().with_deadline(Duration::from_secs(1)),
    );
    assert_eq!(retry.policy().rules().deadline, Some(Duration::from_secs(60)));
    assert_eq!(other.policy().rules().deadline, Some(Duration::from_secs(1)));
}
