//! What each number of the governor does: halved, doubled and done without, on quotas under virtual time.
//!
//! ```text
//! cargo bench -p datakey-retry --features experiments --bench governor [-- NAME ...]
//! cargo bench -p datakey-retry --features experiments --bench governor -- chosen     what the numbers chosen make, and no more
//! cargo bench -p datakey-retry --features experiments --bench governor -- windows    small quotas, counted by the second
//! cargo bench -p datakey-retry --features experiments --bench governor -- prune NAME ...  which of these can be done without, together
//! ```
//!
//! A figure counts as moved if its change over the seeds is more than five times what chance makes of it, and more than
//! is worth a word. Everything is exact: two runs print the same.
#![forbid(unsafe_code)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an experiment that goes wrong has to stop"
)]

#[expect(dead_code, unreachable_pub, reason = "shared with the tests")]
#[path = "../../../../tests/src/retry.rs"]
mod retry;

#[expect(unreachable_pub, reason = "shared with the tests")]
#[path = "../../../../tests/src/retry_windows.rs"]
mod retry_windows;

mod scenarios;
mod windows;

use std::{
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use datakey_retry::AdaptiveRate;
use scenarios::{Figure, Setting, all};

/// Runs of each scenario with each setting.
const SEEDS: u64 = 8;

/// A figure has moved if the mean of its changes is so many times its standard error.
const SURELY: f64 = 5.0;

fn main() -> ExitCode {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if named.first().is_some_and(|word| word == "windows") {
        println!("\n{} bars are missed", windows::told());
        return ExitCode::SUCCESS;
    }
    if named.first().is_some_and(|word| word == "chosen") {
        told(run(&[Setting::new()]).first().unwrap());
        return ExitCode::SUCCESS;
    }
    if let Some(("prune", names)) = named.split_first().map(|(word, names)| (word.as_str(), names)) {
        prune(names);
        return ExitCode::SUCCESS;
    }
    let constants: Vec<_> = AdaptiveRate::constants()
        .iter()
        .filter(|(name, ..)| named.is_empty() || named.iter().any(|named| named == name))
        .collect();
    if constants.is_empty() {
        eprintln!("the governor has no such number");
        return ExitCode::FAILURE;
    }
    let mut settings: Vec<Setting> = vec![Setting::new()];
    for (name, chosen, off) in &constants {
        settings.extend([0.5 * chosen, 2.0 * chosen, *off].map(|value| vec![(*name, value)]));
    }
    let runs = run(&settings);
    let (chosen, others) = runs.split_first().unwrap();
    told(chosen);
    let mut idle = Vec::new();
    println!("| number | chosen | halved | doubled | without |\n|---|---|---|---|---|");
    for ((name, value, _), runs) in constants.iter().zip(others.chunks(3)) {
        let cells: Vec<String> = runs.iter().map(|run| moved(chosen, run, false)).collect();
        println!("| `{name}` | {value} | {} |", cells.join(" | "));
        if cells.iter().all(String::is_empty) {
            idle.push(*name);
        }
    }
    if !idle.is_empty() {
        println!("\nmove nothing here: {}", idle.join(", "));
    }
    ExitCode::SUCCESS
}

/// Takes the numbers away one after the other, and leaves away each without which, and without those already gone, no figure
/// becomes surely worse than with the numbers chosen.
fn prune(names: &[String]) {
    let chosen = run(&[Setting::new()]).pop().unwrap();
    let mut gone = Setting::new();
    for (name, _, off) in AdaptiveRate::constants() {
        if !names.iter().any(|named| named == name) {
            continue;
        }
        let mut without = gone.clone();
        without.push((*name, *off));
        let worse = moved(&chosen, &run(&[without.clone()]).pop().unwrap(), true);
        if worse.is_empty() {
            gone = without;
            println!("{name} can go");
        } else {
            println!("{name} stays: {worse}");
        }
    }
    let gone: Vec<&str> = gone.iter().map(|(name, _)| *name).collect();
    println!("\ncan go together: {}", gone.join(", "));
}

/// The figures of each seed.
type Run = Vec<Vec<Figure>>;

/// Runs all settings with each seed, two at a time.
fn run(settings: &[Setting]) -> Vec<Run> {
    let seeds = SEEDS as usize;
    let (next, runs) = (
        AtomicUsize::new(0),
        Mutex::new(vec![vec![Vec::new(); seeds]; settings.len()]),
    );
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let (of, seed) = (index / seeds, index % seeds);
                    let Some(setting) = settings.get(of) else { break };
                    let figures = all(setting, seed as u64 + 1);
                    if let Some(own) = runs.lock().unwrap().get_mut(of).and_then(|run| run.get_mut(seed)) {
                        *own = figures;
                    }
                }
            });
        }
    });
    runs.into_inner().unwrap()
}

/// What the numbers chosen make, as a table.
fn told(run: &Run) {
    println!("| scenario | figure | mean | least | most |\n|---|---|---|---|---|");
    for (index, figure) in run.first().unwrap().iter().enumerate() {
        let values: Vec<f64> = run.iter().map(|figures| value(figures, index)).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        println!(
            "| {} | {} | {:.3} | {least:.3} | {most:.3} |",
            figure.scenario,
            figure.name,
            mean(&values)
        );
    }
    println!();
}

/// The two figures that moved most, with their means; or only those that became worse.
fn moved(chosen: &Run, run: &Run, only_worse: bool) -> String {
    let mut moves = Vec::new();
    for (index, figure) in chosen.first().unwrap().iter().enumerate() {
        let before: Vec<f64> = chosen.iter().map(|figures| value(figures, index)).collect();
        let after: Vec<f64> = run.iter().map(|figures| value(figures, index)).collect();
        let changes: Vec<f64> = before
            .iter()
            .zip(&after)
            .map(|(before, after)| after - before)
            .collect();
        let change = mean(&changes);
        let spread = changes.iter().map(|one| (one - change).powi(2)).sum::<f64>();
        let error = (spread / changes.len() as f64 / (changes.len() - 1) as f64).sqrt();
        let sure = change.abs() / error.max(1e-9);
        if change.abs() > figure.matters && sure > SURELY && (change > 0.0 || !only_worse) {
            let weight = change.abs() / figure.matters;
            moves.push((weight, figure, mean(&before), mean(&after)));
        }
    }
    moves.sort_by(|one, other| other.0.total_cmp(&one.0));
    let told = moves.iter().take(2).map(|(_, figure, before, after)| {
        format!(
            "{}: {} {before:.*} to {after:.*}",
            figure.scenario, figure.name, figure.digits, figure.digits
        )
    });
    told.collect::<Vec<_>>().join("; ")
}

fn value(figures: &[Figure], index: usize) -> f64 {
    figures.get(index).map_or(f64::NAN, |figure| figure.value)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
