//! Each crate builds and tests alone with no, default and all features.
use anyhow::{Result, bail};
use cargo_metadata::Package;

use crate::cargo;

const NONE: &[&str] = &["--no-default-features"];
const DEFAULT: &[&str] = &[];
const ALL: &[&str] = &["--all-features"];

/// Runs each crate's own tests with each set, or with `--each` checks it with each single feature; arguments, if any, name the crates to
/// run.
pub fn run(arguments: &[String]) -> Result<()> {
    let (options, only): (Vec<String>, Vec<String>) = arguments
        .iter()
        .cloned()
        .partition(|argument| argument.starts_with('-'));
    if let Some(other) = options.iter().find(|option| *option != "--each") {
        bail!("features [--each] [CRATE...]: {other}?");
    }
    if !options.is_empty() {
        return single(&only);
    }
    each(|package, set| {
        let name = package.name.as_str();
        if only.is_empty() || only.iter().any(|chosen| chosen == name) {
            alone(&["test", "--quiet"], name, set)?;
        }
        Ok(())
    })
}

/// Crates on top of the AWS SDK: with each set of features most of it is built anew, which takes minutes.
const ON_THE_SDK: [&str; 5] = [
    "datakey",
    "datakey-branch-keys",
    "datakey-cli",
    "datakey-kms",
    "datakey-sim",
];

/// The short form: each crate is checked with each set as its users build it, which no other crate of the workspace helps; and
/// the tests of those that do not take minutes run with the set that users get. `test` runs all of them with all features.
pub fn ci(_: &[String]) -> Result<()> {
    each(|package, set| {
        let name = package.name.as_str();
        let is_for_users = set == DEFAULT || (set == NONE && !has_default(package));
        if is_for_users && !ON_THE_SDK.contains(&name) {
            alone(&["test", "--quiet"], name, set)
        } else {
            alone(&["check", "--quiet"], name, set)
        }
    })
}

/// Checks the crates with each of their features and no other: a library must not rest on what another feature brings.
fn single(only: &[String]) -> Result<()> {
    let metadata = cargo::metadata()?;
    let mut builds = 0_usize;
    for package in cargo::crates(&metadata) {
        let name = package.name.as_str();
        if !only.is_empty() && !only.iter().any(|chosen| chosen == name) {
            continue;
        }
        for feature in package.features.keys().filter(|feature| *feature != "default") {
            alone(
                &["check", "--quiet"],
                name,
                &["--no-default-features", "--features", feature],
            )?;
            builds += 1;
        }
    }
    println!("features: {builds} builds with one feature each");
    Ok(())
}

fn each(mut one: impl FnMut(&Package, &'static [&'static str]) -> Result<()>) -> Result<()> {
    let metadata = cargo::metadata()?;
    for package in cargo::crates(&metadata) {
        for set in sets(package) {
            one(package, set)?;
        }
    }
    Ok(())
}

/// Without those that are the same as one before.
fn sets(package: &Package) -> Vec<&'static [&'static str]> {
    let mut sets = vec![NONE];
    if has_default(package) {
        sets.push(DEFAULT);
    }
    if !package.features.is_empty() {
        sets.push(ALL);
    }
    sets
}

fn has_default(package: &Package) -> bool {
    package
        .features
        .get("default")
        .is_some_and(|features| !features.is_empty())
}

fn alone(what: &[&str], name: &str, set: &[&str]) -> Result<()> {
    let arguments: Vec<&str> = [what, &["--locked", "-p", name], set].concat();
    cargo::cargo(&arguments)
}
