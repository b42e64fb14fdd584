//! Against what was written elsewhere: the message format in Python, KMS in its many clients.
use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo, interop_branch_keys, interop_esdk,
    interop_kms::{self, Length},
    programs, python,
};

const VECTORS: &str = "tests/vectors/envelope";
const SCRIPT: &str = "tests/interop/interop.py";
const REQUIREMENTS: &str = "tests/interop/requirements.txt";
const WORK: &str = "target/interop";

/// Runs what is named: `python`, the second implementation of the message format, `kms`, `esdk`, the AWS Encryption SDKs
/// for Python, JavaScript and Rust, or `branch-keys`, the keystore and the hierarchical keyring of AWS.
pub fn run(arguments: &[String]) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["python"] => {
            if let Some(missing) = python::missing() {
                bail!("{missing}");
            }
            second_reader()
        }
        ["kms"] => {
            if let Some(missing) = interop_kms::missing() {
                bail!("{missing}");
            }
            interop_kms::run(Length::Long)
        }
        ["esdk"] => {
            if let Some(missing) = interop_kms::missing() {
                bail!("{missing}");
            }
            interop_esdk::run(interop_esdk::Length::Long)
        }
        ["branch-keys"] => interop_branch_keys::run(),
        _ => bail!("usage: cargo xtask interop python | kms | esdk | branch-keys"),
    }
}

/// What CI runs: as much as the machine has the means for.
pub fn ci(_: &[String]) -> Result<()> {
    if let Some(missing) = python::missing() {
        println!("interop with Python is skipped: {missing}");
        return Ok(());
    }
    second_reader()
}

/// As [`ci`], for the clients of KMS.
pub fn ci_kms(_: &[String]) -> Result<()> {
    if let Some(missing) = interop_kms::missing() {
        println!("interop with the clients of KMS is skipped: {missing}");
        return Ok(());
    }
    interop_kms::run(Length::Short)
}

fn second_reader() -> Result<()> {
    let interpreter = python::environment(&format!("{WORK}/venv"), REQUIREMENTS)?;
    python::call(&interpreter, &[SCRIPT, "check", VECTORS])?;
    let (ours, theirs) = (format!("{WORK}/rust"), format!("{WORK}/python"));
    for folder in [&ours, &theirs] {
        if Path::new(folder).exists() {
            std::fs::remove_dir_all(folder).with_context(|| format!("{folder} cannot be emptied"))?;
        }
    }
    let rust = programs::built("envelope_interop")?;
    let rust = |arguments: &[&str]| cargo::run_to_end(Command::new(&rust).args(arguments));
    rust(&["write", &ours])?;
    python::call(&interpreter, &[SCRIPT, "check", &ours])?;
    python::call(&interpreter, &[SCRIPT, "write", &theirs])?;
    rust(&["check", &theirs])
}

/// As [`ci`], for the AWS Encryption SDKs.
pub fn ci_esdk(_: &[String]) -> Result<()> {
    if let Some(missing) = python::missing() {
        println!("interop with the AWS Encryption SDKs is skipped: {missing}");
        return Ok(());
    }
    interop_esdk::run(interop_esdk::Length::Short)
}
