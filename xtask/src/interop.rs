//! Against what was written elsewhere: the message format in Python, KMS in its many clients.
use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{cargo, interop_kms};

const VECTORS: &str = "tests/vectors/envelope";
const SCRIPT: &str = "tests/interop/interop.py";
const REQUIREMENTS: &str = "tests/interop/requirements.txt";
const WORK: &str = "target/interop";

/// Runs what is named: `python`, the second implementation of the message format, or `kms`.
pub fn run(arguments: &[String]) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["python"] => {
            if let Some(missing) = missing() {
                bail!("{missing}");
            }
            python()
        }
        ["kms"] => {
            if let Some(missing) = interop_kms::missing() {
                bail!("{missing}");
            }
            interop_kms::run()
        }
        _ => bail!("usage: cargo xtask interop python | kms"),
    }
}

/// What CI runs: as much as the machine has the means for.
pub fn ci(_: &[String]) -> Result<()> {
    if let Some(missing) = missing() {
        println!("interop with Python is skipped: {missing}");
        return Ok(());
    }
    python()
}

/// As [`ci`], for the clients of KMS.
pub fn ci_kms(_: &[String]) -> Result<()> {
    if let Some(missing) = interop_kms::missing() {
        println!("interop with the clients of KMS is skipped: {missing}");
        return Ok(());
    }
    interop_kms::run()
}

/// What this machine lacks for Python, if anything.
pub fn missing() -> Option<&'static str> {
    let has = |module: &str| {
        let found = Command::new("python3").args(["-c", module]).output();
        found.is_ok_and(|output| output.status.success())
    };
    if !has("import sys; assert sys.version_info >= (3, 10)") {
        Some("there is no python3, 3.10 or later, on the path")
    } else if !has("import venv, ensurepip") {
        Some("this python3 cannot make virtual environments; on Debian, install python3-venv")
    } else {
        None
    }
}

fn python() -> Result<()> {
    let python = environment(&format!("{WORK}/venv"), REQUIREMENTS)?;
    call(&python, &[SCRIPT, "check", VECTORS])?;
    let (ours, theirs) = (format!("{WORK}/rust"), format!("{WORK}/python"));
    for folder in [&ours, &theirs] {
        if Path::new(folder).exists() {
            std::fs::remove_dir_all(folder).with_context(|| format!("{folder} cannot be emptied"))?;
        }
    }
    rust(&["write", &ours])?;
    call(&python, &[SCRIPT, "check", &ours])?;
    call(&python, &[SCRIPT, "write", &theirs])?;
    rust(&["check", &theirs])
}

/// A virtual environment with what the scripts need; answers its interpreter.
pub fn environment(folder: &str, requirements: &str) -> Result<String> {
    let python = format!("{folder}/bin/python");
    if !Path::new(&python).exists() {
        call("python3", &["-m", "venv", folder])?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    call(&python, &[&install[..], &["-r", requirements]].concat())?;
    Ok(python)
}

fn rust(arguments: &[&str]) -> Result<()> {
    let run = [
        "run",
        "--quiet",
        "--all-features",
        "-p",
        "datakey-tests",
        "--bin",
        "envelope_interop",
    ];
    cargo::cargo(&[&run[..], arguments].concat())
}

fn call(program: &str, arguments: &[&str]) -> Result<()> {
    run_to_end(
        Command::new(program)
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}

/// Runs a command to its end.
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
