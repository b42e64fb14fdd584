//! The strategies of a simulation beside each other.
use datakey_sim::{Flow, Outcome, Simulation};

use crate::report::{Block, Ink, Panel, Panels, Row, Section, amount, dollars, seconds, share, whole};

pub(super) fn of(simulation: &Simulation) -> Section {
    let bars = |title, note, row: fn(&Outcome) -> Row| {
        Panel::of_bars(title, note, simulation.outcomes.iter().map(row))
    };
    let mut panels = vec![bars(
        "Sealed",
        "of the messages that came; given up in orange",
        |outcome| done(outcome, &outcome.sealing),
    )];
    if simulation.scenario.readers.is_some() {
        panels.push(bars(
            "Opened",
            "of what came to readers; given up in orange",
            |outcome| done(outcome, &outcome.opening),
        ));
    }
    panels.extend([
        bars(
            "Wait for a key",
            "half within, and 99 of 100 within (pale)",
            latency,
        ),
        bars(
            "KMS calls",
            "for each 1,000 messages sealed; refused ones are orange",
            calls,
        ),
        bars("Cost", "US dollars a month, calls and keys", cost),
        bars("Exposure", "the most messages under one data key", exposure),
    ]);
    if simulation.scenario.readers.is_none() {
        panels.push(bars(
            "Age of a data key",
            "from when it was made to its last use, at most",
            age,
        ));
    }
    Section {
        title: "Side by side".to_owned(),
        lead: String::new(),
        blocks: vec![Block::Panels(Panels {
            panels,
            ..Panels::default()
        })],
    }
}

fn row(outcome: &Outcome, told: String, lengths: Vec<(Ink, Option<f64>)>) -> Row {
    Row {
        label: outcome.strategy.clone(),
        told,
        lengths,
    }
}

/// What was done and what was given up, of what came; the rest waits.
fn done(outcome: &Outcome, flow: &Flow) -> Row {
    let offered = flow.offered as f64;
    let [good, bad] = [flow.done, flow.failed].map(|count| count as f64 / offered);
    row(
        outcome,
        share(flow.done as f64, offered),
        vec![
            (Ink::Grid, Some(1.0)),
            (Ink::Bad, Some(good + bad)),
            (Ink::Good, Some(good)),
        ],
    )
}

fn latency(outcome: &Outcome) -> Row {
    let latency = &outcome.sealing.latency;
    let (half, most) = (latency.p50_seconds, latency.p99_seconds);
    let told = format!("{}, {}", seconds(half), seconds(most));
    row(
        outcome,
        told,
        vec![(Ink::GoodPale, Some(most)), (Ink::Good, Some(half))],
    )
}

fn calls(outcome: &Outcome) -> Row {
    let each = |count: u64| count as f64 / outcome.sealing.done as f64 * 1e3;
    let answered = each(outcome.kms.answered);
    let all = answered + each(outcome.kms.throttled);
    row(
        outcome,
        amount(all),
        vec![(Ink::Bad, Some(all)), (Ink::Good, Some(answered))],
    )
}

fn cost(outcome: &Outcome) -> Row {
    let usd = outcome.cost.usd_per_month;
    row(outcome, dollars(usd), vec![(Ink::Good, Some(usd))])
}

fn exposure(outcome: &Outcome) -> Row {
    let most = outcome.exposure.max_messages;
    row(outcome, whole(most), vec![(Ink::Good, Some(most as f64))])
}

fn age(outcome: &Outcome) -> Row {
    let most = outcome.exposure.max_seconds;
    row(outcome, seconds(most), vec![(Ink::Good, Some(most))])
}
