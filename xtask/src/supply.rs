//! What the crates are made of and what they promise: the tools that look at that, and what needs none.
mod deny;
mod docs_rs;
mod duplicates;
mod minimal;
mod semver;
mod types;
mod unused;

use anyhow::{Result, bail};

use crate::{cargo, tools};

/// A check: its name, the tool that it needs besides cargo, and what it does with further arguments.
type Check = (&'static str, Option<&'static str>, fn(&[String]) -> Result<()>);

const CHECKS: &[Check] = &[
    ("duplicates", None, duplicates::run),
    ("docs-rs", None, docs_rs::run),
    ("deny", Some("cargo-deny"), deny::run),
    ("unused", Some("cargo-machete"), unused::run),
    ("types", Some("cargo-public-api"), types::run),
    ("minimal", None, minimal::run),
    ("semver", Some("cargo-semver-checks"), semver::run),
];

/// What `ci` runs: all that takes seconds, and has its tool.
const IN_CI: [&str; 4] = ["duplicates", "docs-rs", "deny", "unused"];

/// Runs the check that is named, with the words behind it, or all of them.
pub fn run(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        return CHECKS.iter().try_for_each(|(name, _, check)| {
            println!("== supply {name}");
            check(&[])
        });
    };
    match CHECKS.iter().find(|(known, _, _)| known == name) {
        Some((_, _, check)) => check(rest),
        None => {
            let known: Vec<&str> = CHECKS.iter().map(|(known, _, _)| *known).collect();
            bail!("there is no check `{name}`; there are {}", known.join(", "))
        }
    }
}

/// The short form: a tool that is not installed is told and left out.
pub fn ci(_: &[String]) -> Result<()> {
    for (name, tool, check) in CHECKS.iter().filter(|(name, _, _)| IN_CI.contains(name)) {
        match tool.filter(|tool| tools::find(&cargo::root(), tool).is_none()) {
            Some(tool) => println!(
                "supply {name}: left out, {tool} is not installed; {}",
                tools::how_to_have(tool)
            ),
            None => check(&[])?,
        }
    }
    Ok(())
}
