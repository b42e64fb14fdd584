//! Branch keys of AWS's material providers library and ours in one table: moto's DynamoDB and the emulator of KMS, on loopback.
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo, dynamodb,
    loopback::{call, isolated},
    python,
};

const SCRIPT: &str = "tests/interop/branch_keys/branch_keys.py";
const TABLE: &str = "tests/interop/branch_keys/table.py";
/// Those of the clients of KMS: all of it is among them.
const REQUIREMENTS: &str = "tests/interop/kms/requirements.txt";
const ENVIRONMENT: &str = "target/interop/kms/venv";
/// How often each of three writers rotates at once.
const ROTATIONS: &str = "25";

/// Each makes, rotates, seals and opens with what the other made; and both rotate at once.
pub fn run() -> Result<()> {
    let services = Services::start()?;
    let driver = services.driver.as_str();
    let (kms, dynamodb) = (&*services.kms.url, &*services.dynamodb.url);
    call(
        &services.python,
        &[SCRIPT, "meet", kms, dynamodb, driver, ROTATIONS],
    )
}

/// 300 bytes under a cached branch key, by the AWS Encryption SDKs for Python and for Rust, and by us.
pub fn time() -> Result<()> {
    let services = Services::start()?;
    let (kms, dynamodb) = (&*services.kms.url, &*services.dynamodb.url);
    let output = isolated(&services.python)
        .args([SCRIPT, "time", kms, dynamodb])
        .stderr(Stdio::inherit())
        .output()
        .context("Python cannot be started")?;
    if !output.status.success() {
        bail!("the SDK for Python was not measured");
    }
    let given = String::from_utf8(output.stdout).context("it printed something that is not UTF-8")?;
    let peers = [
        &cargo::PEERS[..],
        &["--features", "aws-lc", "--bin", "datakey-peers"],
    ]
    .concat();
    let mut command = isolated(&cargo::program());
    cargo::run_to_end(command.args(peers).env("DATAKEY_BRANCH_KEYS", given.trim()))
}

/// What listens on loopback, and the interpreter with what talks to it.
struct Services {
    python: String,
    driver: String,
    kms: Serving,
    dynamodb: Serving,
}

impl Services {
    fn start() -> Result<Self> {
        if let Some(missing) = python::missing() {
            bail!("{missing}");
        }
        let python = python::environment(ENVIRONMENT, REQUIREMENTS)?;
        let driver = dynamodb::driver()?.to_string_lossy().into_owned();
        Ok(Self {
            kms: Serving::start(isolated(&driver).arg("serve"))?,
            dynamodb: Serving::start(isolated(&python).arg(TABLE))?,
            python,
            driver,
        })
    }
}

/// A process that serves until this lets go of it: its standard input ends then.
struct Serving {
    process: Child,
    url: String,
}

impl Serving {
    /// Its first line says where.
    fn start(command: &mut Command) -> Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("a service cannot be started")?;
        let output = process.stdout.take().context("a service has no output")?;
        let mut url = String::new();
        BufReader::new(output).read_line(&mut url)?;
        let url = url.trim().to_owned();
        if url.is_empty() {
            bail!("a service ended before it served");
        }
        Ok(Self { process, url })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // Whatever cannot be waited for has ended.
        let _ended = self.process.wait();
    }
}
