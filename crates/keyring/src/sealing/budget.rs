//! What is left of a key's messages and bytes, and what of it is leased to whom.
//!
//! # Why no limit is overrun
//! What is left stands behind a lock. Whoever needs more than its lease takes it from there, and with it a lease for the
//! next messages: a lease is off the count before anybody uses it.
//!
//! # Why nothing is lost
//! When what is left does not suffice, all leases are called back under the same lock, and only then is the key used up.
//! A key with few messages left leases none: each message is taken from the count itself.
use crate::{
    kept::lease::{Amount, Lease},
    sync::{Mutex, MutexGuard, PoisonError},
    watch::miss::MissReason,
};

/// Fewer messages than this are not worth a lease.
const LEAST_LEASE: u64 = 16;

/// What is left of one key. Reservations never add up to more than the limits.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Mutex<Amount>,
    limit: Amount,
}

/// How a reservation left the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    Plenty,
    /// Time to load the next key.
    Low,
}

impl Budget {
    pub(crate) const fn new(limit: Amount) -> Self {
        Self {
            left: Mutex::new(limit),
            limit,
        }
    }

    fn left(&self) -> MutexGuard<'_, Amount> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves an amount and renews the caller's lease, or tells which limit stands in the way. `leases` are those of all stripes, the caller's own included.
    pub(crate) fn reserve<'l, L: Iterator<Item = &'l Lease>>(
        &self,
        wanted: Amount,
        own: &Lease,
        leases: impl FnOnce() -> L,
    ) -> Result<Reserved, MissReason> {
        let mut left = self.left();
        *left = left.saturating_add(own.call_back());
        if lacks(*left, wanted).is_some() {
            for lease in leases() {
                *left = left.saturating_add(lease.call_back());
            }
        }
        if let Some(reason) = lacks(*left, wanted) {
            return Err(reason);
        }
        *left = left.saturating_sub(wanted);
        let lease = Lease::capped(left.lease_part());
        if lease.messages >= LEAST_LEASE {
            *left = left.saturating_sub(lease);
            own.grant(lease);
        }
        let low = self.limit.low_part();
        Ok(if left.messages < low.messages || left.bytes < low.bytes {
            Reserved::Low
        } else {
            Reserved::Plenty
        })
    }

    /// Whether nothing is left of one of both, whatever is leased.
    pub(crate) fn is_used_up<'l>(&self, leases: impl Iterator<Item = &'l Lease>) -> bool {
        let used = self.used(leases);
        used.messages >= self.limit.messages || used.bytes >= self.limit.bytes
    }

    /// What was handed out so far.
    pub(crate) fn used<'l>(&self, leases: impl Iterator<Item = &'l Lease>) -> Amount {
        self.limit.saturating_sub(self.unused(leases))
    }

    /// What may still be handed out, what threads have leased of it included.
    pub(crate) fn unused<'l>(&self, leases: impl Iterator<Item = &'l Lease>) -> Amount {
        let leased = leases.fold(Amount::default(), |sum, lease| sum.saturating_add(lease.own()));
        self.left().saturating_add(leased)
    }
}

fn lacks(left: Amount, wanted: Amount) -> Option<MissReason> {
    if left.messages < wanted.messages {
        Some(MissReason::Messages)
    } else if left.bytes < wanted.bytes {
        Some(MissReason::Bytes)
    } else {
        None
    }
}
