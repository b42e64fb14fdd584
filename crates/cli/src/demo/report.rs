//! What the demo prints: one table, one sentence; or the same figures as JSON.
use std::{collections::BTreeMap, time::Duration};

use comfy_table::{Cell, CellAlignment, Color, Table, presets};
use serde::Serialize;

use super::{orders::Cents, seconds::Second};

/// What one strategy came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    pub(crate) strategy: &'static str,
    pub(crate) what: &'static str,
    /// Whether the strategy is one that must deliver every order.
    pub(crate) claims_delivery: bool,
    pub(crate) orders: u64,
    pub(crate) sealed: u64,
    pub(crate) posted: u64,
    pub(crate) verified: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) altered: u64,
    pub(crate) total_usd: String,
    pub(crate) expected_total_usd: String,
    pub(crate) kms_calls: KmsCalls,
    /// Data keys that were made.
    pub(crate) data_keys: u64,
    /// The calls in each second of the quota, from the first; none where there were more than are kept.
    pub(crate) calls_by_second: Vec<Second>,
    /// Errors that reached the shop or the accounting service, by kind.
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) seconds: f64,
    pub(crate) orders_per_second: f64,
    pub(crate) latency_ms: Latency,
}

/// Calls that reached the KMS.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct KmsCalls {
    pub(crate) sealing: u64,
    pub(crate) opening: u64,
    pub(crate) throttled: u64,
}

/// Time from when an order is taken up until accounting has answered for it, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Latency {
    pub p50: f64,
    pub p99: f64,
}

/// The whole demo.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) orders: u64,
    pub(crate) total_usd: String,
    /// The slow strategies get one order in so many.
    pub(crate) every: u32,
    pub(crate) kms_quota_per_second: u64,
    pub(crate) kms_latency_ms: f64,
    pub(crate) workers: usize,
    pub(crate) orders_per_batch: usize,
    pub(crate) strategies: Vec<Outcome>,
    pub(crate) seconds: f64,
    pub(crate) advice: String,
}

impl Outcome {
    /// How many errors reached a caller.
    pub(crate) fn error_count(&self) -> u64 {
        self.errors
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Whether every order arrived once, unaltered, and the totals add up to the cent.
    pub(crate) fn is_whole(&self) -> bool {
        self.verified == self.orders
            && (self.lost, self.doubled, self.altered) == (0, 0, 0)
            && self.total_usd == self.expected_total_usd
    }

    /// Whether the strategy broke its promise.
    pub(crate) fn broke_its_claim(&self) -> bool {
        self.claims_delivery && !self.is_whole()
    }
}

impl Latency {
    /// The quantiles of unsorted latencies; zero when there are none.
    pub(crate) fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self {
            p50: quantile(&latencies, 50),
            p99: quantile(&latencies, 99),
        }
    }
}

/// The smallest latency that `percent` of all do not exceed, in milliseconds.
fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = sorted
        .len()
        .saturating_mul(percent)
        .div_ceil(100)
        .saturating_sub(1);
    sorted
        .get(rank)
        .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

impl Report {
    /// The table, about 110 columns wide.
    pub(crate) fn table(&self) -> Table {
        let titles = [
            "",
            "sealed",
            "posted",
            "verified",
            "lost",
            "KMS calls",
            "throttled",
            "errors",
            "time",
            "p50",
            "p99",
        ];
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_BORDERS_ONLY)
            .set_header(titles.map(|title| Cell::new(title).set_alignment(CellAlignment::Right)));
        for outcome in &self.strategies {
            table.add_row(row(outcome, self.orders));
        }
        table.column_iter_mut().for_each(|column| {
            column.set_padding((1, 0));
        });
        // A space before the border, too.
        if let Some(last) = table.column_iter_mut().last() {
            last.set_padding((1, 1));
        }
        table
    }

    /// One sentence that says what to do, from the figures.
    pub(crate) fn conclude(strategies: &[Outcome]) -> String {
        let find = |name: &str| strategies.iter().find(|outcome| outcome.strategy == name);
        let (Some(naive), Some(cached)) = (find("naive"), find("keyring")) else {
            return "Run all strategies to compare them.".to_owned();
        };
        if !cached.is_whole() {
            return "The keyring lost orders in this run: do not rely on it before the cause is known."
                .to_owned();
        }
        let calls = cached.kms_calls.sealing.saturating_add(cached.kms_calls.opening);
        let refused = match cached.kms_calls.throttled {
            0 => "no throttling".to_owned(),
            calls => format!("{} refused", group(calls)),
        };
        let beside = match naive.lost {
            0 => format!(
                "made {} calls for {} orders",
                group(naive.kms_calls.sealing.saturating_add(naive.kms_calls.opening)),
                group(naive.orders)
            ),
            lost => format!("lost {} of {}", group(lost), group(naive.orders)),
        };
        format!(
            "Cache data keys: the keyring delivered all {} orders with {calls} KMS calls and {refused}, where one call per \
             order {beside}; keep the retry under it for the few calls that remain, and post records messages where a batch \
             is opened as a whole.",
            group(cached.orders),
        )
    }
}

fn row(outcome: &Outcome, all: u64) -> Vec<Cell> {
    let number = |count: u64| Cell::new(group(count)).set_alignment(CellAlignment::Right);
    let bad = |count: u64| {
        if count == 0 {
            number(count)
        } else {
            number(count).fg(Color::Red)
        }
    };
    let text = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let calls = outcome.kms_calls;
    let share = if outcome.orders < all { " *" } else { "" };
    vec![
        Cell::new(format!("{}{share}", outcome.what)),
        number(outcome.sealed),
        number(outcome.posted),
        number(outcome.verified),
        bad(outcome
            .lost
            .saturating_add(outcome.altered)
            .saturating_add(outcome.doubled)),
        text(format!("{} + {}", group(calls.sealing), group(calls.opening))),
        bad(calls.throttled),
        bad(outcome.error_count()),
        text(format!("{:.1} s", outcome.seconds)),
        text(milliseconds(outcome.latency_ms.p50)),
        text(milliseconds(outcome.latency_ms.p99)),
    ]
}

fn milliseconds(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.1} ms")
    } else {
        format!("{value:.0} ms")
    }
}

/// A number with thousands separated.
pub(crate) fn group(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// An amount with thousands separated.
pub(crate) fn group_usd(amount: Cents) -> String {
    format!("{}.{:02} USD", group(amount.0 / 100), amount.0 % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let latencies: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(
            (quantile(&latencies, 50), quantile(&latencies, 99)),
            (100.0, 198.0)
        );
        assert_eq!((quantile(&latencies[..1], 99), quantile(&[], 50)), (1.0, 0.0));
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(
            [0, 999, 1_000, 69_659, 1_234_567].map(group),
            ["0", "999", "1,000", "69,659", "1,234,567"]
        );
        assert_eq!(group_usd(Cents(250_031_563)), "2,500,315.63 USD");
    }
}
