//! The loop: admit, attempt, decide, wait.
use std::{
    future::{poll_fn, ready},
    pin::pin,
    task::Poll,
    time::Duration,
};

use datakey_provider::ErrorClass;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Breaker, Budget, CircuitOpen, Classify, Decision, Event, Failure, GaveUp, LastFailure, Outcome, Policy,
    Priority, Progress, Reason, breaker::Passage, budget::Withdrawals, rate::Turn,
};

/// How long after its limit an attempt may be found to have ended: what is read later was left lying, and says nothing of
/// the service at this moment.
const LEFT_LYING: Duration = Duration::from_millis(100);

/// Calls `op` until it succeeds or the policy gives up.
///
/// Each call of `op` is one attempt. An attempt that outlasts the attempt timeout, or the deadline, is dropped. The error
/// says of itself what kind it is, see [`Classify`]. Urgency is that of [`Policy::with_priority`], otherwise
/// [`Priority::Normal`].
///
/// Dropping the returned future at any point leaves budget, adaptive rate and breaker as if the retry not yet sent had never been
/// thought of.
///
/// # Errors
/// [`GaveUp`] with the last failure.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use datakey_provider::ErrorClass;
/// use datakey_retry::{Classify, Policy, retry};
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
pub async fn retry<T, E, F, Fut>(policy: &Policy, op: F) -> Result<T, GaveUp<E>>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Classify,
{
    retry_as(policy, Priority::Normal, "", op).await
}

/// As [`retry`], with an urgency and a scope that hold unless the policy states others.
pub(crate) async fn retry_as<T, E, F, Fut>(
    policy: &Policy,
    priority: Priority,
    scope: &str,
    mut op: F,
) -> Result<T, GaveUp<E>>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Classify,
{
    let own = (priority, scope);
    retry_ready(policy, own, || ready(Ok(())), move |()| op()).await
}

/// As [`retry_as`], where an attempt needs something to be sent with, which is asked for when its turn has come. How long
/// that takes counts towards the deadline alone.
pub(crate) async fn retry_ready<T, E, R, Get, Gets, Go, Goes>(
    policy: &Policy,
    (priority, scope): (Priority, &str),
    mut get: Get,
    mut send: Go,
) -> Result<T, GaveUp<E>>
where
    Get: FnMut() -> Gets,
    Gets: Future<Output = Result<R, E>>,
    Go: FnMut(R) -> Goes,
    Goes: Future<Output = Result<T, E>>,
    E: Classify,
{
    let mut call = Call::new(policy, policy.scope().unwrap_or(scope));
    let priority = policy.priority_or(priority);
    let mut failure = Failure::NeverSent;
    loop {
        if let Err(open) = call.peek() {
            return Err(call.gave_up(Reason::CircuitOpen, Failure::CircuitOpen(open)));
        }
        let Some(turn) = call.turn(priority).await else {
            return Err(call.gave_up(Reason::Deadline, failure));
        };
        let passage = match call.enter() {
            Ok(passage) => passage,
            Err(open) => return Err(call.gave_up(Reason::CircuitOpen, Failure::CircuitOpen(open))),
        };
        let Some(got) = call.got(get()).await else {
            return Err(call.gave_up(Reason::Deadline, failure));
        };
        let answer = match got {
            Ok(with) => call.attempt(turn, send(with)).await,
            Err(error) => {
                drop(turn);
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

/// One call with all its attempts.
struct Call<'a> {
    policy: &'a Policy,
    scope: &'a str,
    withdrawals: Withdrawals<'a>,
    progress: Progress,
    started: Instant,
    admitted: Instant,
    deadline: Option<Instant>,
    waited: Duration,
    answered: Instant,
    /// Whether the outcome of the attempt says something of the service's quota at this moment.
    informs: bool,
}

impl<'a> Call<'a> {
    fn new(policy: &'a Policy, scope: &'a str) -> Self {
        let started = Instant::now();
        Self {
            policy,
            scope,
            withdrawals: Withdrawals::new(policy.budget()),
            progress: Progress::default(),
            started,
            admitted: started,
            deadline: policy
                .rules()
                .deadline
                .and_then(|deadline| started.checked_add(deadline)),
            waited: Duration::ZERO,
            answered: started,
            informs: false,
        }
    }

    /// Waits for the adaptive rate; `None` if the deadline came first.
    async fn turn(&mut self, priority: Priority) -> Option<Turn<'a>> {
        self.informs = false;
        let Some(rate) = self.policy.adaptive_rate().filter(|rate| rate.is_active()) else {
            return Some(Turn::free());
        };
        let attempt = self.next();
        self.tell(Event::Turn { attempt });
        let since = Instant::now();
        let turn = rate.admit(priority, self.started, self.deadline).await;
        self.waited_since(since);
        turn
    }

    /// What the attempt is sent with; `None` if the deadline came first.
    async fn got<R>(&mut self, gets: impl Future<Output = R>) -> Option<R> {
        let mut gets = pin!(gets);
        if let Poll::Ready(got) = poll_fn(|cx| Poll::Ready(gets.as_mut().poll(cx))).await {
            return Some(got);
        }
        let since = Instant::now();
        let limit = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(since));
        let got = within(limit, gets).await;
        self.waited_since(since);
        got
    }

    fn waited_since(&mut self, since: Instant) {
        self.admitted = Instant::now();
        let waited = self.admitted.saturating_duration_since(since);
        self.waited = self.waited.saturating_add(waited);
    }

    /// The number of the next attempt, from 1.
    const fn next(&self) -> u32 {
        self.progress.attempts.saturating_add(1)
    }

    fn tell(&self, event: Event) {
        self.policy.observed().tell(self.scope, event);
    }

    /// Makes one attempt, no longer than its timeout and the deadline allow.
    async fn attempt<T, E>(
        &mut self,
        turn: Turn<'_>,
        attempt: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure<E>> {
        turn.sent();
        self.withdrawals.sent();
        self.tell(Event::Attempt { attempt: self.next() });
        let remaining = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(self.admitted));
        let limit = match (self.policy.rules().attempt_timeout, remaining) {
            (Some(timeout), Some(remaining)) => Some(timeout.min(remaining)),
            (one, other) => one.or(other),
        };
        match within(limit, attempt).await {
            Some(result) => {
                self.answered = Instant::now();
                let took = self.answered.saturating_duration_since(self.admitted);
                self.informs = limit.is_none_or(|limit| took <= limit.saturating_add(LEFT_LYING));
                result.map_err(Failure::Returned)
            }
            None => Err(Failure::TimedOut(limit.unwrap_or_default())),
        }
    }

    fn peek(&self) -> Result<(), CircuitOpen> {
        self.policy
            .breaker()
            .map_or(Ok(()), |breaker| breaker.peek(self.scope))
    }

    fn enter(&self) -> Result<Option<Passage<'a>>, CircuitOpen> {
        let enter = |breaker: &'a Breaker| breaker.enter(self.scope);
        self.policy.breaker().map(enter).transpose()
    }

    fn succeeded(&mut self, passage: Option<Passage<'_>>) {
        self.withdrawals.succeeded();
        if let Some(passage) = passage {
            passage.answered();
        }
        self.teach(None);
        self.tell(Event::Succeeded {
            attempt: self.next(),
            waited: self.waited,
        });
    }

    fn failed<E: Classify>(&mut self, failure: &Failure<E>, passage: Option<Passage<'_>>) -> Decision {
        let outcome = match failure {
            Failure::Returned(error) => Outcome::from_error(error),
            _ => Outcome::of(failure.class()),
        };
        let (now, class) = (Instant::now(), outcome.class);
        let attempt = self.next();
        self.tell(Event::Failed { attempt, class });
        self.teach(Some(class));
        if passage.is_some_and(|passage| ended(passage, failure)) {
            self.tell(Event::Opened { class });
        }
        let remaining = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(now));
        // What the rate was not told of it does not space.
        let paced = self.informs && self.policy.adaptive_rate().is_some();
        let draw = if outcome.is_final {
            0
        } else {
            self.policy.random().draw()
        };
        let decision = self
            .policy
            .rules()
            .decide(&mut self.progress, outcome, remaining, paced, draw);
        match decision {
            Decision::Retry { .. } if !self.withdrawals.take(Budget::cost(outcome.class)) => {
                Decision::GiveUp(Reason::Budget)
            }
            decided => decided,
        }
    }

    /// Tells the adaptive rate what the service said of its quota: nothing, if it failed or did not answer.
    fn teach(&self, failure: Option<ErrorClass>) {
        let Some(rate) = self.policy.adaptive_rate().filter(|_| self.informs) else {
            return;
        };
        match failure {
            Some(ErrorClass::Throttled) => {
                rate.throttled(self.admitted, self.answered, self.policy.random().draw());
            }
            Some(class) if class.is_outage() => {}
            _ => rate.answered(self.admitted, self.answered),
        }
    }

    async fn wait(&mut self, after: Duration) {
        if !after.is_zero() {
            let (attempt, delay) = (self.next(), after);
            self.tell(Event::Wait { attempt, delay });
            let since = Instant::now();
            sleep(after).await;
            self.waited_since(since);
        }
    }

    fn gave_up<E: Classify>(self, reason: Reason, failure: Failure<E>) -> GaveUp<E> {
        let gave_up = GaveUp::new(reason, self.progress.attempts, self.waited, failure);
        self.tell(Event::GaveUp {
            attempts: gave_up.attempts,
            waited: gave_up.waited,
            reason,
            class: gave_up.class(),
        });
        gave_up
    }
}

/// Tells the breaker how an attempt failed. True if that opened it.
fn ended<E: Classify>(passage: Passage<'_>, failure: &Failure<E>) -> bool {
    match failure {
        Failure::Returned(error) => passage.returned(error),
        Failure::TimedOut(after) => passage.failed(LastFailure::timed_out(*after)),
        Failure::NeverSent | Failure::CircuitOpen(_) => false,
    }
}

/// Waits for `future` no longer than `limit`. One that is ready at once costs no timer.
async fn within<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let Some(limit) = limit else {
        return Some(future.await);
    };
    match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        Poll::Ready(output) => Some(output),
        Poll::Pending => timeout(limit, future).await.ok(),
    }
}
