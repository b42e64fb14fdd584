//! The message formats' tests with the cipher backend that the other tests do not have.
use anyhow::Result;

use crate::cargo;

/// The test binaries with tests of the format.
const OF_THE_FORMATS: [&str; 3] = ["envelope", "esdk", "allocations"];

/// Runs every test of the format with the ciphers of `RustCrypto`; `cargo xtask test` runs them with those of AWS-LC.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut all = vec!["test", "--quiet", "-p", "datakey-tests", "--no-default-features"];
    all.extend(OF_THE_FORMATS.iter().flat_map(|name| ["--test", name]));
    all.extend(arguments.iter().map(String::as_str));
    cargo::cargo(&all)
}
