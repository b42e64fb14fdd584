//! Where a key lies: in one place from when it is loaded until its last holder drops it.
use std::{
    ops::Deref,
    slice,
    sync::{Arc, OnceLock},
};

use super::locked::{Lock, Locker, Range};

/// A key in its place.
pub(crate) struct Secret<T>(Arc<Place<T>>);

struct Place<T> {
    /// Before the key, as its memory must still be there when it is unlocked: an instant before it is wiped.
    lock: OnceLock<Lock>,
    key: T,
}

impl<T> Secret<T> {
    /// Puts a key in its place. `elsewhere` names what it owns of secrets outside of itself.
    pub(crate) fn new(key: T, locker: &Locker, elsewhere: impl FnOnce(&T, &mut dyn FnMut(Range))) -> Self {
        let place = Arc::new(Place {
            lock: OnceLock::new(),
            key,
        });
        place.lock.get_or_init(|| {
            let mut lock = locker.begin();
            lock.add(slice::from_ref(&place.key).as_ptr_range());
            elsewhere(&place.key, &mut |range| lock.add(range));
            lock
        });
        Self(place)
    }

    /// Whether both are the same key in the same place.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Secret<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.key
    }
}

impl<T> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
