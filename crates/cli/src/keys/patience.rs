//! Patience: a command is waited for by whoever typed it.
use std::time::Duration;

use datakey::{
    provider::{NoProviders, Several},
    retry::{Breaker, Guarded},
};

/// Several providers as one, of which the one that fails is asked last and none is given up.
pub(super) fn patient<P>(providers: impl IntoIterator<Item = P>) -> Result<Several<Guarded<P>>, NoProviders> {
    let guarded = |provider| Guarded::new(provider).with_breaker(never_opens());
    Several::new(providers.into_iter().map(guarded))
}

/// A breaker that remembers what failed last and lets every call through: whoever typed the command waits for it.
pub(super) fn never_opens() -> Breaker {
    Breaker::builder().with_after(Duration::MAX).build()
}
