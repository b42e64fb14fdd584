//! A set of wrapping keys of which one seals and all open.
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use datakey_provider::{
    ControlProvider, DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey,
    OpeningProvider, Operation, ProviderError, Rank, Scope, SealingProvider, Traffic, WrappedKey,
    WrappedKeys, async_trait,
};

use crate::{
    KEY_ID_SCHEME, LocalKeysError, MAX_KEYS, WRAPPING_KEY_LEN,
    wrapping_key::{WrappingKey, no_secret},
};

/// A set of wrapping keys: the active one seals, each of them opens what it sealed.
///
/// A set does not change; [`with_generated`](Self::with_generated) and its siblings answer a new one that shares the
/// secrets. Cheap to clone; the secrets are wiped when the last set that holds them is dropped.
///
/// ```
/// # use datakey_local::LocalKeys;
/// let keys = LocalKeys::generate("2026-01")?.with_generated("2026-02")?;
/// assert_eq!(keys.active(), "2026-02");
/// assert_eq!(keys.names().collect::<Vec<_>>(), ["2026-01", "2026-02"]);
/// assert_eq!(format!("{keys:?}"), r#"LocalKeys { active: "2026-02", names: ["2026-01", "2026-02"] }"#);
/// # Ok::<(), datakey_local::LocalKeysError>(())
/// ```
///
/// # As a provider
///
/// It is both halves of a provider, and the control plane's: [`SealingProvider`], [`OpeningProvider`] and [`ControlProvider`]. No call
/// waits, fails for the moment or costs a quota, so a cache and retries around it are of use only to code that has them anyway. A message
/// names its key by `local:` and a name; a set recognises its own, and a name alone is enough to say which key is meant where a cache is
/// told to drop it.
///
/// Nothing is ever sent, so that no failure counts as an outage of a service:
///
/// | what goes wrong | class | source |
/// |---|---|---|
/// | the id is none of this set's | invalid request | [`LocalKeysError`] |
/// | the blob was altered, or is of another key or encryption context | not authentic | [`BlobError`](crate::BlobError) |
/// | the operating system gives no random bytes | transient | its error |
#[derive(Clone)]
pub struct LocalKeys {
    active: Arc<WrappingKey>,
    keys: Arc<BTreeMap<Box<str>, Arc<WrappingKey>>>,
}

impl LocalKeys {
    /// One new random key, active.
    ///
    /// # Errors
    /// [`LocalKeysError::Name`], or [`LocalKeysError::Randomness`].
    pub fn generate(name: &str) -> Result<Self, LocalKeysError> {
        Ok(Self::of(WrappingKey::generate(name)?))
    }

    /// One key whose secret comes from elsewhere, active. Wiping the source is the caller's part.
    ///
    /// ```
    /// # use datakey_local::LocalKeys;
    /// # fn secret_store() -> [u8; 32] { [7; 32] }
    /// let keys = LocalKeys::import("from-the-store", &secret_store())?;
    /// assert_eq!(keys.active_key_id(), "local:from-the-store");
    /// # Ok::<(), datakey_local::LocalKeysError>(())
    /// ```
    ///
    /// # Errors
    /// [`LocalKeysError::Name`].
    ///
    /// For keys that a secret store keeps. The same name and secret make the same set in every process; two secrets under one name do not
    /// open what the other sealed.
    pub fn import(name: &str, secret: &[u8; WRAPPING_KEY_LEN]) -> Result<Self, LocalKeysError> {
        let mut own = no_secret();
        own.copy_from_slice(secret);
        Ok(Self::of(WrappingKey::new(name, own)?))
    }

    pub(crate) fn of(key: WrappingKey) -> Self {
        let active = Arc::new(key);
        let keys = BTreeMap::from([(active.name().into(), Arc::clone(&active))]);
        Self {
            active,
            keys: Arc::new(keys),
        }
    }

    /// This set with one more random key, which is the active one: a rotation.
    ///
    /// # Errors
    /// [`LocalKeysError`]: not a name, a name that is taken, too many keys, or no random bytes.
    pub fn with_generated(&self, name: &str) -> Result<Self, LocalKeysError> {
        self.with_all_of(&Self::generate(name)?)?.with_active(name)
    }

    /// This set and the keys of another; this set's active key stays active.
    ///
    /// # Errors
    /// [`LocalKeysError::Duplicate`] when both have a key of the same name, [`LocalKeysError::TooMany`].
    ///
    /// Two teams merge what they read, or a service takes the keys of the one that it replaces:
    ///
    /// ```
    /// use datakey_local::{LocalKeys, LocalKeysError};
    /// use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
    /// # use std::{future::Future as _, pin::pin, task::{Context, Poll, Waker}};
    /// # fn now<T>(call: impl Future<Output = T>) -> T {
    /// #     let Poll::Ready(done) = pin!(call).poll(&mut Context::from_waker(Waker::noop())) else { panic!("nothing here waits") };
    /// #     done
    /// # }
    /// let (shop, books) = (LocalKeys::generate("shop")?, LocalKeys::generate("books")?);
    /// let context = EncryptionContext::empty();
    /// let theirs = now(books.generate_data_key(&context, DataKeyLength::Bytes32))?;
    /// assert!(now(shop.decrypt(&context, theirs.wrapped_keys().first())).is_err());
    /// let both = shop.with_all_of(&books)?;
    /// assert_eq!(both.active(), "shop"); // seals as before, and opens theirs
    /// assert!(now(both.decrypt(&context, theirs.wrapped_keys().first())).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_all_of(&self, other: &Self) -> Result<Self, LocalKeysError> {
        let mut keys = BTreeMap::clone(&self.keys);
        for (name, key) in &*other.keys {
            if keys.insert(name.clone(), Arc::clone(key)).is_some() {
                return Err(LocalKeysError::Duplicate(name.clone()));
            }
        }
        if keys.len() > MAX_KEYS {
            return Err(LocalKeysError::TooMany);
        }
        Ok(Self {
            active: Arc::clone(&self.active),
            keys: Arc::new(keys),
        })
    }

    /// This set with another of its keys active: to go back, or to distribute a key before it is used.
    ///
    /// # Errors
    /// [`LocalKeysError::Unknown`].
    ///
    /// A fleet is given the new key before it is used: every host gets a set that opens under it and seals under the old one, and only then
    /// another in which it seals.
    ///
    /// ```
    /// use datakey_local::LocalKeys;
    ///
    /// let first = LocalKeys::generate("2026")?.with_generated("2027")?.with_active("2026")?; // to all hosts
    /// let then = first.with_active("2027")?; // when all have it
    /// assert_eq!((first.active(), then.active()), ("2026", "2027"));
    /// # Ok::<(), datakey_local::LocalKeysError>(())
    /// ```
    pub fn with_active(&self, name: &str) -> Result<Self, LocalKeysError> {
        let key = self
            .keys
            .get(name)
            .ok_or_else(|| LocalKeysError::Unknown(name.into()))?;
        Ok(Self {
            active: Arc::clone(key),
            keys: Arc::clone(&self.keys),
        })
    }

    /// This set without one of its keys. What was sealed under that key cannot be opened with the new set.
    ///
    /// # Errors
    /// [`LocalKeysError::Unknown`], [`LocalKeysError::Active`].
    ///
    /// ```
    /// use datakey_local::LocalKeys;
    ///
    /// let keys = LocalKeys::generate("2026")?.with_generated("2027")?;
    /// let after = keys.without("2026")?;
    /// assert_eq!(after.names().collect::<Vec<_>>(), ["2027"]);
    /// assert_eq!(keys.names().len(), 2); // the old set is as it was, for whoever still holds it
    /// # Ok::<(), datakey_local::LocalKeysError>(())
    /// ```
    pub fn without(&self, name: &str) -> Result<Self, LocalKeysError> {
        if name == self.active.name() {
            return Err(LocalKeysError::Active(name.into()));
        }
        let mut keys = BTreeMap::clone(&self.keys);
        if keys.remove(name).is_none() {
            return Err(LocalKeysError::Unknown(name.into()));
        }
        Ok(Self {
            active: Arc::clone(&self.active),
            keys: Arc::new(keys),
        })
    }

    /// The name of the key that seals.
    #[must_use]
    pub fn active(&self) -> &str {
        self.active.name()
    }

    /// The key id of the key that seals: [`KEY_ID_SCHEME`] and its name.
    #[must_use]
    pub fn active_key_id(&self) -> &str {
        self.active.key_id()
    }

    /// The names of all keys, sorted.
    #[must_use]
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.keys.keys().map(|name| &**name)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &WrappingKey> {
        self.keys.values().map(|key| &**key)
    }

    fn find(&self, wrapped: &WrappedKey) -> Option<&WrappingKey> {
        let name = wrapped.key_id().strip_prefix(KEY_ID_SCHEME)?;
        self.keys.get(name).map(|key| &**key)
    }

    fn wrap(
        &self,
        operation: Operation,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKey, ProviderError> {
        let key = &self.active;
        let refused = |class| {
            ProviderError::new(class, operation)
                .unsent()
                .with_key_id(key.key_id())
        };
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce).map_err(|error| refused(ErrorClass::Transient).with_source(error))?;
        let blob = key
            .wrap(context, data_key, &nonce)
            .map_err(|error| refused(ErrorClass::InvalidRequest).with_source(error))?;
        WrappedKey::new(key.key_id(), blob)
            .map_err(|error| refused(ErrorClass::InvalidRequest).with_source(error))
    }

    fn random(&self, operation: Operation, length: DataKeyLength) -> Result<DataKey, ProviderError> {
        DataKey::try_init(length, getrandom::fill).map_err(|error| {
            ProviderError::new(ErrorClass::Transient, operation)
                .unsent()
                .with_key_id(self.active_key_id())
                .with_source(error)
        })
    }

    fn unwrap(
        &self,
        operation: Operation,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let refused = |class| {
            ProviderError::new(class, operation)
                .unsent()
                .with_key_id(wrapped.key_id())
        };
        let key = self.find(wrapped).ok_or_else(|| {
            refused(ErrorClass::InvalidRequest).with_source(LocalKeysError::Unknown(wrapped.key_id().into()))
        })?;
        key.unwrap(context, wrapped.blob())
            .map_err(|error| refused(ErrorClass::NotAuthentic).with_source(error))
    }
}

impl fmt::Debug for LocalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKeys")
            .field("active", &self.active())
            .field("names", &self.names().collect::<Vec<_>>())
            .finish()
    }
}

/// By its id, or by its name alone.
fn is_named(name: &str, key_id: &str) -> bool {
    name == key_id || key_id.strip_prefix(KEY_ID_SCHEME) == Some(name)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SealingProvider for LocalKeys {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKey;
        let data_key = self.random(OPERATION, length)?;
        let wrapped = self.wrap(OPERATION, context, &data_key)?;
        Ok(GeneratedDataKey::new(data_key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        Ok(self.wrap(Operation::Encrypt, context, data_key)?.into())
    }

    fn wrapped_keys_each(&self) -> usize {
        1
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        is_named(name, key_id)
    }

    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        tell(Scope::of_key(self.active_key_id()));
    }

    /// Nothing here waits.
    fn sealing_time_limit(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl OpeningProvider for LocalKeys {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.find(wrapped).map(|_| Rank::LOCAL)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.unwrap(Operation::Decrypt, context, wrapped)
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
        is_named(name, key_id)
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        Scope::of_key(wrapped.key_id())
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, _: &dyn Traffic) -> Scope<'a> {
        self.opening_scope(wrapped)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

/// The key is in this process for the moment, as all local keys are.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ControlProvider for LocalKeys {
    async fn generate_data_key_without_plaintext(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<WrappedKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKeyWithoutPlaintext;
        let data_key = self.random(OPERATION, length)?;
        self.wrap(OPERATION, context, &data_key)
    }

    async fn rewrap(
        &self,
        wrapped: &WrappedKey,
        from: &EncryptionContext,
        to: &EncryptionContext,
    ) -> Result<WrappedKey, ProviderError> {
        const OPERATION: Operation = Operation::ReEncrypt;
        let data_key = self.unwrap(OPERATION, from, wrapped)?;
        self.wrap(OPERATION, to, &data_key)
    }
}
