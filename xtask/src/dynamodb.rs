//! `tests/dynamodb`: branch keys in DynamoDB, a workspace of its own, as the SDK of DynamoDB takes minutes to build.
use std::{env, path::PathBuf};

use anyhow::Result;

use crate::cargo;

const MANIFEST: &str = "tests/dynamodb/Cargo.toml";
const TARGET: &str = "target/dynamodb";

fn with_workspace<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let own = [
        command,
        "--locked",
        "--manifest-path",
        MANIFEST,
        "--target-dir",
        TARGET,
    ];
    [&own[..], more].concat()
}

/// Lints it, and runs its tests.
pub fn run(arguments: &[String]) -> Result<()> {
    cargo::cargo(&["fmt", "--manifest-path", MANIFEST, "--check"])?;
    cargo::cargo(&with_workspace("clippy", &["--quiet", "--all-targets"]))?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    cargo::cargo(&with_workspace("test", &[&["--quiet"], &arguments[..]].concat()))
}

/// What of it is cheap: that it is formatted, and that its lock file fits.
pub fn ci(_: &[String]) -> Result<()> {
    cargo::cargo(&["fmt", "--manifest-path", MANIFEST, "--check"])?;
    cargo::output(&[
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--manifest-path",
        MANIFEST,
    ])
    .map(drop)
}

/// Builds the program that other implementations meet.
pub fn driver() -> Result<PathBuf> {
    let bin = "branch_keys_interop";
    cargo::cargo(&with_workspace("build", &["--quiet", "--bin", bin]))?;
    Ok(env::current_dir()?.join(TARGET).join("debug").join(bin))
}
