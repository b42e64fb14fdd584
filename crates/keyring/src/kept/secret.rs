//! Where a key lies: in one place from when it is loaded until its last holder drops it, and kept from being swapped out, as
//! far as the system allows.
//!
//! Systems lock pages, not bytes, and do not count how often a page was locked; keys share pages. So the process has one
//! table of pages, with how many keys each of them holds.
//!
//! Nothing here is ever an error: what cannot be locked is used as it is, and counted.
use std::{
    ops::Deref,
    slice,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

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

/// Addresses, of which nothing is read.
pub(crate) type Range = std::ops::Range<*const u8>;

/// Locks the memory of one keyring's keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locker(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    failures: AtomicU64,
}

impl Locker {
    /// How many bytes of keys are locked at the moment.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// How many pieces of memory could not be locked.
    pub(crate) fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }
}

use pages::Lock;

/// Without the feature: nothing is locked.
#[cfg(not(feature = "locked-memory"))]
mod pages {
    use super::Locker;

    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Lock;

    impl Locker {
        pub(crate) const fn begin(&self) -> Lock {
            Lock
        }
    }

    impl Lock {
        pub(crate) fn add<T>(&mut self, _memory: std::ops::Range<*const T>) {}
    }
}

#[cfg(feature = "locked-memory")]
mod pages {
    use std::{
        collections::{BTreeMap, btree_map::Entry},
        ptr,
        sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering},
    };

    use region::{LockGuard, page};

    use super::Locker;

    /// The memory of one key.
    pub(crate) struct Lock {
        locker: Locker,
        pages: Vec<usize>,
        bytes: u64,
    }

    struct Page {
        keys: usize,
        /// Unlocks the page when dropped.
        _guard: LockGuard,
    }

    static PAGES: Mutex<BTreeMap<usize, Page>> = Mutex::new(BTreeMap::new());

    fn pages() -> MutexGuard<'static, BTreeMap<usize, Page>> {
        // Nothing that runs under the lock leaves the table half changed.
        PAGES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    impl Locker {
        pub(crate) fn begin(&self) -> Lock {
            Lock {
                locker: self.clone(),
                pages: Vec::new(),
                bytes: 0,
            }
        }
    }

    impl Lock {
        /// Locks the pages that a piece of memory lies in: all of them, or none.
        pub(crate) fn add<T>(&mut self, memory: std::ops::Range<*const T>) {
            let (start, end) = (memory.start.addr(), memory.end.addr());
            if start >= end {
                return;
            }
            let (first, before) = (page::floor(memory.start).addr(), self.pages.len());
            let all = (first..end).step_by(page::size()).all(|page| {
                let held = hold(page);
                if held {
                    self.pages.push(page);
                }
                held
            });
            if all {
                let bytes = u64::try_from(end.saturating_sub(start)).unwrap_or(u64::MAX);
                self.bytes = self.bytes.saturating_add(bytes);
                self.locker.0.bytes.fetch_add(bytes, Ordering::Relaxed);
            } else {
                self.pages.drain(before..).for_each(release);
                self.locker.0.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    impl Drop for Lock {
        fn drop(&mut self) {
            self.pages.drain(..).for_each(release);
            self.locker.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }

    fn hold(page: usize) -> bool {
        match pages().entry(page) {
            Entry::Occupied(mut own) => {
                let own = own.get_mut();
                own.keys = own.keys.saturating_add(1);
                true
            }
            Entry::Vacant(free) => {
                let Ok(guard) = region::lock(ptr::without_provenance::<u8>(page), page::size()) else {
                    return false;
                };
                free.insert(Page {
                    keys: 1,
                    _guard: guard,
                });
                true
            }
        }
    }

    fn release(page: usize) {
        if let Entry::Occupied(mut own) = pages().entry(page) {
            own.get_mut().keys = own.get().keys.saturating_sub(1);
            if own.get().keys == 0 {
                own.remove();
            }
        }
    }
}
