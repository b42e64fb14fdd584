//! What is changed while the fake runs, by tests in other languages: fault rules, the ledger, the clock.
use hyper::{Method, StatusCode, Uri, body::Bytes};
use serde_json::{Value, json};

use super::{endpoint::Endpoint, response::json as to_json, settings::Settings};
use crate::{FaultRule, parse::duration};

/// Something that an operator may change.
#[derive(Debug, Clone, Copy)]
pub(super) enum Control {
    Faults,
    Ledger,
    Clock,
}

/// What a request to a path may change, if it is for that.
pub(super) fn of_path(settings: &Settings, path: &str) -> Option<Control> {
    let all = [
        (&settings.faults_path, Control::Faults),
        (&settings.ledger_path, Control::Ledger),
        (&settings.clock_path, Control::Clock),
    ];
    let mut found = all.into_iter().filter(|(own, _)| own.as_deref() == Some(path));
    found.next().map(|(_, control)| control)
}

/// Does it, and says what was done.
pub(super) fn answer(
    endpoint: &Endpoint,
    control: Control,
    method: &Method,
    uri: &Uri,
    body: &[u8],
) -> (StatusCode, Bytes) {
    let done = match control {
        Control::Faults => faults(endpoint, method, uri, body),
        Control::Ledger => ledger(endpoint, method, uri),
        Control::Clock => clock(endpoint, method, body),
    };
    match done {
        Ok(told) => (StatusCode::OK, to_json(&told)),
        Err(why) => (StatusCode::BAD_REQUEST, to_json(&json!({ "error": why }))),
    }
}

/// `POST` adds the rules of the body, one a line, `DELETE` takes all out. Of the endpoint's Region, unless the query says
/// `region=` another.
fn faults(endpoint: &Endpoint, method: &Method, uri: &Uri, body: &[u8]) -> Result<Value, String> {
    let added = match *method {
        Method::POST => add(endpoint, uri, body)?,
        Method::DELETE => {
            region(endpoint, uri)?.clear_faults();
            0
        }
        _ => return Err("POST adds rules, DELETE takes all out".to_owned()),
    };
    Ok(json!({ "added": added }))
}

/// `DELETE` forgets all calls, of all Regions unless the query says `region=` one. `GET` is answered elsewhere.
fn ledger(endpoint: &Endpoint, method: &Method, uri: &Uri) -> Result<Value, String> {
    if *method != Method::DELETE {
        return Err("GET answers the ledger, DELETE empties it".to_owned());
    }
    if region_name(uri).is_some() {
        region(endpoint, uri)?.ledger().clear();
    } else {
        for region in endpoint.fake.world().regions() {
            region.ledger.clear();
        }
    }
    Ok(json!({}))
}

/// `POST` moves the clock on by the time in the body, and `GET` tells what it shows.
fn clock(endpoint: &Endpoint, method: &Method, body: &[u8]) -> Result<Value, String> {
    match *method {
        Method::POST => {
            let text = core::str::from_utf8(body).map_err(|_not_text| "the body is not text".to_owned())?;
            let time = duration(text.trim()).map_err(|error| error.to_string())?;
            endpoint.fake.advance_clock(time);
        }
        Method::GET => {}
        _ => return Err("POST moves the clock on by a time, GET tells what it shows".to_owned()),
    }
    Ok(json!({ "seconds_since_1970": endpoint.fake.engine().clock().unix().as_secs_f64() }))
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
    match region_name(uri) {
        Some(name) => endpoint.fake.in_region(name).map_err(|error| error.to_string()),
        None => Ok(endpoint.fake.clone()),
    }
}

fn region_name(uri: &Uri) -> Option<&str> {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    pairs.find_map(|pair| pair.strip_prefix("region="))
}
