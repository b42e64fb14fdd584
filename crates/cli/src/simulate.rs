//! `datakey simulate`: plays fleets under virtual time, and tells what came of each strategy.

#[cfg(feature = "report")]
pub(crate) mod picture;
mod table;

use std::{collections::BTreeMap, path::Path, sync::Mutex, time::Duration};

use datakey_sim::{BuiltIn, Scenario, Simulation, Span, run_watched};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{args::SimulateArgs, failure::Failure, print};

/// Plays the scenarios, one after the other, and tells what came of them.
pub(crate) fn run(args: &SimulateArgs, json: bool) -> Result<(), Failure> {
    if args.list {
        return list(json);
    }
    if let Some(name) = &args.print {
        return show(BuiltIn::named(name)?, json);
    }
    #[cfg(feature = "report")]
    report_can_be_written(args)?;
    // All are read before one is played, which may take minutes.
    let scenarios = args.scenarios.iter().map(|name| scenario(name, args));
    let scenarios: Vec<Scenario> = scenarios.collect::<Result<_, _>>()?;
    let mut played = Vec::new();
    for scenario in &scenarios {
        let simulation = play(scenario, json)?;
        if !json {
            print::result(false, &Value::Null, &table::text(&simulation))?;
        }
        played.push(simulation);
    }
    if json {
        print::result(true, &value(&played)?, "")?;
    }
    #[cfg(feature = "report")]
    if let [only] = &played[..] {
        args.report.write(json, || picture::of(only))?;
    }
    Ok(())
}

/// Whether there will be one simulation to tell of, and a place for it.
#[cfg(feature = "report")]
fn report_can_be_written(args: &SimulateArgs) -> Result<(), Failure> {
    if args.report.report.is_some() && args.scenarios.len() != 1 {
        return Err(Failure::Usage(
            "--report takes one scenario: play each by itself, with a report of its own".to_owned(),
        ));
    }
    args.report.check(args.scenarios.iter().map(Path::new))
}

/// One simulation as it is, several in a list.
fn value(played: &[Simulation]) -> Result<Value, Failure> {
    let value = match played {
        [only] => serde_json::to_value(only),
        several => serde_json::to_value(several).map(|list| json!({ "simulations": list })),
    };
    value.map_err(|error| Failure::other("the simulation", error))
}

fn list(json: bool) -> Result<(), Failure> {
    let (mut values, mut lines) = (Vec::new(), Vec::new());
    for own in BuiltIn::ALL {
        let teaches = own.scenario()?.teaches;
        lines.push(format!("{}\n    {teaches}", own.name));
        values.push(json!({ "name": own.name, "teaches": teaches }));
    }
    print::result(json, &json!({ "scenarios": values }), &lines.join("\n"))
}

fn show(own: &BuiltIn, json: bool) -> Result<(), Failure> {
    if json {
        let value = json!({ "name": own.name, "teaches": own.scenario()?.teaches, "toml": own.toml });
        return print::result(true, &value, "");
    }
    print::raw(own.toml.as_bytes())
}

/// The scenario of a file or of a name, with what the command line says otherwise.
fn scenario(name: &str, args: &SimulateArgs) -> Result<Scenario, Failure> {
    let is_name = !name.contains(['/', '\\', '.']);
    let mut scenario = if is_name {
        BuiltIn::named(name)?.scenario()?
    } else {
        Scenario::load(Path::new(name))?
    };
    if !args.strategies.is_empty() {
        scenario = scenario.only(&args.strategies)?;
    }
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    scenario.fleet.hosts = args.hosts.unwrap_or(scenario.fleet.hosts);
    scenario.kms.quota_per_second = args.quota.or(scenario.kms.quota_per_second);
    if let Some(hours) = args.hours {
        scenario = scenario.lasting(duration(hours)?);
    }
    scenario.check()?;
    Ok(scenario)
}

/// To the millisecond, as timers are.
fn duration(hours: f64) -> Result<Span, Failure> {
    let seconds = (hours * 3_600_000.0).round() / 1e3;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_out_of_range| {
        Failure::Usage(format!(
            "--hours is {hours}, and has to be a number of hours, such as 0.5"
        ))
    })?;
    Ok(duration.into())
}

/// How finely a bar shows a strategy.
const PARTS: f64 = 1_000.0;

fn play(scenario: &Scenario, quiet: bool) -> Result<Simulation, Failure> {
    let bar = if quiet {
        ProgressBar::hidden()
    } else {
        // Nothing is drawn where standard error is no terminal.
        ProgressBar::new(parts(scenario.strategies.len() as f64))
    };
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {percent}% {eta} left") {
        bar.set_style(style);
    }
    bar.set_message(scenario.name.clone());
    let done: Mutex<BTreeMap<String, f64>> = Mutex::default();
    let simulation = run_watched(scenario, &|strategy, part| {
        let Ok(mut done) = done.lock() else { return };
        done.insert(strategy.to_owned(), part);
        bar.set_position(parts(done.values().sum()));
    });
    bar.finish_and_clear();
    Ok(simulation?)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few thousands at the most, and none below zero"
)]
fn parts(done: f64) -> u64 {
    (done * PARTS) as u64
}
