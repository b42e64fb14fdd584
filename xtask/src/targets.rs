//! The crates build for machines and systems that are not this one: as far as their standard libraries and C compilers are here.
use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo;

/// A system to build for.
struct Target {
    name: &'static str,
    /// The C compiler that the ciphers of AWS-LC need; without it, and where it cannot be had, crates are checked without them.
    compiler: Option<&'static str>,
}

const TARGETS: [Target; 5] = [
    Target {
        name: "aarch64-unknown-linux-gnu",
        compiler: Some("aarch64-linux-gnu-gcc"),
    },
    Target {
        name: "x86_64-unknown-linux-musl",
        compiler: Some("musl-gcc"),
    },
    Target {
        name: "x86_64-pc-windows-gnu",
        compiler: Some("x86_64-w64-mingw32-gcc"),
    },
    Target {
        name: "x86_64-pc-windows-msvc",
        compiler: None,
    },
    Target {
        name: "aarch64-apple-darwin",
        compiler: None,
    },
];

/// Checks the crates for each target that is installed, or for those that are named.
pub fn run(only: &[String]) -> Result<()> {
    let installed = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output();
    let installed = installed
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    if let Some(unknown) = only
        .iter()
        .find(|name| TARGETS.iter().all(|target| target.name != *name))
    {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        bail!("{unknown} is none of {}", known.join(", "));
    }
    for target in &TARGETS {
        let name = target.name;
        if !only.is_empty() && only.iter().all(|chosen| chosen != name) {
            continue;
        }
        if !installed.lines().any(|line| line == name) {
            println!("{name}: not checked, its standard library is not here: rustup target add {name}");
            continue;
        }
        check(target)?;
    }
    Ok(())
}

fn check(target: &Target) -> Result<()> {
    let metadata = cargo::metadata()?;
    let compiler = target.compiler.filter(|compiler| {
        let version = Command::new(compiler).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    let crates = cargo::crates(&metadata);
    let mut arguments = vec!["check", "--locked", "--target", target.name];
    let with = if compiler.is_some() {
        "with their default features"
    } else {
        arguments.push("--no-default-features");
        "without C"
    };
    for package in &crates {
        arguments.extend(["--package", package.name.as_str()]);
    }
    cargo::cargo(&arguments)?;
    println!("{}: {} crates build, {with}", target.name, crates.len());
    Ok(())
}
