//! The message formats under cargo-fuzz, seeded with the vectors.
use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{cargo, programs};

const TARGETS: [&str; 9] = [
    "header_decode",
    "message_open",
    "incremental_open",
    "rewrap",
    "random_access",
    "esdk_header_decode",
    "esdk_message_open",
    "esdk_incremental_open",
    "esdk_raw_unwrap",
];
const WORK: &str = "target/fuzz";

/// Seconds for each target, unless others are asked for.
const SECONDS: &str = "60";

/// Seconds for each target in CI: enough to see that the targets build, and that the seeds pass.
const CI_SECONDS: &str = "10";

/// Runs every target, or the one that is named, for a number of seconds.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut seconds = SECONDS;
    let mut targets = TARGETS.to_vec();
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        let value = rest.next().map(String::as_str).unwrap_or_default();
        match option.as_str() {
            "--seconds" if value.parse::<u32>().is_ok() => seconds = value,
            "--target" if TARGETS.contains(&value) => targets = vec![value],
            _ => bail!(
                "usage: cargo xtask fuzz [--seconds N] [--target {}]",
                TARGETS.join("|")
            ),
        }
    }
    if let Some(missing) = missing() {
        bail!("{missing}");
    }
    fuzz(&targets, seconds)
}

/// What CI runs: a few seconds where the tools are there.
pub fn ci(_: &[String]) -> Result<()> {
    if let Some(missing) = missing() {
        println!("fuzzing is skipped: {missing}");
        check_targets()?;
        println!(
            "the modules fuzz_smoke of the test binaries envelope and esdk run the same targets over the vectors and mutations of them"
        );
        return Ok(());
    }
    fuzz(&TARGETS, CI_SECONDS)
}

/// Whether the targets compile, without the instruments that they run with.
fn check_targets() -> Result<()> {
    let target = format!("{WORK}/check");
    cargo::cargo(&[
        "check",
        "--quiet",
        "--locked",
        "--manifest-path",
        "tests/fuzz/Cargo.toml",
        "--target-dir",
        &target,
        "--lib",
    ])
}

/// Rustup's cargo, which takes a toolchain by name.
fn nightly(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command
        .arg("+nightly")
        .args(arguments)
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC")
        .env_remove("RUSTDOC");
    command
}

fn missing() -> Option<&'static str> {
    let runs = |arguments: &[&str]| {
        let output = nightly(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !runs(&["--version"]) {
        Some("there is no nightly toolchain; `rustup toolchain install nightly` installs it")
    } else if !runs(&["fuzz", "--version"]) {
        Some("there is no cargo-fuzz; `cargo install cargo-fuzz --locked` installs it")
    } else {
        None
    }
}

fn fuzz(targets: &[&str], seconds: &str) -> Result<()> {
    let seeds = format!("{WORK}/seeds");
    programs::run("envelope_vectors", &["seeds", &seeds])?;
    for target in targets {
        let (corpus, artifacts) = (
            format!("{WORK}/corpus/{target}"),
            format!("{WORK}/artifacts/{target}/"),
        );
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder).with_context(|| format!("{folder} cannot be made"))?;
        }
        let seeds = format!("{seeds}/{target}");
        let options = [
            format!("-max_total_time={seconds}"),
            format!("-artifact_prefix={artifacts}"),
            "-max_len=16384".into(),
            "-timeout=20".into(),
            "-print_final_stats=1".into(),
        ];
        let build = format!("{WORK}/build");
        let mut arguments = vec!["fuzz", "run", "--fuzz-dir", "tests/fuzz", "--target-dir", &build];
        arguments.extend([target, corpus.as_str(), &seeds, "--"]);
        arguments.extend(options.iter().map(String::as_str));
        println!("$ cargo +nightly {}", arguments.join(" "));
        let status = nightly(&arguments).status().context("cargo cannot be started")?;
        if !status.success() {
            bail!("{target} failed ({status}); what made it fail is in {artifacts}");
        }
    }
    Ok(())
}
