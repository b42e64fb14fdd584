//! Credentials that DynamoDB refuses are asked for anew, once for however many calls are refused together.
//!
//! The SDK's cache keeps credentials until they say that they end, whatever the service says of them meanwhile: a session that was
//! revoked, a role that was assumed anew, a key that was replaced.
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, IdentityCache, ResolveCachedIdentity, RuntimeComponents, RuntimeComponentsBuilder,
        SharedIdentityCache,
    },
    error::BoxError,
};
use aws_smithy_runtime_api::client::identity::{IdentityFuture, SharedIdentityResolver};

/// The credentials of one client. Cheap to clone; clones share them.
#[derive(Clone)]
pub(super) struct Credentials(Arc<Mutex<Kept>>);

struct Kept {
    refusals: u64,
    cache: SharedIdentityCache,
}

/// How often credentials had been refused, at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusals(u64);

impl Credentials {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Kept {
            refusals: 0,
            cache: IdentityCache::lazy().build(),
        })))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing that runs under the lock leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often credentials were refused so far.
    pub(super) fn refusals(&self) -> Refusals {
        Refusals(self.kept().refusals)
    }

    /// DynamoDB refused those of a call that began at `before`.
    pub(super) fn refused(&self, before: Refusals) {
        let mut kept = self.kept();
        if kept.refusals == before.0 {
            kept.refusals = before.0.wrapping_add(1);
            kept.cache = IdentityCache::lazy().build();
        }
    }
}

impl ResolveCachedIdentity for Credentials {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        bag: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.kept().cache.clone();
        IdentityFuture::new(async move { cache.resolve_cached_identity(resolver, components, bag).await })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        bag: &ConfigBag,
    ) -> Result<(), BoxError> {
        let cache = self.kept().cache.clone();
        cache.validate_base_client_config(components, bag)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, bag: &ConfigBag) -> Result<(), BoxError> {
        let cache = self.kept().cache.clone();
        cache.validate_final_config(components, bag)
    }
}

/// Shows no credentials.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}
