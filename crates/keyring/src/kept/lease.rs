//! Messages and bytes, and what of them is leased to a stripe of threads.
use crate::sync::{AtomicU64, Ordering};

/// A key counts as running low when less than this part of a limit is left unleased: one eighth.
const LOW_PART: u64 = 8;

/// A lease is this part of what is left. With every stripe holding one, at most a quarter of a key is leased.
const LEASE_PART: u64 = 64;

/// Messages and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Amount {
    pub(crate) const fn low_part(self) -> Self {
        Self {
            messages: self.messages / LOW_PART,
            bytes: self.bytes / LOW_PART,
        }
    }

    pub(crate) const fn lease_part(self) -> Self {
        Self {
            messages: self.messages / LEASE_PART,
            bytes: self.bytes / LEASE_PART,
        }
    }

    pub(crate) const fn saturating_sub(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(other.messages),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    pub(crate) const fn saturating_add(self, other: Self) -> Self {
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
    pub(crate) fn capped(amount: Amount) -> Amount {
        Amount {
            messages: amount.messages.min(MOST_MESSAGES),
            bytes: amount.bytes.min(MOST_BYTES),
        }
    }

    /// Takes an amount off the lease, or nothing.
    pub(crate) fn take(&self, wanted: Amount) -> bool {
        let Amount { messages, bytes } = wanted;
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

    pub(crate) fn call_back(&self) -> Amount {
        Self::unpack(self.0.swap(0, Ordering::Relaxed))
    }

    /// Only under the lock of the budget, and after a [`call_back`](Self::call_back): others only ever take.
    pub(crate) fn grant(&self, amount: Amount) {
        self.0.store(Self::pack(amount), Ordering::Relaxed);
    }

    pub(crate) fn own(&self) -> Amount {
        Self::unpack(self.0.load(Ordering::Relaxed))
    }
}
