//! What a layer above knows of quotas, and what it is told: where there are several ways to go.
use crate::{ProviderError, Scope};

/// What a layer above a provider knows of the quotas that calls count against, and what it is told of them.
///
/// A provider knows which ways there are to open a wrapped key, and whoever paces its calls knows which of them are busy. See
/// [`OpeningProvider::decrypt_amid`](crate::OpeningProvider::decrypt_amid).
pub trait Traffic: Send + Sync {
    /// Whether a call of this scope would wait for long, so that another way is better.
    fn is_busy(&self, scope: Scope<'_>) -> bool;

    /// A call of this scope failed so, and another one was answered in its place.
    fn passed_by(&self, scope: Scope<'_>, error: &ProviderError);
}

/// What is known where nobody paces calls: no way is busy.
///
/// ```
/// # use datakey_provider::{NoTraffic, Scope, Traffic as _};
/// assert!(!NoTraffic.is_busy(Scope::default()));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTraffic;

impl Traffic for NoTraffic {
    fn is_busy(&self, _: Scope<'_>) -> bool {
        false
    }

    fn passed_by(&self, _: Scope<'_>, _: &ProviderError) {}
}
