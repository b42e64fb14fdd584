//! The queries of the dashboard, asked of a Prometheus that scraped a run, beside what the emulator of KMS counted.
use std::{fs, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{places::DASHBOARD, prometheus::Prometheus, wait};

/// The Regions of the demo in which each attempt is one call. Over several providers an attempt asks more than one.
const COUNTED: &str = ".*/(eu-north-1|eu-central-1)";
/// How long the last scrape may take to be seen.
const PATIENCE: Duration = Duration::from_secs(15);

/// One query, and the panel that shows it.
pub struct Query {
    pub panel: String,
    pub text: String,
}

/// Every query of the dashboard, as it stands there.
pub fn of_dashboard() -> Result<Vec<Query>> {
    let text = fs::read_to_string(DASHBOARD).with_context(|| format!("{DASHBOARD} cannot be read"))?;
    let dashboard: Value = serde_json::from_str(&text).context(DASHBOARD)?;
    let panels = dashboard
        .get("panels")
        .and_then(Value::as_array)
        .context(DASHBOARD)?;
    let mut queries = Vec::new();
    for panel in panels {
        let title = panel.get("title").and_then(Value::as_str).unwrap_or_default();
        let targets = panel.get("targets").and_then(Value::as_array);
        for target in targets.into_iter().flatten() {
            let text = target.get("expr").and_then(Value::as_str).context(DASHBOARD)?;
            queries.push(Query {
                panel: title.to_owned(),
                text: text.to_owned(),
            });
        }
    }
    if queries.is_empty() {
        bail!("{DASHBOARD} has no queries");
    }
    Ok(queries)
}

/// As Grafana would ask it.
fn with_variables(query: &str, quota: &str) -> String {
    query
        .replace("$__rate_interval", "1m")
        .replace("$quota", quota)
        .replace("$job", ".*")
        .replace("$keyring", ".*")
        .replace("$limit", "10000")
}

/// The same of counts, where it is of counts by the second.
fn without_rates(query: &str) -> String {
    query.replace("rate(", "(").replace("[1m]", "")
}

/// Asks every query, and compares with the ledger what it counts.
pub fn check(prometheus: &Prometheus, ledger: &Value) -> Result<()> {
    let queries = of_dashboard()?;
    let panel = |title: &str| -> Result<&Query> {
        let found = queries.iter().find(|query| query.panel == title);
        found.with_context(|| format!("{DASHBOARD} has no panel {title:?}"))
    };
    for (title, counted) in [
        ("Calls", "calls"),
        ("Throttled", "throttled"),
        ("Calls avoided", "avoided"),
    ] {
        let counted = ledger
            .get(counted)
            .and_then(Value::as_f64)
            .context("the ledger")?;
        if counted <= 0.0 {
            bail!("the demo's ledger has nothing for {title:?}");
        }
        until_equal(
            prometheus,
            &with_variables(&panel(title)?.text, COUNTED),
            title,
            counted,
        )?;
    }
    // What panels show by the second, as counts since the start.
    for (title, counted) in [
        ("Calls by outcome", "calls"),
        ("Calls beside the quota", "calls"),
        ("Failures by quota", "failed"),
    ] {
        let since_start = without_rates(&with_variables(&panel(title)?.text, COUNTED));
        let counted = ledger
            .get(counted)
            .and_then(Value::as_f64)
            .filter(|counted| *counted > 0.0);
        let counted = counted.with_context(|| format!("the demo's ledger has nothing for {title:?}"))?;
        until_equal(prometheus, &format!("sum({since_start})"), title, counted)?;
    }
    let out = with_variables(&panel("Regions out")?.text, ".*");
    until_equal(prometheus, &out, "Regions out", 1.0)?;
    for query in &queries {
        let asked = with_variables(&query.text, ".*");
        if prometheus.query(&asked)?.is_empty() {
            bail!("the panel {:?} is empty: {asked}", query.panel);
        }
    }
    println!("operate: {} queries of the dashboard have answers", queries.len());
    Ok(())
}

/// The last scrape may have been before the last call.
fn until_equal(prometheus: &Prometheus, query: &str, title: &str, counted: f64) -> Result<()> {
    let equal = wait::until(PATIENCE, || {
        let found = prometheus.query(query)?;
        Ok((found == [counted]).then_some(()))
    })?;
    if equal.is_none() {
        let found = prometheus.query(query)?;
        bail!("{title}: the ledger has {counted}, and Prometheus says {found:?}");
    }
    println!("operate: {title}: {counted}, as in the ledger");
    Ok(())
}
