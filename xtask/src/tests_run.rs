//! Every test of the workspace, and one line at the end that says how many.
//!
//! Cargo runs one test binary after the other, and a processor rests while a test waits; here two run at once, and the examples of the
//! documentation beside them.
use std::{
    collections::VecDeque,
    io::{BufReader, Write as _},
    num::NonZero,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Artifact, Message, Metadata, Package};

use crate::cargo;

/// How many test binaries run at once where there are at least as many processors.
const AT_ONCE: usize = 2;

/// What chooses targets, so that documentation tests are not asked for unless named.
const TARGETS: [&str; 10] = [
    "--lib",
    "--bin",
    "--bins",
    "--test",
    "--tests",
    "--example",
    "--examples",
    "--bench",
    "--benches",
    "--all-targets",
];

/// Passed, failed and ignored tests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// What was typed: what goes to cargo, and what goes to each test binary.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    cargo: Vec<String>,
    binaries: Vec<String>,
    /// Those binaries that have tests, as nothing else was chosen.
    all_units: bool,
    units: bool,
    docs: bool,
}

/// A test binary, where it runs, and a name for people.
struct Binary {
    name: String,
    program: PathBuf,
    folder: PathBuf,
    bytes: u64,
}

/// What runs by itself, and a name for people.
struct Job {
    name: String,
    command: Command,
}

/// One of them has run.
struct Ran {
    output: Vec<u8>,
    status: ExitStatus,
}

/// Runs every test; arguments before `--` go to cargo, those after it to each test binary.
pub fn run(arguments: &[String]) -> Result<()> {
    let asked = Asked::read(arguments);
    let mut jobs = VecDeque::new();
    let features = features(&cargo::metadata()?);
    if asked.units {
        let (binaries, built) = build(&asked, &features)?;
        if !built.success() {
            bail!("the tests do not build ({built})");
        }
        jobs.extend(binaries.into_iter().map(|binary| binary.job(&asked.binaries)));
    }
    if asked.docs {
        // One crate is built and run after the other: it takes long, and begins first.
        jobs.push_front(docs(&asked, &features));
    }
    let (count, ended_badly) = run_all(jobs)?;
    println!(
        "{} passed, {} failed, {} skipped",
        count.passed, count.failed, count.ignored
    );
    if count.failed > 0 || !ended_badly.is_empty() {
        bail!("tests failed in {}", ended_badly.join(", "));
    }
    if count.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

impl Asked {
    fn read(arguments: &[String]) -> Self {
        let mut parts = arguments.splitn(2, |argument| argument == "--");
        let typed = parts.next().unwrap_or_default();
        let mut binaries = parts.next().unwrap_or_default().to_vec();
        let only_docs = typed.iter().any(|argument| argument == "--doc");
        let targets = typed
            .iter()
            .any(|argument| TARGETS.iter().any(|target| is_option(argument, target)));
        let mut cargo: Vec<String> = Vec::new();
        // As with `cargo test`, a word of its own is a filter for the binaries; what follows an option may be its value.
        let mut of_an_option = false;
        for argument in typed {
            if argument.starts_with('-') || of_an_option {
                of_an_option = argument.starts_with('-') && !argument.contains('=') && takes_value(argument);
                if argument != "--doc" {
                    cargo.push(argument.clone());
                }
            } else {
                binaries.push(argument.clone());
            }
        }
        Self {
            cargo,
            binaries,
            all_units: !only_docs && !targets,
            units: !only_docs,
            docs: only_docs || !targets,
        }
    }
}

fn is_option(argument: &str, option: &str) -> bool {
    argument
        .strip_prefix(option)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// The options of `cargo test` whose value is the next word.
fn takes_value(option: &str) -> bool {
    matches!(
        option,
        "-p" | "--package"
            | "--exclude"
            | "--test"
            | "--bin"
            | "--example"
            | "--bench"
            | "-F"
            | "--features"
            | "-j"
            | "--jobs"
            | "--profile"
            | "--target"
            | "--target-dir"
            | "--config"
            | "-Z"
            | "--color"
            | "--manifest-path"
    )
}

/// The beginning of the features that bring an engine's client, which takes longer to build than everything else. It has tests in a
/// workspace of its own.
const ENGINE: &str = "dynamodb";

/// `-p` chooses packages; without it they are all meant, with all features but those of engines.
fn selection<'a>(typed: &'a [String], features: &'a str) -> Vec<&'a str> {
    let chosen = typed
        .iter()
        .any(|argument| argument.starts_with("-p") || is_option(argument, "--package"));
    let mut all = if chosen {
        vec!["--all-features"]
    } else {
        vec!["--workspace", "--features", features]
    };
    all.extend(typed.iter().map(String::as_str));
    all
}

/// The features of all packages but those that bring an engine, as cargo takes them.
pub fn features(metadata: &Metadata) -> String {
    features_without(metadata, &[])
}

/// These but those that turn on one of `absent`, each a package and a feature.
pub fn features_without(metadata: &Metadata, absent: &[(&str, &str)]) -> String {
    let packages = metadata.workspace_packages();
    let features = packages.iter().flat_map(|package| {
        let own = package.features.keys().map(String::as_str);
        let wanted =
            own.filter(|name| !name.starts_with(ENGINE) && !turns_on(&packages, package, name, absent));
        wanted.map(|name| format!("{}/{name}", package.name))
    });
    features.collect::<Vec<_>>().join(",")
}

/// Whether a feature is one of `absent`, or leads to one through what it turns on in turn.
fn turns_on(packages: &[&Package], package: &Package, feature: &str, absent: &[(&str, &str)]) -> bool {
    let leads = |entry: &String| match entry.split_once('/') {
        None => !entry.starts_with("dep:") && turns_on(packages, package, entry, absent),
        Some((dependency, feature)) => {
            let name = dependency.trim_end_matches('?');
            let found = packages.iter().find(|other| other.name.as_str() == name);
            found.is_some_and(|other| turns_on(packages, other, feature, absent))
        }
    };
    absent.contains(&(package.name.as_str(), feature))
        || package
            .features
            .get(feature)
            .is_some_and(|entries| entries.iter().any(leads))
}

/// Builds the test binaries and lists them, the largest first: what is large takes longest, and should not be the last to begin.
fn build(asked: &Asked, features: &str) -> Result<(Vec<Binary>, ExitStatus)> {
    let mut chosen = selection(&asked.cargo, features);
    if asked.all_units {
        // Without it the examples are built, which are run by a command of their own.
        chosen.push("--tests");
    }
    println!("$ cargo test --no-run {}", chosen.join(" "));
    let mut child = Command::new(cargo::program())
        .args(["test", "--no-run", "--message-format=json-render-diagnostics"])
        .args(chosen)
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut binaries = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        match message.context("cargo printed something that is no message")? {
            Message::CompilerArtifact(artifact) if artifact.profile.test => {
                binaries.extend(binary(artifact)?)
            }
            Message::TextLine(line) => println!("{line}"),
            _ => {}
        }
    }
    let status = child.wait().context("cargo was lost")?;
    binaries.sort_by_key(|binary| std::cmp::Reverse(binary.bytes));
    Ok((binaries, status))
}

fn binary(artifact: Artifact) -> Result<Option<Binary>> {
    let Some(program) = artifact.executable else {
        return Ok(None);
    };
    let folder = artifact
        .manifest_path
        .parent()
        .context("a manifest lies in no folder")?;
    let kind = if artifact.target.is_test() {
        ""
    } else {
        "unit tests of "
    };
    let package = folder.file_name().unwrap_or("the workspace");
    Ok(Some(Binary {
        name: format!("{kind}{} ({package})", artifact.target.name),
        bytes: program.metadata().map_or(0, |found| found.len()),
        folder: folder.into(),
        program: program.into(),
    }))
}

impl Binary {
    /// As cargo runs it: in the folder of its package.
    fn job(self, arguments: &[String]) -> Job {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("CARGO", cargo::program());
        Job {
            name: self.name,
            command,
        }
    }
}

/// The examples of the documentation, which cargo itself builds and runs.
fn docs(asked: &Asked, features: &str) -> Job {
    let mut command = Command::new(cargo::program());
    command
        .args(["test", "--doc", "--no-fail-fast"])
        .args(selection(&asked.cargo, features));
    if !asked.binaries.is_empty() {
        command.arg("--").args(&asked.binaries);
    }
    Job {
        name: "the examples of the documentation".into(),
        command,
    }
}

/// Runs them, [`AT_ONCE`] at a time; the output of each is printed when it has ended. Answers what was counted, and what ended badly.
fn run_all(jobs: VecDeque<Job>) -> Result<(Count, Vec<String>)> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let left = Mutex::new(jobs);
    let seen = Mutex::new((Count::default(), Vec::new()));
    let work = || -> Result<()> {
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(job) = next else { return Ok(()) };
            let name = job.name.clone();
            let ran = run_one(job)?;
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            println!("     Ran {name}");
            std::io::stdout().write_all(&ran.output)?;
            String::from_utf8_lossy(&ran.output)
                .lines()
                .for_each(|line| seen.0.add(line));
            if !ran.status.success() {
                println!("{name} ended badly: {}", ran.status);
                seen.1.push(name);
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE.min(processors)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(ended) => ended,
            Err(_panicked) => bail!("a runner of tests panicked"),
        })
    })?;
    Ok(seen.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Both outputs, in the order in which they came.
fn run_one(mut job: Job) -> Result<Ran> {
    let (mut ours, theirs) = std::io::pipe().context("no pipe can be made")?;
    job.command
        .stdin(Stdio::null())
        .stderr(theirs.try_clone().context("a pipe cannot be shared")?)
        .stdout(theirs);
    let child = job.command.spawn();
    let program = job.command.get_program().to_os_string();
    // It holds the writing end, which would keep the pipe open for ever.
    drop(job);
    let mut child = child.with_context(|| format!("{} cannot be started", program.display()))?;
    let mut output = Vec::new();
    std::io::copy(&mut ours, &mut output).context("a test's output was lost")?;
    let status = child.wait().context("a test was lost")?;
    Ok(Ran { output, status })
}

impl Count {
    /// Adds a closing line such as `test result: ok. 9 passed; 0 failed; 1 ignored; ...`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .split_once("test result: ")
            .and_then(|(_, rest)| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split(';') {
            let mut words = part.split_whitespace();
            let number = words
                .next()
                .and_then(|word| word.parse::<u64>().ok())
                .unwrap_or_default();
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> Asked {
        Asked::read(&arguments.iter().map(|&one| one.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_typed_goes_to_cargo_and_filters_go_to_the_tests() {
        let all = asked(&[]);
        assert_eq!((all.all_units, all.units, all.docs), (true, true, true));
        assert_eq!((all.cargo.len(), all.binaries.len()), (0, 0));

        let one = asked(&["-p", "datakey-tests", "--test", "retry", "quota", "--", "--exact"]);
        assert_eq!(one.cargo, ["-p", "datakey-tests", "--test", "retry"]);
        assert_eq!(one.binaries, ["--exact", "quota"]);
        assert_eq!((one.all_units, one.units, one.docs), (false, true, false));

        let docs = asked(&["--doc", "--package=datakey"]);
        assert_eq!(docs.cargo, ["--package=datakey"]);
        assert_eq!((docs.units, docs.docs), (false, true));
        let features = "datakey/esdk,datakey/local";
        assert_eq!(
            selection(&docs.cargo, features),
            ["--all-features", "--package=datakey"]
        );
        assert_eq!(
            selection(&all.cargo, features),
            ["--workspace", "--features", features]
        );
    }

    #[test]
    fn closing_lines_are_added_up_and_others_are_not() {
        let mut count = Count::default();
        count.add(
            "test result: ok. 9 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        count.add("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out");
        count.add("test the_result ... ok");
        assert_eq!(
            count,
            Count {
                passed: 11,
                failed: 3,
                ignored: 1
            }
        );
    }
}
