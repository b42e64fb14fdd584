//! The Node.js of this machine: what it lacks, and scripts beside the packages that they need.
use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::loopback::call;

/// What this machine lacks for Node.js, if anything.
pub fn missing() -> Option<&'static str> {
    let runs = |program: &str, arguments: &[&str]| {
        let found = Command::new(program).args(arguments).output();
        found.is_ok_and(|output| output.status.success())
    };
    if !runs(
        "node",
        &["-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"],
    ) {
        Some("there is no node, 20 or later, on the path")
    } else if !runs("npm", &["--version"]) {
        Some("there is no npm on the path")
    } else {
        None
    }
}

/// The packages of the lock file in `scripts`, and the scripts beside them, where modules look for them.
pub fn environment(folder: &str, scripts: &str, files: &[&str]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{folder} cannot be made"))?;
    let lock = "package-lock.json";
    let installed = fs::read(format!("{folder}/installed-{lock}")).unwrap_or_default();
    let wanted = fs::read(format!("{scripts}/{lock}")).with_context(|| format!("{lock} is not there"))?;
    for file in [files, &["package.json", lock]].concat() {
        fs::copy(format!("{scripts}/{file}"), format!("{folder}/{file}"))
            .with_context(|| format!("{file} cannot be copied"))?;
    }
    if installed == wanted && Path::new(folder).join("node_modules").exists() {
        return Ok(());
    }
    call(
        "npm",
        &[
            "ci",
            "--prefix",
            folder,
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
        ],
    )?;
    fs::write(format!("{folder}/installed-{lock}"), wanted).context("the lock file cannot be kept")
}
