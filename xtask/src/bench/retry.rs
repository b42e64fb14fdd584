//! What retrying costs and saves: the jitter experiment and the quota harness.
use anyhow::Result;

use crate::cargo;

/// Runs `bench retry`, with the number of runs of each contender as a further argument; five without it, none with 0.
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
