//! The trait in its two halves.
use alloc::boxed::Box;
use core::{pin::Pin, time::Duration};

use async_trait::async_trait;

use crate::{
    DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, ProviderError, Scope, Traffic, WrappedKey,
    WrappedKeys,
};

/// The half that seals: all that a producer of sealed data needs, and all that its role should allow.
///
/// # Contract
/// - The encryption context is bound into every wrapped key: whoever decrypts must present an equal one. A provider
///   that drops it passes its own round trips and protects nothing; the conformance suite looks for exactly that.
/// - Each call of [`generate_data_key`](Self::generate_data_key) answers a new key of the length that was asked for.
/// - A provider around others passes on what they say of themselves: [`wrapped_keys_each`](Self::wrapped_keys_each),
///   [`sealing_key_is`](Self::sealing_key_is), [`sealing_scopes`](Self::sealing_scopes) and
///   [`sealing_time_limit`](Self::sealing_time_limit) too, which have a default that is right for a single key service.
/// - One call is one attempt. Retrying, caching and rate limiting are layers above.
/// - Dropping the returned future at any await point leaves the provider usable.
///
/// # What callers rely on
///
/// | they rely on | because |
/// |---|---|
/// | a data key that nobody has had before | formats bound what is sealed under one key, and a cache counts it |
/// | wrapped keys that any holder of the opening half can unwrap, now and for years | messages are stored |
/// | the context being bound, whole | a message of one tenant must not open as another's |
/// | errors in the right [class](crate::ErrorClass) | a wrong one empties caches, or hammers a service that is down |
/// | a call that may be dropped | deadlines, and readers that hang up |
///
/// # What providers need not do
///
/// Retry, cache, pace calls, bound their number, or know of time: layers above do. Be quick to build, too: a provider makes no call when it
/// is built, so that a service starts while its key service does not answer, and finds out when it wants to know.
///
/// # Whose runtime
///
/// The trait asks for none. A provider that needs one (most clients of services do) says so, and answers
/// [`Internal`](crate::ErrorClass::Internal) or [`Transient`](crate::ErrorClass::Transient) where it is polled without; it does not panic.
///
/// # Object safety
///
/// Both halves can be trait objects. A service holds an `Arc<dyn SealingProvider>`, and whether that is a key service, an emulator or a key
/// in memory is decided when it starts:
///
/// ```
/// use std::sync::Arc;
/// use datakey_provider::{DataKeyLength, EncryptionContext, ProviderError, SealingProvider};
///
/// struct Shop { kms: Arc<dyn SealingProvider> }
///
/// impl Shop {
///     async fn key_for(&self, context: &EncryptionContext) -> Result<usize, ProviderError> {
///         let made = self.kms.generate_data_key(context, DataKeyLength::Bytes32).await?;
///         Ok(made.wrapped_keys().as_slice().len())
///     }
/// }
/// # let _ = Shop::key_for;
/// ```
#[async_trait]
pub trait SealingProvider: Send + Sync {
    /// Makes a new data key of this length and wraps it, bound to `context`.
    ///
    /// Where the service has an operation for it, it is one call. Where it has none, the key is drawn from the operating system's random
    /// numbers and wrapped as by [`encrypt`](Self::encrypt). It is never taken from a generator of the process, and never made twice: the
    /// conformance suite makes some dozens and compares them.
    ///
    /// # Errors
    /// A classified [`ProviderError`]; `Throttled`, `Transient` and `Timeout` may succeed when tried again. A provider
    /// that does not make keys of this length answers [`InvalidRequest`](crate::ErrorClass::InvalidRequest).
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError>;

    /// Wraps a data key that exists already, bound to `context`: for a second region, or a new owner.
    ///
    /// The key is not stored by the provider, and the copy that the request takes is overwritten where it can be reached.
    ///
    /// # Errors
    /// As [`generate_data_key`](Self::generate_data_key).
    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError>;

    /// How many wrapped keys each call answers: one, unless there are several providers behind this one.
    ///
    /// A message format holds so many and no more. Who puts the layers together asks before the first call.
    ///
    /// What a call answers must be as many, each time: the conformance suite compares. A keyring refuses to be built over a provider that
    /// answers more than its format has a place for.
    fn wrapped_keys_each(&self) -> usize {
        1
    }

    /// Whether `name` names the wrapping key that `key_id` is the id of: `key_id` as it stands in a wrapped key that this provider
    /// made, `name` as an operator or a failed call has it. Beside the id itself, whatever else names the key to its
    /// service: an alias, a short id, a replica. Judged without a call, so an alias is known to who was configured with it.
    ///
    /// A cache drops by this what is wrapped under a key that was disabled or is to be forgotten.
    ///
    /// ```
    /// use datakey_provider::*;
    ///
    /// /// Wraps under one key, which an operator knows by its alias too.
    /// struct Vault { key_id: String, alias: String }
    ///
    /// # #[async_trait]
    /// impl SealingProvider for Vault {
    ///     fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
    ///         name == key_id || (key_id == self.key_id && name == self.alias)
    ///     }
    ///     // ...
    /// #     async fn generate_data_key(&self, _: &EncryptionContext, _: DataKeyLength) -> Result<GeneratedDataKey, ProviderError> {
    /// #         Err(ProviderError::new(ErrorClass::Transient, Operation::GenerateDataKey))
    /// #     }
    /// #     async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
    /// #         Err(ProviderError::new(ErrorClass::Transient, Operation::Encrypt))
    /// #     }
    /// }
    ///
    /// let vault = Vault { key_id: "vault:0b4d5a6e".into(), alias: "orders".into() };
    /// assert!(vault.sealing_key_is("orders", "vault:0b4d5a6e")); // so a cache can be told to drop `orders`
    /// assert!(!vault.sealing_key_is("payroll", "vault:0b4d5a6e"));
    /// ```
    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        name == key_id
    }

    /// What each call counts against, in the order in which it is asked: one scope, unless there are several providers
    /// behind this one, all of which a call asks.
    ///
    /// Layers above pace calls by the quotas, and judge outages by the keys. Where nothing is said, all that such a
    /// provider seals is on one quota without a name, and fails together.
    ///
    /// ```
    /// use datakey_provider::{Scope, SealingProvider};
    ///
    /// fn quotas(provider: &impl SealingProvider) -> Vec<&str> {
    ///     let mut quotas = vec![];
    ///     provider.sealing_scopes(&mut |scope| quotas.push(scope.quota));
    ///     quotas
    /// }
    /// ```
    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        tell(Scope::default());
    }

    /// How long one call may take before this provider gives it up by itself; `None` where it does not say.
    ///
    /// A layer above that has a limit of its own waits longer than this, so that the error with the cause is the one that
    /// callers see.
    ///
    /// It is a promise, and not a wish: a keyring that waits a second longer than this drops the call then. A provider whose client has a
    /// timeout says that one; one that leaves limits to the layer above says nothing.
    fn sealing_time_limit(&self) -> Option<Duration> {
        None
    }
}

/// The half that opens.
///
/// # Contract
/// - A wrapped key opens only with a context equal to the one it was wrapped with, and only under a wrapping key that
///   this provider was configured with: the key id that travels with a message is a hint, never an authority.
/// - What is not authentic (altered blob, other context, other key) is [`NotAuthentic`](crate::ErrorClass::NotAuthentic).
/// - One call is one attempt, and cancelling it is harmless, as for [`SealingProvider`].
/// - A provider around others passes on what they say of themselves, and passes down what is said to them:
///   [`decrypt_amid`](Self::decrypt_amid) and [`opening_scope_amid`](Self::opening_scope_amid) too.
///
/// # What is trusted
///
/// Nothing that comes with a message. The key id, the blob and the context of a wrapped key were written by whoever made or stored the
/// message. `rank` takes the id for what it claims and does no more than compare it; `decrypt` has the service say which key opened the
/// blob, and refuses an answer under another one.
///
/// # What is asked often
///
/// `rank`, [`opening_scope`](Self::opening_scope) and [`opening_key_is`](Self::opening_key_is) are asked for each message, and for each key
/// that is kept when one is revoked. They take no lock that a call holds, make no call, and allocate nothing if they can help it.
#[async_trait]
pub trait OpeningProvider: Send + Sync {
    /// Whether this provider is able to unwrap `wrapped`, judged from its key id alone and without a call.
    ///
    /// `None`: not one of ours; [`decrypt`](Self::decrypt) would refuse it. Otherwise the rank in which a message's
    /// wrapped keys are tried, lowest first.
    ///
    /// It is stable: two calls with the same id answer the same rank, unless a layer in between has learnt something of the way there. What
    /// it recognises, `decrypt` must not refuse as foreign; the conformance suite tries ids that differ in one character.
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank>;

    /// Unwraps a wrapped key.
    ///
    /// The length of the data key is whatever was wrapped, and its format decides whether that will do. Something that opens to neither 16,
    /// 24 nor 32 bytes is no data key, and [`NotAuthentic`](crate::ErrorClass::NotAuthentic).
    ///
    /// # Errors
    /// A classified [`ProviderError`]. A key id that is not one of ours is
    /// [`InvalidRequest`](crate::ErrorClass::InvalidRequest), without a call to the service.
    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError>;

    /// As [`decrypt`](Self::decrypt), for a layer above that paces calls. Of several providers that are able to, those whose calls
    /// would wait are asked last, and the layer is told of those that failed before another one answered.
    ///
    /// A provider around others passes it on, as it does [`opening_scope_amid`](Self::opening_scope_amid); for any other the
    /// default is right.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    // Written out, as an `async fn` would put a box around the box of `decrypt`.
    fn decrypt_amid<'life0, 'life1, 'life2, 'life3, 'async_trait>(
        &'life0 self,
        context: &'life1 EncryptionContext,
        wrapped: &'life2 WrappedKey,
        _traffic: &'life3 dyn Traffic,
    ) -> Pin<Box<dyn Future<Output = Result<DataKey, ProviderError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        'life2: 'async_trait,
        'life3: 'async_trait,
        Self: 'async_trait,
    {
        self.decrypt(context, wrapped)
    }

    /// As [`SealingProvider::sealing_key_is`], for wrapped keys that this provider opens.
    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        name == key_id
    }

    /// What unwrapping this counts against, judged from its key id alone and without a call. Of several providers that are
    /// able to: the scope of the one that is asked first.
    ///
    /// By default, a quota without a name, and the key that the wrapped key names.
    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        Scope::of_key(wrapped.key_id())
    }

    /// As [`opening_scope`](Self::opening_scope), of the one that [`decrypt_amid`](Self::decrypt_amid) asks first.
    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, _traffic: &dyn Traffic) -> Scope<'a> {
        self.opening_scope(wrapped)
    }

    /// As [`SealingProvider::sealing_time_limit`], for [`decrypt`](Self::decrypt).
    fn opening_time_limit(&self) -> Option<Duration> {
        None
    }
}

/// A provider with both halves. Implemented for whatever has both; there is nothing to implement by hand.
///
/// A function that takes one serves processes which write and read. Where a process does one of both, take that half: its role can then be
/// smaller, and its program cannot do what it should not.
///
/// ```
/// use datakey_provider::{KeyProvider, OpeningProvider, SealingProvider};
///
/// fn archive(kms: impl KeyProvider) {
///     // Either half is there, by reference or by value.
///     fn seals(_: impl SealingProvider) {}
///     fn opens(_: impl OpeningProvider) {}
///     seals(&kms);
///     opens(kms);
/// }
/// ```
pub trait KeyProvider: SealingProvider + OpeningProvider {}

impl<P: SealingProvider + OpeningProvider + ?Sized> KeyProvider for P {}

/// In which order wrapped keys are tried: the lowest first.
///
/// Ranks up to [`BUSY`](Self::BUSY) are for how near something is. What is throttled ranks behind all of them, and what is failing
/// behind that, however near it is.
///
/// ```
/// # use datakey_provider::Rank;
/// assert!(Rank::LOCAL < Rank::REMOTE && Rank::REMOTE < Rank::BUSY && Rank::BUSY < Rank::UNHEALTHY);
/// assert!(Rank(200) < Rank::LOCAL.busy() && Rank(200).busy() < Rank::LOCAL.unhealthy());
/// ```
///
/// A provider gives ranks below [`BUSY`](Self::BUSY), by what a call costs and how long it takes. Layers above lift them into the upper
/// tiers for as long as something is wrong, and let them fall back when it answers. Numbers between the constants are for whoever has more
/// than two distances:
///
/// ```
/// use datakey_provider::Rank;
///
/// const SAME_CONTINENT: Rank = Rank(32);
/// assert!(Rank::LOCAL < SAME_CONTINENT && SAME_CONTINENT < Rank::REMOTE);
/// // Lifting twice is lifting once, and what is down stays behind what is busy.
/// assert_eq!(SAME_CONTINENT.busy().busy(), SAME_CONTINENT.busy());
/// assert_eq!(SAME_CONTINENT.unhealthy().busy(), SAME_CONTINENT.unhealthy());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(pub u16);

impl Rank {
    /// Near: the same process, host or region.
    pub const LOCAL: Self = Self(0);
    /// Reachable at a price: another region or account.
    pub const REMOTE: Self = Self(64);
    /// Throttled at the moment; tried when nothing better is left.
    pub const BUSY: Self = Self(0x4000);
    /// Known to be failing at the moment; tried when nothing better is left.
    pub const UNHEALTHY: Self = Self(0x8000);

    /// Behind all that is well, and among the busy in the order of before.
    #[must_use]
    pub const fn busy(self) -> Self {
        self.at_least(Self::BUSY)
    }

    /// Behind all that is well or busy, and among the unhealthy in the order of before.
    #[must_use]
    pub const fn unhealthy(self) -> Self {
        self.at_least(Self::UNHEALTHY)
    }

    const fn at_least(self, tier: Self) -> Self {
        if self.0 < tier.0 {
            Self(tier.0 | (self.0 & (Self::BUSY.0 - 1)))
        } else {
            self
        }
    }
}
