//! The emulator against clients that were not written here, and this crate's client against a KMS that was not.
use std::{
    io::{self, BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo,
    loopback::{DIRECT, call, isolated},
    node, programs, python,
};

const SCRIPTS: &str = "tests/interop/kms";
const WORK: &str = "target/interop/kms";
/// How many of the clients that bring what they need along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Three that are soon installed.
    Short,
    /// All of them.
    Long,
}

impl Length {
    /// Their virtual environment, what is in it, and which of them are run: all, where none is named.
    const fn clients(self) -> (&'static str, &'static str, &'static [&'static str]) {
        match self {
            Self::Short => (
                "clients-ci",
                "requirements-clients-ci.txt",
                &["aiobotocore", "libmongocrypt", "tink"],
            ),
            Self::Long => ("clients", "requirements-clients.txt", &[]),
        }
    }
}

/// Runs everything; the table comes at the end.
pub fn run(length: Length) -> Result<()> {
    let python = python()?;
    let (folder, requirements, clients) = length.clients();
    let others = python::environment(&format!("{WORK}/{folder}"), &format!("{SCRIPTS}/{requirements}"))?;
    javascript()?;
    let rust = programs::built("kms_interop")?;
    let authority = format!("{WORK}/authority.pem");
    let (_emulator, plain, refusing, secure) = emulator(&rust, &authority)?;
    let (_moto, moto) = moto()?;
    let script = |name: &str| format!("{SCRIPTS}/{name}");
    let result = |name: &str| format!("{WORK}/{name}.json");
    let module = |name: &str| format!("{WORK}/js/{name}");
    call(
        &python,
        &[&script("calls.py"), &plain, &result("boto3"), &refusing],
    )?;
    call(
        "node",
        &[
            "--no-warnings",
            &module("calls.mjs"),
            &plain,
            &result("javascript"),
            &refusing,
        ],
    )?;
    call(
        &python,
        &[&script("esdk.py"), &plain, &result("esdk-python"), WORK, &moto],
    )?;
    call(
        "node",
        &[
            "--no-warnings",
            &module("esdk.mjs"),
            &plain,
            &result("esdk-javascript"),
            WORK,
        ],
    )?;
    call(&python, &[&script("calls.py"), &moto, &result("moto")])?;
    let arguments = [
        &*script("clients.py"),
        &plain,
        &secure,
        &authority,
        &moto,
        &result("clients"),
    ];
    call(&others, &[&arguments[..], clients].concat())?;
    for (url, which) in [(&plain, "fake"), (&moto, "moto")] {
        println!("the provider's conformance suite, KmsProvider against {which}:");
        let mut suite = Command::new(&rust);
        cargo::run_to_end(suite.args(["conformance", url, which]).envs(DIRECT))?;
    }
    call(&python, &[&script("report.py"), WORK])
}

/// What this machine lacks, if anything.
pub fn missing() -> Option<&'static str> {
    python::missing().or_else(node::missing)
}

/// A virtual environment with the Python clients and moto; answers its interpreter.
fn python() -> Result<String> {
    let folder = format!("{WORK}/venv");
    python::environment(&folder, &format!("{SCRIPTS}/requirements.txt"))
}

/// The JavaScript clients, and the scripts beside them.
fn javascript() -> Result<()> {
    let files = ["calls.json", "calls.mjs", "esdk.mjs"];
    node::environment(&format!("{WORK}/js"), SCRIPTS, &files)
}

/// A process that ends when this one lets go of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Whatever cannot be killed has ended.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Starts the emulator; answers where its endpoints are: the plain one, the refusing one, and that over TLS.
fn emulator(program: &Path, authority: &str) -> Result<(Running, String, String, String)> {
    let child = Command::new(program)
        .args(["serve", authority])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the emulator cannot be started")?;
    let mut running = Running(child);
    let mut line = String::new();
    let output = running.0.stdout.take().context("the emulator has no output")?;
    BufReader::new(output).read_line(&mut line)?;
    let [plain, refusing, secure] = line.split_whitespace().collect::<Vec<_>>()[..] else {
        bail!("the emulator ended before it served");
    };
    Ok((running, plain.into(), refusing.into(), secure.into()))
}

/// Starts moto, on a port of its own choice; answers where it is.
fn moto() -> Result<(Running, String)> {
    let child = isolated(&format!("{WORK}/venv/bin/moto_server"))
        .args(["-H", "127.0.0.1", "-p", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("moto cannot be started")?;
    let mut running = Running(child);
    let mut log = BufReader::new(running.0.stderr.take().context("moto has no log")?);
    let mut line = String::new();
    while log.read_line(&mut line)? > 0 {
        if let Some((_, address)) = line.split_once("Running on http://") {
            let url = format!("http://{}", address.trim());
            // It logs every request, and would stand still if nobody read that.
            thread::spawn(move || io::copy(&mut log, &mut io::sink()));
            return Ok((running, url));
        }
        line.clear();
    }
    bail!("moto ended before it served")
}
