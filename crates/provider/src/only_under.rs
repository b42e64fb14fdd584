//! A provider's openings under some of its wrapping keys.
use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use async_trait::async_trait;

use crate::{
    DataKey, EncryptionContext, ErrorClass, OpeningProvider, Operation, ProviderError, Rank, Scope, Traffic,
    WrappedKey,
};

/// Unwraps what is under some of a provider's wrapping keys, and nothing else: for a reader that trusts some of its keys less than
/// others, as which wrapping key opened a message is nothing that the message proves.
///
/// A key may be named in any way in which the provider knows it, as for
/// [`opening_key_is`](OpeningProvider::opening_key_is). What is under another key counts as foreign: it has no rank, and is refused
/// as [`InvalidRequest`](ErrorClass::InvalidRequest) without a call. A message that has wrapped keys of both kinds is opened with
/// those that are accepted.
///
/// ```
/// use datakey_provider::{EncryptionContext, OnlyUnder, OpeningProvider, WrappedKey};
///
/// fn trusted(kms: impl OpeningProvider) -> impl OpeningProvider {
///     OnlyUnder::new(kms, ["arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"])
/// }
/// ```
///
/// It says whom to trust, and costs nothing: what is refused is refused by its key id. A name that the provider does not know accepts
/// nothing, so that a typing error closes and does not open. The sealing half, where the provider has one, is not passed on: whoever reads
/// is not handed a way to write.
#[derive(Debug, Clone)]
pub struct OnlyUnder<P> {
    provider: P,
    names: Arc<[Box<str>]>,
}

impl<P> OnlyUnder<P> {
    /// Accepts what is wrapped under one of these keys. Without any it opens nothing.
    pub fn new<S: Into<Box<str>>>(provider: P, names: impl IntoIterator<Item = S>) -> Self {
        Self {
            provider,
            names: names.into_iter().map(Into::into).collect(),
        }
    }
}

impl<P: OpeningProvider> OnlyUnder<P> {
    fn accepts(&self, key_id: &str) -> bool {
        let mut names = self.names.iter();
        names.any(|name| self.provider.opening_key_is(name, key_id))
    }

    fn check(&self, wrapped: &WrappedKey) -> Result<(), ProviderError> {
        if self.accepts(wrapped.key_id()) {
            return Ok(());
        }
        let foreign = ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt);
        Err(foreign.with_key_id(wrapped.key_id()).unsent())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: OpeningProvider> OpeningProvider for OnlyUnder<P> {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.accepts(wrapped.key_id())
            .then(|| self.provider.rank(wrapped))
            .flatten()
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.check(wrapped)?;
        self.provider.decrypt(context, wrapped).await
    }

    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        traffic: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        self.check(wrapped)?;
        self.provider.decrypt_amid(context, wrapped, traffic).await
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        self.provider.opening_key_is(name, key_id)
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        self.provider.opening_scope(wrapped)
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, traffic: &dyn Traffic) -> Scope<'a> {
        self.provider.opening_scope_amid(wrapped, traffic)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.provider.opening_time_limit()
    }
}
