//! From one wrapped key of a message to the next.
//!
//! The next one is tried when one has failed, or when a load has been in flight for the hedge delay, counted from when that
//! load began and not from when this caller came: so callers who give up soon get further together than any of them alone,
//! and nothing need go on for them when they have gone.
use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use datakey_loads::{later, until};
use tokio::time::Instant;

use crate::{config::MAX_RESTARTS, error::KeyringError};

/// Why a wait yielded no key.
pub(crate) enum Unopened {
    Failed(KeyringError),
    /// An invalidation came first.
    Superseded,
}

/// What asking for one wrapped key came to.
pub(crate) enum Asked<T, F> {
    /// It is there.
    Opened(T),
    /// It does not open.
    Refused(KeyringError),
    /// It is being loaded, since then.
    Waits(F, Instant),
}

/// Tries wrapped keys in order. The first that opens wins; failing all, what became of each, in their order.
pub(crate) async fn first_that_opens<T, F>(
    count: usize,
    hedge_delay: Duration,
    mut ask: impl FnMut(usize) -> Asked<T, F>,
    mut hedged: impl FnMut(),
    mut superseded: impl FnMut(),
) -> Result<T, Vec<KeyringError>>
where
    F: Future<Output = Result<T, Unopened>> + Unpin,
{
    let mut failures: Vec<Option<KeyringError>> = vec![None; count];
    let mut waits: Vec<(usize, F)> = Vec::new();
    let (mut next, mut restarts, mut hedge_at) = (0_usize, 0_u32, None::<Instant>);
    let mut again = None::<usize>;
    loop {
        let due = again.is_some() || waits.is_empty();
        if due {
            let place = again.take().unwrap_or(next);
            if place >= count {
                return Err(failures
                    .into_iter()
                    .map(|failure| failure.unwrap_or(KeyringError::LoadPanicked))
                    .collect());
            }
            next = next.max(place.saturating_add(1));
            match ask(place) {
                Asked::Opened(opened) => return Ok(opened),
                Asked::Refused(error) => note(&mut failures, place, error),
                Asked::Waits(wait, since) => {
                    waits.push((place, wait));
                    hedge_at = Some(later(since, hedge_delay));
                }
            }
            continue;
        }
        let any = poll_fn(|cx| {
            for (index, (_, wait)) in waits.iter_mut().enumerate() {
                if let Poll::Ready(result) = Pin::new(wait).poll(cx) {
                    return Poll::Ready((index, result));
                }
            }
            Poll::Pending
        });
        let ended = match hedge_at.filter(|_| next < count) {
            Some(at) => until(at, any).await,
            None => Some(any.await),
        };
        match ended {
            Some((index, result)) => {
                let (place, _) = waits.swap_remove(index);
                match result {
                    Ok(opened) => return Ok(opened),
                    Err(Unopened::Failed(error)) => {
                        note(&mut failures, place, error);
                        again = (next < count).then_some(next);
                    }
                    Err(Unopened::Superseded) => {
                        superseded();
                        restarts = restarts.saturating_add(1);
                        if restarts > MAX_RESTARTS {
                            note(
                                &mut failures,
                                place,
                                KeyringError::Invalidated { times: restarts },
                            );
                        } else {
                            again = Some(place);
                        }
                    }
                }
            }
            None => {
                hedged();
                again = Some(next);
            }
        }
    }
}

fn note(failures: &mut [Option<KeyringError>], place: usize, error: KeyringError) {
    if let Some(failure) = failures.get_mut(place) {
        *failure = Some(error);
    }
}
