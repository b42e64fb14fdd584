//! Public interfaces against those of a commit, by cargo-semver-checks: `cargo xtask release` has that of the last tag.
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{cargo, tools};

/// Compares each library with that of the commit that is named, or of the newest tag.
pub fn run(arguments: &[String]) -> Result<()> {
    let Some(baseline) = arguments.first().cloned().or_else(newest_tag) else {
        println!("supply semver: no release before this one, and no commit was named");
        return Ok(());
    };
    let tool = tools::needed(&cargo::root(), "cargo-semver-checks")?;
    let metadata = cargo::metadata()?;
    for package in cargo::crates(&metadata) {
        let at_baseline = format!(
            "{baseline}:{}",
            relative(package.manifest_path.as_str(), metadata.workspace_root.as_str())
        );
        let known = Command::new("git")
            .args(["cat-file", "-e", &at_baseline])
            .status();
        if !package.targets.iter().any(|target| target.is_lib())
            || !known.context("git cannot be started")?.success()
        {
            println!("{}: nothing to compare", package.name);
            continue;
        }
        cargo::run_to_end(Command::new(&tool).args([
            "semver-checks",
            "--package",
            package.name.as_str(),
            "--baseline-rev",
            &baseline,
        ]))?;
    }
    if metadata.workspace_packages().is_empty() {
        bail!("there are no crates");
    }
    Ok(())
}

fn newest_tag() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--tags", "--abbrev=0", "--match", "v*"])
        .output()
        .ok()?;
    let tag = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!tag.is_empty()).then_some(tag)
}

fn relative<'a>(path: &'a str, root: &str) -> &'a str {
    path.strip_prefix(root).unwrap_or(path).trim_start_matches('/')
}
