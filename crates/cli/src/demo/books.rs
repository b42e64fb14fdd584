//! The accounting side's books: every order that was opened, and what became of the others.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use super::orders::{self, Cents, Order};

/// Every order that the accounting service opened, by number.
#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    opened: HashMap<u32, Vec<u8>>,
    doubled: u64,
    errors: BTreeMap<String, u64>,
}

/// What a comparison of the books with the orders found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Audit {
    /// Orders in the books exactly as they were sealed.
    pub(crate) verified: u64,
    /// Orders that never arrived.
    pub(crate) lost: u64,
    /// Orders entered more than once.
    pub(crate) doubled: u64,
    /// Orders in the books that differ from what the shop sealed, or that the shop never sealed.
    pub(crate) altered: u64,
    /// The sum of the totals in the books.
    pub(crate) sum: Cents,
}

impl Books {
    /// Enters an opened transaction under the order number that it was posted with.
    pub(crate) fn enter(&self, number: u32, transaction: Vec<u8>) {
        let mut entries = self.lock();
        if entries.opened.insert(number, transaction).is_some() {
            entries.doubled = entries.doubled.saturating_add(1);
        }
    }

    /// Notes that an order could not be opened, by the kind of error.
    pub(crate) fn note_error(&self, kind: &str) {
        let mut entries = self.lock();
        let count = entries.errors.entry(kind.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// How many orders could not be opened, by the kind of error.
    pub(crate) fn errors(&self) -> BTreeMap<String, u64> {
        self.lock().errors.clone()
    }

    /// Compares the books with the orders, byte for byte.
    pub(crate) fn audit(&self, orders: &[Order]) -> Audit {
        let entries = self.lock();
        let mut audit = Audit {
            doubled: entries.doubled,
            ..Audit::default()
        };
        for order in orders {
            match entries.opened.get(&order.number) {
                Some(transaction) if *transaction == order.transaction() => count(&mut audit.verified),
                Some(_) => count(&mut audit.altered),
                None => count(&mut audit.lost),
            }
        }
        let known = audit.verified.saturating_add(audit.altered);
        audit.altered = audit
            .altered
            .saturating_add((entries.opened.len() as u64).saturating_sub(known));
        for (number, transaction) in &entries.opened {
            match orders::total_of(transaction) {
                Some((own, total)) if own == *number => audit.sum = audit.sum.plus(total),
                _ => {}
            }
        }
        audit
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_orders() -> Vec<Order> {
        orders::all().unwrap().into_iter().take(4).collect()
    }

    #[test]
    fn whole_books_verify_to_the_cent() {
        let (books, orders) = (Books::default(), some_orders());
        orders
            .iter()
            .for_each(|order| books.enter(order.number, order.transaction()));
        let audit = books.audit(&orders);
        assert_eq!(
            audit,
            Audit {
                verified: 4,
                sum: orders::sum(&orders),
                ..Audit::default()
            }
        );
    }

    #[test]
    fn a_lost_a_doubled_an_altered_and_a_foreign_order_are_each_seen() {
        let (books, orders) = (Books::default(), some_orders());
        books.enter(orders[0].number, orders[0].transaction());
        books.enter(orders[0].number, orders[0].transaction());
        books.enter(orders[1].number, orders[2].transaction());
        books.enter(99_999, orders[3].transaction());
        let audit = books.audit(&orders);
        assert_eq!(
            (audit.verified, audit.lost, audit.doubled, audit.altered),
            (1, 2, 1, 2)
        );
        assert_eq!(
            audit.sum, orders[0].total,
            "only what stands under its own number counts"
        );
    }
}
