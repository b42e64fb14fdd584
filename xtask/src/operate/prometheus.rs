//! A Prometheus of one run, with the rules that are documented.
use std::{
    fs,
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{
    page,
    places::{RULES, WORK},
    running::Running,
    wait,
};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// What this machine lacks, if anything. Nothing is installed.
pub fn missing() -> Option<&'static str> {
    let is_there = |program: &str| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    if !is_there("prometheus") {
        return Some("prometheus is not installed");
    }
    (!is_there("promtool")).then_some("promtool is not installed")
}

pub struct Prometheus {
    _process: Running,
    address: String,
}

impl Prometheus {
    /// Starts one that scrapes this address each second, with the documented rules: what they wait for before they fire is left
    /// to `promtool test`.
    pub fn watching(address: &str) -> Result<Self> {
        let data = format!("{WORK}/data");
        // Of an earlier run.
        let _there_was_none = fs::remove_dir_all(&data);
        let rules = fs::read_to_string(RULES).with_context(|| format!("{RULES} cannot be read"))?;
        let at_once: Vec<&str> = rules
            .lines()
            .filter(|line| !line.trim_start().starts_with("for: "))
            .collect();
        write("rules.yml", &at_once.join("\n"))?;
        write(
            "prometheus.yml",
            &format!(
                "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\nscrape_configs:\n  \
                 - job_name: demo\n    static_configs:\n      - targets: ['{address}']\n"
            ),
        )?;
        let own = free_address()?;
        let log = fs::File::create(format!("{WORK}/prometheus.log"))?;
        let child = Command::new("prometheus")
            .arg(format!("--config.file={WORK}/prometheus.yml"))
            .arg(format!("--storage.tsdb.path={data}"))
            .arg(format!("--web.listen-address={own}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("prometheus cannot be started")?;
        let started = Self {
            _process: Running(child),
            address: own,
        };
        let ready = wait::until(PATIENCE, || Ok(page::get(&started.address, "/-/ready").ok()))?;
        if ready.is_none() {
            bail!("prometheus is not ready after {PATIENCE:?}; see {WORK}/prometheus.log");
        }
        Ok(started)
    }

    /// Asks it something about this moment: the value of each series of the answer.
    pub fn query(&self, query: &str) -> Result<Vec<f64>> {
        let path = format!("/api/v1/query?query={}", page::escaped(query));
        let text = page::get(&self.address, &path).with_context(|| query.to_owned())?;
        let answer: Value = serde_json::from_str(&text)?;
        let result = answer.pointer("/data/result").and_then(Value::as_array);
        let result = result.with_context(|| format!("{query}: {answer}"))?;
        let value = |series: &Value| {
            let value = series.pointer("/value/1").and_then(Value::as_str);
            let value = value.with_context(|| format!("{query}: {series}"))?;
            Ok(value.parse()?)
        };
        result.iter().map(value).collect()
    }
}

fn write(name: &str, text: &str) -> Result<()> {
    let path = format!("{WORK}/{name}");
    fs::write(&path, text).with_context(|| format!("{path} cannot be written"))
}

/// One that is free at the moment.
fn free_address() -> Result<String> {
    let free = TcpListener::bind("127.0.0.1:0").context("no port is free on loopback")?;
    Ok(free.local_addr()?.to_string())
}
