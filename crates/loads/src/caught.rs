//! Polling and calling what may panic.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

/// It panicked, and must not be polled again.
#[derive(Debug)]
pub(crate) struct Panicked;

/// Polls a future; a panic in it is an error and not the end of the task that polls it.
pub(crate) fn poll<F: Future + ?Sized>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Result<Poll<F::Output>, Panicked> {
    // Whoever is told of a panic drops the future, so that nobody sees what it left half done.
    catch_unwind(AssertUnwindSafe(|| future.poll(cx))).map_err(|_payload| Panicked)
}

/// Calls what may panic; a panic in it is an error and not the end of the task that calls it.
pub(crate) fn call<R>(called: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(called)).map_err(|_payload| Panicked)
}
