//! The tests against one mutant.
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::build::{Program, RUSTFLAGS};
use crate::cargo;

/// What the tests made of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A test failed.
    Caught,
    /// The tests did not end in several times their time.
    Endless,
    /// Every test passed.
    Survived,
    /// No test runs the place.
    Unreached,
}

/// The tests of a crate, how long they take and what they reach.
#[derive(Debug)]
pub struct Bench {
    /// Each with the time that it may take.
    programs: Vec<(Program, Duration)>,
    reached: BTreeSet<u32>,
}

/// The least time that a program has before it counts as endless: other work may be under way.
const PATIENCE: Duration = Duration::from_secs(60);

impl Bench {
    /// Runs the tests without a mutant.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long the tests take is what is asked"
    )]
    pub fn new(programs: Vec<Program>, notes: &Path) -> Result<Self> {
        let mut timed = Vec::new();
        let _none_yet = fs::remove_file(notes);
        for program in programs {
            let began = Instant::now();
            let mut command = command(&program);
            command.env("DATAKEY_MUTANTS_REACHED", notes);
            match watch(command, PATIENCE * 20)? {
                End::Passed => {}
                other => bail!("{} does not pass without a mutant: {other:?}", program.name),
            }
            timed.push((program, PATIENCE.max(began.elapsed() * 5)));
        }
        let noted = fs::read_to_string(notes).unwrap_or_default();
        // The fastest first, as most mutants are caught by any of them.
        timed.sort_by_key(|(_, time)| *time);
        Ok(Self {
            programs: timed,
            reached: noted.lines().filter_map(|line| line.parse().ok()).collect(),
        })
    }

    /// Runs the tests against a mutant until one fails.
    pub fn judge(&self, mutant: u32) -> Result<Verdict> {
        if !self.reached.contains(&mutant) {
            return Ok(Verdict::Unreached);
        }
        for (program, time) in &self.programs {
            let mut command = command(program);
            command.env("DATAKEY_MUTANT", mutant.to_string());
            match watch(command, *time)? {
                End::Passed => {}
                End::Failed => return Ok(Verdict::Caught),
                End::TookTooLong => return Ok(Verdict::Endless),
            }
        }
        Ok(Verdict::Survived)
    }
}

/// The examples of a crate's documentation. They take long to build, so they are asked last.
#[derive(Debug)]
pub struct Examples {
    package: String,
    root: PathBuf,
    target: PathBuf,
}

impl Examples {
    /// Those of this crate, which pass without a mutant.
    pub fn new(package: &str, root: &Path, target: &Path) -> Result<Self> {
        let examples = Self {
            package: package.into(),
            root: root.into(),
            target: target.into(),
        };
        if examples.fail(0)? {
            bail!("the examples of {package} do not pass without a mutant");
        }
        Ok(examples)
    }

    /// Whether one fails with this mutant.
    pub fn fail(&self, mutant: u32) -> Result<bool> {
        let mut command = Command::new(cargo::program());
        command
            .args([
                "test",
                "--quiet",
                "--doc",
                "--all-features",
                "--package",
                &self.package,
            ])
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("RUSTFLAGS", RUSTFLAGS)
            .env("RUSTDOCFLAGS", RUSTFLAGS)
            .env("DATAKEY_MUTANT", mutant.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Ok(watch(command, PATIENCE * 20)? != End::Passed)
    }
}

fn command(program: &Program) -> Command {
    // A mutant may ask for all the memory there is.
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -v 12000000; exec \"$0\""])
        .arg(&program.path)
        .current_dir(&program.folder)
        .env("CARGO_MANIFEST_DIR", &program.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Passed,
    Failed,
    TookTooLong,
}

/// Waits for the end of a test program, or for the first test that fails.
fn watch(mut command: Command, time: Duration) -> Result<End> {
    let mut child = command.spawn().context("a test program cannot be started")?;
    let output = child.stdout.take().context("a test program has no output")?;
    let (failed, heard) = channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if line.starts_with("test ") && line.trim_end().ends_with("FAILED") {
                let _ended_already = failed.send(());
            }
        }
    });
    let end = match heard.recv_timeout(time) {
        Ok(()) => stopped(&mut child, End::Failed)?,
        Err(RecvTimeoutError::Timeout) => stopped(&mut child, End::TookTooLong)?,
        Err(RecvTimeoutError::Disconnected) if child.wait()?.success() => End::Passed,
        Err(RecvTimeoutError::Disconnected) => End::Failed,
    };
    drop(reader.join());
    Ok(end)
}

fn stopped(child: &mut Child, end: End) -> Result<End> {
    child.kill().context("a test program cannot be ended")?;
    child.wait()?;
    Ok(end)
}
