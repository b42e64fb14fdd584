//! How many instructions the four hot calls take, counted by callgrind, beside the counts that are kept.
//!
//! Callgrind shows programs a processor of its own: without SHA and AVX-512 instructions, with AVX2 and AES where the
//! machine has these. So the counts are the same on every x86-64 machine of the last ten years, and where AVX2 or AES is
//! missing, nothing is compared. They say nothing about time.
use std::{collections::BTreeMap, fmt::Write as _, fs, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::cargo;

const KEPT: &str = "crates/envelope/benches/instructions.txt";
const CALLS: &[&str] = &["seal", "open", "seal_record", "open_record"];
const CIPHERS: &[&str] = &["chacha20-poly1305", "aes-256-gcm"];
/// In percent. Another C library or compiler moves counts by one or two.
const TOLERANCE: u64 = 5;
const FEW: u64 = 40;
const MANY: u64 = 240;

/// Compares with the counts that are kept; where that is not possible, only says so.
pub fn check() -> Result<()> {
    if let Some(missing) = missing() {
        println!("counting instructions is skipped: {missing}");
        return Ok(());
    }
    let (kept, counted) = (kept()?, count()?);
    let mut moved = 0;
    for (call, count) in &counted {
        let kept = kept.get(call).copied().unwrap_or_default();
        let off = count.abs_diff(kept).saturating_mul(100) > kept.saturating_mul(TOLERANCE);
        let verdict = if off { "MOVED" } else { "as kept" };
        println!("{call:<34} {count:>8} instructions, kept {kept:>8}: {verdict}");
        moved += u32::from(off);
    }
    if moved > 0 {
        bail!(
            "{moved} counts moved by more than {TOLERANCE} percent; find out why, then keep them with --update"
        );
    }
    Ok(())
}

fn missing() -> Option<&'static str> {
    if !comparable() {
        return Some("the counts that are kept are of x86-64 with AVX2 and AES instructions");
    }
    let valgrind = Command::new("valgrind").arg("--version").output();
    (!valgrind.is_ok_and(|output| output.status.success())).then_some("valgrind is not installed")
}

#[cfg(target_arch = "x86_64")]
fn comparable() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("aes")
}

#[cfg(not(target_arch = "x86_64"))]
const fn comparable() -> bool {
    false
}

/// Keeps the counts of now.
pub fn update() -> Result<()> {
    if let Some(missing) = missing() {
        bail!("no counts can be kept: {missing}");
    }
    let mut text = String::from(
        "# Instructions of one call on 300 bytes, pure Rust ciphers, x86-64, as `cargo xtask bench --update` counts them.\n",
    );
    for (call, count) in count()? {
        writeln!(text, "{call} {count}")?;
    }
    fs::write(KEPT, text).with_context(|| format!("{KEPT} cannot be written"))
}

fn kept() -> Result<BTreeMap<String, u64>> {
    let text = fs::read_to_string(KEPT).with_context(|| format!("{KEPT} cannot be read"))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (call, count) = line.rsplit_once(' ').with_context(|| format!("{KEPT}: {line}"))?;
            Ok((call.to_owned(), count.parse()?))
        })
        .collect()
}

fn count() -> Result<BTreeMap<String, u64>> {
    cargo::cargo(&[
        "build",
        "--release",
        "-p",
        "datakey-envelope",
        "--example",
        "hot_calls",
    ])?;
    let mut counts = BTreeMap::new();
    for call in CALLS {
        for cipher in CIPHERS {
            // What the process does besides is in both runs.
            let calls = run(call, cipher, MANY)?.saturating_sub(run(call, cipher, FEW)?);
            counts.insert(format!("{call} {cipher}"), calls / (MANY - FEW));
        }
    }
    Ok(counts)
}

fn run(call: &str, cipher: &str, times: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(cargo::example("hot_calls"))
        .args([call, cipher, &times.to_string()])
        .output()
        .context("valgrind cannot be started")?;
    let printed = String::from_utf8_lossy(&output.stderr);
    let collected = printed
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, count)| count.trim().parse().ok());
    collected.with_context(|| format!("valgrind printed no count:\n{printed}"))
}
