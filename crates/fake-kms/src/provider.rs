//! The fake as a provider, without HTTP in between.
use std::{fmt, sync::Arc, time::Duration};

use datakey_provider::{
    ControlProvider, DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey,
    OpeningProvider, Operation, ProviderError, Rank, Scope, SealingProvider, Traffic, WrappedKey,
    WrappedKeys, async_trait,
};
use thiserror::Error;

use crate::{CallError, FakeKms, KmsContext};

/// A [`FakeKms`] seen through both halves of [`KeyProvider`](datakey_provider::KeyProvider).
///
/// Every method is one call of the fake: latency, quota, faults and ledger apply. Decrypting names the key, and only
/// keys that the provider was given: what is wrapped under any other is refused without a call. Cheap to clone.
///
/// ```
/// use datakey_fake_kms::{FakeKms, Quota};
/// use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider, SealingProvider};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::builder().quota(Quota::per_second(2)).build()?;
/// let provider = fake.provider(&fake.create_key()?);
///
/// let context = EncryptionContext::new([("tenant", "acme")])?;
/// let made = provider.generate_data_key(&context, DataKeyLength::Bytes32).await?;
/// let opened = provider.decrypt(&context, made.wrapped_keys().first()).await?;
/// assert!(opened.ct_eq(made.data_key()));
///
/// let error = provider.generate_data_key(&context, DataKeyLength::Bytes32).await.unwrap_err();
/// assert_eq!((error.class(), error.code()), (ErrorClass::Throttled, Some("ThrottlingException")));
/// # Ok(()) }
/// # let mut task = std::pin::pin!(run());
/// # let waker = std::task::Waker::noop();
/// # assert!(matches!(task.as_mut().poll(&mut std::task::Context::from_waker(waker)), std::task::Poll::Ready(Ok(()))));
/// # use std::future::Future as _;
/// ```
#[derive(Clone)]
pub struct FakeKmsProvider {
    fake: FakeKms,
    seals_under: Arc<str>,
    opens: Arc<[Arc<str>]>,
    rank: Rank,
}

/// What the fake answered is not a data key; the source of a provider's error.
///
/// ```
/// use std::error::Error as _;
/// use datakey_fake_kms::{FakeKms, KmsContext, NotADataKey};
/// use datakey_provider::{EncryptionContext, ErrorClass, OpeningProvider as _, WrappedKey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let key = fake.create_key()?;
/// // A password that somebody encrypted directly, where a wrapped data key should be.
/// let made = fake.encrypt(&key, &KmsContext::default(), b"hunter2").await?;
/// let wrapped = WrappedKey::new(&*key, made.ciphertext)?;
/// let refused = fake.provider(&key).decrypt(&EncryptionContext::empty(), &wrapped).await.unwrap_err();
/// assert_eq!(refused.class(), ErrorClass::NotAuthentic);
/// assert!(matches!(refused.source().and_then(|why| why.downcast_ref()), Some(NotADataKey::Length(7))));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotADataKey {
    /// The plaintext has another length.
    #[error("a data key has 16, 24 or 32 bytes, this plaintext has {0}")]
    Length(usize),
}

impl FakeKms {
    /// The fake as a provider that seals under a key and opens what was sealed under it.
    ///
    /// The key is named by id, ARN or alias; as a client would, the provider finds out whether it exists when it is
    /// used. An alias is followed once, here.
    #[must_use]
    pub fn provider(&self, key_id: &str) -> FakeKmsProvider {
        FakeKmsProvider::new(self.clone(), self.engine().name_of(key_id))
    }
}

impl FakeKmsProvider {
    pub(crate) fn new(fake: FakeKms, key: Arc<str>) -> Self {
        Self {
            fake,
            opens: Arc::new([Arc::clone(&key)]),
            seals_under: key,
            rank: Rank::LOCAL,
        }
    }

    /// Opens what was wrapped under this key too: for what an earlier key sealed.
    ///
    /// ```
    /// use datakey_fake_kms::FakeKms;
    /// use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let (old, new) = (fake.create_key()?, fake.create_key()?);
    /// let context = EncryptionContext::empty();
    /// let made = fake.provider(&old).generate_data_key(&context, DataKeyLength::Bytes32).await?;
    /// let wrapped = made.wrapped_keys().first();
    /// assert!(fake.provider(&new).rank(wrapped).is_none()); // foreign, whoever owns it
    /// let during_the_hand_over = fake.provider(&new).with_opening_key(&old);
    /// assert!(during_the_hand_over.decrypt(&context, wrapped).await?.ct_eq(made.data_key()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_opening_key(mut self, key_id: &str) -> Self {
        let more = self.fake.engine().name_of(key_id);
        self.opens = self.opens.iter().cloned().chain([more]).collect();
        self
    }

    /// Answers another rank than [`Rank::LOCAL`] for its keys: for a fake that stands for a far Region.
    ///
    /// ```
    /// use datakey_fake_kms::FakeKms;
    /// use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, Rank, SealingProvider as _};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let near = fake.provider(&fake.create_key()?);
    /// let made = near.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await?;
    /// let wrapped = made.wrapped_keys().first();
    /// assert_eq!(near.rank(wrapped), Some(Rank::LOCAL));
    /// assert_eq!(near.clone().with_rank(Rank::REMOTE).rank(wrapped), Some(Rank::REMOTE));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_rank(mut self, rank: Rank) -> Self {
        self.rank = rank;
        self
    }

    /// The ARN of the key that seals.
    #[must_use]
    pub fn key_arn(&self) -> &str {
        &self.seals_under
    }

    /// The fake behind it.
    #[must_use]
    pub fn fake(&self) -> &FakeKms {
        &self.fake
    }

    /// By whatever id or alias names the key at the moment.
    fn is_named(&self, name: &str, key_id: &str) -> bool {
        *self.fake.engine().name_of(name) == *key_id
    }

    fn scope<'a>(&'a self, key: &'a str) -> Scope<'a> {
        let quota = self.fake.quota_name();
        Scope { quota, key }
    }

    fn failed(&self, operation: Operation, key_id: &str, error: CallError) -> ProviderError {
        classify(operation, key_id, error).with_quota(self.fake.quota_name())
    }

    fn check_opens(&self, operation: Operation, wrapped: &WrappedKey) -> Result<(), ProviderError> {
        if self.opens(wrapped) {
            return Ok(());
        }
        let foreign = ProviderError::new(ErrorClass::InvalidRequest, operation);
        Err(foreign.unsent().with_key_id(wrapped.key_id()))
    }

    fn opens(&self, wrapped: &WrappedKey) -> bool {
        self.opens.iter().any(|own| **own == *wrapped.key_id())
    }
}

impl fmt::Debug for FakeKmsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeKmsProvider")
            .field("seals_under", &self.seals_under)
            .field("opens", &self.opens)
            .finish_non_exhaustive()
    }
}

fn classify(operation: Operation, key_id: &str, error: CallError) -> ProviderError {
    let mut classified = ProviderError::new(error.class(), operation).with_key_id(key_id);
    if let CallError::Refused(refusal) = &error {
        classified = classified
            .with_code(refusal.code().as_str())
            .with_verdict(refusal.verdict());
        if let Some(delay) = refusal.retry_after() {
            classified = classified.with_delay(delay);
        }
        // Without a message it says no more than its code does.
        if refusal.message().is_empty() {
            return classified;
        }
    }
    classified.with_source(error)
}

/// What is over the limits of KMS is refused as KMS refuses it.
fn as_kms_takes_it(
    operation: Operation,
    key_id: &str,
    context: &EncryptionContext,
) -> Result<KmsContext, ProviderError> {
    KmsContext::try_from(context)
        .map_err(|over| classify(operation, key_id, CallError::Refused(over)).unsent())
}

fn wrapped(operation: Operation, key_arn: &str, blob: Vec<u8>) -> Result<WrappedKey, ProviderError> {
    WrappedKey::new(key_arn, blob).map_err(|error| {
        ProviderError::new(ErrorClass::InvalidRequest, operation)
            .with_key_id(key_arn)
            .with_source(error)
    })
}

fn data_key(operation: Operation, key_id: &str, plaintext: &[u8]) -> Result<DataKey, ProviderError> {
    DataKey::from_slice(plaintext).ok_or_else(|| {
        ProviderError::new(ErrorClass::NotAuthentic, operation)
            .with_key_id(key_id)
            .with_source(NotADataKey::Length(plaintext.len()))
    })
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SealingProvider for FakeKmsProvider {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKey;
        let context = as_kms_takes_it(OPERATION, &self.seals_under, context)?;
        let made = self
            .fake
            .generate_data_key(&self.seals_under, &context, length.bytes())
            .await
            .map_err(|error| self.failed(OPERATION, &self.seals_under, error))?;
        let data_key = data_key(OPERATION, &made.key_arn, made.plaintext.expose_secret())?;
        Ok(GeneratedDataKey::new(
            data_key,
            wrapped(OPERATION, &made.key_arn, made.ciphertext)?,
        ))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        const OPERATION: Operation = Operation::Encrypt;
        let context = as_kms_takes_it(OPERATION, &self.seals_under, context)?;
        let made = self
            .fake
            .encrypt(&self.seals_under, &context, data_key.expose_secret())
            .await
            .map_err(|error| self.failed(OPERATION, &self.seals_under, error))?;
        Ok(wrapped(OPERATION, &made.key_arn, made.ciphertext)?.into())
    }

    fn wrapped_keys_each(&self) -> usize {
        1
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        self.is_named(name, key_id)
    }

    /// The quota of the fake's Region, and the key that seals.
    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        tell(self.scope(&self.seals_under));
    }

    /// None: a fault may let a call hang for as long as it says.
    fn sealing_time_limit(&self) -> Option<Duration> {
        None
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl OpeningProvider for FakeKmsProvider {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.opens(wrapped).then_some(self.rank)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        const OPERATION: Operation = Operation::Decrypt;
        let key_id = wrapped.key_id();
        self.check_opens(OPERATION, wrapped)?;
        let context = as_kms_takes_it(OPERATION, key_id, context)?;
        let opened = self
            .fake
            .decrypt(Some(key_id), &context, wrapped.blob())
            .await
            .map_err(|error| self.failed(OPERATION, key_id, error))?;
        data_key(OPERATION, key_id, opened.plaintext.expose_secret())
    }

    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        _: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        self.decrypt(context, wrapped).await
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        self.is_named(name, key_id)
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        self.scope(wrapped.key_id())
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, _: &dyn Traffic) -> Scope<'a> {
        self.opening_scope(wrapped)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        None
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ControlProvider for FakeKmsProvider {
    async fn generate_data_key_without_plaintext(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<WrappedKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKeyWithoutPlaintext;
        let context = as_kms_takes_it(OPERATION, &self.seals_under, context)?;
        let made = self
            .fake
            .generate_data_key_without_plaintext(&self.seals_under, &context, length.bytes())
            .await
            .map_err(|error| self.failed(OPERATION, &self.seals_under, error))?;
        wrapped(OPERATION, &made.key_arn, made.ciphertext)
    }

    async fn rewrap(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &EncryptionContext,
    ) -> Result<WrappedKey, ProviderError> {
        const OPERATION: Operation = Operation::ReEncrypt;
        self.check_opens(OPERATION, key)?;
        let from = as_kms_takes_it(OPERATION, key.key_id(), from)?;
        let to = as_kms_takes_it(OPERATION, &self.seals_under, to)?;
        let moved = self
            .fake
            .re_encrypt(key.blob(), (Some(key.key_id()), &from), (&self.seals_under, &to))
            .await
            .map_err(|error| self.failed(OPERATION, key.key_id(), error))?;
        wrapped(OPERATION, &moved.made.key_arn, moved.made.ciphertext)
    }
}
