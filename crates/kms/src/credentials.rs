//! The credentials to sign with: loaded once for all calls, in a time of their own, and anew when KMS refuses them.
//!
//! It takes the place of the SDK's cache of identities, which loads as a part of the call that needs them: what takes longer than
//! an attempt was begun anew with each. Here a load goes on for the next attempt. And it can be told that credentials
//! are no longer good, whatever their expiration says.
//!
//! A load belongs to the runtime that began it, since its connections do; whoever calls on another one begins another. What
//! any of them brings serves all.
use std::{
    collections::HashMap,
    error::Error,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::{
    config::{ConfigBag, ResolveCachedIdentity, RuntimeComponents},
    error::BoxError,
};
use aws_smithy_async::{
    future::timeout::Timeout,
    rt::sleep::{AsyncSleep as _, SharedAsyncSleep},
};
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityCachePartition, IdentityFuture, ResolveIdentity as _, SharedIdentityResolver,
};

use crate::kept::{Kept, Look};

/// How long loading credentials may take: 30 seconds, however many calls give up meanwhile.
///
/// It is no part of the time that an attempt has: a cold start on a busy host, an assumed role behind an assumed role or a
/// sidecar that is not ready yet take longer than any answer of KMS. The SDK's own providers end after some twenty seconds.
pub const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(30);

/// The credentials of one client. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Credentials(Arc<Shared>);

#[derive(Default)]
struct Shared {
    refusals: AtomicU64,
    /// By where they come from: a client has one source, unless its user gives single calls others.
    slots: Mutex<HashMap<IdentityCachePartition, Slot>>,
}

/// How often credentials were refused, at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusals(u64);

#[derive(Default)]
struct Slot {
    kept: Kept,
    #[cfg(feature = "rt-tokio")]
    loading: Vec<shared::Loading>,
}

impl Credentials {
    fn slots(&self) -> MutexGuard<'_, HashMap<IdentityCachePartition, Slot>> {
        // Nothing that runs under the lock leaves it half changed.
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often credentials were refused so far.
    pub(crate) fn refusals(&self) -> Refusals {
        Refusals(self.0.refusals.load(Ordering::SeqCst))
    }

    /// KMS refused the credentials of a call that began at `before`: they are asked for anew, once for however many calls are refused
    /// together.
    pub(crate) fn refused(&self, before: Refusals) {
        let next = before.0.wrapping_add(1);
        let first = self
            .0
            .refusals
            .compare_exchange(before.0, next, Ordering::SeqCst, Ordering::SeqCst);
        if first.is_ok() {
            for slot in self.slots().values_mut() {
                slot.kept.refuse();
            }
        }
    }

    async fn resolve(
        &self,
        resolver: SharedIdentityResolver,
        components: &RuntimeComponents,
    ) -> Result<Identity, BoxError> {
        let source = Source::new(resolver, components)?;
        let look = {
            let mut slots = self.slots();
            slots
                .entry(source.partition())
                .or_default()
                .kept
                .look(source.now())
        };
        match look {
            Look::Serve(identity) => Ok(identity),
            Look::ServeAndLoad(identity) if self.load_meanwhile(&source) => Ok(identity),
            Look::ServeAndLoad(identity) => Ok(self.load(source).await.unwrap_or(identity)),
            Look::Load => Ok(self.load(source).await?),
        }
    }

    fn land(&self, source: &Source, result: &Result<Identity, Unloaded>) {
        let (brought, now) = (result.as_ref().ok().cloned(), source.now());
        let mut slots = self.slots();
        slots
            .entry(source.partition())
            .or_default()
            .kept
            .land(brought, now);
    }

    /// Loads in the time of the caller, where there is no runtime to load on.
    async fn load_alone(&self, source: &Source) -> Result<Identity, Unloaded> {
        let result = source.load().await;
        self.land(source, &result);
        result
    }
}

impl ResolveCachedIdentity for Credentials {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        _: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        IdentityFuture::new(self.resolve(resolver, components))
    }
}

/// Shows no credentials.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Where credentials come from, with the clocks to load them by.
#[derive(Clone)]
struct Source {
    resolver: SharedIdentityResolver,
    components: RuntimeComponents,
    sleep: SharedAsyncSleep,
    time: aws_smithy_async::time::SharedTimeSource,
}

impl Source {
    fn new(resolver: SharedIdentityResolver, components: &RuntimeComponents) -> Result<Self, BoxError> {
        Ok(Self {
            resolver,
            sleep: components.sleep_impl().ok_or("a client needs a timer")?,
            time: components.time_source().ok_or("a client needs a clock")?,
            components: components.clone(),
        })
    }

    fn partition(&self) -> IdentityCachePartition {
        self.resolver.cache_partition()
    }

    fn now(&self) -> SystemTime {
        self.time.now()
    }

    async fn load(&self) -> Result<Identity, Unloaded> {
        let bag = ConfigBag::base();
        let load = self.resolver.resolve_identity(&self.components, &bag);
        match Timeout::new(load, self.sleep.sleep(CREDENTIALS_TIMEOUT)).await {
            Ok(result) => result.map_err(Unloaded::new),
            Err(_late) => self
                .resolver
                .fallback_on_interrupt()
                .ok_or_else(|| Unloaded::new(CredentialsError::provider_timed_out(CREDENTIALS_TIMEOUT))),
        }
    }
}

/// Why there are no credentials: shared by all who waited for them.
#[derive(Debug, Clone)]
pub(crate) struct Unloaded(Arc<dyn Error + Send + Sync>);

impl Unloaded {
    fn new(cause: impl Into<BoxError>) -> Self {
        Self(Arc::from(cause.into()))
    }
}

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

#[cfg(not(feature = "rt-tokio"))]
impl Credentials {
    fn load_meanwhile(&self, _: &Source) -> bool {
        false
    }

    async fn load(&self, source: Source) -> Result<Identity, Unloaded> {
        self.load_alone(&source).await
    }
}

/// Loads that go on when those who wait have gone.
#[cfg(feature = "rt-tokio")]
mod shared {
    use aws_smithy_runtime_api::client::identity::Identity;
    use tokio::{
        runtime::{Handle, Id},
        sync::watch,
    };

    use super::{Credentials, Source, Unloaded};

    type Result = std::result::Result<Identity, Unloaded>;

    /// A load under way.
    pub(super) struct Loading {
        home: Id,
        result: watch::Receiver<Option<Result>>,
    }

    impl Loading {
        /// Whether it goes on. One whose runtime has ended, or that panicked, does not.
        fn goes_on(&self) -> bool {
            self.result.has_changed().is_ok()
        }
    }

    impl Credentials {
        /// Begins a load unless one is under way; false where there is no runtime for it.
        pub(super) fn load_meanwhile(&self, source: &Source) -> bool {
            Handle::try_current().is_ok_and(|runtime| {
                drop(self.begin(source, &runtime));
                true
            })
        }

        /// Waits for the load under way, or for one that begins now.
        pub(super) async fn load(&self, source: Source) -> Result {
            let Ok(runtime) = Handle::try_current() else {
                return self.load_alone(&source).await;
            };
            let mut coming = self.begin(&source, &runtime);
            let result = coming.wait_for(Option::is_some).await;
            let result = result.ok().and_then(|result| result.clone());
            result.unwrap_or_else(|| Err(Unloaded::new("the provider of credentials panicked")))
        }

        fn begin(&self, source: &Source, runtime: &Handle) -> watch::Receiver<Option<Result>> {
            let mut slots = self.slots();
            let slot = slots.entry(source.partition()).or_default();
            slot.loading.retain(Loading::goes_on);
            let here = runtime.id();
            if let Some(loading) = slot.loading.iter().find(|loading| loading.home == here) {
                return loading.result.clone();
            }
            let (ended, result) = watch::channel(None);
            slot.loading.push(Loading {
                home: here,
                result: result.clone(),
            });
            drop(slots);
            let (own, source) = (self.clone(), source.clone());
            runtime.spawn(async move {
                let loaded = own.load_alone(&source).await;
                // Whoever begins from here on begins another one: the channel closes with this task.
                ended.send_replace(Some(loaded));
            });
            result
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_refusals_at_once_are_one() {
        let credentials = Credentials::default();
        let (before, now) = (credentials.refusals(), SystemTime::UNIX_EPOCH);
        let partition = IdentityCachePartition::new();
        let load = || {
            let mut slots = credentials.slots();
            let brought = Identity::new("somebody", None);
            slots.entry(partition).or_default().kept.land(Some(brought), now);
        };
        let is_good = || matches!(credentials.slots()[&partition].kept.look(now), Look::Serve(_));
        load();
        credentials.refused(before);
        assert!(!is_good());
        load();
        credentials.refused(before);
        assert!(is_good(), "of a call from before");
    }
}
