//! Mutation testing: how many small changes of a crate does none of its tests notice?
//!
//! The mutants are those of `cargo-mutants`, which builds the tests once for each: half a minute and more here, as every test binary
//! is linked with all crates. So they are compiled all at once, each behind a switch, and the switch is set when the tests run.
mod build;
mod list;
mod places;
mod report;
mod switch;
mod tree;
mod trial;

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, Result, bail};
use build::{Built, Program};
use cargo_metadata::Package;
use list::Mutant;
use report::{Judged, Report};
use tree::Tree;
use trial::{AT_ONCE, Bench, Examples, Verdict};

use crate::cargo;

/// Crates that are tried when none is named.
const CRATES: [&str; 8] = [
    "datakey-provider",
    "datakey-envelope",
    "datakey-esdk",
    "datakey-retry",
    "datakey-loads",
    "datakey-keyring",
    "datakey-kms",
    "datakey-branch-keys",
];

/// Mutants that are tried of each crate.
const SAMPLE: usize = 150;

/// Builds at the most, each without the mutants that the one before refused.
const BUILDS: usize = 30;

struct Asked {
    crates: Vec<String>,
    sample: usize,
    seed: u64,
}

/// `[CRATE...] [--sample N] [--all] [--seed N]`
pub fn run(arguments: &[String]) -> Result<()> {
    let asked = Asked::read(arguments)?;
    let mut rows = Vec::new();
    for package in &asked.crates {
        rows.push(one(package, &asked)?);
    }
    println!("{}\n{}", report::HEAD, rows.join("\n"));
    Ok(())
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut asked = Self {
            crates: Vec::new(),
            sample: SAMPLE,
            seed: 1,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                let value = words.next().context("a number is missing")?;
                value.parse().with_context(|| format!("{value} is no number"))
            };
            match word.as_str() {
                "--sample" => asked.sample = usize::try_from(number()?)?,
                "--seed" => asked.seed = number()?,
                "--all" => asked.sample = usize::MAX,
                option if option.starts_with('-') => {
                    bail!("mutants [CRATE...] [--sample N | --all] [--seed N]: {option}?")
                }
                name => asked.crates.push(name.into()),
            }
        }
        if asked.crates.is_empty() {
            asked.crates = CRATES.map(String::from).to_vec();
        }
        Ok(asked)
    }
}

/// Tries the mutants of a crate, and answers with its row.
fn one(package: &str, asked: &Asked) -> Result<String> {
    let metadata = cargo::metadata()?;
    let crates = cargo::crates(&metadata);
    let found = crates
        .into_iter()
        .find(|one| one.name.as_str() == package)
        .with_context(|| format!("there is no crate {package}"))?;
    let folder = metadata.target_directory.join("mutants");
    let mut waiting: VecDeque<Mutant> = {
        let mut all = list::all(package)?;
        list::shuffle(&mut all, asked.seed);
        all.into()
    };
    let listed = waiting.len();
    // One tree for all crates: cargo knows a crate by its place in a workspace, and would take that of one tree for that of another.
    let mut tree = Tree::copy(folder.join("tree").as_std_path(), &library(found)?)?;
    let target = folder.join("target");
    let tests = Tests::of(found);
    let mut mutants = Vec::new();
    let mut unviable = BTreeSet::new();
    let programs = 'built: {
        for _ in 0..BUILDS {
            if mutants.len() < asked.sample {
                // A third does not compile: more than are wanted, as each that is added later may cost a build.
                let more = asked.sample.saturating_mul(2).saturating_sub(mutants.len());
                mutants.extend(waiting.drain(..more.min(waiting.len())));
            }
            let switches = tree.switch(&mutants)?;
            let mut refused: BTreeSet<u32> = switches.left_out.into_iter().collect();
            if refused.is_empty() {
                match tests.build(&tree, target.as_std_path())? {
                    Built::Programs(programs) => break 'built programs,
                    Built::Refused(numbers, to_be_const) => {
                        refused = numbers;
                        let inside = switches.no_longer_const.into_iter();
                        refused.extend(
                            inside
                                .filter(|(name, _)| to_be_const.contains(name))
                                .map(|(_, number)| number),
                        );
                    }
                }
            }
            if refused.is_empty() {
                bail!("{package}: the compiler wants constants that have no mutants");
            }
            println!("{package}: {} mutants do not compile", refused.len());
            mutants.retain(|mutant| !refused.contains(&mutant.change.number));
            unviable.extend(refused);
        }
        bail!("{package}: after {BUILDS} builds there are still mutants that do not compile");
    };
    println!(
        "{package}: {} mutants are in {} programs",
        mutants.len(),
        programs.len()
    );
    mutants.truncate(asked.sample);
    let bench = Bench::new(programs, folder.join("reached").as_std_path())?;
    let mut judged = judge(&bench, mutants)?;
    let examples = Examples::new(package, tree.root(), target.as_std_path())?;
    for (mutant, verdict) in &mut judged {
        if report::is_alive(*verdict) && examples.fail(mutant.change.number)? {
            println!("caught by an example: {}", mutant.name);
            *verdict = Verdict::Caught;
        }
    }
    let report = Report {
        package,
        listed,
        unviable: unviable.len(),
        seed: asked.seed,
        judged: &judged,
    };
    let file = folder.join(format!("{package}.txt"));
    fs::write(&file, report.text())?;
    println!("{}\nwritten to {file}", report.text());
    Ok(report.row())
}

/// The root of a crate's library, from the root of the workspace.
fn library(package: &Package) -> Result<PathBuf> {
    let library = package.targets.iter().find(|target| target.is_lib());
    let source = &library.context("the crate has no library")?.src_path;
    Ok(source.as_std_path().strip_prefix(cargo::root())?.to_path_buf())
}

/// What crates tell of themselves is tested in one program, with one recorder.
const TELEMETRY: &str = "telemetry";

/// Tests of a crate that need a build of their own: code that all features of the workspace do not build.
const APART: [(&str, &[&str]); 3] = [
    ("datakey-envelope", WITH_RUSTCRYPTO),
    ("datakey-esdk", WITH_RUSTCRYPTO),
    (
        "datakey-branch-keys",
        &["--locked", "--manifest-path", "tests/dynamodb/Cargo.toml"],
    ),
];

/// As `backends` does.
const WITH_RUSTCRYPTO: &[&str] = &[
    "-p",
    "datakey-tests",
    "--no-default-features",
    "--test",
    "envelope",
    "--test",
    "esdk",
];

/// The tests of a crate: its own, those of `datakey-tests` that have its name, those of events and metrics, and those apart.
struct Tests {
    package: String,
    prefix: String,
}

impl Tests {
    fn of(package: &Package) -> Self {
        let name = package.name.to_string();
        let prefix = name.trim_start_matches("datakey-").replace('-', "_");
        Self {
            package: name,
            prefix,
        }
    }

    fn build(&self, tree: &Tree, target: &Path) -> Result<Built> {
        let pattern = format!("{}*", self.prefix);
        let outside = [
            "test",
            "--no-run",
            "-p",
            "datakey-tests",
            "--all-features",
            "--test",
            &pattern,
            "--test",
            TELEMETRY,
        ];
        let own = ["test", "--no-run", "-p", &self.package, "--all-features", "--lib"];
        let mut all: Vec<Program> = Vec::new();
        let apart = APART.iter().filter(|(package, _)| *package == self.package);
        let apart = apart.map(|(_, more)| [&["test", "--no-run"], *more].concat());
        for arguments in [own.to_vec(), outside.to_vec()].into_iter().chain(apart) {
            match build::build(tree.root(), target, &arguments)? {
                Built::Programs(programs) => all.extend(programs),
                refused @ Built::Refused(..) => return Ok(refused),
            }
        }
        Ok(Built::Programs(all))
    }
}

/// Tries all of them, as many at once as there are processors for.
fn judge(bench: &Bench, mutants: Vec<Mutant>) -> Result<Vec<Judged>> {
    let count = mutants.len();
    let waiting = Mutex::new(VecDeque::from(mutants));
    let judged = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let Some(mutant) = lock(&waiting).pop_front() else {
                return Ok(());
            };
            let verdict = bench.judge(mutant.change.number)?;
            let mut judged = lock(&judged);
            println!("{}/{count} {verdict:?}: {}", judged.len() + 1, mutant.name);
            judged.push((mutant, verdict));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(ended) => ended,
            Err(_panicked) => bail!("a worker panicked"),
        })
    })?;
    let mut judged = judged.into_inner().unwrap_or_else(PoisonError::into_inner);
    judged.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    Ok(judged)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
