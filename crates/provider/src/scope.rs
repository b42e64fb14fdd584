//! What a call counts against, and which key it is made under.

/// What a call counts against, and which key it is made under: what those go by who pace calls and judge outages.
///
/// A service that is asked too often refuses by *quota*: AWS KMS by the caller's account and the Region, and besides by the
/// custom key store that a key is in. A refusal says nothing of what counts elsewhere. An outage may be of one *key* alone,
/// say of one whose external key store cannot be reached.
///
/// Both are names, chosen by the provider so that they differ where the quotas or keys do, over all providers of a process.
///
/// ```
/// # use datakey_provider::Scope;
/// let scope = Scope { quota: "eu-west-1", key: "arn:aws:kms:eu-west-1:111122223333:key/mrk-1" };
/// assert_ne!(scope, Scope::of_key(scope.key));
/// ```
///
/// # What to name
///
/// | | quota | key |
/// |---|---|---|
/// | AWS KMS | account and Region, or the custom key store | the key that is sent |
/// | a service with one limit for a token | the token's name | the key |
/// | a device | its serial number | the slot |
/// | memory or a file | none | the key's id |
///
/// Two providers in one process whose calls count together give the same name, and keep to one rate; two that do not, give different ones.
/// Names appear in metrics, so that they are few, short, and no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scope<'a> {
    /// The quota that the call counts against; empty where the provider has one only, or none.
    pub quota: &'a str,
    /// The wrapping key that the call is made under; empty where the provider does not say.
    pub key: &'a str,
}

impl<'a> Scope<'a> {
    /// Of a provider that has cache, retries, pace and breaker of its own: most of its calls ask no service, and what those do that ask
    /// one says nothing of the others. Layers above hold none of its calls back, judge none by another, and wait for each until their
    /// deadline.
    ///
    /// ```
    /// use datakey_provider::{Scope, SealingProvider};
    ///
    /// /// Whether a layer above should pace, retry and judge the calls of a provider.
    /// fn wants_layers(provider: &impl SealingProvider) -> bool {
    ///     let mut wants = true;
    ///     provider.sealing_scopes(&mut |scope| wants &= !scope.is_beneath());
    ///     wants
    /// }
    /// assert!(Scope::BENEATH.is_beneath() && !Scope::default().is_beneath());
    /// ```
    pub const BENEATH: Scope<'static> = Scope {
        quota: "(beneath)",
        key: "(beneath)",
    };

    /// Whether it is [`BENEATH`](Self::BENEATH).
    #[must_use]
    pub fn is_beneath(&self) -> bool {
        *self == Scope::BENEATH
    }

    /// Under this key, and on a quota without a name.
    #[must_use]
    pub const fn of_key(key: &'a str) -> Self {
        Self { quota: "", key }
    }
}
