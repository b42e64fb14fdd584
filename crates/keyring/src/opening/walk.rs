//! From one wrapped key of a message to the next.
//!
//! The next one is tried when one has failed or holds another message's key, or when a load has been in flight for the hedge
//! delay, counted from when that load began and not from when this caller came: so callers who give up soon get further
//! together than any of them alone, and nothing need go on for them when they have gone.
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
pub(crate) enum Asked<K, F> {
    /// It is there.
    Opened(K),
    /// It does not open.
    Refused(KeyringError),
    /// It is being loaded, since then.
    Waits(F, Instant),
}

/// What the statistics are told.
pub(crate) enum Step {
    /// The next one was tried because one is slow.
    Hedged,
    /// One was tried again because of an invalidation.
    Superseded,
}

/// Tries wrapped keys in order, each until it has answered. The first whose key is taken wins; failing all, what became of
/// each, in their order.
pub(crate) async fn first_that_opens<K, T, F>(
    count: usize,
    hedge_delay: Duration,
    mut ask: impl FnMut(usize) -> Asked<K, F>,
    mut take: impl FnMut(usize, K) -> Option<T>,
    mut told: impl FnMut(Step),
) -> Result<T, Vec<KeyringError>>
where
    F: Future<Output = Result<K, Unopened>> + Unpin,
{
    let mut failures: Vec<Option<KeyringError>> = vec![None; count];
    let mut waits: Vec<(usize, F)> = Vec::new();
    let (mut next, mut restarts, mut hedge_at) = (0_usize, 0_u32, None::<Instant>);
    let mut again = None::<usize>;
    loop {
        let (place, opened) = if again.is_some() || waits.is_empty() {
            let place = again.take().unwrap_or(next);
            if place >= count {
                return Err(all(failures));
            }
            next = next.max(place.saturating_add(1));
            let opened = match ask(place) {
                Asked::Opened(key) => Ok(key),
                Asked::Refused(error) => Err(Unopened::Failed(error)),
                Asked::Waits(wait, since) => {
                    waits.push((place, wait));
                    hedge_at = Some(later(since, hedge_delay));
                    continue;
                }
            };
            (place, opened)
        } else if let Some(ended) = first_to_end(&mut waits, hedge_at.filter(|_| next < count)).await {
            ended
        } else {
            told(Step::Hedged);
            again = Some(next);
            continue;
        };
        let failed = match opened {
            Ok(key) => match take(place, key) {
                Some(taken) => return Ok(taken),
                None => KeyringError::OtherKey,
            },
            Err(Unopened::Failed(error)) => error,
            Err(Unopened::Superseded) => {
                told(Step::Superseded);
                restarts = restarts.saturating_add(1);
                if restarts <= MAX_RESTARTS {
                    again = Some(place);
                    continue;
                }
                KeyringError::Invalidated { times: restarts }
            }
        };
        again = (next < count).then_some(next);
        if let Some(failure) = failures.get_mut(place) {
            *failure = Some(failed);
        }
    }
}

/// Waits for whichever ends first; `None` when the instant came before.
async fn first_to_end<K, F>(
    waits: &mut Vec<(usize, F)>,
    until_then: Option<Instant>,
) -> Option<(usize, Result<K, Unopened>)>
where
    F: Future<Output = Result<K, Unopened>> + Unpin,
{
    let any = poll_fn(|cx| {
        for (index, (_, wait)) in waits.iter_mut().enumerate() {
            if let Poll::Ready(result) = Pin::new(wait).poll(cx) {
                return Poll::Ready((index, result));
            }
        }
        Poll::Pending
    });
    let (index, result) = match until_then {
        Some(at) => until(at, any).await?,
        None => any.await,
    };
    let (place, _) = waits.swap_remove(index);
    Some((place, result))
}

fn all(failures: Vec<Option<KeyringError>>) -> Vec<KeyringError> {
    let failure = |failure: Option<KeyringError>| failure.unwrap_or(KeyringError::LoadPanicked);
    failures.into_iter().map(failure).collect()
}
