//! The AWS Encryption SDKs for Python, JavaScript and Rust: both ways, and their caching beside ours.
use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    cargo,
    loopback::{call, isolated},
    node, programs, python,
};

const SCRIPTS: &str = "tests/interop/esdk";
const PYTHON: &str = "tests/interop/esdk/vectors.py";
const REFUSALS: &str = "tests/interop/esdk/refusals.py";
const ORDERS: &str = "tests/interop/esdk/orders.py";
const JAVASCRIPT: &str = "target/interop/esdk/js/sdk.mjs";
const VECTORS: &str = "tests/vectors/esdk";
const RSA_KEYS: &str = "tests/vectors/esdk/rsa";
const RSA_KEY: &str = "tests/vectors/esdk/rsa/private-pkcs8.pem";
const WORK: &str = "target/interop/esdk";
/// What is written here, for the others to open.
const OURS: &str = "target/interop/esdk/ours";

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Python, JavaScript where there is a Node.js, and a tenth of the orders.
    Short,
    /// All three, with large plaintexts.
    Long,
}

impl Length {
    const fn orders(self) -> &'static str {
        match self {
            Self::Short => "1000",
            Self::Long => "10000",
        }
    }

    const fn large(self) -> &'static [&'static str] {
        match self {
            Self::Short => &[],
            Self::Long => &["large"],
        }
    }
}

/// Messages of the SDKs open here, messages from here open there, what is refused here is refused there, and caching makes as many
/// calls as theirs, or fewer.
pub fn run(length: Length) -> Result<()> {
    fs::create_dir_all(WORK).with_context(|| format!("{WORK} cannot be made"))?;
    if Path::new(OURS).exists() {
        fs::remove_dir_all(OURS).with_context(|| format!("{OURS} cannot be emptied"))?;
    }
    ours(&[&["write", OURS], length.large()].concat())?;
    let python = with_python(length)?;
    let calls = ["calls", &python, ORDERS, WORK, length.orders()];
    ours(&calls)?;
    match (length, node::missing()) {
        (Length::Short, Some(missing)) => {
            println!("interop with the AWS Encryption SDK for JavaScript is skipped: {missing}");
        }
        _ => with_javascript(length)?,
    }
    match length {
        Length::Short => Ok(()),
        Length::Long => with_rust(),
    }
}

/// Orders under cached data keys, beside the SDK for Python.
pub fn time() -> Result<()> {
    fs::create_dir_all(WORK).with_context(|| format!("{WORK} cannot be made"))?;
    let python = interpreter()?;
    let run = [
        "run",
        "--quiet",
        "--all-features",
        "-p",
        "datakey-tests",
        "--release",
    ];
    let timed = ["--bin", "esdk_interop", "--", "time", &python, ORDERS, WORK];
    cargo::run_to_end(isolated(&cargo::program()).args([&run[..], &timed].concat()))
}

fn interpreter() -> Result<String> {
    python::environment(&format!("{WORK}/venv"), &format!("{SCRIPTS}/requirements.txt"))
}

/// The interpreter, if it was made before.
pub fn interpreter_if_made() -> Option<String> {
    let python = format!("{WORK}/venv/bin/python");
    Path::new(&python).exists().then_some(python)
}

/// Answers the interpreter.
fn with_python(length: Length) -> Result<String> {
    let interpreter = interpreter()?;
    let run = |arguments: &[&str]| python::call(&interpreter, arguments);
    exchange("python", |what, file| match what {
        "write" => run(&[&[PYTHON, what, file], length.large()].concat()),
        _ => run(&[PYTHON, what, file]),
    })?;
    run(&[PYTHON, "open", OURS])?;
    run(&[REFUSALS, "check"])?;
    run(&[PYTHON, "refuse"])?;
    Ok(interpreter)
}

fn with_javascript(length: Length) -> Result<()> {
    node::environment(&format!("{WORK}/js"), SCRIPTS, &["sdk.mjs"])?;
    let run = |arguments: &[&str]| {
        let flags = ["--no-warnings", JAVASCRIPT];
        call("node", &[&flags[..], arguments].concat())
    };
    exchange("javascript", |what, file| match what {
        "write" => run(&[&[what, file], length.large()].concat()),
        _ => run(&[what, file, RSA_KEY]),
    })?;
    run(&["open", OURS, RSA_KEY])?;
    run(&["refuse", VECTORS])?;
    ours(&["crowd", JAVASCRIPT])
}

fn with_rust() -> Result<()> {
    let run = |arguments: &[&str]| {
        let command = [&cargo::PEERS[..], &["--bin", "esdk_interop", "--"], arguments].concat();
        cargo::cargo(&command)
    };
    exchange("rust", |what, file| match what {
        "write" => run(&[what, file, "large"]),
        _ => run(&[what, file, RSA_KEYS]),
    })?;
    run(&["open", OURS, RSA_KEYS])?;
    run(&["refuse", VECTORS])
}

/// Messages of another writer, opened here.
fn exchange(of: &str, write: impl Fn(&str, &str) -> Result<()>) -> Result<()> {
    for (what, open) in [("write", "open"), ("write-rsa", "open-rsa")] {
        let file = format!("{WORK}/{of}-{what}.json");
        write(what, &file)?;
        ours(&[open, &file])?;
    }
    Ok(())
}

fn ours(arguments: &[&str]) -> Result<()> {
    let program = programs::built("esdk_interop")?;
    cargo::run_to_end(isolated(&program.to_string_lossy()).args(arguments))
}
