//! What an error says about key and message, apart from what to do with the call, and how wrappers pass it on.
use std::sync::Arc;

use datakey_fake_kms::FakeKms;
use datakey_local::LocalKeys;
use datakey_provider::{
    DataKey, EncryptionContext, ErrorClass, OpeningProvider, Operation, ProviderError, Rank, SealingProvider,
    Several, Verdict, WrappedKey, async_trait,
};
use datakey_retry::{Guarded, Policy, Retry};

/// Answers each call with one error.
#[derive(Clone)]
struct Fails(ProviderError);

#[async_trait]
impl OpeningProvider for Fails {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        Err(self.0.clone())
    }
}

fn error(class: ErrorClass) -> ProviderError {
    ProviderError::new(class, Operation::Decrypt)
}

async fn opens(provider: &impl OpeningProvider) -> ProviderError {
    let wrapped = WrappedKey::new("any", *b"blob").unwrap();
    let opened = provider.decrypt(&EncryptionContext::empty(), &wrapped).await;
    opened.unwrap_err()
}

#[test]
fn only_what_is_about_key_or_message_is_a_verdict() {
    for class in ErrorClass::ALL {
        let expected = match class {
            ErrorClass::Denied | ErrorClass::NotAuthentic => Some(Verdict::Message),
            ErrorClass::UnavailableKey => Some(Verdict::WrappingKey),
            _ => None,
        };
        let made = error(class);
        assert_eq!((made.verdict(), made.was_sent()), (expected, true), "{class}");
        assert_eq!(made.clone().with_verdict(None).verdict(), None, "{class}");
        assert!(!made.clone().unsent().was_sent(), "{class}");
        let overridden = made.with_verdict(Verdict::WrappingKey);
        assert_eq!(overridden.verdict(), Some(Verdict::WrappingKey), "{class}");
        assert_eq!(overridden.class(), class);
    }
    assert!(ErrorClass::Unauthenticated.is_retryable() && ErrorClass::Unauthenticated.is_outage());
    assert!(ErrorClass::Throttled.is_retryable() && !ErrorClass::Throttled.is_outage());
}

#[tokio::test]
async fn several_say_of_a_key_what_all_of_them_say() {
    use ErrorClass::{Denied, NotAuthentic, Transient, Unauthenticated, UnavailableKey};
    for (classes, verdict) in [
        ([UnavailableKey, UnavailableKey], Some(Verdict::WrappingKey)),
        ([UnavailableKey, Denied], Some(Verdict::Message)),
        ([NotAuthentic, Denied], Some(Verdict::Message)),
        ([UnavailableKey, Transient], None),
        ([Unauthenticated, Denied], None),
    ] {
        let all = Several::new(classes.map(|class| Fails(error(class)))).unwrap();
        assert_eq!(opens(&all).await.verdict(), verdict, "{classes:?}");
    }
    let unsent = Several::new([Fails(error(Denied).unsent()), Fails(error(Denied).unsent())]).unwrap();
    assert!(!opens(&unsent).await.was_sent());
    let one_was = Several::new([Fails(error(Denied).unsent()), Fails(error(Denied))]).unwrap();
    assert!(opens(&one_was).await.was_sent());
}

#[tokio::test(start_paused = true)]
async fn retry_hands_on_what_the_last_failure_says_about_key_and_message() {
    let policy = || Policy::default().with_max_attempts(3);
    for (class, verdict) in [
        (ErrorClass::Transient, Some(Verdict::WrappingKey)),
        (ErrorClass::Throttled, None),
        (ErrorClass::InvalidRequest, None),
        (ErrorClass::Denied, Some(Verdict::Message)),
    ] {
        let retry = Retry::new(Fails(error(class).with_verdict(verdict)), policy());
        let failed = opens(&retry).await;
        assert_eq!((failed.class(), failed.verdict()), (class, verdict));
        assert!(failed.was_sent());
    }
    let unsent = Retry::new(Fails(error(ErrorClass::InvalidRequest).unsent()), policy());
    assert!(!opens(&unsent).await.was_sent());
}

#[tokio::test(start_paused = true)]
async fn callers_that_are_not_let_in_are_retried_and_count_as_an_outage_for_a_breaker() {
    let guarded = Guarded::new(Fails(error(ErrorClass::Unauthenticated)));
    let wrapped = WrappedKey::new("any", *b"blob").unwrap();
    opens(&guarded).await;
    assert!(
        guarded.rank(&wrapped) > Some(Rank::LOCAL),
        "it ranks behind what is well"
    );
    // What was not sent says nothing of the service.
    let unsent = Guarded::new(Fails(error(ErrorClass::Unauthenticated).unsent()));
    opens(&unsent).await;
    assert_eq!(unsent.rank(&wrapped), Some(Rank::LOCAL));
}

#[tokio::test]
async fn what_a_provider_refuses_by_itself_is_not_sent() {
    let foreign = WrappedKey::new("nobody:nothing", *b"blob").unwrap();
    let local = LocalKeys::generate("dev").unwrap();
    let fake = FakeKms::new();
    let fake = fake.provider(&fake.create_key().unwrap());
    for refused in [
        local.decrypt(&EncryptionContext::empty(), &foreign).await,
        fake.decrypt(&EncryptionContext::empty(), &foreign).await,
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.class(), refused.was_sent()),
            (ErrorClass::InvalidRequest, false)
        );
    }
}

#[test]
fn wrappers_know_a_key_by_the_names_that_it_has_inside() {
    let local = || LocalKeys::generate("dev").unwrap();
    let layered = Retry::new(
        Several::new([Guarded::new(Arc::new(local()))]).unwrap(),
        Policy::default(),
    );
    for (name, known) in [
        ("dev", true),
        ("local:dev", true),
        ("local:other", false),
        ("", false),
    ] {
        assert_eq!(layered.sealing_key_is(name, "local:dev"), known, "{name}");
        assert_eq!(layered.opening_key_is(name, "local:dev"), known, "{name}");
    }
    let fake = FakeKms::new();
    let arn = fake.create_key().unwrap();
    fake.create_alias("alias/orders", &arn).unwrap();
    let provider = fake.provider(&arn);
    for name in ["alias/orders", &*arn] {
        assert!(
            provider.sealing_key_is(name, &arn) && provider.opening_key_is(name, &arn),
            "{name}"
        );
    }
    assert!(!provider.opening_key_is("alias/refunds", &arn));
}
