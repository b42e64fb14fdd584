//! The message formats' tests with the cipher backend that the other tests do not have.
use anyhow::{Result, bail};

use crate::{cargo, tests_run};

/// The test binaries with tests of the format.
const OF_THE_FORMATS: [&str; 3] = ["envelope", "esdk", "allocations"];

/// What turns on the other backend, which wins where both are on.
const AWS_LC: [(&str, &str); 2] = [("datakey-envelope", "aws-lc"), ("datakey-esdk", "aws-lc")];

/// Runs every test of the format with the ciphers of `RustCrypto`; `cargo xtask test` runs them with those of AWS-LC.
pub fn run(arguments: &[String]) -> Result<()> {
    // All other features of `test`, so that what others wrote is not built twice.
    let features = tests_run::features_without(&cargo::metadata()?, &AWS_LC);
    let selection = [
        "--workspace",
        "--locked",
        "--no-default-features",
        "--features",
        &features,
    ];
    for (package, feature) in AWS_LC {
        is_off(&selection, package, feature)?;
    }
    let mut all = [&["test", "--quiet"], &selection[..]].concat();
    all.extend(OF_THE_FORMATS.iter().flat_map(|name| ["--test", name]));
    all.extend(arguments.iter().map(String::as_str));
    cargo::cargo(&all)
}

/// A crate of the workspace could turn it on for all.
fn is_off(selection: &[&str], package: &str, feature: &str) -> Result<()> {
    let of_one = [
        "--invert", package, "--depth", "0", "--prefix", "none", "--format", "{f}",
    ];
    let listed = cargo::output(&[&["tree"], selection, &of_one].concat())?;
    if listed.trim().split(',').any(|on| on == feature) {
        bail!("{package} has the feature {feature} on: these would be the tests of its other backend");
    }
    Ok(())
}
