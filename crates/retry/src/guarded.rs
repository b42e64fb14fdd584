//! A provider that a breaker judges by itself.
use std::{sync::Arc, time::Duration};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, NoTraffic, OpeningProvider,
    Operation, ProviderError, Rank, Scope, SealingProvider, Traffic, WrappedKey, WrappedKeys, async_trait,
};

use crate::{
    Breaker, Classify, Event, Observer, Subject,
    breaker::{Passage, Side},
    busy::Busy,
    classify::is_answer,
    draws::{sealing_name, sealing_quota},
    observer::Observed,
};

/// The scope of calls that tell of the provider as a whole.
const ALL: &str = "*";

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
/// | throttled a call within [1 s](crate::defaults::BUSY_REST), or as long as it asked for | pass | behind those that did not |
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
///
/// ```
/// use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode};
/// use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, Rank, SealingProvider as _};
/// use datakey_retry::Guarded;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let near = Guarded::new(fake.provider(&fake.create_key()?));
/// let context = EncryptionContext::empty();
/// let made = near.generate_data_key(&context, DataKeyLength::Bytes32).await?;
/// let wrapped = made.wrapped_keys().first();
/// assert_eq!(near.rank(wrapped), Some(Rank::LOCAL));
///
/// fake.inject(FaultRule::new(KmsErrorCode::Internal).times(1));
/// assert!(near.decrypt(&context, wrapped).await.is_err());
/// assert!(near.rank(wrapped) >= Some(Rank::UNHEALTHY)); // another Region is asked first from here on
/// near.decrypt(&context, wrapped).await?;
/// assert_eq!(near.rank(wrapped), Some(Rank::LOCAL)); // an answer, and it is well again
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Guarded<P> {
    inner: P,
    breaker: Breaker,
    scope: Option<Arc<str>>,
    observed: Observed,
    busy: Busy,
}

impl<P> Guarded<P> {
    /// Puts a breaker around a provider. As in [`Retry`](crate::Retry), opening is judged by the wrapped key's key id, and
    /// sealing by the key that the provider names.
    pub fn new(inner: P) -> Self {
        Self {
            inner,
            breaker: Breaker::new(),
            scope: None,
            observed: Observed::default(),
            busy: Busy::default(),
        }
    }

    /// Sets the breaker. Providers that are to be judged by themselves must not share one.
    ///
    /// With one that has a shorter rest, a Region that is back is used again sooner, at the price of more calls that find it down.
    #[must_use]
    pub fn with_breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = breaker;
        self
    }

    /// Names all that the provider does, so that it is judged as a whole, whatever the key.
    ///
    /// For a provider of one Region, all of which is down together.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<Arc<str>>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Has an observer told when the breaker opens: of [`Event::Opened`] and nothing else.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observed = self.observed.by(observer);
        self
    }

    /// Has published how the breaker stands, and when it opens. Needs the feature `metrics`.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics(mut self, metrics: &crate::Metrics) -> Self {
        metrics.watch_breaker(&self.breaker);
        self.observed = self.observed.metered(metrics.clone());
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
    ///
    /// The breaker lives on where clones of it are held, and is told of nothing any more.
    pub fn into_inner(self) -> P {
        self.inner
    }

    /// Makes a call of the provider inside that is none of its trait's, such as one that warms it up, and judges the provider as a
    /// whole by it: if it fails for the moment or has no answer, all that the provider opens ranks last, until it answers.
    ///
    /// ```
    /// use datakey_provider::{Operation, ErrorClass, ProviderError};
    /// use datakey_retry::Guarded;
    ///
    /// # struct Kms;
    /// # impl Kms {
    /// #     async fn warm_up(&self) -> Result<(), ProviderError> {
    /// #         Err(ProviderError::new(ErrorClass::Transient, Operation::Decrypt))
    /// #     }
    /// # }
    /// async fn start(near: &Guarded<Kms>) {
    ///     // A service that can open elsewhere need not wait for this Region.
    ///     let _ready_or_ranked_last = near.watch(|kms| kms.warm_up()).await;
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of the call.
    pub async fn watch<'a, T, F>(&'a self, call: impl FnOnce(&'a P) -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let (side, scope) = self.named(Side::Whole, ALL);
        let passage = self.breaker.watch(side, scope).sent();
        let result = call(&self.inner).await;
        self.ended(passage, (scope, ""), "", &result);
        result
    }

    fn named<'a>(&'a self, side: Side, own: &'a str) -> (Side, &'a str) {
        match self.scope.as_deref() {
            Some(scope) => (Side::Whole, scope),
            None if own.is_empty() => (Side::Whole, own),
            None => (side, own),
        }
    }

    fn enter<'a>(
        &'a self,
        (side, scope): (Side, &'a str),
        operation: Operation,
        key_id: Option<&str>,
    ) -> Result<Passage<'a>, ProviderError> {
        self.breaker
            .enter(side, scope)
            .map(Passage::sent)
            .map_err(|open| open.into_provider_error(operation, key_id))
    }

    /// `opens_on` is the quota that ranks may go by.
    fn ended<T>(
        &self,
        passage: Passage<'_>,
        (scope, quota): (&str, &str),
        opens_on: &str,
        result: &Result<T, ProviderError>,
    ) {
        self.busy.ended(opens_on, result.as_ref().err());
        if answers(result) {
            self.breaker.answered(Side::Whole, ALL);
        }
        match result {
            Ok(_) => passage.answered(),
            Err(error) => {
                let quota = Classify::quota(error).unwrap_or(quota);
                if passage.on(quota).returned(error) {
                    let class = error.class();
                    let operation = Some(error.operation());
                    let call = Subject {
                        scope,
                        operation,
                        key_id: scope,
                        quota,
                        elapsed: Duration::ZERO,
                    };
                    self.observed.tell(call, Event::Opened { class });
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
        let name = sealing_name(&self.inner);
        let scope = self.named(Side::Sealing, &name);
        let passage = self.enter(scope, Operation::GenerateDataKey, None)?;
        let made = self.inner.generate_data_key(context, length).await;
        self.ended(passage, (scope.1, sealing_quota(&self.inner)), "", &made);
        made
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let name = sealing_name(&self.inner);
        let scope = self.named(Side::Sealing, &name);
        let passage = self.enter(scope, Operation::Encrypt, None)?;
        let wrapped = self.inner.encrypt(context, data_key).await;
        self.ended(passage, (scope.1, sealing_quota(&self.inner)), "", &wrapped);
        wrapped
    }

    fn wrapped_keys_each(&self) -> usize {
        self.inner.wrapped_keys_each()
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        self.inner.sealing_key_is(name, key_id)
    }

    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        self.inner.sealing_scopes(tell);
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
        let (_, scope) = self.named(Side::Whole, wrapped.key_id());
        Some(
            if self.breaker.ranks_last(scope) || self.breaker.ranks_last(ALL) {
                own.unhealthy()
            } else if self.busy.is(self.inner.opening_scope(wrapped).quota) {
                own.busy()
            } else {
                own
            },
        )
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.decrypt_amid(context, wrapped, &NoTraffic).await
    }

    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        traffic: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        let key_id = wrapped.key_id();
        let scope = self.named(Side::Whole, key_id);
        let passage = self.enter(scope, Operation::Decrypt, Some(key_id))?;
        let opened = self.inner.decrypt_amid(context, wrapped, traffic).await;
        let quota = self.opening_scope(wrapped).quota;
        self.ended(passage, (scope.1, quota), quota, &opened);
        opened
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        self.inner.opening_key_is(name, key_id)
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        self.inner.opening_scope(wrapped)
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, traffic: &dyn Traffic) -> Scope<'a> {
        self.inner.opening_scope_amid(wrapped, traffic)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.inner.opening_time_limit()
    }
}

fn answers<T>(result: &Result<T, ProviderError>) -> bool {
    let Err(error) = result else {
        return true;
    };
    Classify::was_sent(error) && (error.class() == ErrorClass::Throttled || is_answer(error.class()))
}
