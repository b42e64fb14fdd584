//! One call with all its attempts.
use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use datakey_provider::{Operation, Scope};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Breaker, Budget, CircuitOpen, Classify, Decision, Event, Failure, GaveUp, LastFailure, Outcome, Policy,
    Priority, Progress, Reason, Rules, Subject,
    breaker::{Passage, Side},
    budget::Withdrawals,
    draws::Draws,
    gates::{Gates, Span, Turns},
    target::Target,
    ways::Ways,
};

/// How long after its limit an attempt may be found to have ended: what is read later was left lying, and says nothing of
/// the service at this moment.
const LEFT_LYING: Duration = Duration::from_millis(100);

pub(crate) struct Call<'a> {
    policy: &'a Policy,
    rules: &'a Rules,
    priority: Priority,
    side: Side,
    name: &'a str,
    is_judged: bool,
    operation: Option<Operation>,
    key_id: &'a str,
    gates: Gates<'a>,
    ways: Option<&'a Ways<'a>>,
    withdrawals: Withdrawals<'a>,
    progress: Progress,
    started: Instant,
    /// The last reading of the clock.
    now: Instant,
    deadline: Option<Instant>,
    waited: Duration,
    answered: Instant,
    /// Whether the outcome of the attempt says something of the service's quota at this moment.
    informs: bool,
    /// The quota at which the last attempt was throttled.
    pressing: Option<Box<str>>,
    /// How the last attempt was ended by the deadline, before its time was up.
    cut_short: Option<CutShort>,
    /// Whether any attempt was sent.
    sent: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new<Scopes>(policy: &'a Policy, target: &Target<'a, Scopes>) -> Self {
        let started = Instant::now();
        let rules = target
            .operation
            .map_or(policy.rules(), |operation| policy.rules_for(operation));
        let name = policy.scope().unwrap_or(target.name);
        Self {
            policy,
            rules,
            priority: policy.priority_or(target.priority),
            side: policy.scope().map_or(target.side, |_| Side::Whole),
            name,
            // Whoever names what a policy is for has it judged.
            is_judged: target.is_judged || policy.scope().is_some(),
            operation: target.operation,
            key_id: target.name,
            gates: Gates::none(),
            ways: target.ways,
            withdrawals: Withdrawals::new(policy.budget()),
            progress: Progress::default(),
            started,
            now: started,
            deadline: rules.deadline.and_then(|deadline| started.checked_add(deadline)),
            waited: Duration::ZERO,
            answered: started,
            informs: false,
            pressing: None,
            cut_short: None,
            sent: false,
        }
    }

    /// Waits for the adaptive rate of each quota that the next attempt counts against; `None` if the deadline came first.
    pub(crate) async fn turns(&mut self, scopes: impl FnOnce(&mut dyn FnMut(Scope<'a>))) -> Option<Turns> {
        self.informs = false;
        if let Some(ways) = self.ways {
            ways.begin();
        }
        if !self.is_judged {
            return Some(Turns::free());
        }
        self.gates = Gates::of(self.policy, Draws::told_by(scopes), self.pressing.take());
        if !self.gates.hold() {
            return Some(Turns::free());
        }
        if let Some(ways) = self.ways {
            ways.choose(self.gates.first_quota());
        }
        let attempt = self.next();
        self.tell(Event::Turn { attempt });
        let since = Instant::now();
        let turns = self
            .gates
            .turns((self.priority, self.started), self.deadline)
            .await;
        self.waited_since(since);
        if turns.is_some() {
            let waited = self.now.saturating_duration_since(since);
            self.tell(Event::Admitted { attempt, waited });
        }
        turns
    }

    /// What the attempt is sent with; `None` if the deadline came first.
    pub(crate) async fn got<R>(&mut self, gets: impl Future<Output = R>) -> Option<R> {
        let mut gets = pin!(gets);
        if let Poll::Ready(got) = poll_fn(|cx| Poll::Ready(gets.as_mut().poll(cx))).await {
            return Some(got);
        }
        let since = Instant::now();
        let limit = self.left(since);
        let got = within(limit, gets).await;
        self.waited_since(since);
        got
    }

    fn left(&self, now: Instant) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(now))
    }

    fn waited_since(&mut self, since: Instant) {
        self.now = Instant::now();
        let waited = self.now.saturating_duration_since(since);
        self.waited = self.waited.saturating_add(waited);
    }

    /// The number of the next attempt, from 1.
    const fn next(&self) -> u32 {
        self.progress.attempts.saturating_add(1)
    }

    fn tell(&self, event: Event) {
        self.tell_of(self.quota(), event);
    }

    fn tell_of(&self, quota: &str, event: Event) {
        let call = Subject {
            scope: self.name,
            operation: self.operation,
            key_id: self.key_id,
            quota,
            elapsed: self.now.saturating_duration_since(self.started),
        };
        self.policy.observed().tell(call, event);
    }

    /// What the attempt counts against, in the first place.
    const fn quota(&self) -> &'a str {
        if self.is_judged {
            self.gates.first_quota()
        } else {
            Scope::BENEATH.quota
        }
    }

    /// What the time that attempts take is kept under: calls to several providers take longer.
    fn timed_as(&self) -> &str {
        if self.gates.are_several() {
            self.name
        } else {
            self.gates.first_quota()
        }
    }

    /// Makes one attempt, no longer than its timeout and the deadline allow.
    pub(crate) async fn attempt<T, E: Classify>(
        &mut self,
        mut turns: Turns,
        attempt: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure<E>> {
        turns.spend();
        self.withdrawals.sent();
        self.tell(Event::Attempt { attempt: self.next() });
        let timeouts = self.policy.timeouts();
        // What waits for attempts beneath, each with its own time, is waited for: one that is left early would be begun anew.
        let own = self
            .is_judged
            .then(|| timeouts.limit(self.timed_as(), self.rules))
            .flatten();
        let limit = match (own, self.left(self.now)) {
            (Some(timeout), Some(left)) => Some(timeout.min(left)),
            (one, other) => one.or(other),
        };
        let Some(result) = within(limit, attempt).await else {
            let whole = self.now == self.started;
            self.cut_short = (limit != own).then_some(CutShort { whole });
            if self.cut_short.is_none() {
                timeouts.timed_out(self.timed_as(), self.rules);
            }
            return Err(Failure::TimedOut(limit.unwrap_or_default()));
        };
        self.answered = Instant::now();
        let took = self.answered.saturating_duration_since(self.now);
        self.informs = limit.is_none_or(|limit| took <= limit.saturating_add(LEFT_LYING));
        if result.as_ref().is_err_and(|error| !error.was_sent()) {
            turns.put_back();
        } else if self.informs && self.is_judged {
            timeouts.answered(self.timed_as(), self.rules, took);
        }
        result.map_err(Failure::Returned)
    }

    fn breaker(&self) -> Option<&'a Breaker> {
        self.policy.breaker().filter(|_| self.is_judged)
    }

    pub(crate) fn peek(&self) -> Result<(), CircuitOpen> {
        self.breaker()
            .map_or(Ok(()), |breaker| breaker.peek(self.side, self.name))
    }

    pub(crate) fn enter(&self) -> Result<Option<Passage<'a>>, CircuitOpen> {
        let enter = |breaker: &'a Breaker| breaker.enter(self.side, self.name);
        self.breaker().map(enter).transpose()
    }

    const fn span(&self) -> Span {
        Span {
            admitted: self.now,
            ended: self.answered,
        }
    }

    pub(crate) fn succeeded(&mut self, passage: Option<Passage<'_>>) {
        self.withdrawals.succeeded();
        if let Some(passage) = passage {
            passage.answered();
        }
        if self.informs {
            match self.ways.and_then(Ways::take) {
                None => self.gates.answered(self.span()),
                Some(passed_by) => {
                    let cap = self.rules.server_delay_cap;
                    passed_by.tell(self.policy, cap, self.span());
                }
            }
        }
        let took = self.answered.saturating_duration_since(self.now);
        self.now = self.answered;
        self.tell(Event::Succeeded {
            attempt: self.next(),
            waited: self.waited,
            took,
        });
    }

    pub(crate) fn failed<E: Classify>(
        &mut self,
        failure: &Failure<E>,
        passage: Option<Passage<'a>>,
    ) -> Decision {
        let (outcome, quota, sent) = match failure {
            Failure::Returned(error) => (Outcome::from_error(error), error.quota(), error.was_sent()),
            _ => (Outcome::of(failure.class()), None, true),
        };
        self.sent |= sent;
        let (attempt, class) = (self.next(), outcome.class);
        let took = Instant::now().saturating_duration_since(self.now);
        let at = quota.unwrap_or(self.quota());
        self.tell_of(at, Event::Failed { attempt, class, took });
        // What the rate was not told of it does not space.
        let mut paced = false;
        if let Failure::Returned(error) = failure
            && self.informs
        {
            let cap = self.rules.server_delay_cap;
            paced = self.gates.failed(self.policy, error, cap, self.span());
        }
        if passage.is_some_and(|passage| ended(passage.on(at), failure, self.cut_short)) {
            self.tell_of(at, Event::Opened { class });
        }
        self.now = Instant::now();
        let draw = if outcome.is_final {
            0
        } else {
            self.policy.random().draw()
        };
        let left = self.left(self.now);
        let decision = self.rules.decide(&mut self.progress, outcome, left, paced, draw);
        let Decision::Retry { after } = decision else {
            return decision;
        };
        let quota = self.policy.quota().or(quota).unwrap_or(self.gates.first_quota());
        if !self.withdrawals.take(quota, Budget::cost(class)) {
            return Decision::GiveUp(Reason::Budget);
        }
        self.pressing = Some(quota.into()).filter(|_| paced);
        Decision::Retry { after }
    }

    pub(crate) async fn wait(&mut self, after: Duration) {
        if !after.is_zero() {
            let (attempt, delay) = (self.next(), after);
            self.tell(Event::Wait { attempt, delay });
            let since = self.now;
            sleep(after).await;
            self.waited_since(since);
        }
    }

    pub(crate) fn gave_up<E: Classify>(mut self, reason: Reason, failure: Failure<E>) -> GaveUp<E> {
        self.now = Instant::now();
        let attempts = (self.progress.attempts, self.sent);
        let gave_up = GaveUp::new(reason, attempts, self.waited, failure);
        self.tell(Event::GaveUp {
            attempts: gave_up.attempts,
            waited: gave_up.waited,
            reason,
            class: gave_up.class(),
            took: self.now.saturating_duration_since(self.started),
        });
        gave_up
    }
}

/// An attempt for which there was less time than it should have had.
#[derive(Debug, Clone, Copy)]
struct CutShort {
    /// It had all the time of the call, and not what waiting and other attempts had left of it.
    whole: bool,
}

/// Tells the breaker how an attempt failed. True if that opened it.
///
/// One that ended soon because it was cut short says no more of the service than one that its caller dropped.
fn ended<E: Classify>(passage: Passage<'_>, failure: &Failure<E>, cut_short: Option<CutShort>) -> bool {
    match (failure, cut_short) {
        (Failure::Returned(error), _) => passage.returned(error),
        (Failure::TimedOut(after), Some(CutShort { whole })) if passage.is_soon(*after) => {
            passage.left_open(whole);
            false
        }
        (Failure::TimedOut(after), _) => passage.failed(LastFailure::timed_out(*after)),
        (Failure::NeverSent | Failure::CircuitOpen(_), _) => false,
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
