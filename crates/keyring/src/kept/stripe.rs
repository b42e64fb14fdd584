//! Groups of threads, so that cores do not meet on counts.
use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

/// How many groups the threads are divided into.
pub(crate) const STRIPES: usize = 16;

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STRIPE: Cell<usize> = Cell::new(NEXT_THREAD.fetch_add(1, Ordering::Relaxed) % STRIPES);
}

/// The group of this thread.
pub(crate) fn stripe() -> usize {
    STRIPE.with(Cell::get)
}
