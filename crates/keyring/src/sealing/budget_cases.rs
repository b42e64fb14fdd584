//! The budget of a key, case by case.
use super::budget::{Budget, Reserved};
use crate::{
    MissReason,
    kept::lease::{Amount, Lease},
};

fn budget(messages: u64, bytes: u64) -> (Budget, [Lease; 2]) {
    let limit = Amount { messages, bytes };
    (Budget::new(limit), [Lease::default(), Lease::default()])
}

/// As a caller of the first or second stripe.
fn reserve(budget: &(Budget, [Lease; 2]), stripe: usize, usage: Amount) -> Result<Reserved, MissReason> {
    let (budget, leases) = budget;
    if leases[stripe].take(usage) {
        return Ok(Reserved::Plenty);
    }
    budget.reserve(usage, &leases[stripe], || leases.iter())
}

const fn message(bytes: u64) -> Amount {
    batch(1, bytes)
}

const fn batch(messages: u64, bytes: u64) -> Amount {
    Amount { messages, bytes }
}

#[test]
fn a_limit_is_met_exactly() {
    let budget = budget(3, 30);
    for _ in 0..3 {
        assert!(reserve(&budget, 0, message(10)).is_ok());
    }
    assert_eq!(reserve(&budget, 0, message(0)), Err(MissReason::Messages));
}

#[test]
fn leases_of_others_are_called_back_before_a_key_is_used_up() {
    let budget = budget(100_000, u64::MAX);
    for n in 0..100_000 {
        assert!(reserve(&budget, n % 2, message(1)).is_ok(), "{n}");
    }
    for stripe in [0, 1] {
        assert_eq!(reserve(&budget, stripe, message(1)), Err(MissReason::Messages));
    }
}

#[test]
fn bytes_are_met_exactly_through_leases() {
    let budget = budget(u64::MAX, 1_000_000);
    let mut taken = 0;
    for n in 0.. {
        match reserve(&budget, n % 2, message(7)) {
            Ok(_) => taken += 7,
            Err(reason) => {
                assert_eq!(reason, MissReason::Bytes);
                break;
            }
        }
    }
    assert_eq!(taken, 999_999);
    assert!(reserve(&budget, 0, message(1)).is_ok());
}

#[test]
fn what_was_handed_out_leaves_leases_aside() {
    let budget = budget(1 << 24, 1 << 40);
    for _ in 0..10 {
        assert!(reserve(&budget, 0, batch(2, 300)).is_ok());
    }
    let used = budget.0.used(budget.1.iter());
    assert_eq!(
        used,
        Amount {
            messages: 20,
            bytes: 3_000
        }
    );
}

#[test]
fn a_refused_reservation_takes_nothing() {
    let budget = budget(3, 30);
    assert_eq!(reserve(&budget, 0, batch(2, 31)), Err(MissReason::Bytes));
    assert_eq!(reserve(&budget, 0, batch(4, 1)), Err(MissReason::Messages));
    assert!(reserve(&budget, 0, batch(3, 30)).is_ok());
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let budget = budget(u64::MAX, u64::MAX);
    assert!(reserve(&budget, 0, batch(u64::MAX, u64::MAX)).is_ok());
    assert_eq!(reserve(&budget, 0, batch(u64::MAX, 0)), Err(MissReason::Messages));
    assert_eq!(reserve(&budget, 1, batch(0, u64::MAX)), Err(MissReason::Bytes));
}

#[test]
fn low_is_said_below_one_eighth() {
    let budget = budget(80, 1_000);
    assert_eq!(reserve(&budget, 0, batch(70, 0)), Ok(Reserved::Plenty));
    assert_eq!(reserve(&budget, 0, batch(1, 0)), Ok(Reserved::Low));
}

#[test]
fn a_key_for_few_messages_is_not_low_from_the_start() {
    let budget = budget(1, 1_000);
    assert_eq!(reserve(&budget, 0, message(1)), Ok(Reserved::Plenty));
}
