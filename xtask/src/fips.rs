//! `tests/fips`: the feature `fips`, in a workspace of its own, as the module takes Go, `CMake` and clang to build.
use anyhow::{Result, ensure};

use crate::cargo;

const MANIFEST: &str = "tests/fips/Cargo.toml";
const TARGET: &str = "target/fips";
/// What builds the module, each with what prints its version.
const TOOLS: [(&str, &str); 3] = [("go", "version"), ("cmake", "--version"), ("clang", "--version")];

/// Lints it, and runs its tests with the module and without.
pub fn run(arguments: &[String]) -> Result<()> {
    for (tool, version) in TOOLS {
        let is_there = std::process::Command::new(tool).arg(version).output();
        if !is_there.is_ok_and(|found| found.status.success()) {
            println!("skipped: there is no `{tool}`, which the module takes to build");
            return Ok(());
        }
    }
    ci(&[])?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for with in [&[][..], &["--no-default-features"]] {
        let with = [with, &arguments].concat();
        own("clippy", &[&["--all-targets"], &with[..]].concat())?;
        own("test", &with)?;
    }
    Ok(())
}

/// What of it is cheap: that it is formatted, and that its lock file fits.
pub fn ci(_: &[String]) -> Result<()> {
    cargo::cargo(&["fmt", "--manifest-path", MANIFEST, "--check"])?;
    let tree = cargo::output(&["tree", "--locked", "--manifest-path", MANIFEST, "-e", "normal"])?;
    ensure!(
        tree.contains("aws-lc-fips-sys v"),
        "{MANIFEST} does not link the module"
    );
    Ok(())
}

fn own(command: &str, more: &[&str]) -> Result<()> {
    let own = [
        command,
        "--quiet",
        "--locked",
        "--manifest-path",
        MANIFEST,
        "--target-dir",
        TARGET,
    ];
    // Without what excuses the builds of all features in this workspace.
    cargo::cargo_with(
        &[&own[..], more].concat(),
        &[("DATAKEY_FIPS_WITHOUT_MODULE", "0")],
    )
}
