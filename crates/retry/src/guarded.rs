//! A provider that a breaker judges by itself.
use std::{sync::Arc, time::Duration};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, OpeningProvider, Operation, ProviderError,
    Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};

use crate::{Breaker, Event, Observer, breaker::Passage, observer::Observed, rank::behind_the_well};

/// A provider around another one, with a [`Breaker`] of its own and without retries: one of several, each of which is judged by
/// itself.
///
/// Of the providers inside a [`Several`](datakey_provider::Several), the one that has failed is asked last. It ranks
/// behind those that are well for some seconds, longer each time that a call tries it again and fails, until any answer
/// comes. What fails for longer is not asked at all while its breaker is open: its calls fail at once with a
/// [`CircuitOpen`](crate::CircuitOpen) as the source of the error. A call that was dropped while it was slow counts for the
/// rank too: whoever asks another provider meanwhile drops the slow call. A try that nobody polls is forgotten by the clock.
///
/// | | calls | ranks |
/// |---|---|---|
/// | well | pass | as the provider inside says |
/// | has failed since its last answer | pass | last, for [5 s](crate::defaults::BREAKER_REST), doubled with each try that fails up to [60 s](crate::defaults::BREAKER_REST_CAP) |
/// | open: fails for longer | fail at once, but for one try [each second](crate::defaults::BREAKER_WAIT_CAP) or sooner | last |
///
/// It has no time limit: the attempt timeout of the [`Retry`](crate::Retry) above drops a call that hangs, and the next attempt
/// asks another provider first. A `Retry` above does not try again what only an open breaker refused.
///
/// ```
/// use datakey_provider::{KeyProvider, NoProviders, Several};
/// use datakey_retry::{Guarded, Policy, Retry};
///
/// fn two_regions<P: KeyProvider>(near: P, far: P) -> Result<Retry<Several<Guarded<P>>>, NoProviders> {
///     let regions = Several::new([near, far].map(Guarded::new))?;
///     Ok(Retry::new(regions, Policy::default()))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Guarded<P> {
    inner: P,
    breaker: Breaker,
    scope: Option<Arc<str>>,
    observed: Observed,
}

impl<P> Guarded<P> {
    /// Puts a breaker around a provider. As in [`Retry`](crate::Retry), opening is judged by the wrapped key's key id, and
    /// sealing as a whole.
    pub fn new(inner: P) -> Self {
        Self {
            inner,
            breaker: Breaker::new(),
            scope: None,
            observed: Observed::default(),
        }
    }

    /// Sets the breaker. Providers that are to be judged by themselves must not share one.
    #[must_use]
    pub fn with_breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = breaker;
        self
    }

    /// Names all that the provider does, so that it is judged as a whole, whatever the key.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<Arc<str>>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Has an observer told when the breaker opens: of [`Event::Opened`] and nothing else.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observed = Observed::by(observer);
        self
    }

    /// The provider inside.
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// The breaker, with its state.
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The provider inside, by value.
    pub fn into_inner(self) -> P {
        self.inner
    }

    fn scope<'a>(&'a self, own: &'a str) -> &'a str {
        self.scope.as_deref().unwrap_or(own)
    }

    fn enter<'a>(
        &'a self,
        scope: &'a str,
        operation: Operation,
        key_id: Option<&str>,
    ) -> Result<Passage<'a>, ProviderError> {
        self.breaker
            .enter(scope)
            .map_err(|open| open.into_provider_error(operation, key_id))
    }

    fn ended<T>(&self, passage: Passage<'_>, scope: &str, result: &Result<T, ProviderError>) {
        match result {
            Ok(_) => passage.answered(),
            Err(error) => {
                if passage.returned(error) {
                    let class = error.class();
                    self.observed.tell(scope, Event::Opened { class });
                }
            }
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: SealingProvider> SealingProvider for Guarded<P> {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let scope = self.scope("");
        let passage = self.enter(scope, Operation::GenerateDataKey, None)?;
        let made = self.inner.generate_data_key(context, length).await;
        self.ended(passage, scope, &made);
        made
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let scope = self.scope("");
        let passage = self.enter(scope, Operation::Encrypt, None)?;
        let wrapped = self.inner.encrypt(context, data_key).await;
        self.ended(passage, scope, &wrapped);
        wrapped
    }

    fn wrapped_keys_each(&self) -> usize {
        self.inner.wrapped_keys_each()
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        self.inner.sealing_key_is(name, key_id)
    }

    fn sealing_time_limit(&self) -> Option<Duration> {
        self.inner.sealing_time_limit()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: OpeningProvider> OpeningProvider for Guarded<P> {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        let own = self.inner.rank(wrapped)?;
        Some(if self.breaker.is_unwell(self.scope(wrapped.key_id())) {
            behind_the_well(own)
        } else {
            own
        })
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let (scope, key_id) = (self.scope(wrapped.key_id()), wrapped.key_id());
        let passage = self.enter(scope, Operation::Decrypt, Some(key_id))?;
        let opened = self.inner.decrypt(context, wrapped).await;
        self.ended(passage, scope, &opened);
        opened
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        self.inner.opening_key_is(name, key_id)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.inner.opening_time_limit()
    }
}
