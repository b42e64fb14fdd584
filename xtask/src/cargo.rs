//! Calling cargo and other programs, and asking cargo about the workspace.
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Package};

/// Runs a program of `tests/peers`, a workspace of its own. One of what it needs states a newer Rust than it needs.
pub const PEERS: [&str; 9] = [
    "run",
    "--release",
    "--locked",
    "--quiet",
    "--ignore-rust-version",
    "--manifest-path",
    "tests/peers/Cargo.toml",
    "--target-dir",
    "target/peers",
];

/// The root of the workspace.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// The cargo that runs this command.
pub fn program() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// An example of a crate, built in release.
pub fn example(name: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    target.join("release/examples").join(name)
}

/// A binary of the workspace, built for debugging.
pub fn binary(metadata: &Metadata, name: &str) -> PathBuf {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    metadata.target_directory.join("debug").join(file).into()
}

/// Runs cargo to its end, its output shown as it comes.
pub fn cargo(arguments: &[&str]) -> Result<()> {
    cargo_with(arguments, &[])
}

/// As [`cargo`], with further environment variables.
pub fn cargo_with(arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    println!("$ cargo {}", arguments.join(" "));
    let status = Command::new(program())
        .args(arguments)
        .envs(variables.iter().copied())
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("cargo {} failed ({status})", arguments.join(" "));
    }
    Ok(())
}

/// Runs any command to its end, and prints it first.
pub fn run_to_end(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy())
        .collect();
    let shown = format!("{program} {}", arguments.join(" "));
    println!("$ {shown}");
    let status = command
        .status()
        .with_context(|| format!("{program} cannot be started"))?;
    if !status.success() {
        bail!("{shown} failed ({status})");
    }
    Ok(())
}

/// What cargo prints on standard output.
pub fn output(arguments: &[&str]) -> Result<String> {
    let output = Command::new(program())
        .args(arguments)
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!(
            "cargo {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).context("cargo printed something that is not UTF-8")
}

/// The workspace and all that it depends on, with every feature on.
pub fn metadata() -> Result<Metadata> {
    MetadataCommand::new()
        .features(cargo_metadata::CargoOpt::AllFeatures)
        .other_options(vec!["--locked".into()])
        .exec()
        .context("cargo metadata failed; is Cargo.lock up to date?")
}

/// The library and tool crates under `crates/`, by name.
pub fn crates(metadata: &Metadata) -> Vec<&Package> {
    let mut crates: Vec<&Package> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| package.manifest_path.as_str().contains("/crates/"))
        .collect();
    crates.sort_by_key(|package| package.name.to_string());
    crates
}
