//! What a layer above knows of quotas, and what it is told: where there are several ways to go.
use crate::{ProviderError, Scope};

/// What a layer above a provider knows of the quotas that calls count against, and what it is told of them.
///
/// A provider knows which ways there are to open a wrapped key, and whoever paces its calls knows which of them are busy. See
/// [`OpeningProvider::decrypt_amid`](crate::OpeningProvider::decrypt_amid).
///
/// ```
/// use std::sync::Mutex;
/// use datakey_provider::{ErrorClass, Operation, ProviderError, Scope, Traffic};
///
/// /// Remembers which quotas throttled, as a layer above does that paces calls.
/// #[derive(Default)]
/// struct Throttled(Mutex<Vec<String>>);
///
/// impl Traffic for Throttled {
///     fn is_busy(&self, scope: Scope<'_>) -> bool {
///         self.0.lock().unwrap().iter().any(|quota| quota == scope.quota)
///     }
///     fn passed_by(&self, scope: Scope<'_>, error: &ProviderError) {
///         if error.class() == ErrorClass::Throttled {
///             self.0.lock().unwrap().push(scope.quota.into());
///         }
///     }
/// }
///
/// let traffic = Throttled::default();
/// let near = Scope { quota: "eu-west-1", key: "" };
/// assert!(!traffic.is_busy(near));
/// traffic.passed_by(near, &ProviderError::new(ErrorClass::Throttled, Operation::Decrypt));
/// assert!(traffic.is_busy(near)); // asked last from here on
/// ```
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
