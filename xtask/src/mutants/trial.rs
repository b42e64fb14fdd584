//! The tests against one mutant.
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::build::{Program, RUSTFLAGS};
use crate::cargo;

/// Test programs at once.
pub const AT_ONCE: usize = 2;

/// What the tests made of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A test failed.
    Caught,
    /// The tests did not end in several times their time.
    Endless,
    /// Every test passed.
    Survived,
    /// No test gets there.
    Unreached,
}

/// The tests of a crate, how long each takes and what it reaches.
#[derive(Debug)]
pub struct Bench(Vec<(Program, Vec<Test>)>);

/// A test of a program.
#[derive(Debug)]
struct Test {
    name: String,
    time: Duration,
    reached: BTreeSet<u32>,
}

/// The least time that tests have before they count as endless: other work may be under way.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tests that a program is started with first; with twice as many each further time.
const FIRST: usize = 8;

impl Bench {
    /// Runs each test alone and without a mutant.
    pub fn new(programs: Vec<Program>, notes: &Path) -> Result<Self> {
        fs::create_dir_all(notes)?;
        let timed = programs.into_iter().map(|program| {
            let names = names(&program)?;
            let count = names.len();
            let next = AtomicUsize::new(0);
            let work = |notes: PathBuf| -> Result<Vec<Test>> {
                let mut tests = Vec::new();
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    tests.push(Test::new(&program, name, &notes)?);
                }
                Ok(tests)
            };
            let mut tests = thread::scope(|scope| {
                let workers: Vec<_> = (0..AT_ONCE)
                    .map(|worker| scope.spawn(move || work(notes.join(worker.to_string()))))
                    .collect();
                let mut all = Vec::with_capacity(count);
                for worker in workers {
                    match worker.join() {
                        Ok(tests) => all.extend(tests?),
                        Err(_panicked) => bail!("a worker panicked"),
                    }
                }
                anyhow::Ok(all)
            })?;
            // The fastest first, as most mutants are caught by any of them.
            tests.sort_by_key(|test| test.time);
            Ok((program, tests))
        });
        timed.collect::<Result<_>>().map(Self)
    }

    /// Runs the tests that reach a mutant against it, until one fails.
    pub fn judge(&self, mutant: u32) -> Result<Verdict> {
        let mut left: Vec<(&Program, &[&Test])> = Vec::new();
        let reaching: Vec<(&Program, Vec<&Test>)> = self
            .0
            .iter()
            .map(|(program, tests)| {
                let reaching = tests.iter().filter(|test| test.reached.contains(&mutant));
                (program, reaching.collect())
            })
            .collect();
        left.extend(reaching.iter().map(|(program, tests)| (*program, &tests[..])));
        left.retain(|(_, tests)| !tests.is_empty());
        if left.is_empty() {
            return Ok(Verdict::Unreached);
        }
        let mut at_most = FIRST;
        while !left.is_empty() {
            for (program, tests) in &mut left {
                let (now, later) = tests.split_at(at_most.min(tests.len()));
                *tests = later;
                let time: Duration = now.iter().map(|test| test.time).sum();
                let mut command = command(program);
                command
                    .arg("--exact")
                    .args(now.iter().map(|test| &test.name))
                    .env("DATAKEY_MUTANT", mutant.to_string());
                match watch(command, PATIENCE.max(time * 5))? {
                    End::Passed => {}
                    End::Failed => return Ok(Verdict::Caught),
                    End::TookTooLong => return Ok(Verdict::Endless),
                }
            }
            left.retain(|(_, tests)| !tests.is_empty());
            at_most *= 2;
        }
        Ok(Verdict::Survived)
    }
}

impl Test {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long the tests take is what is asked"
    )]
    fn new(program: &Program, name: &str, notes: &Path) -> Result<Self> {
        let _none_yet = fs::remove_file(notes);
        let mut command = command(program);
        command
            .args(["--exact", name])
            .env("DATAKEY_MUTANTS_REACHED", notes);
        let began = Instant::now();
        match watch(command, PATIENCE * 40)? {
            End::Passed => {}
            other => bail!(
                "{}: {name} does not pass without a mutant: {other:?}",
                program.name
            ),
        }
        let noted = fs::read_to_string(notes).unwrap_or_default();
        Ok(Self {
            name: name.into(),
            time: began.elapsed(),
            reached: noted.lines().filter_map(|line| line.parse().ok()).collect(),
        })
    }
}

/// The tests of a program that are not ignored.
fn names(program: &Program) -> Result<Vec<String>> {
    let listed = command(program)
        .args(["--list", "--format", "terse"])
        .output()
        .with_context(|| format!("{} does not list its tests", program.name))?;
    let text = String::from_utf8_lossy(&listed.stdout);
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(String::from).collect())
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
        .args(["-c", "ulimit -v 12000000; exec \"$0\" \"$@\""])
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
