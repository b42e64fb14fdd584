//! A simulation as a table and sentences.
use comfy_table::{Cell, CellAlignment, Table, presets};
use datakey_sim::{Outcome, Scenario, Simulation};

use crate::{
    demo::group,
    plan_fleet::table::of_region,
    text::{counted, tame},
};

/// The sentence that the scenario teaches, what was played, the table, and what came of each strategy in words.
pub(crate) fn text(simulation: &Simulation) -> String {
    let Simulation {
        scenario, outcomes, ..
    } = simulation;
    let mut lines = vec![tame(&scenario.name).into_owned()];
    if !scenario.teaches.is_empty() {
        lines.push(tame(&scenario.teaches).into_owned());
    }
    lines.push(played(scenario, simulation.quota_per_second));
    lines.push(table(outcomes, scenario.readers.is_some()).to_string());
    for outcome in outcomes {
        lines.push(format!("{}: {}", tame(&outcome.strategy), outcome.verdict()));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn played(scenario: &Scenario, quota: u64) -> String {
    let readers = match scenario.readers {
        Some(readers) => format!(", {} readers", group(readers.hosts.into())),
        None => String::new(),
    };
    format!(
        "{} of virtual time, seed {}: {} hosts{readers}, {} KMS calls a second.{}{}",
        scenario.duration,
        scenario.seed,
        group(scenario.fleet.hosts.into()),
        group(quota),
        of_region(scenario.kms.quota_per_second, &scenario.kms.region),
        not_played(scenario),
    )
}

/// Says what begins after the end.
pub(super) fn not_played(scenario: &Scenario) -> String {
    let late = |at: datakey_sim::Span| at >= scenario.duration;
    let faults = scenario.faults.iter().filter(|fault| late(fault.from)).count();
    let restarts = scenario
        .restarts
        .iter()
        .filter(|restart| late(restart.at))
        .count();
    let counts = [(faults, "fault"), (restarts, "restart")].map(|(count, what)| (count as u64, what));
    let told: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| counted(count, what))
        .collect();
    if told.is_empty() {
        return String::new();
    }
    format!(" Not played, as it ends before they begin: {}.", told.join(", "))
}

fn table(outcomes: &[Outcome], has_readers: bool) -> Table {
    let mut titles = vec!["", "sealed"];
    if has_readers {
        titles.push("opened");
    }
    titles.extend([
        "given up",
        "waiting",
        "p50",
        "p99",
        "longest",
        "KMS calls",
        "refused",
        "USD a month",
        "a key seals",
    ]);
    let mut table = Table::new();
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_header(titles.into_iter().map(|title| right(title.to_owned())));
    for outcome in outcomes {
        let mut cells = vec![Cell::new(tame(&outcome.strategy))];
        cells.extend(row(outcome, has_readers).into_iter().map(right));
        table.add_row(cells);
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

fn row(outcome: &Outcome, has_readers: bool) -> Vec<String> {
    let Outcome {
        sealing,
        opening,
        kms,
        ..
    } = outcome;
    let mut cells = vec![group(sealing.done)];
    if has_readers {
        cells.push(group(opening.done));
    }
    let longest = sealing.latency.max_seconds.max(opening.latency.max_seconds);
    cells.extend([
        group(sealing.failed.saturating_add(opening.failed)),
        group(sealing.waiting.saturating_add(opening.waiting)),
        seconds(sealing.latency.p50_seconds),
        seconds(sealing.latency.p99_seconds),
        seconds(longest),
        group(kms.answered),
        group(kms.throttled),
        format!("{:.2}", outcome.cost.usd_per_month),
        group(outcome.exposure.max_messages),
    ]);
    cells
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        format!("{seconds:.1} s")
    }
}
