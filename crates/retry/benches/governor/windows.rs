//! Small quotas of a service that counts by the second, beside backoff alone.
use tokio::runtime::Builder;

use crate::retry_windows::{Cell, Outcome};

/// Runs of each cell.
const SEEDS: u64 = 4;

/// A table of all cells, with the bars that are missed; how many are.
pub(crate) fn told() -> usize {
    println!(
        "| quota | callers | Retry-After | times ideal, most | refused | with backoff alone | longest wait, fair turns |\n\
         |---|---|---|---|---|---|---|"
    );
    Cell::all().map(row).sum()
}

fn row(cell: Cell) -> usize {
    let runs = |adaptive| Vec::from_iter((1..=SEEDS).map(|seed| run(cell, seed, adaptive)));
    let (ours, backoff) = (runs(true), runs(false));
    let (ideal, turns) = (most(&ours, |run| run.times_ideal), most(&ours, |run| run.turns));
    let (refused, alone) = (mean(&ours), mean(&backoff));
    let missed = [
        ideal > cell.most_times_ideal(),
        refused > alone,
        turns > Cell::MOST_TURNS,
    ];
    let [slow, often, long] = missed.map(|missed| if missed { " **missed**" } else { "" });
    let unavoidable = if missed[2] && cell.least_turns() > Cell::MOST_TURNS - 0.01 {
        format!(" (at least {:.2} by any policy)", cell.least_turns())
    } else {
        String::new()
    };
    println!(
        "| {} | {} | {} | {ideal:.2}{slow} | {refused:.0}{often} | {alone:.0} | {turns:.2}{long}{unavoidable} |",
        cell.quota,
        cell.callers,
        if cell.retry_after { "1 s" } else { "" },
    );
    missed.into_iter().filter(|missed| *missed).count()
}

fn run(cell: Cell, seed: u64, adaptive: bool) -> Outcome {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(cell.run(seed, adaptive))
}

fn most(runs: &[Outcome], of: fn(&Outcome) -> f64) -> f64 {
    runs.iter().map(of).fold(0.0, f64::max)
}

fn mean(runs: &[Outcome]) -> f64 {
    runs.iter().map(|run| run.refused as f64).sum::<f64>() / runs.len() as f64
}
