//! Polling, calling, dropping and waking what may panic.
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// It panicked, and must not be polled again.
#[derive(Debug)]
pub(crate) struct Panicked;

impl From<Box<dyn Any + Send>> for Panicked {
    fn from(payload: Box<dyn Any + Send>) -> Self {
        // What was thrown may panic when it is dropped, and so may what that throws: that one is left where it is.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            let _left = std::mem::ManuallyDrop::new(again);
        }
        Self
    }
}

/// Polls a future; a panic in it is an error and not the end of the task that polls it.
pub(crate) fn poll<F: Future + ?Sized>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Result<Poll<F::Output>, Panicked> {
    // Whoever is told of a panic drops the future, so that nobody sees what it left half done.
    call(|| future.poll(cx))
}

/// Calls what may panic; a panic in it is an error and not the end of the task that calls it.
pub(crate) fn call<R>(called: impl FnOnce() -> R) -> Result<R, Panicked> {
    Ok(catch_unwind(AssertUnwindSafe(called))?)
}

/// Drops what belongs to somebody else, whose panic is not that of the one who drops it.
pub(crate) fn drop_quietly<T>(dropped: T) {
    let _theirs = call(move || drop(dropped));
}

/// Wakes all of them, also those that come after one whose waker panics.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        let _theirs = call(move || waker.wake());
    }
}
