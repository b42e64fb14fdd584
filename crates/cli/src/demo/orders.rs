//! The real orders that the demo seals: see `data/README.md` for where they come from.
use std::{fmt, num::ParseIntError};

use serde::Serialize;

const CDNOW: &str = include_str!("../../data/cdnow-orders.csv");

/// An amount of money in cents: sums of it are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Cents(pub(crate) u64);

/// One purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) number: u32,
    pub(crate) customer: &'static str,
    pub(crate) date: &'static str,
    pub(crate) items: u32,
    pub(crate) total: Cents,
}

/// A line of the data that is not an order.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the order data is not an order: {reason}")]
pub(crate) struct BadOrder {
    line: usize,
    reason: &'static str,
}

/// What is sealed: the order as the shop's systems write it.
#[derive(Serialize)]
struct Transaction<'a> {
    order: u32,
    customer: &'a str,
    date: &'a str,
    items: u32,
    total_usd: String,
}

impl Order {
    /// The bytes that are sealed: JSON of about 90 bytes.
    pub(crate) fn transaction(&self) -> Vec<u8> {
        let transaction = Transaction {
            order: self.number,
            customer: self.customer,
            date: self.date,
            items: self.items,
            total_usd: self.total.to_string(),
        };
        serde_json::to_vec(&transaction).unwrap_or_default()
    }
}

/// Reads the total out of an opened transaction.
pub(crate) fn total_of(transaction: &[u8]) -> Option<(u32, Cents)> {
    let value: serde_json::Value = serde_json::from_slice(transaction).ok()?;
    let number = u32::try_from(value.get("order")?.as_u64()?).ok()?;
    Some((number, Cents::parse(value.get("total_usd")?.as_str()?)?))
}

/// All 69,659 orders, in the order of the file.
///
/// # Errors
/// [`BadOrder`] names the line.
pub(crate) fn all() -> Result<Vec<Order>, BadOrder> {
    CDNOW
        .lines()
        .enumerate()
        .skip(1)
        .map(|(index, line)| parse(index.saturating_add(1), line))
        .collect()
}

/// Every `step`-th order: a share of the whole that keeps its spread over customers and time.
pub(crate) fn share(orders: &[Order], step: usize) -> Vec<Order> {
    orders.iter().step_by(step.max(1)).cloned().collect()
}

/// The exact sum of the totals.
pub(crate) fn sum<'a>(orders: impl IntoIterator<Item = &'a Order>) -> Cents {
    orders
        .into_iter()
        .map(|order| order.total)
        .fold(Cents::default(), Cents::plus)
}

fn parse(line: usize, text: &'static str) -> Result<Order, BadOrder> {
    let bad = |reason| BadOrder { line, reason };
    let mut fields = text.split(',');
    let mut field = |reason| fields.next().ok_or_else(|| bad(reason));
    let number = field("no order number")?;
    let (customer, date) = (field("no customer")?, field("no date")?);
    let (items, total) = (field("no number of items")?, field("no total")?);
    Ok(Order {
        number: number
            .parse()
            .map_err(|_not_a_number: ParseIntError| bad("the order number is not a number"))?,
        customer,
        date,
        items: items
            .parse()
            .map_err(|_not_a_number: ParseIntError| bad("the number of items is not a number"))?,
        total: Cents::parse(total).ok_or_else(|| bad("the total is not an amount with two decimals"))?,
    })
}

impl Cents {
    /// Reads `12.00`; `None` for anything else than digits, a point and two digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.')?;
        if part.len() != 2
            || ![whole, part]
                .iter()
                .all(|half| half.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return None;
        }
        let (whole, part) = (whole.parse::<u64>().ok()?, part.parse::<u64>().ok()?);
        whole.checked_mul(100)?.checked_add(part).map(Self)
    }

    /// The sum; at the limit of 64 bits it stays there.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_whole() {
        let orders = all().unwrap();
        assert_eq!(orders.len(), 69_659);
        assert_eq!(sum(&orders).to_string(), "2500315.63");
        assert_eq!(
            orders[1].transaction(),
            br#"{"order":2,"customer":"00002","date":"1997-01-12","items":1,"total_usd":"12.00"}"#
        );
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(Cents::parse("12.00"), Some(Cents(1200)));
        assert_eq!(Cents::parse("0.05"), Some(Cents(5)));
        for bad in [
            "12",
            "12.0",
            "12.000",
            "-1.00",
            "1.-1",
            "a.00",
            "99999999999999999999.00",
        ] {
            assert_eq!(Cents::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_transaction_reads_back() {
        let order = &all().unwrap()[2];
        assert_eq!(total_of(&order.transaction()), Some((order.number, order.total)));
        assert_eq!(total_of(b"{}"), None);
    }
}
