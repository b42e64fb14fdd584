//! What retrying costs and saves: the jitter experiment, a fleet under virtual time, and the quota harness.
use anyhow::Result;

use crate::cargo;

/// Runs `bench retry [RUNS] [--only SCENARIO]`: five runs of each contender unless said otherwise, none with 0. Fails when
/// `datakey-retry` misses a bar.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut command = vec![
        "run",
        "--release",
        "-p",
        "datakey-tests",
        "--bin",
        "bench_retry",
        "--",
    ];
    command.extend(arguments.iter().map(String::as_str));
    cargo::cargo(&command)
}
