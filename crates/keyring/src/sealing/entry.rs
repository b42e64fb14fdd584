//! A live key and all that decides about its use.
use std::sync::Arc;

use datakey_loads::{Because, Life, Standing};
use datakey_provider::{EncryptionContext, ErrorClass, WrappedKey, WrappedKeys};
use tokio::time::Instant;

use super::{
    budget::{Budget, Reserved},
    snapshot::{KeyStanding, SealingSnapshot},
    usage::Usage,
};
use crate::{
    kept::{
        handle::{Handle, Handles, Held},
        store::Kept,
        stripe::stripe,
    },
    watch::miss::MissReason,
};

pub(crate) struct Entry<S> {
    pub(crate) handles: Handles<S>,
    pub(crate) context: EncryptionContext,
    pub(crate) wrapped: WrappedKeys,
    pub(crate) life: Life<ErrorClass>,
    pub(crate) budget: Budget,
}

impl<S> Entry<S> {
    pub(crate) fn is_under(&self, key_id: &str) -> bool {
        self.key_ids().any(|own| own == key_id)
    }

    pub(crate) fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.wrapped.iter().map(WrappedKey::key_id)
    }

    pub(crate) fn describe(&self, now: Instant) -> SealingSnapshot {
        let used = self.budget.used(self.handles.leases());
        SealingSnapshot {
            context: self.context.clone(),
            key_ids: self.key_ids().map(Into::into).collect(),
            age: self.life.age(now),
            messages: used.messages,
            bytes: used.bytes,
            standing: match self.life.standing(now) {
                Standing::Expired => KeyStanding::Expired,
                _ if self.budget.is_used_up(self.handles.leases()) => KeyStanding::UsedUp,
                Standing::Fresh => KeyStanding::Fresh,
                Standing::Due => KeyStanding::Due,
                Standing::Stale { because, .. } => KeyStanding::Stale(class(because)),
            },
        }
    }

    /// Reserves on a key that was just loaded; `None` when others were faster or it is too old by now.
    pub(crate) fn reserve_fresh(&self, usage: Usage, now: Instant) -> Option<Held<S>> {
        if now >= self.life.hard() {
            return None;
        }
        let (handle, _) = self.reserve(usage).ok()?;
        Some(Held::new(handle))
    }

    /// Reserves through this thread's handle.
    pub(crate) fn reserve(&self, usage: Usage) -> Result<(Arc<Handle<S>>, Reserved), MissReason> {
        let wanted = usage.amount().ok_or(MissReason::UnknownLength)?;
        let handle = self.handles.of(stripe());
        let reserved = if handle.lease.take(wanted) {
            Reserved::Plenty
        } else {
            self.budget
                .reserve(wanted, &handle.lease, || self.handles.leases())?
        };
        Ok((handle, reserved))
    }
}

/// The class under which a key that serves past its soft age does so.
pub(crate) const fn class(because: Because<ErrorClass>) -> ErrorClass {
    match because {
        Because::Fails(class) => class,
        Because::Slow => ErrorClass::Timeout,
    }
}

impl<S> Kept for Arc<Entry<S>> {
    fn retire(&self) {
        self.handles.retire();
    }
}
