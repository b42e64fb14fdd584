//! How far the envelope is from the sum of what it is made of, from one run of its benchmarks,
//! in which that of small messages takes several turns.
//!
//! Each figure is the fastest sample of its benchmark, which other work on the machine disturbs least.
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

/// How often the benchmark of small messages takes its turn, so that what else runs on the machine meets floors and calls
/// alike.
const ROUNDS: usize = 5;

/// Runs the benchmarks with further flags for cargo, and prints ratio and bar of each call.
pub fn run(flags: &[&str]) -> Result<()> {
    let mut fastest = Times::new();
    for round in 0..ROUNDS {
        let benches: &[&str] = if round == 0 {
            &["--bench", "messages", "--bench", "streams"]
        } else {
            &["--bench", "messages"]
        };
        for (path, time) in measured(benches, flags)? {
            let kept = fastest.entry(path).or_insert(time);
            *kept = kept.min(time);
        }
    }
    for cipher in CIPHERS {
        messages(&fastest, cipher)?;
        streams(&fastest, cipher)?;
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

fn messages(times: &Times, cipher: &str) -> Result<()> {
    let derive = 2.0 * time(times, "floor/hkdf_expand")? + time(times, "floor/allocate_and_copy")?;
    let random = time(times, "floor/random_24_bytes")?;
    let seal = time(times, &format!("floor/seal_new_key/{cipher}"))? + derive + random;
    let open = time(times, &format!("floor/open_new_key/{cipher}"))? + derive;
    for (call, floor, bar) in [("seal", seal, 1.25), ("open", open, 1.05)] {
        let taken = time(times, &format!("message/{call}/{cipher}"))?;
        row(cipher, &format!("{call} 300 bytes"), taken / floor, bar);
    }
    for call in ["seal", "open"] {
        let taken = time(times, &format!("record/{call}/{cipher}"))?;
        let floor = time(times, &format!("record/{call}_floor/{cipher}"))?;
        row(cipher, &format!("{call} a record"), taken / floor, 1.3);
    }
    Ok(())
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
    use super::times;

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
