//! Credentials that DynamoDB refuses are asked for anew, once for however many calls are refused together; and they are loaded in
//! a time of their own.
//!
//! The SDK's cache keeps credentials until they say that they end, whatever the service says of them meanwhile: a session that was
//! revoked, a role that was assumed anew, a key that was replaced. And it loads them as a part of the call that needs them: what takes
//! longer than an attempt would be begun anew with each. Here a load goes on for the next attempt.
use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, IdentityCache, ResolveCachedIdentity, RuntimeComponents, RuntimeComponentsBuilder,
        SharedIdentityCache,
    },
    error::BoxError,
};
use aws_smithy_runtime_api::client::identity::{Identity, IdentityFuture, SharedIdentityResolver};
use tokio::runtime::Handle;

/// How long loading credentials may take, however many attempts give up meanwhile: as long as for KMS.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);

fn empty() -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(LOAD_TIMEOUT).build()
}

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
            cache: empty(),
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
            kept.cache = empty();
        }
    }
}

/// Why there are no credentials, whatever the source and the cache call it.
#[derive(Debug)]
pub(super) struct Unloaded(BoxError);

impl fmt::Display for Unloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the credentials could not be loaded")
    }
}

impl Error for Unloaded {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// What the cache has, or a load that all who ask meanwhile wait for.
async fn load(
    cache: &SharedIdentityCache,
    resolver: SharedIdentityResolver,
    components: &RuntimeComponents,
) -> Result<Identity, BoxError> {
    let bag = ConfigBag::base();
    let loaded = cache.resolve_cached_identity(resolver, components, &bag).await;
    loaded.map_err(|error| Unloaded(error).into())
}

impl ResolveCachedIdentity for Credentials {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        _: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.kept().cache.clone();
        IdentityFuture::new(async move {
            let Ok(runtime) = Handle::try_current() else {
                return load(&cache, resolver, components).await;
            };
            let components = components.clone();
            let loading = runtime.spawn(async move { load(&cache, resolver, &components).await });
            loading.await.map_err(|ended| Unloaded(ended.into()))?
        })
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
