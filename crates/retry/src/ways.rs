//! Which of several ways an attempt goes, by the quotas that are busy, and what the ways say that were passed by.
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use datakey_provider::{ErrorClass, ProviderError, Scope, Traffic};

use crate::{
    Classify as _, Policy,
    gates::{Span, sent},
    rate::unit,
};

/// The ways of one call.
pub(crate) struct Ways<'a> {
    policy: &'a Policy,
    attempt: Mutex<Attempt>,
}

#[derive(Default)]
struct Attempt {
    /// The quota on which it has its turn: the way that it goes first.
    chosen: Option<Box<str>>,
    passed_by: Option<PassedBy>,
}

/// What those said that failed before another one answered.
#[derive(Default)]
pub(crate) struct PassedBy {
    throttled: Vec<Throttled>,
}

/// One that was throttled.
struct Throttled {
    quota: Box<str>,
    key: Box<str>,
    delay: Duration,
}

impl PassedBy {
    /// Tells each quota of its throttle.
    pub(crate) fn tell(self, policy: &Policy, cap: Duration, span: Span) {
        let Some(rate) = policy.adaptive_rate() else {
            return;
        };
        for Throttled { quota, key, delay } in self.throttled {
            let draw = unit(policy.random().draw());
            rate.quota(&quota)
                .throttled(sent(&key, span), delay.min(cap), draw);
        }
    }
}

impl<'a> Ways<'a> {
    pub(crate) fn new(policy: &'a Policy) -> Self {
        Self {
            policy,
            attempt: Mutex::default(),
        }
    }

    fn attempt(&self) -> MutexGuard<'_, Attempt> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another attempt is to be made, which may go another way.
    pub(crate) fn begin(&self) {
        *self.attempt() = Attempt::default();
    }

    /// The attempt waits for its turn on this quota, so it goes that way however busy it is.
    pub(crate) fn choose(&self, quota: &str) {
        self.attempt().chosen = Some(quota.into());
    }

    /// What the attempt passed by, if it was answered by another than the one that was asked first.
    pub(crate) fn take(&self) -> Option<PassedBy> {
        self.attempt().passed_by.take()
    }

    fn quota<'b>(&'b self, own: &'b str) -> &'b str {
        self.policy.quota().unwrap_or(own)
    }
}

impl Traffic for Ways<'_> {
    fn is_busy(&self, scope: Scope<'_>) -> bool {
        let Some(rate) = self.policy.adaptive_rate() else {
            return false;
        };
        let quota = self.quota(scope.quota);
        match &self.attempt().chosen {
            Some(chosen) => **chosen != *quota,
            None => rate.is_busy(Scope { quota, ..scope }),
        }
    }

    fn passed_by(&self, scope: Scope<'_>, error: &ProviderError) {
        let mut throttled = Vec::new();
        error.each_part(&mut |part| {
            if part.was_sent && part.class == ErrorClass::Throttled {
                throttled.push(Throttled {
                    quota: self.quota(part.quota.unwrap_or(scope.quota)).into(),
                    key: scope.key.into(),
                    delay: part.delay.unwrap_or_default(),
                });
            }
        });
        let mut attempt = self.attempt();
        let passed_by = attempt.passed_by.get_or_insert_default();
        passed_by.throttled.append(&mut throttled);
    }
}
