//! Several providers as one: all wrap, any opens, and the failure that is reported is the most hopeful one.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, Several, SeveralError, WrappedKey, WrappedKeys, async_trait,
};

/// Wraps to its own id, opens or fails as told, and counts its decrypts.
struct Region {
    id: &'static str,
    rank: Rank,
    fails: Option<ErrorClass>,
    patience: Option<Duration>,
    decrypts: AtomicU64,
}

impl Region {
    fn new(id: &'static str, rank: Rank, fails: Option<ErrorClass>) -> Arc<Self> {
        Arc::new(Self {
            id,
            rank,
            fails,
            patience: None,
            decrypts: AtomicU64::new(0),
        })
    }

    fn patient(id: &'static str, seconds: Option<u64>) -> Self {
        Self {
            id,
            rank: Rank::LOCAL,
            fails: None,
            patience: seconds.map(Duration::from_secs),
            decrypts: AtomicU64::new(0),
        }
    }

    fn decrypts(&self) -> u64 {
        self.decrypts.load(Ordering::Relaxed)
    }

    fn answer<T>(&self, operation: Operation, value: T) -> Result<T, ProviderError> {
        self.fails.map_or(Ok(value), |class| {
            Err(ProviderError::new(class, operation).with_key_id(self.id))
        })
    }
}

#[async_trait]
impl SealingProvider for Region {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let data_key = DataKey::init(length, |bytes| bytes.fill(1));
        let wrapped = self.encrypt(context, &data_key).await?;
        Ok(GeneratedDataKey::new(data_key, wrapped))
    }

    async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
        self.answer(
            Operation::Encrypt,
            WrappedKey::new(self.id, *b"blob").unwrap().into(),
        )
    }

    fn sealing_time_limit(&self) -> Option<Duration> {
        self.patience
    }
}

#[async_trait]
impl OpeningProvider for Region {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        (wrapped.key_id() == self.id || wrapped.key_id() == "any").then_some(self.rank)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        self.decrypts.fetch_add(1, Ordering::Relaxed);
        self.answer(
            Operation::Decrypt,
            DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(1)),
        )
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.patience
    }
}

#[tokio::test]
async fn one_generates_and_the_others_wrap_in_order() {
    let all = Several::new([
        Region::new("a", Rank::LOCAL, None),
        Region::new("b", Rank::REMOTE, None),
    ])
    .unwrap();
    let context = EncryptionContext::empty();
    let made = all
        .generate_data_key(&context, DataKeyLength::Bytes32)
        .await
        .unwrap();
    let ids = |keys: &WrappedKeys| keys.iter().map(|key| key.key_id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(made.wrapped_keys()), ["a", "b"]);
    assert_eq!(
        ids(&all.encrypt(&context, made.data_key()).await.unwrap()),
        ["a", "b"]
    );
}

#[tokio::test]
async fn sealing_fails_when_any_region_fails() {
    let down = Region::new("b", Rank::REMOTE, Some(ErrorClass::Transient));
    let all = Several::new([Region::new("a", Rank::LOCAL, None), down]).unwrap();
    let error = all
        .generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(
        (error.class(), error.key_id()),
        (ErrorClass::Transient, Some("b"))
    );
}

#[tokio::test]
async fn the_same_wrapped_key_twice_is_refused() {
    let all = Several::new([
        Region::new("a", Rank::LOCAL, None),
        Region::new("a", Rank::LOCAL, None),
    ])
    .unwrap();
    let error = all
        .generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::InvalidRequest);
}

#[tokio::test]
async fn opening_asks_the_lowest_rank_first_and_stops_at_success() {
    let (far, near) = (
        Region::new("far", Rank::REMOTE, None),
        Region::new("near", Rank::LOCAL, None),
    );
    let all = Several::new([Arc::clone(&far), Arc::clone(&near)]).unwrap();
    let wrapped = WrappedKey::new("any", *b"blob").unwrap();
    assert_eq!(all.rank(&wrapped), Some(Rank::LOCAL));
    all.decrypt(&EncryptionContext::empty(), &wrapped).await.unwrap();
    assert_eq!((near.decrypts(), far.decrypts()), (1, 0));
}

#[tokio::test]
async fn opening_goes_on_after_a_failure() {
    let near = Region::new("near", Rank::LOCAL, Some(ErrorClass::Timeout));
    let far = Region::new("far", Rank::REMOTE, None);
    let all = Several::new([Arc::clone(&near), Arc::clone(&far)]).unwrap();
    let wrapped = WrappedKey::new("any", *b"blob").unwrap();
    all.decrypt(&EncryptionContext::empty(), &wrapped).await.unwrap();
    assert_eq!((near.decrypts(), far.decrypts()), (1, 1));
}

#[tokio::test]
async fn of_several_failures_a_retryable_one_decides() {
    let all = Several::new([
        Region::new("a", Rank::LOCAL, Some(ErrorClass::Denied)),
        Region::new("b", Rank::REMOTE, Some(ErrorClass::Throttled)),
    ])
    .unwrap();
    let wrapped = WrappedKey::new("any", *b"blob").unwrap();
    let error = all
        .decrypt(&EncryptionContext::empty(), &wrapped)
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Throttled);
    let source = std::error::Error::source(&error)
        .unwrap()
        .downcast_ref::<SeveralError>()
        .unwrap();
    let classes: Vec<_> = source.failures().iter().map(ProviderError::class).collect();
    assert_eq!(classes, [ErrorClass::Denied, ErrorClass::Throttled]);
}

#[tokio::test]
async fn a_foreign_key_is_nobodys_and_none_are_not_several() {
    let all = Several::new([Region::new("a", Rank::LOCAL, None)]).unwrap();
    let foreign = WrappedKey::new("b", *b"blob").unwrap();
    assert_eq!(all.rank(&foreign), None);
    let error = all
        .decrypt(&EncryptionContext::empty(), &foreign)
        .await
        .unwrap_err();
    assert_eq!(
        (error.class(), error.key_id()),
        (ErrorClass::InvalidRequest, Some("b"))
    );
    assert!(Several::<Arc<Region>>::new([]).is_err());
}

#[test]
fn several_take_as_long_as_all_of_them_and_wrap_as_often() {
    let limits = |patience: &[Option<u64>]| {
        let regions = patience.iter().map(|seconds| Region::patient("a", *seconds));
        let all = Several::new(regions).unwrap();
        assert_eq!(all.wrapped_keys_each(), patience.len());
        assert_eq!(all.sealing_time_limit(), all.opening_time_limit());
        all.sealing_time_limit().map(|limit| limit.as_secs())
    };
    assert_eq!(limits(&[Some(60)]), Some(60));
    assert_eq!(limits(&[Some(60), Some(0), Some(5)]), Some(65));
    assert_eq!(limits(&[Some(60), None]), None);
    assert_eq!(limits(&[None]), None);
    assert_eq!(limits(&[Some(u64::MAX), Some(1)]), Some(u64::MAX));
    let nested = |id| Several::new([Region::patient(id, Some(1)), Region::patient(id, Some(2))]).unwrap();
    let all: Several<Box<dyn SealingProvider>> = Several::new([
        Box::new(nested("a")) as Box<dyn SealingProvider>,
        Box::new(nested("b")),
    ])
    .unwrap();
    assert_eq!(all.wrapped_keys_each(), 4);
    assert_eq!(all.sealing_time_limit(), Some(Duration::from_secs(6)));
}

#[tokio::test]
async fn several_ask_for_the_length_that_they_are_asked_for() {
    let all = Several::new([
        Region::new("a", Rank::LOCAL, None),
        Region::new("b", Rank::LOCAL, None),
    ])
    .unwrap();
    for length in DataKeyLength::ALL {
        let made = all
            .generate_data_key(&EncryptionContext::empty(), length)
            .await
            .unwrap();
        assert_eq!(made.data_key().length(), length);
    }
}
