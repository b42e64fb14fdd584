//! What datakey's metrics say, from Prometheus' text.
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
};

use datakey_sim::Span;
use serde_json::{Value, json};

use super::measured::Measured;
use crate::{failure::Failure, text};

/// A line longer than this is no metric.
const LONGEST_LINE: u64 = 64 * 1_024;

/// What is counted of one half.
#[derive(Debug, Default)]
struct Half {
    hits: f64,
    misses: BTreeMap<String, f64>,
    calls: f64,
    stale: f64,
    evictions: f64,
    /// The most on a host.
    keys: f64,
}

impl Half {
    fn requests(&self) -> f64 {
        self.hits + self.misses.values().sum::<f64>()
    }

    fn avoided(&self) -> f64 {
        let requests = self.requests();
        if requests > 0.0 {
            (1.0 - self.calls / requests).max(0.0)
        } else {
            0.0
        }
    }
}

/// Reads the metrics of hosts, a file each.
pub(super) fn read(paths: &[PathBuf], over: Option<Span>) -> Result<Measured, Failure> {
    let (mut sealing, mut opening) = (Half::default(), Half::default());
    for path in paths {
        let file = File::open(path).map_err(|error| Failure::read(path, error))?;
        let mut source = BufReader::new(file);
        let (mut line, mut keys) = (Vec::new(), [0.0, 0.0]);
        loop {
            line.clear();
            let read = source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            if read.map_err(|error| Failure::read(path, error))? == 0 {
                break;
            }
            if let Some(metric) = Metric::parse(&String::from_utf8_lossy(&line)) {
                let [of_sealing, of_opening] = &mut keys;
                match metric.label("half") {
                    Some("sealing") => metric.add(&mut sealing, of_sealing),
                    Some("opening") => metric.add(&mut opening, of_opening),
                    _ => {}
                }
            }
        }
        let [of_sealing, of_opening] = keys;
        sealing.keys = sealing.keys.max(of_sealing);
        opening.keys = opening.keys.max(of_opening);
    }
    if sealing.requests() + opening.requests() <= 0.0 {
        let what = "the metrics have no datakey_keyring_hits or datakey_keyring_misses above zero".to_owned();
        return Err(Failure::Usage(what));
    }
    if over.is_some_and(|over| over.is_zero()) {
        let what = "--over is 0s, and has to be the time for which the metrics counted, such as 6h";
        return Err(Failure::Usage(what.to_owned()));
    }
    let seconds = over.map(Span::seconds).filter(|seconds| *seconds > 0.0);
    let rate = seconds.map(|seconds| sealing.requests() / seconds);
    Ok(Measured {
        name: "metrics",
        value: json!({ "sealing": value(&sealing, seconds), "opening": value(&opening, seconds) }),
        text: [
            told("sealing", &sealing, seconds),
            told("opening", &opening, seconds),
        ]
        .concat()
        .join("\n"),
        records_per_second: rate.filter(|rate| *rate > 0.0),
        hosts: u32::try_from(paths.len()).ok(),
        contexts: Some(whole(sealing.keys).max(1)),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, and a cast saturates"
)]
const fn whole(number: f64) -> u32 {
    number as u32
}

fn value(half: &Half, seconds: Option<f64>) -> Value {
    json!({
        "requests": half.requests(), "hits": half.hits, "misses": half.misses, "calls": half.calls,
        "avoided_share": half.avoided(), "stale": half.stale, "evictions": half.evictions, "keys": half.keys,
        "requests_per_second": seconds.map(|seconds| half.requests() / seconds),
        "calls_per_second": seconds.map(|seconds| half.calls / seconds),
    })
}

fn told(name: &str, half: &Half, seconds: Option<f64>) -> Vec<String> {
    if half.requests() <= 0.0 {
        return vec![format!("{name}: nothing was asked for")];
    }
    let mut lines = vec![format!(
        "{name}: {:.0} requests made {:.0} calls, so the cache avoided {:.1} percent",
        half.requests(),
        half.calls,
        half.avoided() * 100.0
    )];
    if let Some(seconds) = seconds {
        lines.push(format!(
            "  {:.2} requests and {:.4} calls a second",
            half.requests() / seconds,
            half.calls / seconds
        ));
    }
    let mut misses: Vec<_> = half.misses.iter().filter(|(_, count)| **count > 0.0).collect();
    misses.sort_by(|(_, x), (_, y)| y.total_cmp(x));
    for (reason, count) in misses {
        lines.push(format!(
            "  {count:.0} waited: {}{}",
            text::tame(reason),
            advice(reason)
        ));
    }
    if half.evictions > 0.0 {
        lines.push(format!(
            "  {:.0} keys made room for others: raise the number that is kept",
            half.evictions
        ));
    }
    lines
}

/// Which limit would have kept a request from waiting.
fn advice(reason: &str) -> &'static str {
    match reason {
        "messages" => ", which a higher limit of messages avoids",
        "bytes" => ", which a higher limit of bytes avoids",
        "age" => ", which a longer soft age avoids",
        "evicted" => ", which room for more keys avoids",
        "unknown_length" => ", which a stated length avoids",
        _ => "",
    }
}

/// A sample.
#[derive(Debug)]
struct Metric<'l> {
    name: &'l str,
    labels: Vec<(&'l str, &'l str)>,
    value: f64,
}

impl<'l> Metric<'l> {
    /// A line of Prometheus' text, or nothing where it is none of datakey's keyrings.
    fn parse(line: &'l str) -> Option<Self> {
        let rest = line.trim().strip_prefix("datakey_keyring_")?;
        let end = rest.find(['{', ' ', '\t'])?;
        let (name, rest) = rest.split_at_checked(end)?;
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once('}')?,
            None => ("", rest),
        };
        let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
        (value.is_finite() && value >= 0.0).then(|| Self {
            name: name.strip_suffix("_total").unwrap_or(name),
            labels: labels.split(',').filter_map(label).collect(),
            value,
        })
    }

    fn label(&self, name: &str) -> Option<&'l str> {
        let mut named = self.labels.iter().filter(|(own, _)| *own == name);
        named.next().map(|(_, value)| *value)
    }

    fn add(&self, half: &mut Half, keys: &mut f64) {
        match self.name {
            "hits" => half.hits += self.value,
            "misses" => {
                let reason = self.label("reason").unwrap_or("unknown");
                *half.misses.entry(reason.to_owned()).or_default() += self.value;
            }
            "calls" => half.calls += self.value,
            "stale" => half.stale += self.value,
            "evictions" => half.evictions += self.value,
            "keys" => *keys += self.value,
            _ => {}
        }
    }
}

fn label(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.trim().trim_matches('"')))
}
