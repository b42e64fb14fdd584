//! What an operator may read: metrics and ledgers.
use std::fmt::Write as _;

use hyper::{
    Method, Request as HttpRequest,
    body::{Bytes, Incoming},
    header::HeaderValue,
};
use serde_json::{Map, Value, json};

use super::{endpoint::Endpoint, response::json as to_json};
use crate::{FakeKms, KmsErrorCode, KmsOperation, Ledger, LedgerEntry, Outcome, world::Region};

const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Something to read.
pub(super) struct Told {
    pub(super) content_type: HeaderValue,
    pub(super) body: Bytes,
}

/// The answer, when a request is for metrics or a ledger.
pub(super) fn answer(endpoint: &Endpoint, request: &HttpRequest<Incoming>) -> Option<Told> {
    if request.method() != Method::GET {
        return None;
    }
    let path = Some(request.uri().path());
    if path == endpoint.settings.metrics_path.as_deref() {
        return Some(Told {
            content_type: METRICS,
            body: metrics(&endpoint.fake).into(),
        });
    }
    (path == endpoint.settings.ledger_path.as_deref()).then(|| Told {
        content_type: JSON,
        body: to_json(&ledgers(&endpoint.fake)),
    })
}

fn ledgers(fake: &FakeKms) -> Value {
    let regions = fake.world().regions().into_iter().map(|region| {
        let ledger = &region.ledger;
        let view = json!({
            "calls": ledger.calls(),
            "successes": ledger.successes(),
            "throttled": ledger.throttled(),
            "lacking": ledger.lacking(),
            "entries": ledger.entries().iter().map(entry).collect::<Vec<_>>(),
        });
        (region.engine.place().region.to_string(), view)
    });
    json!({ "regions": regions.collect::<Map<_, _>>() })
}

fn entry(entry: &LedgerEntry) -> Value {
    let pairs = entry
        .context
        .iter()
        .map(|(key, value)| (key.to_owned(), Value::from(value)));
    json!({
        "sequence": entry.sequence,
        "at_seconds": entry.at.as_secs_f64(),
        "operation": entry.operation.as_str(),
        "key": entry.key.as_deref(),
        "encryption_context": pairs.collect::<Map<_, _>>(),
        "caller": entry.caller.as_deref(),
        "outcome": outcome_name(entry.outcome),
    })
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Refused(code) => code.as_str(),
        Outcome::TimedOut => "no_answer",
        Outcome::ConnectionLost => "connection_lost",
        Outcome::Garbage => "garbage",
        Outcome::CutOff => "cut_off",
    }
}

/// Every outcome there is.
fn outcomes() -> impl Iterator<Item = Outcome> {
    let plain = [
        Outcome::Success,
        Outcome::TimedOut,
        Outcome::ConnectionLost,
        Outcome::Garbage,
        Outcome::CutOff,
    ];
    let refused = KmsErrorCode::ALL.iter().map(|code| Outcome::Refused(*code));
    plain.into_iter().chain(refused)
}

/// The text format of Prometheus, version 0.0.4.
fn metrics(fake: &FakeKms) -> String {
    let mut text = String::new();
    let regions = fake.world().regions();
    head(
        &mut text,
        "calls_total",
        "counter",
        "Calls by operation and outcome.",
    );
    each(&mut text, &regions, |text, name, ledger, operation| {
        for outcome in outcomes() {
            let count = ledger.count(operation, outcome);
            if count > 0 {
                let told = outcome_name(outcome);
                line(
                    text,
                    &format!(
                        "calls_total{{region=\"{name}\",operation=\"{operation}\",outcome=\"{told}\"}} {count}"
                    ),
                );
            }
        }
    });
    for region in &regions {
        let name = &region.engine.place().region;
        for (operation, count) in region.ledger.lacking() {
            let outcome = KmsErrorCode::UnknownOperation;
            line(
                &mut text,
                &format!(
                    "calls_total{{region=\"{name}\",operation=\"{operation}\",outcome=\"{outcome}\"}} {count}"
                ),
            );
        }
    }
    head(
        &mut text,
        "throttled_total",
        "counter",
        "Calls answered with ThrottlingException.",
    );
    for region in &regions {
        let (name, throttled) = (&region.engine.place().region, region.ledger.throttled());
        line(
            &mut text,
            &format!("throttled_total{{region=\"{name}\"}} {throttled}"),
        );
    }
    head(
        &mut text,
        "answer_seconds",
        "histogram",
        "Time from a call's arrival to its answer.",
    );
    each(&mut text, &regions, histogram);
    head(&mut text, "keys", "gauge", "Keys, deleted ones aside.");
    for region in &regions {
        let (name, count) = (&region.engine.place().region, region.engine.key_count());
        line(&mut text, &format!("keys{{region=\"{name}\"}} {count}"));
    }
    text
}

fn each(
    text: &mut String,
    regions: &[std::sync::Arc<Region>],
    view: impl Fn(&mut String, &str, &Ledger, KmsOperation),
) {
    for region in regions {
        for operation in KmsOperation::ALL {
            view(text, &region.engine.place().region, &region.ledger, *operation);
        }
    }
}

fn histogram(text: &mut String, region: &str, ledger: &Ledger, operation: KmsOperation) {
    let Some(times) = ledger.times().of(operation).filter(|times| times.count() > 0) else {
        return;
    };
    let labels = format!("region=\"{region}\",operation=\"{operation}\"");
    for (micros, count) in times.cumulative() {
        let bound = std::time::Duration::from_micros(micros).as_secs_f64();
        line(
            text,
            &format!("answer_seconds_bucket{{{labels},le=\"{bound}\"}} {count}"),
        );
    }
    let (count, sum) = (
        times.count(),
        std::time::Duration::from_micros(times.micros()).as_secs_f64(),
    );
    line(
        text,
        &format!("answer_seconds_bucket{{{labels},le=\"+Inf\"}} {count}"),
    );
    line(text, &format!("answer_seconds_sum{{{labels}}} {sum}"));
    line(text, &format!("answer_seconds_count{{{labels}}} {count}"));
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _infallible = write!(
        text,
        "# HELP fake_kms_{name} {help}\n# TYPE fake_kms_{name} {kind}\n"
    );
}

fn line(text: &mut String, sample: &str) {
    let _infallible = writeln!(text, "fake_kms_{sample}");
}
