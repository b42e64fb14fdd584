//! Several providers as one: for regions, and for hand-overs between accounts.
use alloc::{boxed::Box, vec::Vec};
use core::{error::Error, fmt, time::Duration};

use async_trait::async_trait;
use thiserror::Error;

use crate::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, NoTraffic, OpeningProvider,
    Operation, ProviderError, Rank, Scope, SealingProvider, Traffic, Verdict, WrappedKey, WrappedKeys,
};

/// Several providers as one.
///
/// Sealing: the first provider generates the data key, each of the others wraps it too; a message then carries one
/// wrapped key per provider, and any of them opens it. All must succeed, as a message that silently lacks a region
/// is found out on the day that region is needed. So nothing is sealed while one of them is down; where that must not be,
/// seal under a key that is replicated, as multi-Region keys of AWS KMS are, with one provider.
///
/// Message formats hold a number of wrapped keys and no more: keyrings ask for
/// [`wrapped_keys_each`](SealingProvider::wrapped_keys_each), and refuse too many when they are built.
///
/// Opening: of the providers that recognise the wrapped key, the one with the lowest [`Rank`] is asked first, then
/// the next; a provider that knows itself to be unwell ranks last, and before it one whose quota is busy, as a layer above may know
/// ([`Traffic`]). The answer is the first success; failing all, the failure of
/// which most can be hoped: a throttle, as that service answers; then one that may pass; then any other. The delay is the
/// shortest after which one of them may be asked again: none, if one that may pass asks for none. [`SeveralError`] has all of them,
/// each with the quota that it counts against.
/// The error is a [verdict](ProviderError::verdict) on the wrapped key if each failure is one, and on the wrapping key if each is.
///
/// ```
/// use std::sync::Arc;
/// use datakey_provider::{KeyProvider, Several};
///
/// fn two_regions(near: Arc<dyn KeyProvider>, far: Arc<dyn KeyProvider>) -> Several<Arc<dyn KeyProvider>> {
///     Several::new([near, far]).expect("two providers are not none")
/// }
/// ```
///
/// # What it does not do
///
/// It has no clock and no memory. It asks one after the other for as long as each takes, so give the providers a time limit, or a retry
/// layer above one for each attempt. It does not remember who failed: put each provider into the `Guarded` of `datakey-retry`, which ranks
/// one that failed behind the others until it answers. It makes no call at the same time as another. A keyring tries a message's next
/// wrapped key after a second without an answer.
///
/// # All of one type
///
/// The providers are of one type; where they are not, they are an `Arc<dyn KeyProvider>` each.
///
/// ```
/// use std::sync::Arc;
/// use datakey_provider::{KeyProvider, NoProviders, Several};
///
/// fn cloud_and_drawer(
///     cloud: impl KeyProvider + 'static,
///     drawer: impl KeyProvider + 'static,
/// ) -> Result<Several<Arc<dyn KeyProvider>>, NoProviders> {
///     let both: [Arc<dyn KeyProvider>; 2] = [Arc::new(cloud), Arc::new(drawer)];
///     Several::new(both)
/// }
/// assert_eq!(Several::<Arc<dyn KeyProvider>>::new([]).unwrap_err(), NoProviders);
/// ```
pub struct Several<P> {
    providers: Vec<P>,
}

/// A [`Several`] of no providers at all was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("several providers are at least one")]
pub struct NoProviders;

/// What each provider answered when none of them could open a wrapped key: the source of the resulting error.
///
/// ```
/// use std::error::Error as _;
/// use datakey_provider::*;
/// # use std::{future::Future as _, pin::pin, task::{Context, Poll, Waker}};
/// # fn now<T>(call: impl Future<Output = T>) -> T {
/// #     let Poll::Ready(done) = pin!(call).poll(&mut Context::from_waker(Waker::noop())) else { panic!("nothing here waits") };
/// #     done
/// # }
///
/// /// A Region that fails in one way, whatever it is asked.
/// struct Failing(ErrorClass);
///
/// #[async_trait]
/// impl OpeningProvider for Failing {
///     fn rank(&self, _: &WrappedKey) -> Option<Rank> {
///         Some(Rank::LOCAL)
///     }
///     async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
///         Err(ProviderError::new(self.0, Operation::Decrypt))
///     }
/// }
///
/// let regions = Several::new([Failing(ErrorClass::Denied), Failing(ErrorClass::Throttled)])?;
/// let wrapped = WrappedKey::new("arn:aws:kms:...", *b"opaque")?;
/// let failed = now(regions.decrypt(&EncryptionContext::empty(), &wrapped)).unwrap_err();
/// assert_eq!(failed.class(), ErrorClass::Throttled); // the failure of which most can be hoped
/// assert_eq!(failed.verdict(), None); // one of them said nothing of the message
/// let each = failed.source().and_then(|source| source.downcast_ref::<SeveralError>()).expect("of both");
/// let classes: Vec<_> = each.failures().iter().map(ProviderError::class).collect();
/// assert_eq!(classes, [ErrorClass::Denied, ErrorClass::Throttled]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SeveralError {
    failures: Vec<ProviderError>,
}

impl SeveralError {
    /// The failures, in the order in which the providers were asked.
    #[must_use]
    pub fn failures(&self) -> &[ProviderError] {
        &self.failures
    }
}

/// Each failure by what tells it from the others: its class, code and key, and what caused it.
impl fmt::Display for SeveralError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} providers were asked and none could", self.failures.len())?;
        for failure in &self.failures {
            write!(f, "; {}", failure.class().as_str())?;
            match (failure.code(), failure.key_id()) {
                (Some(code), Some(key_id)) => write!(f, " ({code}, key {key_id})")?,
                (Some(text), None) | (None, Some(text)) => write!(f, " ({text})")?,
                (None, None) => {}
            }
            let mut cause = failure.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl Error for SeveralError {}

impl<P> Several<P> {
    /// Takes the providers; the first one generates.
    ///
    /// # Errors
    /// [`NoProviders`] when there are none.
    pub fn new(providers: impl IntoIterator<Item = P>) -> Result<Self, NoProviders> {
        let providers: Vec<P> = providers.into_iter().collect();
        if providers.is_empty() {
            Err(NoProviders)
        } else {
            Ok(Self { providers })
        }
    }

    /// The providers, in order.
    #[must_use]
    pub fn providers(&self) -> &[P] {
        &self.providers
    }
}

impl<P: OpeningProvider> Several<P> {
    /// Those that are able to open it, in the order of their ranks and not yet sorted; what is busy ranks behind.
    fn able<'a>(
        &'a self,
        wrapped: &'a WrappedKey,
        traffic: &dyn Traffic,
    ) -> impl Iterator<Item = (Rank, &'a P)> {
        let ranked = move |provider: &'a P| {
            let rank = provider.rank(wrapped)?;
            let busy = traffic.is_busy(provider.opening_scope_amid(wrapped, traffic));
            Some((if busy { rank.busy() } else { rank }, provider))
        };
        self.providers.iter().filter_map(ranked)
    }
}

impl<P> fmt::Debug for Several<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Several")
            .field("providers", &self.providers.len())
            .finish()
    }
}

fn join(operation: Operation, own: &WrappedKeys, more: &WrappedKeys) -> Result<WrappedKeys, ProviderError> {
    own.join(more)
        .map_err(|error| ProviderError::new(ErrorClass::InvalidRequest, operation).with_source(error))
}

async fn wrap_by_all<P: SealingProvider>(
    providers: &[P],
    context: &EncryptionContext,
    data_key: &DataKey,
    mut wrapped: Option<WrappedKeys>,
) -> Result<Option<WrappedKeys>, ProviderError> {
    for provider in providers {
        let more = provider.encrypt(context, data_key).await?;
        wrapped = Some(match wrapped {
            Some(own) => join(Operation::Encrypt, &own, &more)?,
            None => more,
        });
    }
    Ok(wrapped)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: SealingProvider> SealingProvider for Several<P> {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let Some((first, others)) = self.providers.split_first() else {
            return Err(none(Operation::GenerateDataKey));
        };
        let (data_key, wrapped) = first.generate_data_key(context, length).await?.into_parts();
        match wrap_by_all(others, context, &data_key, Some(wrapped)).await? {
            Some(wrapped) => Ok(GeneratedDataKey::new(data_key, wrapped)),
            None => Err(none(Operation::GenerateDataKey)),
        }
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        wrap_by_all(&self.providers, context, data_key, None)
            .await?
            .ok_or_else(|| none(Operation::Encrypt))
    }

    fn wrapped_keys_each(&self) -> usize {
        let each = self.providers.iter().map(P::wrapped_keys_each);
        each.fold(0, usize::saturating_add)
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        let mut providers = self.providers.iter();
        providers.any(|provider| provider.sealing_key_is(name, key_id))
    }

    /// Those of all of them, in the order in which they are asked.
    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        for provider in &self.providers {
            provider.sealing_scopes(tell);
        }
    }

    /// All of them, one after the other; `None` as soon as one does not say.
    fn sealing_time_limit(&self) -> Option<Duration> {
        in_all(self.providers.iter().map(P::sealing_time_limit))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: OpeningProvider> OpeningProvider for Several<P> {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.providers
            .iter()
            .filter_map(|provider| provider.rank(wrapped))
            .min()
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
        let mut able: Vec<(Rank, &P)> = self.able(wrapped, traffic).collect();
        able.sort_by_key(|(rank, _)| *rank);
        let mut failures = Vec::new();
        for (_, provider) in &able {
            match provider.decrypt_amid(context, wrapped, traffic).await {
                Ok(data_key) => {
                    for ((_, failed), error) in able.iter().zip(&failures) {
                        traffic.passed_by(failed.opening_scope(wrapped), error);
                    }
                    return Ok(data_key);
                }
                Err(error) => failures.push(error),
            }
        }
        Err(most_hopeful(failures, wrapped))
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        let mut providers = self.providers.iter();
        providers.any(|provider| provider.opening_key_is(name, key_id))
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        self.opening_scope_amid(wrapped, &NoTraffic)
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, traffic: &dyn Traffic) -> Scope<'a> {
        let first = self.able(wrapped, traffic).min_by_key(|(rank, _)| *rank);
        first.map_or_else(
            || Scope::of_key(wrapped.key_id()),
            |(_, provider)| provider.opening_scope_amid(wrapped, traffic),
        )
    }

    /// As for sealing: each of them may have to be asked.
    fn opening_time_limit(&self) -> Option<Duration> {
        in_all(self.providers.iter().map(P::opening_time_limit))
    }
}

fn in_all(mut limits: impl Iterator<Item = Option<Duration>>) -> Option<Duration> {
    limits.try_fold(Duration::ZERO, |sum, limit| Some(sum.saturating_add(limit?)))
}

fn none(operation: Operation) -> ProviderError {
    ProviderError::new(ErrorClass::InvalidRequest, operation)
        .unsent()
        .with_source(NoProviders)
}

/// What all of them say: nothing, as soon as one of them says nothing.
fn common_verdict(failures: &[ProviderError]) -> Option<Verdict> {
    let verdicts: Option<Vec<Verdict>> = failures.iter().map(ProviderError::verdict).collect();
    let of_key = verdicts?.iter().all(|verdict| *verdict == Verdict::WrappingKey);
    Some(if of_key {
        Verdict::WrappingKey
    } else {
        Verdict::Message
    })
}

/// How much can be hoped of a failure; less is more.
const fn hope(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::Throttled => 0,
        ErrorClass::Transient => 1,
        ErrorClass::Timeout => 2,
        ErrorClass::Unauthenticated => 3,
        _ => 4,
    }
}

fn most_hopeful(mut failures: Vec<ProviderError>, wrapped: &WrappedKey) -> ProviderError {
    if failures.len() <= 1 {
        return failures.pop().unwrap_or_else(|| {
            ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt)
                .unsent()
                .with_key_id(wrapped.key_id())
        });
    }
    let soonest = |error: &ProviderError| error.delay().unwrap_or_default();
    let best = failures
        .iter()
        .min_by_key(|error| (hope(error.class()), soonest(error)));
    let class = best.map_or(ErrorClass::InvalidRequest, ProviderError::class);
    let mut error = ProviderError::new(class, Operation::Decrypt)
        .with_key_id(wrapped.key_id())
        .with_verdict(common_verdict(&failures));
    if !failures.iter().any(ProviderError::was_sent) {
        error = error.unsent();
    }
    if let Some(code) = best.and_then(ProviderError::code) {
        error = error.with_code(code);
    }
    if let Some(quota) = best.and_then(ProviderError::quota) {
        error = error.with_quota(quota);
    }
    let passing = failures.iter().filter(|error| error.is_retryable());
    if let Some(delay) = passing.map(soonest).min().filter(|delay| !delay.is_zero()) {
        error = error.with_delay(delay);
    }
    error.with_source(SeveralError { failures })
}
