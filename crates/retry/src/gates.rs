//! The quotas of one attempt: the turns it waits for, and what it tells them.
use std::{sync::Arc, time::Duration};

use datakey_provider::{ErrorClass, Scope};
use tokio::time::Instant;

use crate::{
    AdaptiveRate, Classify, Part, Policy, Priority,
    classify::is_answer,
    draws::Draws,
    rate::{Quota, Sent, Turn, admit, unit},
};

/// The quotas that an attempt counts against, in the order in which they are asked.
pub(crate) struct Gates<'a> {
    draws: Draws<'a>,
    first: Option<Arc<Quota>>,
    more: Vec<Arc<Quota>>,
    /// Another than those, at which the last attempt was throttled.
    elsewhere: Option<Arc<Quota>>,
}

/// A turn on each of them.
pub(crate) struct Turns {
    first: Turn,
    more: Vec<Turn>,
}

/// When an attempt went out, and when it came to an end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) admitted: Instant,
    pub(crate) ended: Instant,
}

impl<'a> Gates<'a> {
    /// Those of a call that has not come so far.
    pub(crate) fn none() -> Self {
        Self {
            draws: Draws::told_by(|_| {}),
            first: None,
            more: Vec::new(),
            elsewhere: None,
        }
    }

    /// Those of an attempt that is about to be made; `pressing` is the quota at which the last one was throttled.
    pub(crate) fn of(policy: &'a Policy, draws: Draws<'a>, pressing: Option<Box<str>>) -> Self {
        let draws = match policy.quota() {
            Some(quota) => draws.on(quota),
            None => draws,
        };
        let rate = policy.adaptive_rate();
        let gate = |rate: &AdaptiveRate| rate.quota(draws.first.quota);
        let more =
            |rate: &AdaptiveRate| Vec::from_iter(draws.more().iter().map(|scope| rate.quota(scope.quota)));
        let other = pressing.filter(|quota| draws.place_of(quota).is_none());
        Self {
            first: rate.map(gate),
            more: rate
                .filter(|_| !draws.more().is_empty())
                .map(more)
                .unwrap_or_default(),
            elsewhere: rate.zip(other).map(|(rate, quota)| rate.quota(&quota)),
            draws,
        }
    }

    /// The quota that is asked first.
    pub(crate) const fn first_quota(&self) -> &'a str {
        self.draws.first.quota
    }

    /// Whether the attempt asks several providers.
    pub(crate) const fn are_several(&self) -> bool {
        !self.draws.more().is_empty()
    }

    /// Whether any of them makes the call wait.
    pub(crate) fn hold(&self) -> bool {
        let (first, elsewhere) = (self.first.iter(), self.elsewhere.iter());
        let own = elsewhere
            .chain(first)
            .any(|gate| gate.holds(self.draws.first.key));
        own || self.others().any(|(gate, scope)| gate.holds(scope.key))
    }

    fn others(&self) -> impl Iterator<Item = (&Arc<Quota>, &Scope<'a>)> {
        self.more.iter().zip(self.draws.more())
    }

    /// Waits for a turn on each of them; `None` if the deadline came first.
    ///
    /// Where the last attempt was throttled by another provider than the one that is asked first, its turn is what the call
    /// waits for: the first one has failed.
    pub(crate) async fn turns(&self, call: (Priority, Instant), deadline: Option<Instant>) -> Option<Turns> {
        let mut turns = Turns::free();
        if let Some(gate) = self.elsewhere.as_ref().or(self.first.as_ref()) {
            turns.first = admit(gate, self.draws.first.key, call, deadline).await?;
        }
        for (gate, scope) in self.others() {
            turns.more.push(admit(gate, scope.key, call, deadline).await?);
        }
        Some(turns)
    }

    /// All of them answered.
    pub(crate) fn answered(&self, span: Span) {
        self.answered_before(usize::MAX, span);
    }

    /// Those answered that come before this place.
    fn answered_before(&self, place: usize, span: Span) {
        if let Some(gate) = self.first.as_ref().filter(|_| place > 0) {
            gate.answered(sent(self.draws.first.key, span));
        }
        for (gate, scope) in self.others().take(place.saturating_sub(1)) {
            gate.answered(sent(scope.key, span));
        }
    }

    /// Tells each quota what the error says of it: nothing, if it failed or was not asked. True if any was told of a throttle,
    /// and so spaces the next attempt.
    pub(crate) fn failed(&self, policy: &Policy, error: &impl Classify, cap: Duration, span: Span) -> bool {
        let Some(rate) = policy.adaptive_rate() else {
            return false;
        };
        let mut throttled = false;
        error.each_part(&mut |part| throttled |= self.learn(rate, policy, part, cap, span));
        throttled
    }

    /// True if a quota was told of a throttle.
    fn learn(&self, rate: &AdaptiveRate, policy: &Policy, part: Part<'_>, cap: Duration, span: Span) -> bool {
        let named = policy.quota().or(part.quota);
        let place = match named {
            Some(quota) => self.draws.place_of(quota),
            None => Some(0).filter(|_| self.more.is_empty()),
        };
        if !self.more.is_empty() {
            self.answered_before(place.unwrap_or_default(), span);
        }
        if !part.was_sent {
            return false;
        }
        let (gate, key) = match (place, named) {
            (Some(0), _) => (self.first.clone(), self.draws.first.key),
            (Some(place), _) => {
                let place = place.saturating_sub(1);
                let scope = self.draws.more().get(place).copied().unwrap_or_default();
                (self.more.get(place).cloned(), scope.key)
            }
            (None, Some(quota)) => (Some(rate.quota(quota)), self.draws.first.key),
            // Which of several it was, nobody says.
            (None, None) => return false,
        };
        let Some(gate) = gate else {
            return false;
        };
        match part.class {
            ErrorClass::Throttled => {
                let delay = part.delay.unwrap_or_default().min(cap);
                gate.throttled(sent(key, span), delay, unit(policy.random().draw()));
            }
            class if is_answer(class) => gate.answered(sent(key, span)),
            _ => {}
        }
        part.class == ErrorClass::Throttled
    }
}

/// An attempt under a key.
pub(crate) const fn sent(key: &str, span: Span) -> Sent<'_> {
    Sent {
        key,
        admitted: span.admitted,
        ended: span.ended,
    }
}

impl Turns {
    /// Those that nobody waited for.
    pub(crate) const fn free() -> Self {
        Self {
            first: Turn::free(),
            more: Vec::new(),
        }
    }

    /// The attempt is on its way.
    pub(crate) fn spend(&mut self) {
        self.first.spend();
        self.more.iter_mut().for_each(Turn::spend);
    }

    /// The attempt came to an end and nothing was sent: they are those of the next.
    pub(crate) fn put_back(self) {
        self.first.put_back();
        self.more.into_iter().for_each(Turn::put_back);
    }
}
