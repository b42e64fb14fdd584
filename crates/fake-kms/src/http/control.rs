//! Fault rules that are set while the fake runs, by tests in other languages.
use hyper::{Method, StatusCode, Uri, body::Bytes};
use serde_json::json;

use super::{endpoint::Endpoint, response::json as to_json};
use crate::FaultRule;

/// Answers a request to the path for faults: `POST` adds the rules of the body, one a line, `DELETE` takes all out. Of the
/// endpoint's Region, unless the query says `region=` another.
pub(super) fn answer(endpoint: &Endpoint, method: &Method, uri: &Uri, body: &[u8]) -> (StatusCode, Bytes) {
    let done = match *method {
        Method::POST => add(endpoint, uri, body),
        Method::DELETE => region(endpoint, uri).map(|fake| {
            fake.clear_faults();
            0
        }),
        _ => Err("POST adds rules, DELETE takes all out".to_owned()),
    };
    match done {
        Ok(added) => (StatusCode::OK, to_json(&json!({ "added": added }))),
        Err(why) => (StatusCode::BAD_REQUEST, to_json(&json!({ "error": why }))),
    }
}

/// Adds all rules or none.
fn add(endpoint: &Endpoint, uri: &Uri, body: &[u8]) -> Result<usize, String> {
    let fake = region(endpoint, uri)?;
    let text = core::str::from_utf8(body).map_err(|_not_text| "the body is not text".to_owned())?;
    let lines = text.lines().map(str::trim);
    let rules = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let rules: Vec<FaultRule> = rules
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{error}"))?;
    let added = rules.len();
    if fake.fault_count().saturating_add(added) > MAX_RULES {
        return Err(format!("no more than {MAX_RULES} rules are kept"));
    }
    for rule in rules {
        fake.inject(rule);
    }
    Ok(added)
}

/// Each call asks all rules.
const MAX_RULES: usize = 1_000;

fn region(endpoint: &Endpoint, uri: &Uri) -> Result<crate::FakeKms, String> {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    match pairs.find_map(|pair| pair.strip_prefix("region=")) {
        Some(name) => endpoint.fake.in_region(name).map_err(|error| error.to_string()),
        None => Ok(endpoint.fake.clone()),
    }
}
