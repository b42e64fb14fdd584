//! The message format's tests with the cipher backend that the other tests do not have.
use std::fs;

use anyhow::{Context as _, Result};

use crate::cargo;

const TESTS: &str = "tests/tests";
const OF_THE_FORMAT: &str = "envelope_";

/// Runs every test of the format with the ciphers of `RustCrypto`; `cargo xtask test` runs them with those of AWS-LC.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(TESTS).with_context(|| format!("{TESTS} cannot be read"))? {
        let path = entry.with_context(|| format!("{TESTS} cannot be read"))?.path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with(OF_THE_FORMAT) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    let mut all = vec!["test", "--quiet", "-p", "datakey-tests", "--no-default-features"];
    all.extend(names.iter().flat_map(|name| ["--test", name]));
    all.extend(arguments.iter().map(String::as_str));
    cargo::cargo(&all)
}
