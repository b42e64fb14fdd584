//! The oldest versions that the manifests allow: each crate is checked with them, in a copy of the workspace.
use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};

use crate::cargo;

/// Checks the crates that are named, or all; a nightly tool chain chooses the versions, the workspace's own builds.
pub fn run(only: &[String]) -> Result<()> {
    let metadata = cargo::metadata()?;
    let folder = tempfile::tempdir().context("there is no folder for a copy")?;
    let copy = folder.path().join("workspace");
    copy_of_workspace(&copy)?;
    cargo::run_to_end(
        std::process::Command::new("rustup")
            .args([
                "run",
                "nightly",
                "cargo",
                "update",
                "--quiet",
                "-Z",
                "direct-minimal-versions",
            ])
            .current_dir(&copy),
    )
    .context("the oldest versions; `rustup toolchain install nightly` is needed")?;
    let target = cargo::root().join("target/minimal");
    let mut failed = Vec::new();
    for package in cargo::crates(&metadata) {
        let name = package.name.as_str();
        if !only.is_empty() && !only.iter().any(|chosen| chosen == name) {
            continue;
        }
        // Only the library or program: what tests alone need is no matter of who depends on it.
        let mut command = std::process::Command::new(cargo::program());
        command.args(["check", "--quiet", "--all-features", "-p", name]);
        command.current_dir(&copy).env("CARGO_TARGET_DIR", &target);
        if cargo::run_to_end(&mut command).is_err() {
            failed.push(name.to_owned());
        }
    }
    if !failed.is_empty() {
        bail!(
            "not with the oldest versions that are stated: {}",
            failed.join(", ")
        );
    }
    Ok(())
}

/// The tracked files, as they are now.
fn copy_of_workspace(to: &Path) -> Result<()> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("git cannot be started")?;
    let listed = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
    for file in listed.lines().filter(|file| Path::new(file).is_file()) {
        let to = to.join(file);
        let folder = to.parent().context("a file is in a folder")?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::copy(file, &to))
            .with_context(|| format!("{file} cannot be copied"))?;
    }
    Ok(())
}
