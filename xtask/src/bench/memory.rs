//! Peak memory of 4 GiB streams of either format, above that of the program alone.
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::cargo;

const MEBIBYTES: &str = "4096";
const MOST_KIB: u64 = 16 * 1024;

/// Crate, example, and what the example takes behind the length.
const STREAMS: &[(&str, &str, &[&str])] = &[
    ("datakey-envelope", "stream_memory", &[]),
    ("datakey-esdk", "esdk_stream_memory", &[]),
    ("datakey-esdk", "esdk_stream_memory", &["signed"]),
];

/// Refuses 16 MiB and more.
pub fn check() -> Result<()> {
    for (package, example, more) in STREAMS {
        cargo::cargo(&["build", "--release", "-p", package, "--example", example])?;
        let (alone, stream) = (peak(example, "0", more)?, peak(example, MEBIBYTES, more)?);
        let above = stream.saturating_sub(alone);
        println!(
            "{}: sealing and opening {MEBIBYTES} MiB: {stream} KiB at the most, {above} KiB above the program alone",
            [&[*package], *more].concat().join(", ")
        );
        if above >= MOST_KIB {
            bail!("that is not under {MOST_KIB} KiB");
        }
    }
    Ok(())
}

fn peak(example: &str, mebibytes: &str, more: &[&str]) -> Result<u64> {
    let output = Command::new(cargo::example(example))
        .arg(mebibytes)
        .args(more)
        .output()
        .context("the example cannot be started")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let peak = printed.split_whitespace().next().unwrap_or_default();
    peak.parse()
        .with_context(|| format!("the example printed `{printed}`"))
}
