//! The provider itself: each method is one call.
use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use aws_sdk_kms::{
    Client, operation::generate_data_key::builders::GenerateDataKeyFluentBuilder, primitives::Blob,
    types::DataKeySpec,
};
use bytes::Bytes;
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, OpeningProvider, Operation, ProviderError,
    Rank, Scope, SealingProvider, Traffic, WrappedKey, WrappedKeys, async_trait,
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    KmsKeyId, answer,
    attempt::Attempt,
    client,
    credentials::Credentials,
    failure::refused,
    limits::{MAX_KMS_CIPHERTEXT_LEN, MAX_KMS_CONTEXT_LEN},
    names,
    quotas::Quotas,
    recognise::{Opening, Place, Recognised},
};

/// AWS KMS as a provider of data keys, in one region. Cheap to clone; clones share their connections.
///
/// Each method makes exactly one request, which the crate's documentation describes with its limits and errors.
///
/// A layer above asks it, without a call, which quota its calls count against and whether a wrapped key is its own:
///
/// ```
/// # #[cfg(all(feature = "default-https-client", feature = "rt-tokio"))] {
/// # use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
/// # let credentials = SharedCredentialsProvider::new(Credentials::new("AKIAEXAMPLE", "secret", None, None, "example"));
/// # let region = aws_types::region::Region::new("eu-central-1");
/// # let config = aws_types::SdkConfig::builder().region(region).credentials_provider(credentials).build();
/// use datakey_kms::KmsProvider;
/// use datakey_provider::{OpeningProvider as _, SealingProvider as _, WrappedKey};
///
/// const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// let kms = KmsProvider::from_sdk_config(&config).key(KEY).calling_account("payments").build().unwrap();
/// let mut quotas = vec![];
/// kms.sealing_scopes(&mut |scope| quotas.push(scope.quota));
/// assert_eq!(quotas, ["eu-central-1/payments"]);
/// assert!(kms.sealing_key_is("1234abcd-12ab-34cd-56ef-1234567890ab", KEY)); // as an operator may call it
/// let foreign = WrappedKey::new("arn:aws:kms:eu-central-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab", *b"x").unwrap();
/// assert_eq!(kms.rank(&foreign), None); // the same id in another account
/// # }
/// ```
///
/// # What it is not
///
/// It has no cache, no retries and no pace of its own. One that is used bare meets the quota as any client does, and a call that hangs is
/// waited for. Put the retry layer of `datakey-retry` above it, and the keyring of `datakey-keyring` above that; the facade `datakey` does
/// both.
///
/// # Threads and clones
///
/// A clone is a pointer, and any number of threads call at once. Nothing is locked during a call; credentials are loaded by whoever comes
/// first and shared.
#[derive(Clone)]
pub struct KmsProvider {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) credentials: Credentials,
    pub(crate) wrapping: Option<KmsKeyId>,
    pub(crate) opening: Option<Opening>,
    pub(crate) region: Box<str>,
    pub(crate) replicas: bool,
    pub(crate) grant_tokens: Option<Vec<String>>,
    pub(crate) rank: Rank,
    pub(crate) quotas: Quotas,
}

/// Why a call was refused without asking KMS: the source of the [`ProviderError`], whose class is invalid request.
///
/// None of them says anything of KMS: the error is [unsent](ProviderError::was_sent), so that no breaker counts it.
///
/// ```
/// # #[cfg(all(feature = "default-https-client", feature = "rt-tokio"))] {
/// # use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
/// # let credentials = SharedCredentialsProvider::new(Credentials::new("AKIAEXAMPLE", "secret", None, None, "example"));
/// # let region = aws_types::region::Region::new("eu-central-1");
/// # let config = aws_types::SdkConfig::builder().region(region).credentials_provider(credentials).build();
/// use std::error::Error as _;
/// use datakey_kms::{KmsProvider, Refusal};
/// use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, SealingProvider as _};
/// # use std::{future::Future as _, pin::pin, task::{Context, Poll, Waker}};
/// # fn now<T>(call: impl Future<Output = T>) -> T {
/// #     let Poll::Ready(done) = pin!(call).poll(&mut Context::from_waker(Waker::noop())) else { panic!("nothing here waits") };
/// #     done
/// # }
/// const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// let reader = KmsProvider::from_sdk_config(&config).opening_key(KEY).build().unwrap();
/// let refused = now(reader.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32)).unwrap_err();
/// assert_eq!((refused.class(), refused.was_sent()), (ErrorClass::InvalidRequest, false));
/// let why = refused.source().and_then(|source| source.downcast_ref::<Refusal>());
/// assert!(matches!(why, Some(Refusal::NoWrappingKey)));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The provider was built to open only.
    #[error("this provider has no key to wrap data keys under")]
    NoWrappingKey,
    /// The key that the message names is not among the keys to open with.
    #[error("the message names a key that this provider does not open with")]
    ForeignKey,
    /// The destination of a `ReEncrypt` is in another region, which KMS does not reach across.
    #[error("the destination key is not in {region}, the client's region")]
    OtherRegion {
        /// The region of the client.
        region: Box<str>,
    },
    /// The keys and values of the encryption context have more bytes together than [`MAX_KMS_CONTEXT_LEN`].
    #[error("KMS takes at most {MAX_KMS_CONTEXT_LEN} bytes of encryption context, this one has {len}")]
    ContextTooLong {
        /// The bytes of its keys and values.
        len: usize,
    },
    /// The wrapped key has more bytes than [`MAX_KMS_CIPHERTEXT_LEN`].
    #[error("KMS takes at most {MAX_KMS_CIPHERTEXT_LEN} bytes of ciphertext, this one has {len}")]
    CiphertextTooLong {
        /// Its length.
        len: usize,
    },
}

impl Refusal {
    /// Whether the same call may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

impl KmsProvider {
    pub(crate) const fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The key that it wraps data keys under.
    ///
    /// As it was named: an alias stays one here.
    #[must_use]
    pub fn wrapping_key(&self) -> Option<&KmsKeyId> {
        self.inner.wrapping.as_ref()
    }

    /// The region that it calls.
    ///
    /// It is that of the client's configuration, also where a key's ARN names another: such a key is refused when the provider is built,
    /// unless a replica here stands in for it.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// The client as it is called: one attempt.
    ///
    /// For calls that are none of a provider's, such as `DescribeKey`, on the same connections and credentials. It retries nothing.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    fn time_limit(&self) -> Option<Duration> {
        client::time_limit(&self.inner.client)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// A call that is about to be made.
    pub(crate) fn attempt<'a>(&'a self, operation: Operation, key_id: &'a str) -> Attempt<'a> {
        Attempt::new(operation, key_id, &self.inner.credentials)
    }

    pub(crate) fn key_to_wrap(&self, operation: Operation) -> Result<&KmsKeyId, ProviderError> {
        self.wrapping_key()
            .ok_or_else(|| refused(operation, None, Refusal::NoWrappingKey))
    }

    pub(crate) fn key_to_open<'a>(
        &'a self,
        operation: Operation,
        wrapped: &'a WrappedKey,
    ) -> Result<Recognised<'a>, ProviderError> {
        self.recognise(wrapped)
            .ok_or_else(|| refused(operation, Some(wrapped.key_id()), Refusal::ForeignKey))
    }

    fn recognise<'a>(&'a self, wrapped: &'a WrappedKey) -> Option<Recognised<'a>> {
        let place = Place {
            region: &self.inner.region,
            replicas: self.inner.replicas,
        };
        self.inner.opening.as_ref()?.recognise(wrapped.key_id(), place)
    }
}

impl fmt::Debug for KmsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsProvider")
            .field("region", &self.inner.region)
            .field("wrapping", &self.inner.wrapping)
            .field("opening", &self.inner.opening)
            .field("rank", &self.inner.rank)
            .finish_non_exhaustive()
    }
}

/// All pairs of a context as the SDK takes them; nothing for an empty one.
pub(crate) fn pairs(
    operation: Operation,
    context: &EncryptionContext,
) -> Result<Option<HashMap<String, String>>, ProviderError> {
    let lengths = context
        .iter()
        .map(|(key, value)| key.len().saturating_add(value.len()));
    let len = lengths.fold(0, usize::saturating_add);
    if len > MAX_KMS_CONTEXT_LEN {
        return Err(refused(operation, None, Refusal::ContextTooLong { len }));
    }
    Ok((!context.is_empty()).then(|| {
        context
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }))
}

/// A wrapped key as the SDK takes it.
pub(crate) fn ciphertext(operation: Operation, wrapped: &WrappedKey) -> Result<Blob, ProviderError> {
    let len = wrapped.blob().len();
    if len > MAX_KMS_CIPHERTEXT_LEN {
        let refusal = Refusal::CiphertextTooLong { len };
        return Err(refused(operation, Some(wrapped.key_id()), refusal));
    }
    Ok(Blob::new(wrapped.blob()))
}

/// Asks for a data key of this length: by its name, where KMS has one for it.
pub(crate) fn of_length(
    request: GenerateDataKeyFluentBuilder,
    length: DataKeyLength,
) -> GenerateDataKeyFluentBuilder {
    match length {
        DataKeyLength::Bytes16 => request.key_spec(DataKeySpec::Aes128),
        DataKeyLength::Bytes32 => request.key_spec(DataKeySpec::Aes256),
        other => request.number_of_bytes(i32::try_from(other.bytes()).unwrap_or(i32::MAX)),
    }
}

/// A copy of a data key for a request, which is wiped when the SDK drops it.
fn plaintext(data_key: &DataKey) -> Blob {
    let own = Zeroizing::new(data_key.expose_secret().to_vec());
    Blob::from_maybe_shared(Bytes::from_owner(own))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SealingProvider for KmsProvider {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let key = self.key_to_wrap(Operation::GenerateDataKey)?;
        let made = self.ask_for_data_key(context, length, key).await;
        made.map_err(|error| error.with_quota(self.inner.quotas.sealing().quota))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let key = self.key_to_wrap(Operation::Encrypt)?;
        let wrapped = self.ask_to_wrap(context, data_key, key).await;
        wrapped.map_err(|error| error.with_quota(self.inner.quotas.sealing().quota))
    }

    fn wrapped_keys_each(&self) -> usize {
        1
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        names::key(name, key_id)
            || self
                .wrapping_key()
                .is_some_and(|own| names::alias(name, own, key_id, &self.inner.region))
    }

    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        tell(self.inner.quotas.sealing());
    }

    fn sealing_time_limit(&self) -> Option<Duration> {
        self.time_limit()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl OpeningProvider for KmsProvider {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        let found = self.recognise(wrapped)?;
        let own = self.inner.rank;
        Some(if found.guess {
            Rank(own.0.saturating_add(1))
        } else {
            own
        })
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let found = self.key_to_open(Operation::Decrypt, wrapped)?;
        let opened = self.ask_to_open(context, wrapped, &found).await;
        opened.map_err(|error| error.with_quota(self.opening_scope(wrapped).quota))
    }

    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        _: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        self.decrypt(context, wrapped).await
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        let asked = || Some(self.recognise(wrapped)?.ask.into());
        Scope {
            quota: self.inner.quotas.of_either(wrapped.key_id(), asked),
            key: wrapped.key_id(),
        }
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        let by_alias = |alias| names::alias(name, alias, key_id, &self.inner.region);
        let opening = self.inner.opening.as_ref();
        names::key(name, key_id) || opening.and_then(Opening::alias).is_some_and(by_alias)
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, _: &dyn Traffic) -> Scope<'a> {
        self.opening_scope(wrapped)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.time_limit()
    }
}

/// The calls, each one request, and what the answers are held against.
impl KmsProvider {
    async fn ask_for_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
        key: &KmsKeyId,
    ) -> Result<GeneratedDataKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKey;
        let attempt = self.attempt(OPERATION, key.as_str());
        let request = of_length(self.inner.client.generate_data_key(), length);
        let sent = request
            .key_id(key.as_str())
            .set_encryption_context(pairs(OPERATION, context)?)
            .set_grant_tokens(self.inner.grant_tokens.clone())
            .customize()
            .interceptor(attempt.sent())
            .send()
            .await;
        let output = sent.map_err(|error| attempt.failed(error))?;
        let checked = answer::generated(output.plaintext, length).and_then(|data_key| {
            let arn = answer::wrapped_by(output.key_id, key, &self.inner.region)?;
            let wrapped = answer::wrapped_key(output.ciphertext_blob, arn)?;
            Ok(GeneratedDataKey::new(data_key, wrapped))
        });
        checked.map_err(|malformed| malformed.into_error(OPERATION, key.as_str()))
    }

    async fn ask_to_wrap(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
        key: &KmsKeyId,
    ) -> Result<WrappedKeys, ProviderError> {
        const OPERATION: Operation = Operation::Encrypt;
        let attempt = self.attempt(OPERATION, key.as_str());
        let request = self.inner.client.encrypt();
        let sent = request
            .key_id(key.as_str())
            .plaintext(plaintext(data_key))
            .set_encryption_context(pairs(OPERATION, context)?)
            .set_grant_tokens(self.inner.grant_tokens.clone())
            .customize()
            .interceptor(attempt.sent())
            .send()
            .await;
        let output = sent.map_err(|error| attempt.failed(error))?;
        answer::wrapped_by(output.key_id, key, &self.inner.region)
            .and_then(|arn| answer::wrapped_key(output.ciphertext_blob, arn))
            .map(WrappedKeys::from)
            .map_err(|malformed| malformed.into_error(OPERATION, key.as_str()))
    }

    async fn ask_to_open(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        found: &Recognised<'_>,
    ) -> Result<DataKey, ProviderError> {
        const OPERATION: Operation = Operation::Decrypt;
        let attempt = self.attempt(OPERATION, &found.ask);
        let request = self.inner.client.decrypt();
        let sent = request
            .key_id(&*found.ask)
            .ciphertext_blob(ciphertext(OPERATION, wrapped)?)
            .set_encryption_context(pairs(OPERATION, context)?)
            .set_grant_tokens(self.inner.grant_tokens.clone())
            .customize()
            .interceptor(attempt.sent())
            .send()
            .await;
        let output = sent.map_err(|error| attempt.failed(error))?;
        answer::opened(output.plaintext)
            .and_then(|data_key| {
                answer::opened_by(output.key_id, &found.answer)?;
                Ok(data_key)
            })
            .map_err(|malformed| malformed.into_error(OPERATION, wrapped.key_id()))
    }
}
