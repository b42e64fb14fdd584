//! The keys that a thread used last, found without touching memory that another thread writes.
//!
//! A slot is weak: it keeps no key alive, so that an evicted, expired or invalidated key is wiped at once, however long
//! the thread stays idle. What a slot does keep, until another key takes its place or its thread ends, is the empty
//! shell of a handle and the identity of the key: 128 bytes and a digest, for [`SLOTS`] slots at most.
//!
//! A slot is trusted for [`TRUST`] and only while its key is live; then the thread looks into the store again, so that
//! the store knows which keys are in use.
use std::{
    any::Any,
    cell::RefCell,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use datakey_loads::later;
use tokio::time::Instant;

use super::handle::Handle;

/// Slots in each set.
const WAYS: usize = 4;

/// Sets of slots for each thread.
const SETS: usize = 64;

/// Slots for each thread.
const SLOTS: usize = WAYS * SETS;

/// How long a slot is used without telling the store that its key is in use.
const TRUST: Duration = Duration::from_millis(100);

/// What tells the keyrings of a process apart in the slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(u64);

impl Owner {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where to look: whose key, and some bits that differ from key to key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    owner: Owner,
    bits: u64,
}

impl Spot {
    pub(crate) const fn new(owner: Owner, bits: u64) -> Self {
        Self { owner, bits }
    }

    fn start(self) -> usize {
        let sets = u64::try_from(SETS).unwrap_or(1);
        let set = self.bits.checked_rem(sets).unwrap_or_default();
        usize::try_from(set).unwrap_or_default().saturating_mul(WAYS)
    }
}

struct Slot {
    spot: Spot,
    until: Instant,
    /// A [`Near`] of some keyring's types.
    near: Box<dyn Any>,
}

struct Near<I, T> {
    id: I,
    handle: Weak<Handle<T>>,
}

struct Nearby {
    /// Empty until the thread first keeps something.
    slots: Vec<Option<Slot>>,
    turn: usize,
}

thread_local! {
    static NEARBY: RefCell<Nearby> = const { RefCell::new(Nearby { slots: Vec::new(), turn: 0 }) };
}

/// The live key whose identity is `same`, if this thread used it a moment ago.
pub(crate) fn find<I: 'static, T: 'static>(
    spot: Spot,
    now: Instant,
    same: impl Fn(&I) -> bool,
) -> Option<Arc<Handle<T>>> {
    let find = |nearby: &RefCell<Nearby>| {
        let nearby = nearby.try_borrow().ok()?;
        let start = spot.start();
        let set = nearby.slots.get(start..start.saturating_add(WAYS))?;
        let slot = set.iter().flatten().find(|slot| slot.spot == spot)?;
        let near: &Near<I, T> = slot.near.downcast_ref()?;
        if now >= slot.until || !same(&near.id) {
            return None;
        }
        near.handle.upgrade()
    };
    // A thread that is ending has no slots any more.
    let handle = NEARBY.try_with(find).ok().flatten()?;
    handle.is_live().then_some(handle)
}

/// Keeps a key that this thread just used, until `until` at most.
pub(crate) fn keep<I: 'static, T: 'static>(
    spot: Spot,
    now: Instant,
    until: Instant,
    id: I,
    handle: &Arc<Handle<T>>,
) {
    let until = until.min(later(now, TRUST));
    let near = Near {
        id,
        handle: Arc::downgrade(handle),
    };
    // Only bookkeeping: where there is no slot, the store is there.
    let _ending = NEARBY.try_with(|nearby| {
        if let Ok(mut nearby) = nearby.try_borrow_mut() {
            nearby.put(spot, until, near);
        }
    });
}

impl Nearby {
    fn put<I: 'static, T: 'static>(&mut self, spot: Spot, until: Instant, near: Near<I, T>) {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        self.turn = self.turn.wrapping_add(1);
        let (start, turn) = (spot.start(), self.turn % WAYS);
        let Some(set) = self.slots.get_mut(start..start.saturating_add(WAYS)) else {
            return;
        };
        let own = |slot: &Option<Slot>| slot.as_ref().is_none_or(|slot| slot.spot == spot);
        let place = set.iter().position(own).unwrap_or(turn);
        let Some(place) = set.get_mut(place) else {
            return;
        };
        match place {
            Some(slot) if slot.near.is::<Near<I, T>>() => {
                slot.spot = spot;
                slot.until = until;
                // In place, so that threads with more keys than slots do not allocate for each.
                if let Some(own) = slot.near.downcast_mut() {
                    *own = near;
                }
            }
            other => {
                *other = Some(Slot {
                    spot,
                    until,
                    near: Box::new(near),
                });
            }
        }
    }
}
