//! The workspace's own commands. `cargo xtask help` lists them.
#![forbid(unsafe_code)]

mod backends;
mod bench;
mod book;
mod cargo;
mod coverage;
mod doc_density;
mod dynamodb;
mod examples;
mod features;
mod fips;
mod fuzz;
mod interop;
mod interop_branch_keys;
mod interop_esdk;
mod interop_kms;
mod large;
mod layers;
mod look;
mod loopback;
mod msrv;
mod mutants;
mod no_std;
mod node;
mod operate;
mod pages;
mod programs;
mod python;
mod release;
mod supply;
mod targets;
mod test_binaries;
mod tests_run;
mod tidy;
mod tools;
mod uses;
mod vectors;

use std::{env, process::ExitCode, time::Instant};

use anyhow::{Context as _, Result, bail};

type Command = (&'static str, &'static str, fn(&[String]) -> Result<()>);

const COMMANDS: &[Command] = &[
    (
        "test",
        "every test of the workspace, doctests too; further arguments go to cargo test",
        tests_run::run,
    ),
    (
        "ci",
        "all that must hold before a change lands: every command below, of bench the instruction counts, then test",
        ci,
    ),
    ("fmt", "formatting is as rustfmt.toml says", fmt),
    ("clippy", "the workspace's lints, each an error", clippy),
    ("doc", "the documentation builds without a warning", doc),
    (
        "tidy",
        "file sizes and names, forbidden words, what each crate must have, how many test binaries there are",
        tidy::run,
    ),
    (
        "layers",
        "who may depend on whom, what must be absent from dependency trees, no file of a crate above itself",
        layers::run,
    ),
    (
        "targets",
        "the crates build for other machines and systems, as far as what that takes is here",
        targets::run,
    ),
    ("msrv", "no crate needs a newer Rust than it states", msrv::run),
    (
        "no-std",
        "the message formats build without `std`; a bare target may be given as an argument",
        no_std::run,
    ),
    (
        "bench",
        "measurements beside their bars: --check (instruction counts, part of ci), memory, peers, ratios, retry",
        bench::run,
    ),
    (
        "book",
        "the pages of docs/ as a book with search, by mdbook where there is one; none of its links leads nowhere",
        book::run,
    ),
    (
        "doc-density",
        "lines of documentation beside lines of code, and examples beside public items, of each library: what is still to be written",
        doc_density::run,
    ),
    (
        "examples",
        "runs the examples of all crates, and the tests of those that have some",
        examples::run,
    ),
    (
        "features",
        "each crate builds and tests alone with no, default and all features; ci checks them, and tests what does not take minutes; --each checks each feature alone",
        features::run,
    ),
    (
        "backends",
        "the message formats' tests with the ciphers of RustCrypto; test has those of AWS-LC",
        backends::run,
    ),
    (
        "vectors",
        "writes the vectors of the message format; --check compares them with what would be written",
        vectors::run,
    ),
    (
        "interop",
        "python, the message format against another implementation; kms, the emulator against other clients; esdk, against the AWS Encryption SDK; branch-keys, with its material providers library",
        interop::run,
    ),
    (
        "dynamodb",
        "branch keys in DynamoDB: its tests, in a workspace that takes minutes to build; ci looks at its form and lock file",
        dynamodb::run,
    ),
    (
        "fips",
        "the feature `fips`, with AWS-LC's FIPS module and without: takes Go, CMake and clang; ci looks at its form and lock file",
        fips::run,
    ),
    (
        "large",
        "the command with 10 GiB in constant memory, and with more lines than a batch holds; its tests have a short form",
        large::run,
    ),
    (
        "coverage",
        "which lines of each crate the tests run, by cargo-llvm-cov where there is one",
        coverage::run,
    ),
    (
        "mutants",
        "mutation testing: [CRATE...] [--sample N | --all] [--seed N]; 150 of each crate are tried, which takes an hour and more",
        mutants::run,
    ),
    (
        "look",
        "the reports of the command in target/look, shown by Chromium: nothing is cut off, at a phone's width and a desktop's",
        look::run,
    ),
    (
        "operate",
        "the dashboard and alerts of docs/operate beside demo traffic: names always, and a real Prometheus where one is installed",
        operate::run,
    ),
    (
        "fuzz",
        "the message formats under cargo-fuzz: --seconds N for each target, --target T for one",
        fuzz::run,
    ),
    (
        "supply",
        "what crates are made of and promise: duplicates, docs-rs, deny, unused (part of ci); types, minimal, semver",
        supply::run,
    ),
    (
        "release",
        "plans, checks and lists a release; with --execute, publishes and tags it: docs/releasing.md",
        release::run,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        return help();
    };
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        return help();
    }
    let Some((_, _, command)) = COMMANDS.iter().find(|(known, _, _)| known == name) else {
        help()?;
        bail!("there is no command `{name}`");
    };
    env::set_current_dir(cargo::root()).context("the workspace's root is not there")?;
    command(rest)
}

fn help() -> Result<()> {
    println!("cargo xtask COMMAND");
    for (name, what, _) in COMMANDS {
        println!("  {name:<10} {what}");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "it is the machine that is timed")]
fn ci(_: &[String]) -> Result<()> {
    for (name, command) in [
        ("fmt", fmt as fn(&[String]) -> Result<()>),
        ("tidy", tidy::run),
        ("layers", layers::run),
        ("msrv", msrv::run),
        ("supply", supply::ci),
        ("clippy", clippy),
        ("doc", doc),
        ("book", book::run),
        ("no-std", no_std::run),
        ("features", features::ci),
        ("backends", backends::run),
        ("vectors --check", vectors::check),
        ("dynamodb", dynamodb::ci),
        ("fips", fips::ci),
        ("interop python", interop::ci),
        ("interop kms", interop::ci_kms),
        ("interop esdk", interop::ci_esdk),
        ("examples", examples::run),
        ("fuzz", fuzz::ci),
        ("operate", operate::run),
        ("bench --check", bench::ci),
        ("test", tests_run::run),
    ] {
        println!("== {name}");
        let begun = Instant::now();
        command(&[]).with_context(|| format!("`cargo xtask {name}` failed"))?;
        println!("-- {name}: {} s", begun.elapsed().as_secs());
    }
    Ok(())
}

fn fmt(_: &[String]) -> Result<()> {
    cargo::cargo(&["fmt", "--all", "--check"])
}

fn clippy(_: &[String]) -> Result<()> {
    cargo::cargo(&["clippy", "--workspace", "--all-targets", "--all-features"])
}

fn doc(_: &[String]) -> Result<()> {
    cargo::cargo_with(
        &["doc", "--workspace", "--no-deps", "--all-features"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )
}
