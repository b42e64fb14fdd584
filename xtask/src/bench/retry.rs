//! What retrying costs and saves: the jitter experiment, a fleet under virtual time, and the quota harness.
use anyhow::Result;

use crate::cargo;

/// Runs `bench retry [RUNS] [--only SCENARIO]`: five runs of each contender unless said otherwise, none with 0. Fails when
/// `datakey-retry` misses a bar.
///
/// Or `bench retry constants [NAME ...]`: what each number of the governor does, as a table. `bench retry windows`: small quotas
/// that are counted by the second.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some((word, names)) = arguments.split_first()
        && word == "constants"
    {
        return constants(names);
    }
    if arguments.first().is_some_and(|word| word == "windows") {
        return constants(arguments);
    }
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

fn constants(names: &[String]) -> Result<()> {
    let mut command = vec![
        "bench",
        "-p",
        "datakey-retry",
        "--features",
        "experiments",
        "--bench",
        "governor",
        "--",
    ];
    command.extend(names.iter().map(String::as_str));
    cargo::cargo(&command)
}
