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
    MissReason, SealingLimits, Usage,
    sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError},
};

/// A key counts as running low when less than this part of a limit is left unleased: one eighth.
const LOW_PART: u64 = 8;

/// A lease is this part of what is left. With every stripe holding one, at most a quarter of a key is leased.
const LEASE_PART: u64 = 64;

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

/// Messages and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Amount {
    const fn low_part(self) -> Self {
        Self {
            messages: self.messages / LOW_PART,
            bytes: self.bytes / LOW_PART,
        }
    }

    const fn lease_part(self) -> Self {
        Self {
            messages: self.messages / LEASE_PART,
            bytes: self.bytes / LEASE_PART,
        }
    }

    const fn saturating_sub(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(other.messages),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    const fn saturating_add(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(other.messages),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// Messages and bytes that are reserved for one stripe of threads, in one word: 16 bits of messages over 48 of bytes.
#[derive(Debug)]
pub(crate) struct Lease(AtomicU64);

const BYTE_BITS: u32 = 48;
const MOST_MESSAGES: u64 = (1 << (u64::BITS - BYTE_BITS)) - 1;
const MOST_BYTES: u64 = (1 << BYTE_BITS) - 1;

impl Default for Lease {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Lease {
    const fn pack(amount: Amount) -> u64 {
        (amount.messages << BYTE_BITS) | amount.bytes
    }

    const fn unpack(word: u64) -> Amount {
        Amount {
            messages: word >> BYTE_BITS,
            bytes: word & MOST_BYTES,
        }
    }

    /// The most that fits into a word.
    fn capped(amount: Amount) -> Amount {
        Amount {
            messages: amount.messages.min(MOST_MESSAGES),
            bytes: amount.bytes.min(MOST_BYTES),
        }
    }

    /// Takes a usage off the lease, or nothing. A usage of unknown length never fits.
    pub(crate) fn take(&self, usage: Usage) -> bool {
        let Some(bytes) = usage.bytes() else {
            return false;
        };
        let messages = usage.messages();
        // The word guards no other memory, so relaxed ordering is enough.
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let own = Self::unpack(word);
            let left = Amount {
                messages: own.messages.checked_sub(messages)?,
                bytes: own.bytes.checked_sub(bytes)?,
            };
            Some(Self::pack(left))
        });
        taken.is_ok()
    }

    fn call_back(&self) -> Amount {
        Self::unpack(self.0.swap(0, Ordering::Relaxed))
    }

    /// Only under the lock of the budget, and after a [`call_back`](Self::call_back): others only ever take.
    fn grant(&self, amount: Amount) {
        self.0.store(Self::pack(amount), Ordering::Relaxed);
    }

    fn own(&self) -> Amount {
        Self::unpack(self.0.load(Ordering::Relaxed))
    }
}

impl Budget {
    pub(crate) fn new(limits: &SealingLimits) -> Self {
        let limit = Amount {
            messages: limits.max_messages(),
            bytes: limits.max_bytes(),
        };
        Self {
            left: Mutex::new(limit),
            limit,
        }
    }

    fn left(&self) -> MutexGuard<'_, Amount> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a usage and renews the caller's lease, or tells which limit stands in the way. A usage of unknown
    /// length never fits. `leases` are those of all stripes, the caller's own included.
    pub(crate) fn reserve<'l, L: Iterator<Item = &'l Lease>>(
        &self,
        usage: Usage,
        own: &Lease,
        leases: impl FnOnce() -> L,
    ) -> Result<Reserved, MissReason> {
        let wanted = Amount {
            messages: usage.messages(),
            bytes: usage.bytes().ok_or(MissReason::UnknownLength)?,
        };
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

    /// What was handed out so far.
    pub(crate) fn used<'l>(&self, leases: impl Iterator<Item = &'l Lease>) -> Amount {
        let left = self.left();
        let leased = leases.fold(Amount::default(), |sum, lease| sum.saturating_add(lease.own()));
        self.limit.saturating_sub(left.saturating_add(leased))
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
