//! A key in somebody's hands.
use std::{fmt, ops::Deref, sync::Arc};

use crate::{handle::Handle, secret::Secret};

/// A key that the keyring handed out. Dereferences to what the [`Material`](crate::Material) prepared.
///
/// Eviction, expiry and invalidation never take it away: it works until dropped, and whoever drops it last wipes it.
/// Hold it for one message, one stream or one batch, not for longer: the limits are checked when it is handed out.
pub struct Held<T>(Arc<Handle<T>>);

impl<T> Held<T> {
    pub(crate) const fn new(handle: Arc<Handle<T>>) -> Self {
        Self(handle)
    }

    /// A key that nobody else will be handed.
    pub(crate) fn alone(key: Secret<T>) -> Self {
        Self(Arc::new(Handle::alone(key)))
    }

    /// Whether two hold the same key object.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.0.key.same(&other.0.key)
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.key
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held(..)")
    }
}
