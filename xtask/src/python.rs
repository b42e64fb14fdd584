//! The Python of this machine: what it lacks, virtual environments, and calling their interpreters.
use std::{path::Path, process::Command};

use anyhow::Result;

use crate::cargo::run_to_end;

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

/// Runs an interpreter, which leaves no bytecode beside its scripts, to its end.
pub fn call(program: &str, arguments: &[&str]) -> Result<()> {
    run_to_end(
        Command::new(program)
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}
