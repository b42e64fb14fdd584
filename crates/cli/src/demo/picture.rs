//! The demo as a page with charts.
use super::{
    report::{Outcome, Report},
    seconds::Second,
};
use crate::report::{
    Block, Chart, Ink, Layer, Limit, Panel, Panels, Report as Page, Row, Section, Table, Timeline, Tone,
    amount, dollars, seconds, share, whole,
};

/// US dollars for a call: 0.03 for 10,000, "AWS Key Management Service pricing", as of November 2026.
const USD_PER_CALL: f64 = 0.03 / 10_000.0;

/// As many seconds as a chart shows apart.
const STEPS: usize = 240;

/// What a demo came to.
pub(crate) fn of(report: &Report) -> Page {
    Page {
        kind: "datakey demo",
        title: format!(
            "{} orders, and a KMS that answers {} calls a second",
            whole(report.orders),
            whole(report.kms_quota_per_second)
        ),
        about: String::new(),
        verdict: verdict(report),
        tone: tone(report),
        sections: vec![
            calls(report),
            side_by_side(report),
            figures(report),
            played(report),
        ],
    }
}

fn tone(report: &Report) -> Tone {
    if report.strategies.iter().any(Outcome::broke_its_claim) {
        Tone::Bad
    } else if report.strategies.iter().any(|outcome| outcome.claims_delivery) {
        Tone::Good
    } else {
        Tone::Plain
    }
}

fn verdict(report: &Report) -> String {
    let compares = |name: &str| report.strategies.iter().any(|outcome| outcome.strategy == name);
    if compares("naive") && compares("keyring") {
        return report.advice.clone();
    }
    let all = report.strategies.len();
    let whole_ones = report
        .strategies
        .iter()
        .filter(|outcome| outcome.is_whole())
        .count();
    let sum = |count: fn(&Outcome) -> u64| report.strategies.iter().map(count).fold(0, u64::saturating_add);
    format!(
        "{whole_ones} of {all} {} delivered every order to the cent; KMS refused {} of {} calls.",
        if all == 1 { "strategy" } else { "strategies" },
        whole(sum(|outcome| outcome.kms_calls.throttled)),
        whole(sum(calls_of)),
    )
}

fn calls_of(outcome: &Outcome) -> u64 {
    outcome
        .kms_calls
        .sealing
        .saturating_add(outcome.kms_calls.opening)
}

fn calls(report: &Report) -> Section {
    let all = report
        .strategies
        .iter()
        .flat_map(|outcome| &outcome.calls_by_second);
    let longest = report
        .strategies
        .iter()
        .map(|outcome| outcome.calls_by_second.len())
        .max();
    let mut legend = vec![
        (Ink::Good, "answered".to_owned()),
        (Ink::Bad, "refused with ThrottlingException".to_owned()),
    ];
    if all.clone().any(|second| second.failed > 0) {
        legend.push((Ink::Failed, "failed otherwise".to_owned()));
    }
    let panel = |outcome: &Outcome| Panel {
        title: outcome.what.to_owned(),
        note: calls_note(outcome, report.kms_quota_per_second),
        chart: Chart::Timeline(timeline(
            outcome,
            report.kms_quota_per_second,
            longest.unwrap_or(1) as f64,
        )),
    };
    Section {
        title: "What KMS was asked, against its quota".to_owned(),
        lead: format!(
            "Calls of both services in each second, as KMS counts them{}. All charts have the same scales, and end when the orders did.",
            match longest.unwrap_or(0).div_ceil(STEPS) {
                0 | 1 => String::new(),
                mean => format!("; each point is the mean of {mean} seconds"),
            }
        ),
        blocks: vec![Block::Panels(Panels {
            legend,
            same_scale: true,
            panels: report.strategies.iter().map(panel).collect(),
        })],
    }
}

const fn asked_in(second: &Second) -> u64 {
    second
        .answered
        .saturating_add(second.throttled)
        .saturating_add(second.failed)
}

fn calls_note(outcome: &Outcome, quota: u64) -> String {
    let most = outcome.calls_by_second.iter().map(asked_in).max();
    let all = whole(calls_of(outcome));
    let refused = match outcome.kms_calls.throttled {
        0 => "none refused".to_owned(),
        refused => format!("{} refused", whole(refused)),
    };
    match most {
        Some(most) => format!(
            "{all} calls, {refused}; peak {} of quota",
            share(most as f64, quota as f64)
        ),
        None => format!("{all} calls, {refused}"),
    }
}

fn timeline(outcome: &Outcome, quota: u64, axis_end: f64) -> Timeline {
    let steps = outcome.calls_by_second.len();
    let layer = |ink, count: fn(&Second) -> u64| Layer {
        ink,
        values: outcome
            .calls_by_second
            .iter()
            .map(|second| Some(count(second) as f64))
            .collect(),
    };
    Timeline {
        unit: "calls/s".to_owned(),
        begins: (0..steps).map(|step| step as f64).collect(),
        end: steps as f64,
        axis_end,
        stacked: vec![
            layer(Ink::Good, |second| second.answered),
            layer(Ink::Bad, |second| second.throttled),
            layer(Ink::Failed, |second| second.failed),
        ],
        lines: Vec::new(),
        limit: Some(Limit {
            label: format!("quota {}/s", whole(quota)),
            value: quota as f64,
        }),
    }
    .thinned(STEPS)
}

/// So many for each of the orders.
fn per(outcome: &Outcome, count: f64, orders: f64) -> f64 {
    count / outcome.orders as f64 * orders
}

fn side_by_side(report: &Report) -> Section {
    let bars = |title, note, row: fn(&Outcome) -> Row| {
        Panel::of_bars(title, note, report.strategies.iter().map(row))
    };
    Section {
        title: "Side by side".to_owned(),
        lead: slow_ones(report),
        blocks: vec![Block::Panels(Panels {
            panels: vec![
                bars(
                    "Orders that arrived",
                    "whole and once, of those that were to be posted",
                    arrived,
                ),
                bars("Goodput", "orders a second that arrived", goodput),
                bars(
                    "Time for an order",
                    "half within, and 99 of 100 within (pale)",
                    latency,
                ),
                bars(
                    "KMS calls",
                    "for each 1,000 orders; refused ones are orange",
                    kms_calls,
                ),
                bars("Cost", "US dollars of KMS calls for a million orders", cost),
                bars("Exposure", "orders under one data key; keys made", exposure),
            ],
            ..Panels::default()
        })],
    }
}

fn slow_ones(report: &Report) -> String {
    match report
        .strategies
        .iter()
        .find(|outcome| outcome.orders < report.orders)
    {
        Some(slow) => format!(
            "Strategies that make a call for each order are too slow for all: they had one order in {}, {} of them.",
            report.every,
            whole(slow.orders)
        ),
        None => String::new(),
    }
}

fn row(outcome: &Outcome, told: String, lengths: Vec<(Ink, Option<f64>)>) -> Row {
    Row {
        label: outcome.what.to_owned(),
        told,
        lengths,
    }
}

fn arrived(outcome: &Outcome) -> Row {
    let told = format!("{} of {}", whole(outcome.verified), whole(outcome.orders));
    let share = per(outcome, outcome.verified as f64, 1.0);
    row(
        outcome,
        told,
        vec![(Ink::Bad, Some(1.0)), (Ink::Good, Some(share))],
    )
}

fn goodput(outcome: &Outcome) -> Row {
    let rate = outcome.orders_per_second;
    row(
        outcome,
        format!("{}/s", amount(rate)),
        vec![(Ink::Good, Some(rate))],
    )
}

fn latency(outcome: &Outcome) -> Row {
    let [half, most] = [outcome.latency_ms.p50, outcome.latency_ms.p99].map(|time| time / 1e3);
    let told = format!("{}, {}", seconds(half), seconds(most));
    row(
        outcome,
        told,
        vec![(Ink::GoodPale, Some(most)), (Ink::Good, Some(half))],
    )
}

fn kms_calls(outcome: &Outcome) -> Row {
    let all = per(outcome, calls_of(outcome) as f64, 1e3);
    let refused = per(outcome, outcome.kms_calls.throttled as f64, 1e3);
    let lengths = vec![(Ink::Bad, Some(all)), (Ink::Good, Some(all - refused))];
    row(outcome, amount(all), lengths)
}

/// What KMS refuses is not paid for.
fn cost_of_a_million(outcome: &Outcome) -> f64 {
    let paid = calls_of(outcome).saturating_sub(outcome.kms_calls.throttled);
    per(outcome, paid as f64, 1e6) * USD_PER_CALL
}

fn cost(outcome: &Outcome) -> Row {
    let cost = cost_of_a_million(outcome);
    row(outcome, dollars(cost), vec![(Ink::Good, Some(cost))])
}

fn orders_under_a_key(outcome: &Outcome) -> f64 {
    outcome.sealed as f64 / outcome.data_keys as f64
}

fn exposure(outcome: &Outcome) -> Row {
    let under_one = orders_under_a_key(outcome);
    let keys = match outcome.data_keys {
        1 => "1 key".to_owned(),
        keys => format!("{} keys", whole(keys)),
    };
    row(
        outcome,
        format!("{}; {keys}", amount(under_one)),
        vec![(Ink::Good, Some(under_one))],
    )
}

fn figures(report: &Report) -> Section {
    let columns = [
        "strategy",
        "orders",
        "arrived",
        "lost or altered",
        "errors",
        "calls to seal",
        "calls to open",
        "refused",
        "data keys",
        "orders a key",
        "USD a million",
        "orders/s",
        "half within",
        "99 % within",
    ];
    Section {
        title: "The same in figures".to_owned(),
        lead: String::new(),
        blocks: vec![Block::Table(Table {
            caption: "KMS calls are those to seal (GenerateDataKey) and to open (Decrypt). The time for an order is from when \
                      the shop takes it up until accounting has answered for its batch."
                .to_owned(),
            columns: columns.map(str::to_owned).to_vec(),
            rows: report.strategies.iter().map(figures_of).collect(),
        })],
    }
}

fn figures_of(outcome: &Outcome) -> Vec<String> {
    let bad = outcome
        .lost
        .saturating_add(outcome.altered)
        .saturating_add(outcome.doubled);
    vec![
        outcome.what.to_owned(),
        whole(outcome.orders),
        whole(outcome.verified),
        whole(bad),
        whole(outcome.error_count()),
        whole(outcome.kms_calls.sealing),
        whole(outcome.kms_calls.opening),
        whole(outcome.kms_calls.throttled),
        whole(outcome.data_keys),
        amount(orders_under_a_key(outcome)),
        dollars(cost_of_a_million(outcome)),
        amount(outcome.orders_per_second),
        seconds(outcome.latency_ms.p50 / 1e3),
        seconds(outcome.latency_ms.p99 / 1e3),
    ]
}

fn played(report: &Report) -> Section {
    let facts = [
        (
            "Orders",
            format!("{}, together {} USD", whole(report.orders), report.total_usd),
        ),
        (
            "KMS quota",
            format!(
                "{} calls a second, of both services together",
                whole(report.kms_quota_per_second)
            ),
        ),
        ("KMS latency", seconds(report.kms_latency_ms / 1e3)),
        (
            "Batches",
            format!(
                "{} at a time, of {} orders",
                report.workers, report.orders_per_batch
            ),
        ),
        ("Price", "0.03 USD for 10,000 calls that are answered".to_owned()),
        ("The whole demo took", seconds(report.seconds)),
    ];
    Section {
        title: "What was played".to_owned(),
        lead: "A shop seals real orders and posts them to an accounting service, which opens them and keeps the books. Each \
               strategy has a KMS of its own, the emulator."
            .to_owned(),
        blocks: vec![Block::Facts(facts.map(|(name, value)| (name.to_owned(), value)).to_vec())],
    }
}
