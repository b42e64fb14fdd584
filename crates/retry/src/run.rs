//! The loop: admit, attempt, decide, wait.
use std::future::ready;

use datakey_provider::{Operation, Scope};

use crate::{
    Classify, Decision, Failure, GaveUp, Policy, Reason,
    breaker::Passage,
    call::Call,
    target::{Target, plain},
};

/// Calls `op` until it succeeds or the policy gives up.
///
/// Each call of `op` is one attempt. An attempt that outlasts the attempt timeout, or the deadline, is dropped. The error
/// says of itself what kind it is, see [`Classify`]. Urgency is that of [`Policy::with_priority`], otherwise
/// [`Priority::Normal`](crate::Priority::Normal).
///
/// Dropping the returned future at any point leaves budget, adaptive rate and breaker as if the retry not yet sent had never been
/// thought of.
///
/// # Errors
/// [`GaveUp`] with the last failure.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use datakey_retry::{Classify, ErrorClass, Policy, retry};
///
/// #[derive(Debug)]
/// struct Busy;
/// impl Classify for Busy {
///     fn class(&self) -> ErrorClass {
///         ErrorClass::Throttled
///     }
/// }
///
/// let mut left = 3;
/// let answer = retry(&Policy::default(), || {
///     left -= 1;
///     let busy = left > 0;
///     async move { if busy { Err(Busy) } else { Ok("done") } }
/// })
/// .await;
/// assert_eq!(answer.unwrap(), "done");
/// # }
/// ```
///
/// `op` is called again for each attempt, so it makes what it needs anew; what it borrows, it borrows for the whole call. It is not run in
/// a task: the attempts happen where the returned future is polled.
pub async fn retry<T, E, F, Fut>(policy: &Policy, op: F) -> Result<T, GaveUp<E>>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Classify,
{
    retry_as(policy, plain(), op).await
}

/// As [`retry`], for an operation that has a name: under the rules [of that operation](Policy::with_rules_for), and told to observers with
/// its name.
///
/// # Errors
/// [`GaveUp`] with the last failure.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use datakey_provider::{Operation, ProviderError};
/// use datakey_retry::{Policy, retry_operation};
///
/// let read = async || Ok::<_, ProviderError>("item");
/// assert_eq!(retry_operation(&Policy::default(), Operation::GetItem, read).await.unwrap(), "item");
/// # }
/// ```
pub async fn retry_operation<T, E, F, Fut>(
    policy: &Policy,
    operation: Operation,
    op: F,
) -> Result<T, GaveUp<E>>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Classify,
{
    let target = Target {
        operation: Some(operation),
        ..plain()
    };
    retry_as(policy, target, op).await
}

/// As [`retry`], for a call of this kind.
pub(crate) async fn retry_as<'a, T, E, Scopes, F, Fut>(
    policy: &'a Policy,
    target: Target<'a, Scopes>,
    mut op: F,
) -> Result<T, GaveUp<E>>
where
    Scopes: Fn(&mut dyn FnMut(Scope<'a>)),
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Classify,
{
    retry_ready(policy, target, || ready(Ok(())), move |()| op()).await
}

/// As [`retry_as`], where an attempt needs something to be sent with, which is asked for when its turn has come. How long
/// that takes counts towards the deadline alone.
pub(crate) async fn retry_ready<'a, T, E, R, Scopes, Get, Gets, Go, Goes>(
    policy: &'a Policy,
    target: Target<'a, Scopes>,
    mut get: Get,
    mut send: Go,
) -> Result<T, GaveUp<E>>
where
    Scopes: Fn(&mut dyn FnMut(Scope<'a>)),
    Get: FnMut() -> Gets,
    Gets: Future<Output = Result<R, E>>,
    Go: FnMut(R) -> Goes,
    Goes: Future<Output = Result<T, E>>,
    E: Classify,
{
    let mut call = Call::new(policy, &target);
    let mut failure = Failure::NeverSent;
    loop {
        if let Err(open) = call.peek() {
            return Err(call.gave_up(Reason::CircuitOpen, Failure::CircuitOpen(open)));
        }
        let Some(turns) = call.turns(&target.scopes).await else {
            return Err(call.gave_up(Reason::Deadline, failure));
        };
        let mut passage = match call.enter() {
            Ok(passage) => passage,
            Err(open) => return Err(call.gave_up(Reason::CircuitOpen, Failure::CircuitOpen(open))),
        };
        let Some(got) = call.got(get()).await else {
            return Err(call.gave_up(Reason::Deadline, failure));
        };
        let answer = match got {
            Ok(with) => {
                passage = passage.map(Passage::sent);
                call.attempt(turns, send(with)).await
            }
            Err(error) => {
                drop(turns);
                Err(Failure::Returned(error))
            }
        };
        match answer {
            Ok(value) => {
                call.succeeded(passage);
                return Ok(value);
            }
            Err(last) => failure = last,
        }
        match call.failed(&failure, passage) {
            Decision::GiveUp(reason) => return Err(call.gave_up(reason, failure)),
            Decision::Retry { after } => match call.peek() {
                Err(open) => return Err(call.gave_up(Reason::CircuitOpen, Failure::CircuitOpen(open))),
                Ok(()) => call.wait(after).await,
            },
        }
    }
}
