//! A provider that tries again.
use std::time::Duration;

use datakey_provider::{
    ControlProvider, DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, Scope, SealingProvider, Traffic, WrappedKey, WrappedKeys, async_trait,
};

use crate::{
    Policy, Priority, breaker::Side, draws::sealing_name, run::retry_as, target::Target, ways::Ways,
};

/// A provider around another one, each of whose calls follows a [`Policy`].
///
/// Whichever halves the inner provider has, this has. Opening goes before sealing where the adaptive rate makes calls
/// wait; [`Policy::with_priority`] overrides it.
///
/// Calls keep to the rate of the quota that the provider names ([`Scope`]), and draw on its budget: what is throttled in
/// one Region keeps nobody from another. Sealing by several providers waits for a turn on each of their quotas. Where
/// opening would wait for long, it ranks behind what is not busy.
///
/// Opening is judged by the [`Breaker`](crate::Breaker) for each wrapping key by itself, and so is sealing.
/// What has failed ranks last until it is answered again, see [`Breaker::is_unwell`](crate::Breaker::is_unwell): so another
/// Region's wrapped key is tried first, and an outage is paid for once and not by each message. Where one wrapped key can be opened
/// in several Regions, put each Region's provider into a [`Guarded`](crate::Guarded).
///
/// Of a provider whose scope is [`Scope::BENEATH`], which has all this itself, nothing is judged or paced, no attempt is left before the
/// deadline, and what was given up beneath is given up.
///
/// What it says of the time that a call may take is the policy's deadline: a keyring above waits longer than that.
///
/// When a call is given up, the error has the class, operation, key id and code of the last failure, and a
/// [`GaveUp`](crate::GaveUp) as its source, whose own source is that failure. A permanent error on the first attempt
/// passes through as it is.
///
/// ```
/// use datakey_provider::KeyProvider;
/// use datakey_retry::{Policy, Priority, Retry};
///
/// fn for_orders<P: KeyProvider + Clone>(kms: P) -> (Retry<P>, Retry<P>) {
///     let policy = Policy::default();
///     let refresh = Retry::new(kms.clone(), policy.clone().with_priority(Priority::Background));
///     (Retry::new(kms, policy), refresh) // both keep to one rate and draw on one budget
/// }
/// ```
///
/// ```
/// use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode, KmsOperation};
/// use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
/// use datakey_retry::{Policy, Retry};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let kms = Retry::new(fake.provider(&fake.create_key()?), Policy::default());
/// fake.inject(FaultRule::new(KmsErrorCode::Internal).times(3));
/// kms.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await?; // nobody above saw anything
/// assert_eq!(fake.ledger().calls_of(KmsOperation::GenerateDataKey), 4);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Retry<P> {
    inner: P,
    policy: Policy,
}

impl<P> Retry<P> {
    /// Puts a policy around a provider. No layer below should retry: attempts would multiply.
    pub const fn new(inner: P, policy: Policy) -> Self {
        Self { inner, policy }
    }

    /// The provider inside.
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// The policy, with the state of its budget and its adaptive rate.
    ///
    /// ```
    /// use datakey_fake_kms::FakeKms;
    /// use datakey_retry::{Policy, Retry};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let kms = Retry::new(fake.provider(&fake.create_key()?), Policy::default());
    /// let budget = kms.policy().budget().state();
    /// assert_eq!((budget.available, budget.capacity), (10_000, 10_000));
    /// assert!(kms.policy().breaker().is_some_and(|breaker| breaker.down().is_empty()));
    /// # Ok(()) }
    /// ```
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The provider inside, by value.
    pub fn into_inner(self) -> P {
        self.inner
    }

    /// The policy's deadline. A policy without one that tries once is as patient as its attempt.
    fn time_limit(&self, operation: Operation, inner: Option<Duration>) -> Option<Duration> {
        let rules = self.policy.rules_for(operation);
        let once = rules.max_attempts.get() == 1 && self.policy.adaptive_rate().is_none();
        let attempt = [rules.attempt_timeout, inner].into_iter().flatten().min();
        rules.deadline.or_else(|| attempt.filter(|_| once))
    }
}

impl<P: SealingProvider> Retry<P> {
    fn sealing<'a>(
        &'a self,
        operation: Operation,
        name: &'a str,
    ) -> Target<'a, impl Fn(&mut dyn FnMut(Scope<'a>))> {
        Target {
            operation: Some(operation),
            priority: Priority::Normal,
            // What has no name has no sides either.
            side: if name.is_empty() {
                Side::Whole
            } else {
                Side::Sealing
            },
            name,
            is_judged: name != Scope::BENEATH.key,
            scopes: |tell: &mut dyn FnMut(Scope<'a>)| self.inner.sealing_scopes(tell),
            ways: None,
        }
    }
}

impl<P: OpeningProvider> Retry<P> {
    fn opening<'a>(
        &'a self,
        wrapped: &'a WrappedKey,
        ways: &'a Ways<'a>,
    ) -> Target<'a, impl Fn(&mut dyn FnMut(Scope<'a>))> {
        Target {
            operation: Some(Operation::Decrypt),
            priority: Priority::Urgent,
            side: Side::Whole,
            name: wrapped.key_id(),
            is_judged: !self.inner.opening_scope_amid(wrapped, ways).is_beneath(),
            scopes: |tell: &mut dyn FnMut(Scope<'a>)| tell(self.inner.opening_scope_amid(wrapped, ways)),
            ways: Some(ways),
        }
    }

    fn is_unwell(&self, wrapped: &WrappedKey) -> bool {
        let scope = self.policy.scope().unwrap_or_else(|| wrapped.key_id());
        self.policy
            .breaker()
            .is_some_and(|breaker| breaker.ranks_last(scope))
    }

    /// Whether a call would wait for long on the quota that it counts against.
    fn is_busy(&self, wrapped: &WrappedKey) -> bool {
        let Some(rate) = self.policy.adaptive_rate() else {
            return false;
        };
        let own = self.inner.opening_scope_amid(wrapped, &Ways::new(&self.policy));
        let quota = self.policy.quota().unwrap_or(own.quota);
        rate.is_busy(Scope { quota, key: own.key })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: SealingProvider> SealingProvider for Retry<P> {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let name = sealing_name(&self.inner);
        let target = self.sealing(Operation::GenerateDataKey, &name);
        let made = retry_as(&self.policy, target, || {
            self.inner.generate_data_key(context, length)
        });
        made.await
            .map_err(|gave_up| gave_up.into_provider_error(Operation::GenerateDataKey, None))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let name = sealing_name(&self.inner);
        let target = self.sealing(Operation::Encrypt, &name);
        let wrapped = retry_as(&self.policy, target, || self.inner.encrypt(context, data_key));
        wrapped
            .await
            .map_err(|gave_up| gave_up.into_provider_error(Operation::Encrypt, None))
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
        let inner = self.inner.sealing_time_limit();
        let making = self.time_limit(Operation::GenerateDataKey, inner)?;
        Some(making.max(self.time_limit(Operation::Encrypt, inner)?))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: OpeningProvider> OpeningProvider for Retry<P> {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        let rank = self.inner.rank(wrapped)?;
        Some(if self.is_unwell(wrapped) {
            rank.unhealthy()
        } else if self.is_busy(wrapped) {
            rank.busy()
        } else {
            rank
        })
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let ways = Ways::new(&self.policy);
        let opened = retry_as(&self.policy, self.opening(wrapped, &ways), || {
            self.inner.decrypt_amid(context, wrapped, &ways)
        });
        opened
            .await
            .map_err(|gave_up| gave_up.into_provider_error(Operation::Decrypt, Some(wrapped.key_id())))
    }

    /// The layer above has nothing to say here: this one knows which quotas are busy.
    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        _: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        self.decrypt(context, wrapped).await
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        self.inner.opening_scope(wrapped)
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, traffic: &dyn Traffic) -> Scope<'a> {
        self.inner.opening_scope_amid(wrapped, traffic)
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        self.inner.opening_key_is(name, key_id)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.time_limit(Operation::Decrypt, self.inner.opening_time_limit())
    }
}

/// Under the rules and on the quotas of sealing.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: ControlProvider + SealingProvider> ControlProvider for Retry<P> {
    async fn generate_data_key_without_plaintext(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<WrappedKey, ProviderError> {
        const OPERATION: Operation = Operation::GenerateDataKeyWithoutPlaintext;
        let name = sealing_name(&self.inner);
        let made = retry_as(&self.policy, self.sealing(OPERATION, &name), || {
            self.inner.generate_data_key_without_plaintext(context, length)
        });
        made.await
            .map_err(|gave_up| gave_up.into_provider_error(OPERATION, None))
    }

    async fn rewrap(
        &self,
        wrapped: &WrappedKey,
        from: &EncryptionContext,
        to: &EncryptionContext,
    ) -> Result<WrappedKey, ProviderError> {
        const OPERATION: Operation = Operation::ReEncrypt;
        let name = sealing_name(&self.inner);
        let moved = retry_as(&self.policy, self.sealing(OPERATION, &name), || {
            self.inner.rewrap(wrapped, from, to)
        });
        moved
            .await
            .map_err(|gave_up| gave_up.into_provider_error(OPERATION, Some(wrapped.key_id())))
    }
}
