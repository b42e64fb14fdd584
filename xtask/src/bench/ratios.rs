//! How far the envelope is from the sum of what it is made of, from one run of its benchmarks,
//! in which that of small messages takes several turns.
//!
//! Each time is the fastest sample of its benchmark, which other work on the machine disturbs least. Where the benchmark takes
//! several turns, a ratio is that of one turn, in which floors and call lay in memory alike, and the median of all turns stands.
use std::{collections::BTreeMap, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::cargo;

const CIPHERS: &[&str] = &["chacha20-poly1305", "aes-256-gcm"];
const LENS: &[&str] = &["1048576", "67108864"];
/// The ways to seal or open a byte stream, and the cipher alone with the same buffers. A vector has a floor of its own,
/// as its new bytes are zeroed before anything can be written to them.
const WAYS: &[(&str, &str)] = &[("_into", "floor"), ("_stream", "floor_stream"), ("", "floor_vec")];

/// Nanoseconds by path, such as `message/seal/aes-256-gcm`.
type Times = BTreeMap<String, f64>;

/// How often the benchmark of small messages takes its turn: its times differ from process to process by a few in a hundred.
const TURNS: usize = 15;

/// Runs the benchmarks with further flags for cargo, and prints ratio and bar of each call.
pub fn run(flags: &[&str]) -> Result<()> {
    let large = measured(&["--bench", "streams"], flags)?;
    let turns: Vec<Times> = (0..TURNS)
        .map(|_| measured(&["--bench", "messages"], flags))
        .collect::<Result<_>>()?;
    for cipher in CIPHERS {
        messages(&turns, cipher)?;
        streams(&large, cipher)?;
    }
    Ok(())
}

fn measured(benches: &[&str], flags: &[&str]) -> Result<Times> {
    let arguments = [&["bench", "-p", "datakey-envelope"], benches, flags].concat();
    println!("$ cargo {}", arguments.join(" "));
    let output = Command::new(cargo::program())
        .args(&arguments)
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(times(&String::from_utf8_lossy(&output.stdout)))
}

fn messages(turns: &[Times], cipher: &str) -> Result<()> {
    for (call, bar) in [("seal", 1.25), ("open", 1.05)] {
        let ratio = median(turns, |times| {
            let taken = time(times, &format!("message/{call}/{cipher}"))?;
            Ok(taken / message_floor(times, call, cipher)?)
        })?;
        row(cipher, &format!("{call} 300 bytes"), ratio, bar);
    }
    for call in ["seal", "open"] {
        let ratio = median(turns, |times| {
            let taken = time(times, &format!("record/{call}/{cipher}"))?;
            Ok(taken / time(times, &format!("record/{call}_floor/{cipher}"))?)
        })?;
        row(cipher, &format!("{call} a record"), ratio, 1.3);
    }
    Ok(())
}

/// The cipher with a new key, two expansions, an allocation with its copy, and to seal a salt.
fn message_floor(times: &Times, call: &str, cipher: &str) -> Result<f64> {
    let keyed = time(times, &format!("floor/{call}_new_key/{cipher}"))?;
    let derive = 2.0 * time(times, "floor/hkdf_expand")? + time(times, "floor/allocate_and_copy")?;
    let random = if call == "seal" {
        time(times, "floor/random_24_bytes")?
    } else {
        0.0
    };
    Ok(keyed + derive + random)
}

/// The median over all turns of what one turn gives.
fn median(turns: &[Times], of: impl Fn(&Times) -> Result<f64>) -> Result<f64> {
    let mut ratios = turns.iter().map(of).collect::<Result<Vec<_>>>()?;
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().context("no turn was taken")
}

fn streams(times: &Times, cipher: &str) -> Result<()> {
    for len in LENS {
        for call in ["seal", "open"] {
            for (way, floor) in WAYS {
                let floor = time(times, &format!("{cipher}/{call}_{floor}/{len}"))?;
                let taken = time(times, &format!("{cipher}/{call}{way}/{len}"))?;
                let what = format!("{call}{way} {len} bytes");
                row(cipher, &what, taken / floor, 1.0 / 0.9);
            }
        }
    }
    Ok(())
}

fn row(cipher: &str, what: &str, ratio: f64, bar: f64) {
    let verdict = if ratio <= bar { "" } else { "  OVER" };
    println!("{cipher:<18} {what:<28} {ratio:>5.2} of its floor, bar {bar:.2}{verdict}");
}

fn time(times: &Times, path: &str) -> Result<f64> {
    times
        .get(path)
        .copied()
        .with_context(|| format!("no benchmark `{path}` ran"))
}

/// Reads divan's tree: three columns of indentation for each level, the fastest sample behind the name.
fn times(printed: &str) -> Times {
    let (mut times, mut path) = (Times::new(), Vec::new());
    for line in printed.lines() {
        let Some(at) = line.find("├─ ").or_else(|| line.find("╰─ ")) else {
            continue;
        };
        let depth = line.get(..at).unwrap_or_default().chars().count() / 3;
        let mut words = line
            .get(at..)
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .map(str::to_owned);
        path.truncate(depth);
        path.push(words.next().unwrap_or_default());
        if let (Some(number), Some(unit)) = (words.next(), words.next())
            && let (Ok(number), Some(scale)) = (number.parse::<f64>(), scale(&unit))
        {
            times.insert(path.join("/"), number * scale);
        }
    }
    times
}

fn scale(unit: &str) -> Option<f64> {
    match unit {
        "ns" => Some(1.0),
        "µs" => Some(1e3),
        "ms" => Some(1e6),
        "s" => Some(1e9),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Times, median, times};

    #[test]
    fn a_ratio_is_the_middle_one_of_those_of_each_turn() {
        let turns = [3.0, 9.0, 4.0].map(|taken| Times::from([("call".to_owned(), taken)]));
        let ratio = median(&turns, |times| super::time(times, "call"));
        assert_eq!(ratio.ok(), Some(4.0));
        assert!(median(&[], |_| Ok(1.0)).is_err());
        assert!(median(&turns, |times| super::time(times, "other")).is_err());
    }

    #[test]
    fn a_tree_is_read_by_its_indentation() {
        let printed = "\
messages              fastest       │ slowest
├─ floor                            │
│  ├─ hkdf_expand     142.4 ns      │ 1.004 ms
│  ╰─ seal_new_key                  │
│     ╰─ aes-256-gcm  1.5 µs        │ 3 ms
╰─ record                           │
   ╰─ seal            2 ms          │ 3 ms
                      3.7 Mitem/s   │ 1 Mitem/s";
        let times = times(printed);
        assert_eq!(times.get("floor/hkdf_expand"), Some(&142.4));
        assert_eq!(times.get("floor/seal_new_key/aes-256-gcm"), Some(&1500.0));
        assert_eq!(times.get("record/seal"), Some(&2e6));
        assert_eq!(times.len(), 3);
    }
}
