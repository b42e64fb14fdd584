//! Each crate builds and tests alone with no, default and all features.
use anyhow::Result;

use crate::cargo;

const SETS: [&[&str]; 3] = [&["--no-default-features"], &[], &["--all-features"]];

/// Runs each crate's own tests three times; arguments, if any, name the crates to run.
pub fn run(only: &[String]) -> Result<()> {
    let metadata = cargo::metadata()?;
    for package in cargo::crates(&metadata) {
        let name = package.name.to_string();
        if !only.is_empty() && !only.contains(&name) {
            continue;
        }
        let mut sets: Vec<&[&str]> = SETS.to_vec();
        if package.features.is_empty() {
            sets.truncate(1);
        }
        for set in sets {
            let mut arguments = vec!["test", "--quiet", "--locked", "-p", &name];
            arguments.extend(set);
            cargo::cargo(&arguments)?;
        }
    }
    Ok(())
}
