//! Runs the examples: each asserts its outcome, and needs no argument.
use std::{env, ffi::OsString, fs, path::Path};

use anyhow::{Result, bail};
use cargo_metadata::{
    Metadata, Package, Target,
    camino::{Utf8Path, Utf8PathBuf},
};

use crate::{cargo, interop_esdk, loopback, pages::Finding, tests_run};

/// An example's file has fewer.
const LINES: usize = 80;

/// The page that leads to each of them.
const GUIDE: &str = "docs/guide.md";

/// Where a virtual environment with the AWS Encryption SDK for Python is, for whoever exchanges messages with it.
const PYTHON: &str = "ESDK_PYTHON";

/// Builds all of them at once, then runs each, and the tests of those that have some.
pub fn run(only: &[String]) -> Result<()> {
    let metadata = cargo::metadata()?;
    let features = tests_run::features(&metadata);
    let shown: Vec<&Target> = shown(&metadata)
        .filter(|target| only.is_empty() || only.contains(&target.name))
        .collect();
    if shown.is_empty() {
        bail!("there is no such example");
    }
    // The features of `test`, so that nothing is built twice.
    let selection = ["--workspace", "--locked", "--features", &features];
    let named: Vec<&str> = shown
        .iter()
        .flat_map(|target| ["--example", &target.name])
        .collect();
    cargo::cargo(&[&["build", "--quiet"], &selection[..], &named].concat())?;
    let python = python();
    for target in &shown {
        let file = format!("{}{}", target.name, env::consts::EXE_SUFFIX);
        let program = metadata.target_directory.join("debug/examples").join(file);
        let mut command = loopback::isolated(program.as_str());
        cargo::run_to_end(command.envs(python.iter().map(|python| (PYTHON, python))))?;
    }
    let tested: Vec<&str> = shown
        .iter()
        .filter(|target| has_tests(target.src_path.as_std_path()))
        .flat_map(|target| ["--example", &target.name])
        .collect();
    if !tested.is_empty() {
        cargo::cargo(&[&["test", "--quiet"], &selection[..], &tested].concat())?;
    }
    println!("{} examples did what they say", shown.len());
    Ok(())
}

/// The examples of all crates, but those that a crate's manifest says are run by what measures them.
fn shown(metadata: &Metadata) -> impl Iterator<Item = &Target> {
    let packages = cargo::crates(metadata).into_iter();
    packages.flat_map(|package| {
        let examples = package.targets.iter().filter(|target| target.is_example());
        examples.filter(|target| !measures(package, &target.name))
    })
}

fn measures(package: &Package, example: &str) -> bool {
    let named = package.metadata.pointer("/measurements/examples");
    let named = named.and_then(|names| names.as_array());
    named.is_some_and(|names| names.iter().any(|name| name == example))
}

/// The interpreter that was named, or that `interop esdk` has made.
fn python() -> Option<OsString> {
    let python = env::var_os(PYTHON).or_else(|| interop_esdk::interpreter_if_made().map(OsString::from));
    if python.is_none() {
        println!(
            "{PYTHON} names no interpreter, and `cargo xtask interop esdk` has made none: nothing goes to Python"
        );
    }
    python
}

/// The examples' files that are too long to be read at once, and the examples that no page leads to.
pub fn findings(metadata: &Metadata) -> Vec<Finding> {
    let pages = fs::read_to_string(GUIDE).unwrap_or_default();
    let of_each = shown(metadata).flat_map(|target| {
        let place = target
            .src_path
            .strip_prefix(&metadata.workspace_root)
            .unwrap_or(&target.src_path);
        let unlinked = (!pages.contains(&format!("(../{place})")))
            .then(|| (place.to_string(), format!("has no link in {GUIDE}")));
        unlinked
            .into_iter()
            .chain(files(&target.src_path).into_iter().filter_map(too_long))
    });
    of_each.collect()
}

/// An example's own file, or all in its folder.
fn files(source: &Utf8Path) -> Vec<Utf8PathBuf> {
    let folder = source.parent().filter(|_| source.file_name() == Some("main.rs"));
    let listed = folder.and_then(|folder| folder.read_dir_utf8().ok());
    match listed {
        Some(entries) => entries.flatten().map(|entry| entry.path().to_owned()).collect(),
        None => vec![source.to_owned()],
    }
}

fn too_long(file: Utf8PathBuf) -> Option<Finding> {
    let lines = fs::read_to_string(&file).unwrap_or_default().lines().count();
    (lines >= LINES).then(|| {
        (
            file.into_string(),
            format!("has {lines} lines; an example has fewer than {LINES}"),
        )
    })
}

fn has_tests(source: &Path) -> bool {
    fs::read_to_string(source).is_ok_and(|text| text.contains("#[cfg(test)]"))
}
