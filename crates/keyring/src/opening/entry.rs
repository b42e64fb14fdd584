//! An unwrapped key, until it expires.
use std::{hash::Hash, sync::Arc, time::Duration};

use datakey_loads::{Life, Standing};
use datakey_provider::{EncryptionContext, ErrorClass, WrappedKey};
use quick_cache::Equivalent;
use tokio::time::Instant;

use crate::kept::{
    handle::{Handles, Held, stripe},
    store::Kept,
};

/// What an opening key is kept under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OpeningId {
    pub(crate) wrapped: WrappedKey,
    pub(crate) context: EncryptionContext,
}

impl OpeningId {
    pub(crate) fn new(wrapped: &WrappedKey, context: &EncryptionContext) -> Self {
        Self {
            wrapped: wrapped.clone(),
            context: context.clone(),
        }
    }

    /// What an attacker sends is not kept, only its digest.
    pub(crate) fn digests(&self) -> ([u8; 32], [u8; 32]) {
        (self.wrapped.digest(), *self.context.digest())
    }
}

/// The same, borrowed, so that a look-up clones nothing.
#[derive(Hash)]
pub(crate) struct Borrowed<'a> {
    pub(crate) wrapped: &'a WrappedKey,
    pub(crate) context: &'a EncryptionContext,
}

impl Equivalent<OpeningId> for Borrowed<'_> {
    fn equivalent(&self, id: &OpeningId) -> bool {
        *self.wrapped == id.wrapped && *self.context == id.context
    }
}

/// A key that was handed out fewer times by the time it is due is not in use, and let go when it expires.
const IN_USE: u64 = 8;

pub(crate) struct Entry<O> {
    pub(crate) handles: Handles<O>,
    pub(crate) life: Life<ErrorClass>,
}

impl<O> Entry<O> {
    /// Hands it out, whatever its age. Whoever takes it counts the use.
    pub(crate) fn held(&self) -> Held<O> {
        Held::new(self.handles.of(stripe()))
    }

    /// Whether it is to be unwrapped anew: due, and in use.
    pub(crate) fn wants_refresh(&self, now: Instant) -> bool {
        if now < self.life.refresh() {
            return false;
        }
        match self.life.standing(now) {
            Standing::Due => self.handles.uses() >= IN_USE,
            // It is asked for, or it would not have been looked at.
            Standing::Stale { due, .. } => due,
            Standing::Fresh | Standing::Expired => false,
        }
    }

    pub(crate) fn describe(&self, id: &OpeningId, now: Instant) -> OpeningSnapshot {
        OpeningSnapshot {
            context: id.context.clone(),
            key_id: id.wrapped.key_id().into(),
            age: self.life.age(now),
            uses: self.handles.uses(),
        }
    }
}

impl<O> Kept for Arc<Entry<O>> {
    fn retire(&self) {
        self.handles.retire();
    }
}

/// An opening key that is kept, at one moment.
///
/// It has no key in it, and no blob: what an attacker sends is not kept here, only what opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpeningSnapshot {
    /// What it is kept for.
    pub context: EncryptionContext,
    /// The id of the key that it is wrapped under.
    pub key_id: Box<str>,
    /// How long ago it was unwrapped.
    pub age: Duration,
    /// How often it was handed out.
    pub uses: u64,
}
