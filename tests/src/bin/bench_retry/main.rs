//! Retry beside the AWS SDK's own: the same work on the same quota, at a fake KMS over HTTP.
//!
//! ```text
//! bench_retry [RUNS] [--only SCENARIO]     0 runs: the jitter experiment, the fleet and several quotas alone, under virtual time
//! ```
//!
//! The scenarios are bucket-10, bucket-100, callers-200, moving, shared and outage; besides, jitter, fleet and quotas.
//!
//! Each contender runs in a process of its own against a service of its own; those of one round run side by side, a second
//! apart, which together is a few hundred calls a second.
#![forbid(unsafe_code)]

mod contender;
mod figures;
mod quotas;
mod scenario;

use std::{process::ExitCode, time::Duration};

use datakey_tests::{
    retry_contention::{BENCHES, chart, mean},
    retry_fleet::fleet,
};
use tokio::time::sleep;

use contender::{Contender, Failure};
use figures::{Bar, Figure};
use scenario::{SCENARIOS, Scenario};

/// The contenders of a round start so far apart.
const APART: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// False if a bar was missed.
fn run(words: &[String]) -> Result<bool, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match words {
        [role, rest @ ..] if role == contender::ROLE => {
            runtime.block_on(contender::contend(rest))?;
            Ok(true)
        }
        [] => all(&runtime, 5, None),
        [runs] => all(&runtime, runs.parse()?, None),
        [runs, only, name] if only == "--only" => all(&runtime, runs.parse()?, Some(name)),
        _ => Err("bench_retry [RUNS] [--only SCENARIO]".into()),
    }
}

fn all(runtime: &tokio::runtime::Runtime, runs: u32, only: Option<&String>) -> Result<bool, Failure> {
    let mut names = vec!["jitter", "fleet", "quotas"];
    names.extend(SCENARIOS.iter().map(|scenario| scenario.name));
    if let Some(unknown) = only.filter(|only| !names.contains(&only.as_str())) {
        return Err(format!("there is no scenario `{unknown}`; there are {}", names.join(", ")).into());
    }
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    let mut cleared = true;
    if wanted("jitter") {
        jitter()?;
    }
    if wanted("fleet") {
        cleared &= hour()?;
    }
    if wanted("quotas") {
        cleared &= quotas::told()?;
    }
    for scenario in SCENARIOS.iter().filter(|scenario| wanted(scenario.name)) {
        if runs > 0 {
            cleared &= runtime.block_on(table(*scenario, runs))?;
        }
    }
    Ok(cleared)
}

/// All runs of a scenario, as a table. False if ours missed a bar.
async fn table(scenario: Scenario, runs: u32) -> Result<bool, Failure> {
    let mut rounds = Vec::new();
    for _ in 0..runs {
        let mut round = Vec::new();
        for contender in scenario.contenders {
            round.push(tokio::spawn(async move { scenario.run(*contender).await }));
            // The first burst is what asks most of the machine.
            sleep(APART).await;
        }
        let mut figures = Vec::new();
        for run in round {
            figures.push(scenario.figures(&run.await??));
        }
        rounds.push(figures);
    }
    println!("{}, {runs} runs each, least to most:\n", scenario.what);
    let mut cleared = true;
    for (column, contender) in scenario.contenders.iter().enumerate() {
        let runs: Vec<&[Figure]> = rounds.iter().map(|round| &*round[column]).collect();
        if column == 0 {
            head(runs[0]);
        }
        println!("| {contender} | {} |", row(&runs));
        if *contender == Contender::Ours {
            cleared &= judge(&runs);
        }
    }
    println!();
    Ok(cleared)
}

fn head(figures: &[Figure]) {
    let names: Vec<&str> = figures.iter().map(|figure| figure.name).collect();
    println!(
        "| retry | {} |\n|---{}|",
        names.join(" | "),
        "|---".repeat(names.len())
    );
}

fn row(runs: &[&[Figure]]) -> String {
    let columns = runs[0].iter().enumerate().map(|(column, figure)| {
        let (least, most) = range(runs, column);
        let (least, most) = (
            format!("{least:.*}", figure.digits),
            format!("{most:.*}", figure.digits),
        );
        if least == most {
            least
        } else {
            format!("{least} to {most}")
        }
    });
    columns.collect::<Vec<_>>().join(" | ")
}

fn range(runs: &[&[Figure]], column: usize) -> (f64, f64) {
    let values = runs.iter().map(|run| run[column].value);
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (least.min(value), most.max(value))
    })
}

/// The row of bars, and whether all hold in every run.
fn judge(runs: &[&[Figure]]) -> bool {
    let bars = runs[0].iter().map(|figure| match figure.bar {
        Bar::None => String::new(),
        Bar::AtMost(most) => format!("at most {most:.*}", figure.digits),
        Bar::AtLeast(least) => format!("at least {least:.*}", figure.digits),
    });
    println!("| *bar* | {} |", bars.collect::<Vec<_>>().join(" | "));
    let mut missed = runs
        .iter()
        .flat_map(|run| run.iter())
        .filter(|figure| !figure.bar.holds(figure.value));
    let mut cleared = true;
    for figure in &mut missed {
        println!("\nmissed: {} is {:.*}", figure.name, figure.digits, figure.value);
        cleared = false;
    }
    cleared
}

/// A thousand clients on one quota for an hour of virtual time. False if their shares are unequal or the quota is not used.
fn hour() -> Result<bool, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let hour = runtime.block_on(fleet(1000, 1000.0, Duration::from_secs(3600), 1));
    println!("1,000 clients of one caller each on 1,000 calls a second for an hour of virtual time:\n");
    println!(
        "| calls done | given up | throttled for each done | quota used | Jain's index | longest wait, s |"
    );
    println!("|---|---|---|---|---|---|");
    println!(
        "| {} | {} | {:.2} | {:.3} | {:.3} | {:.1} |\n",
        hour.done,
        hour.failed,
        hour.throttled as f64 / hour.done as f64,
        hour.used,
        hour.fairness,
        hour.longest.as_secs_f64()
    );
    Ok(hour.used >= 0.98 && hour.fairness >= 0.95 && hour.failed * 100_000 <= hour.done)
}

/// The published experiment on jitter: tables, and a chart in `docs/`.
fn jitter() -> Result<(), Failure> {
    let mut drawn = Vec::new();
    for bench in &BENCHES {
        println!("Messages of 10 ms, give or take {:.1}:\n", bench.spread);
        println!("| wait | calls | published model | seconds | published model |\n|---|---|---|---|---|");
        for strategy in bench.strategies {
            let (work, published) = (mean(bench, strategy.backoff), strategy.published);
            println!(
                "| {} | {:.0} | {:.0} | {:.1} | {:.1} |",
                strategy.name, work.calls, published.calls, work.seconds, published.seconds
            );
            drawn.push((bench.spread, *strategy, work));
        }
        println!();
    }
    std::fs::write("docs/jitter.svg", chart(&drawn))?;
    Ok(())
}
