//! A fleet on one quota: data key caching beside branch keys, under virtual time.
use anyhow::Result;

use crate::cargo;

/// Runs `bench fleet [SEED]`. Fails when branch keys miss a bar.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut command = vec![
        "run",
        "--release",
        "-p",
        "datakey-tests",
        "--bin",
        "bench_fleet",
        "--",
    ];
    command.extend(arguments.iter().map(String::as_str));
    cargo::cargo(&command)
}
