//! Peak memory of a 4 GiB stream, above that of the program alone.
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::cargo;

const MEBIBYTES: &str = "4096";
const MOST_KIB: u64 = 16 * 1024;

/// Refuses 16 MiB and more.
pub fn check() -> Result<()> {
    cargo::cargo(&[
        "build",
        "--release",
        "-p",
        "datakey-envelope",
        "--example",
        "stream_memory",
    ])?;
    let (alone, stream) = (peak("0")?, peak(MEBIBYTES)?);
    let above = stream.saturating_sub(alone);
    println!(
        "sealing and opening {MEBIBYTES} MiB: {stream} KiB at the most, {above} KiB above the program alone"
    );
    if above >= MOST_KIB {
        bail!("that is not under {MOST_KIB} KiB");
    }
    Ok(())
}

fn peak(mebibytes: &str) -> Result<u64> {
    let output = Command::new(cargo::example("stream_memory"))
        .arg(mebibytes)
        .output()
        .context("the example cannot be started")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let peak = printed.split_whitespace().next().unwrap_or_default();
    peak.parse()
        .with_context(|| format!("the example printed `{printed}`"))
}
