//! What stands in `docs/operate` beside what the code publishes and what a real Prometheus makes of it.
mod names;
mod page;
mod places;
mod prometheus;
mod queries;
mod running;
mod wait;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{cargo, loopback, programs};
use places::{RULES, RULES_TEST, WORK};
use prometheus::Prometheus;
use running::Running;

/// Alerts that the demo's traffic sets off, and those that it must not.
const FIRE: [&str; 4] = [
    "DatakeyThrottled",
    "DatakeyCallsFail",
    "DatakeyStaleKeys",
    "DatakeyRegionOut",
];
const SILENT: [&str; 4] = [
    "DatakeyKeyRevoked",
    "DatakeyContextPerRecord",
    "DatakeyQuotaNearlyUsed",
    "DatakeyRetriesEnd",
];

/// How long each scenario of the demo goes on: what takes less time sets off no alert, as an alert wants several scrapes.
const SECONDS: u64 = 10;

/// All of it, of which CI leaves out nothing.
pub fn run(_: &[String]) -> Result<()> {
    all(SECONDS)
}

fn all(seconds: u64) -> Result<()> {
    fs::create_dir_all(WORK).with_context(|| format!("{WORK} cannot be made"))?;
    let program = programs::built("metrics_demo")?;
    let tools = prometheus::missing();
    if let Some(missing) = tools {
        println!("Prometheus and promtool are not asked: {missing}");
    } else {
        promtool(&["check", "rules", RULES])?;
        promtool(&["test", "rules", RULES_TEST])?;
    }
    let demo = Demo::start(&program, seconds)?;
    let prometheus = match tools {
        None => Some(Prometheus::watching(&demo.address)?),
        Some(_) => None,
    };
    let ledger = demo.ledger_when_over(seconds)?;
    let text = page::get(&demo.address, "/metrics")?;
    names::check(&text)?;
    let Some(prometheus) = prometheus else {
        return Ok(());
    };
    let scraped = format!("{WORK}/metrics.txt");
    fs::write(&scraped, &text).with_context(|| format!("{scraped} cannot be written"))?;
    let file = fs::File::open(&scraped).with_context(|| format!("{scraped} cannot be read"))?;
    cargo::run_to_end(Command::new("promtool").args(["check", "metrics"]).stdin(file))?;
    queries::check(&prometheus, &ledger)?;
    alerts(&prometheus)
}

fn promtool(arguments: &[&str]) -> Result<()> {
    cargo::run_to_end(Command::new("promtool").args(arguments))
}

/// The traffic that is scraped.
struct Demo {
    _process: Running,
    address: String,
}

impl Demo {
    fn start(program: &Path, seconds: u64) -> Result<Self> {
        let child = loopback::isolated(&program.to_string_lossy())
            .arg(seconds.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let mut process = Running(child);
        let output = process.0.stdout.take().context("the demo has no output")?;
        let line = page::first_line(output)?;
        let ready: Value = serde_json::from_str(&line).context("the demo ended before it served")?;
        let address = ready
            .get("address")
            .and_then(Value::as_str)
            .context("the demo says no address")?;
        Ok(Self {
            _process: process,
            address: address.to_owned(),
        })
    }

    /// What the emulator counted, once the traffic is over.
    fn ledger_when_over(&self, seconds: u64) -> Result<Value> {
        let patience = Duration::from_secs(seconds.saturating_mul(4).saturating_add(30));
        let ledger = wait::until(patience, || {
            let ledger: Value = serde_json::from_str(&page::get(&self.address, "/ledger")?)?;
            let is_over = ledger.get("over").and_then(Value::as_bool) == Some(true);
            Ok(is_over.then_some(ledger))
        })?;
        ledger.with_context(|| format!("the demo's traffic did not end within {patience:?}"))
    }
}

/// Those that must have fired, and those that must not.
fn alerts(prometheus: &Prometheus) -> Result<()> {
    let fired = |name: &str| -> Result<bool> {
        let query = format!("max_over_time(ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}[10m])");
        Ok(!prometheus.query(&query)?.is_empty())
    };
    for name in FIRE {
        if !fired(name)? {
            bail!("the alert {name} did not fire");
        }
    }
    for name in SILENT {
        if fired(name)? {
            bail!("the alert {name} fired, and had no reason to");
        }
    }
    println!("operate: {} fired, and no other that should not", FIRE.join(", "));
    Ok(())
}
