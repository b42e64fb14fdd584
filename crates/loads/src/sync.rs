//! The primitives of the modules whose schedules are explored: the tests put other ones in their place.
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
