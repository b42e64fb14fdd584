//! One attempt on its way.
use std::{sync::atomic::Ordering, time::Duration};

use datakey_provider::ErrorClass;
use tokio::time::Instant;

use super::{scopes::Side, shared::Shared};
use crate::{
    classify::{Classify, is_answer},
    last_failure::LastFailure,
};

/// An attempt under way. Dropped soon without an outcome, it leaves no trace; dropped late, it says that the service is slow.
pub(crate) struct Passage<'a> {
    shared: &'a Shared,
    side: Side,
    scope: &'a str,
    /// Its number, if it tries whether the service is back.
    ticket: Option<u32>,
    /// Since when it is under way; not yet, while whoever makes it waits for something of its own.
    sent: Option<Instant>,
    /// The quota that it counts against, for whoever asks what is down.
    quota: &'a str,
    has_ended: bool,
}

impl<'a> Passage<'a> {
    pub(super) fn new(shared: &'a Shared, (side, scope): (Side, &'a str), ticket: Option<u32>) -> Self {
        Self {
            shared,
            side,
            scope,
            ticket,
            sent: None,
            quota: "",
            has_ended: false,
        }
    }

    /// The attempt is on its way from here on.
    #[must_use]
    pub(crate) fn sent(mut self) -> Self {
        self.sent = Some(Instant::now());
        self
    }

    /// The attempt counts against this quota.
    pub(crate) const fn on(mut self, quota: &'a str) -> Self {
        self.quota = quota;
        self
    }

    /// The service answered.
    pub(crate) fn answered(mut self) {
        self.has_ended = true;
        if !self.shared.is_calm() {
            let mut scopes = self.shared.lock();
            scopes.answered(self.side, self.scope);
            self.shared.settle(&scopes);
        }
    }

    /// The attempt ended with this error. True if that opened the breaker.
    pub(crate) fn returned(self, error: &impl Classify) -> bool {
        match error.class() {
            class if class.is_outage() && error.was_sent() => return self.failed(error.kept()),
            class if error.was_sent() && (class == ErrorClass::Throttled || is_answer(class)) => {
                self.answered();
            }
            // Nothing that the service said or failed to say.
            _ => self.left_open(false),
        }
        false
    }

    /// The attempt failed for the moment or had no answer. True if that opened the breaker.
    pub(crate) fn failed(mut self, last: LastFailure) -> bool {
        self.has_ended = true;
        let (now, settings) = (self.shared.now(), &self.shared.settings);
        let mut scopes = self.shared.lock();
        let machine = scopes.failing(self.side, self.scope);
        if *machine.quota != *self.quota {
            machine.quota = self.quota.into();
        }
        let opened = machine.failed(now, last, self.ticket, settings);
        self.shared.settle(&scopes);
        if opened {
            self.shared.opened.fetch_add(1, Ordering::Relaxed);
        }
        opened
    }

    /// Whether nobody can expect an answer within so short a time.
    pub(crate) fn is_soon(&self, after: Duration) -> bool {
        after < self.shared.settings.abandoned_after
    }

    /// The attempt came to an end that says nothing of the service, or no more than that it is not as quick as it should be.
    pub(crate) fn left_open(mut self, slow: bool) {
        self.has_ended = true;
        self.abandon(slow);
    }

    fn abandon(&self, late: bool) {
        if self.ticket.is_none() && !late {
            return;
        }
        let (now, settings) = (self.shared.now(), &self.shared.settings);
        let mut scopes = self.shared.lock();
        if self.ticket.is_none() {
            scopes
                .failing(self.side, self.scope)
                .abandoned_late(now, None, settings);
        } else if let Some(machine) = scopes.get_mut(self.side, self.scope) {
            // Otherwise another call has been answered since.
            if late {
                machine.abandoned_late(now, self.ticket, settings);
            } else {
                machine.abandoned(now, self.ticket);
            }
        }
        self.shared.settle(&scopes);
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.abandon(self.sent.is_some_and(|sent| !self.is_soon(sent.elapsed())));
        }
    }
}
