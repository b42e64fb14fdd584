//! The primitives of the modules whose schedules are explored: the tests put other ones in their place.
pub(crate) use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};
