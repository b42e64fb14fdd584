//! What is left of a key's messages and bytes.
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{MissReason, SealingLimits, Usage};

/// A key counts as running low when less than this part of a limit is left: one eighth.
const LOW_PART: u64 = 8;

/// What is left of one key. Reservations never add up to more than the limits.
#[derive(Debug)]
pub(crate) struct Budget {
    messages: Pool,
    bytes: Pool,
}

/// How a reservation left the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    Plenty,
    /// Time to load the next key.
    Low,
}

#[derive(Debug)]
struct Pool {
    left: AtomicU64,
    low: u64,
}

impl Pool {
    const fn new(limit: u64) -> Self {
        Self {
            left: AtomicU64::new(limit),
            low: limit / LOW_PART,
        }
    }

    /// Takes `amount`, or nothing; answers what is left.
    fn take(&self, amount: u64) -> Option<u64> {
        // The counter guards no other memory, so relaxed ordering is enough.
        let before = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(amount)
            })
            .ok()?;
        before.checked_sub(amount)
    }
}

impl Budget {
    pub(crate) const fn new(limits: &SealingLimits) -> Self {
        Self {
            messages: Pool::new(limits.max_messages()),
            bytes: Pool::new(limits.max_bytes()),
        }
    }

    /// Reserves a usage, or tells which limit stands in the way. A usage of unknown length never fits.
    ///
    /// When messages fit and bytes do not, the messages are given back; in between, another caller may find fewer
    /// messages than there are. That moves the next key forward, never past a limit.
    pub(crate) fn reserve(&self, usage: Usage) -> Result<Reserved, MissReason> {
        let bytes = usage.bytes().ok_or(MissReason::UnknownLength)?;
        let messages_left = self.messages.take(usage.messages()).ok_or(MissReason::Messages)?;
        let Some(bytes_left) = self.bytes.take(bytes) else {
            self.messages.left.fetch_add(usage.messages(), Ordering::Relaxed);
            return Err(MissReason::Bytes);
        };
        let low = messages_left < self.messages.low || bytes_left < self.bytes.low;
        Ok(if low { Reserved::Low } else { Reserved::Plenty })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(messages: u64, bytes: u64) -> Budget {
        Budget::new(
            &SealingLimits::default()
                .with_max_messages(messages)
                .with_max_bytes(bytes),
        )
    }

    #[test]
    fn a_limit_is_met_exactly() {
        let budget = budget(3, 30);
        for _ in 0..3 {
            assert!(budget.reserve(Usage::message(10)).is_ok());
        }
        assert_eq!(budget.reserve(Usage::message(0)), Err(MissReason::Messages));
    }

    #[test]
    fn a_refused_reservation_takes_nothing() {
        let budget = budget(3, 30);
        assert_eq!(budget.reserve(Usage::batch(2, 31)), Err(MissReason::Bytes));
        assert_eq!(budget.reserve(Usage::batch(4, 1)), Err(MissReason::Messages));
        assert_eq!(
            budget.reserve(Usage::unknown_length()),
            Err(MissReason::UnknownLength)
        );
        assert!(budget.reserve(Usage::batch(3, 30)).is_ok());
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let budget = budget(u64::MAX, u64::MAX);
        assert!(budget.reserve(Usage::batch(u64::MAX, u64::MAX)).is_ok());
        assert_eq!(
            budget.reserve(Usage::batch(u64::MAX, 0)),
            Err(MissReason::Messages)
        );
        assert_eq!(budget.reserve(Usage::batch(0, u64::MAX)), Err(MissReason::Bytes));
    }

    #[test]
    fn low_is_said_below_one_eighth() {
        let budget = budget(80, 1_000);
        assert_eq!(budget.reserve(Usage::batch(70, 0)), Ok(Reserved::Plenty));
        assert_eq!(budget.reserve(Usage::batch(1, 0)), Ok(Reserved::Low));
    }

    #[test]
    fn a_key_for_few_messages_is_not_low_from_the_start() {
        let budget = budget(1, 1_000);
        assert_eq!(budget.reserve(Usage::message(1)), Ok(Reserved::Plenty));
    }
}
