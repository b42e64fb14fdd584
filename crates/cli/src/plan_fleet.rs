//! `datakey plan`: which way to seal fits a quota, from what a service is to do or from what it was measured to.
mod cloudtrail;
mod event;
mod measured;
mod metrics;
#[cfg(feature = "report")]
mod picture;
pub(crate) mod table;
mod trail;

#[cfg(feature = "report")]
use std::path::PathBuf;
use std::time::Duration;

use datakey_sim::{
    Arrivals, Contexts, Fleet, Kms, Readers, Scenario, Simulation, Span, Strategy,
    plan::{Bounds, Candidate, Plan, Workload, plan},
    run as play,
};
use measured::Measured;
use serde_json::{Map, Value, json};

use crate::{args::PlanArgs, demo::group, failure::Failure, print};

/// Tells what was measured, and the plan where it is known how much there is to seal.
pub(crate) fn run(args: &PlanArgs, json: bool) -> Result<(), Failure> {
    #[cfg(feature = "report")]
    args.report.check(read(args).iter().map(PathBuf::as_path))?;
    let measured = measured(args)?;
    let (mut values, mut lines) = (Map::new(), Vec::new());
    let rate = args
        .records_per_second
        .or(measured.as_ref().and_then(|found| found.records_per_second));
    if let Some(found) = &measured {
        values.insert(found.name.to_owned(), found.value.clone());
        lines.push(found.text.clone());
    }
    let planned = match rate {
        Some(records_per_second) => {
            let workload = workload(args, records_per_second, measured.as_ref());
            Some(plan(&workload, &bounds(args)).map_err(refused)?)
        }
        None => None,
    };
    let mut played = None;
    if let Some(plan) = &planned {
        let value = serde_json::to_value(plan).map_err(|error| Failure::other("the plan", error))?;
        lines.push(table::text(plan));
        values.insert("plan".to_owned(), value);
        if let Some(one) = plan.recommended() {
            values.insert("snippet".to_owned(), one.snippet().into());
            if args.simulate {
                let simulation = simulated(plan, one)?;
                let (value, text) = beside(one, &simulation);
                values.insert("simulated".to_owned(), value);
                lines.push(text);
                played = Some(simulation);
            }
        }
    }
    print::result(json, &Value::Object(values), &lines.join("\n\n"))?;
    let pictured = planned.as_ref().map(|plan| (plan, played.as_ref()));
    report(args, json, pictured, measured.as_ref())
}

/// The files that the plan starts from, where there is a page that could be written over them.
#[cfg(feature = "report")]
fn read(args: &PlanArgs) -> Vec<PathBuf> {
    if args.report.report.is_none() {
        return Vec::new();
    }
    let exports = args.from_cloudtrail.iter().flat_map(walkdir::WalkDir::new);
    let exports = exports.filter_map(Result::ok).map(walkdir::DirEntry::into_path);
    exports.chain(args.from_metrics.iter().cloned()).collect()
}

/// Writes the page where one is wanted.
#[cfg(feature = "report")]
fn report(
    args: &PlanArgs,
    json: bool,
    pictured: Option<(&Plan, Option<&Simulation>)>,
    measured: Option<&Measured>,
) -> Result<(), Failure> {
    let measured = measured.map(|found| found.text.as_str());
    match pictured {
        Some((plan, played)) => args.report.write(json, || picture::of(plan, played, measured)),
        None if args.report.report.is_some() => Err(Failure::Usage(
            "--report shows a plan, which takes a rate: say --records-per-second, or --over beside --from-metrics"
                .to_owned(),
        )),
        None => Ok(()),
    }
}

#[cfg(not(feature = "report"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "builds with reports may fail to write one"
)]
const fn report(
    _: &PlanArgs,
    _: bool,
    _: Option<(&Plan, Option<&Simulation>)>,
    _: Option<&Measured>,
) -> Result<(), Failure> {
    Ok(())
}

fn measured(args: &PlanArgs) -> Result<Option<Measured>, Failure> {
    if !args.from_metrics.is_empty() {
        return metrics::read(&args.from_metrics, args.over).map(Some);
    }
    if !args.from_cloudtrail.is_empty() {
        return cloudtrail::read(&args.from_cloudtrail).map(Some);
    }
    Ok(None)
}

fn refused(error: datakey_sim::Error) -> Failure {
    match error {
        error @ datakey_sim::Error::Value { .. } => Failure::Usage(error.to_string()),
        error => Failure::other("the plan cannot be played", error),
    }
}

fn workload(args: &PlanArgs, records_per_second: f64, measured: Option<&Measured>) -> Workload {
    let found = |of: fn(&Measured) -> Option<u32>| measured.and_then(of);
    Workload {
        records_per_second,
        batch: args.batch,
        record_bytes: args.record_bytes,
        hosts: args.hosts.or(found(|found| found.hosts)).unwrap_or(10),
        contexts: Contexts {
            count: args.contexts.or(found(|found| found.contexts)).unwrap_or(1),
            skew: args.skew,
            one_per_message: args.context_per_record,
        },
        branch_keys: args.branch_keys,
        readers: args.readers,
        opened_within: args.opened_within,
    }
}

fn bounds(args: &PlanArgs) -> Bounds {
    let default = Bounds::default();
    Bounds {
        quota_per_second: args.quota,
        region: args.region.clone(),
        custom_key_store: args.custom_key_store,
        others_per_second: args.others_per_second,
        headroom: args.headroom,
        max_messages: args.max_messages_per_key.unwrap_or(default.max_messages),
        max_bytes: args.max_bytes_per_key.unwrap_or(default.max_bytes),
        max_age: args.max_age,
        ..default
    }
}

/// How long a plan is played.
const PLAYED: Span = Span::from_secs(600);

/// The share by which a prediction may be off.
const ALLOWED: f64 = 0.1;

/// More messages than these would take minutes to play.
const MOST_PLAYED: f64 = 20_000_000.0;

/// Plays the recommended way.
fn simulated(plan: &Plan, one: &Candidate) -> Result<Simulation, Failure> {
    let messages = plan.workload.records_per_second * PLAYED.seconds();
    if messages > MOST_PLAYED {
        let most = MOST_PLAYED / PLAYED.seconds();
        return Err(Failure::Usage(format!(
            "--simulate plays up to {most:.0} records a second; `datakey plan` without it predicts by arithmetic"
        )));
    }
    play(&scenario(plan, one)).map_err(refused)
}

/// What was counted, beside what was predicted.
fn beside(one: &Candidate, simulation: &Simulation) -> (Value, String) {
    let Some(outcome) = simulation.outcomes.first() else {
        return (Value::Null, String::new());
    };
    let predicted = one.prediction.calls_within(PLAYED.seconds());
    let (sealing, opening) = (&outcome.sealing, &outcome.opening);
    let lost = sealing.failed.saturating_add(opening.failed);
    let counted = outcome.kms.answered as f64;
    let off = predicted - counted;
    // A count has a standard deviation of its own, of which two are allowed.
    let is_near = off.abs() <= ALLOWED * counted + 2.0 * counted.sqrt();
    let value = json!({
        "seconds": PLAYED.seconds(), "predicted_calls": predicted, "answered_calls": outcome.kms.answered,
        "throttled_calls": outcome.kms.throttled, "offered": sealing.offered, "sealed": sealing.done,
        "given_up": lost, "is_as_predicted": is_near && lost == 0,
    });
    let mut text = format!(
        "Played for {PLAYED}, with the start of all hosts: KMS answered {} calls, where {} were predicted, and refused {}.",
        group(outcome.kms.answered),
        group(whole(predicted)),
        group(outcome.kms.throttled)
    );
    if lost > 0 {
        let of = sealing.offered.max(1) as f64;
        let told = format!(
            " That contradicts the plan: {} messages were given up, {:.1} percent of {}.",
            group(lost),
            lost as f64 / of * 100.0,
            group(sealing.offered)
        );
        text.push_str(&told);
    }
    if !is_near {
        let more = if off > 0.0 { "fewer" } else { "more" };
        let told = format!(
            " That is {:.0} percent {more} than predicted, and more than the 10 percent that a prediction is held to: go by what was played.",
            off.abs() / predicted.max(1.0) * 100.0
        );
        text.push_str(&told);
    }
    (value, text)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of calls, and a cast saturates"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

fn scenario(plan: &Plan, one: &Candidate) -> Scenario {
    let workload = &plan.workload;
    let each = workload.records_per_second / f64::from(workload.hosts) / f64::from(workload.batch);
    Scenario {
        name: "plan".to_owned(),
        teaches: String::new(),
        seed: 1,
        duration: PLAYED,
        step: Span::from(Duration::from_secs(10)),
        fleet: Fleet {
            hosts: workload.hosts,
            ..Fleet::default()
        },
        arrivals: Arrivals::Poisson {
            posts_per_second: each,
            messages_per_post: workload.batch,
        },
        messages: datakey_sim::Messages {
            bytes: workload.record_bytes,
        },
        contexts: workload.contexts,
        readers: (workload.readers > 0).then(|| Readers {
            hosts: workload.readers,
            delay_to: workload.opened_within,
            ..Readers::default()
        }),
        kms: Kms {
            region: plan.bounds.region.clone(),
            quota_per_second: Some(plan.quota_per_second),
            ..Kms::default()
        },
        price: plan.bounds.price,
        neighbours: Vec::new(),
        faults: Vec::new(),
        restarts: Vec::new(),
        strategies: vec![Strategy {
            name: one.way.as_str().to_owned(),
            parts: vec![one.part.clone()],
        }],
    }
}
