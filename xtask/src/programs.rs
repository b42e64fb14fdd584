//! The programs of `datakey-tests`, built as `test` builds its binaries: with other features most of what they need would be built twice.
use std::path::PathBuf;

use anyhow::Result;

use crate::{cargo, tests_run};

/// Builds a program, and answers where it is.
pub fn built(name: &str) -> Result<PathBuf> {
    let metadata = cargo::metadata()?;
    let features = tests_run::features(&metadata);
    let selection = [
        "build",
        "--quiet",
        "--locked",
        "--workspace",
        "--features",
        &features,
    ];
    cargo::cargo(&[&selection[..], &["--bin", name]].concat())?;
    Ok(cargo::binary(&metadata, name))
}

/// Builds a program and runs it to its end.
pub fn run(name: &str, arguments: &[&str]) -> Result<()> {
    cargo::run_to_end(std::process::Command::new(built(name)?).args(arguments))
}
