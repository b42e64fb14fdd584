//! No crate needs a newer Rust than it states: not through a dependency, not through the standard library.
//!
//! The dependencies' own statements are compared here. Clippy's `incompatible_msrv`, which reads the same
//! `rust-version`, covers the standard library. Where the stated toolchain is installed, the crate is built with it.
use std::{
    collections::{HashMap, HashSet},
    process::Command,
};

use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, Metadata, Node, PackageId, semver::Version};

use crate::cargo;

/// Checks each crate under `crates/`.
pub fn run(_: &[String]) -> Result<()> {
    let metadata = cargo::metadata()?;
    let toolchains = toolchains();
    let mut broken = Vec::new();
    for package in cargo::crates(&metadata) {
        let Some(stated) = &package.rust_version else {
            broken.push(format!("{} states no rust-version", package.name));
            continue;
        };
        for (name, needed) in needs(&metadata, &package.id) {
            if needed > *stated {
                broken.push(format!(
                    "{} states Rust {stated}, but {name} needs {needed}",
                    package.name
                ));
            }
        }
        let installed = toolchains.iter().find(|name| matches_version(name, stated));
        match installed {
            Some(toolchain) => build_with(toolchain, &package.name)?,
            None => println!(
                "{}: Rust {stated} by the statements of its dependencies",
                package.name
            ),
        }
    }
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    Ok(())
}

/// The normal and build dependencies of a crate, each with the Rust that it states.
fn needs(metadata: &Metadata, root: &PackageId) -> Vec<(String, Version)> {
    let nodes: HashMap<&PackageId, &Node> = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .map(|node| (&node.id, node))
        .collect();
    let mut seen: HashSet<&PackageId> = HashSet::new();
    let mut left = vec![root];
    while let Some(node) = left.pop().and_then(|id| nodes.get(id)) {
        for dependency in &node.deps {
            let ours = dependency.dep_kinds.iter().any(|kind| {
                kind.kind != DependencyKind::Development && kind.target.as_ref().is_none_or(is_for_this_host)
            });
            if ours && seen.insert(&dependency.pkg) {
                left.push(&dependency.pkg);
            }
        }
    }
    let stated = metadata
        .packages
        .iter()
        .filter(|package| seen.contains(&package.id));
    stated
        .filter_map(|package| Some((package.name.to_string(), package.rust_version.clone()?)))
        .collect()
}

/// Targets such as Windows and the web bring crates with needs of their own; what is built and tested counts.
fn is_for_this_host(target: &cargo_metadata::cargo_platform::Platform) -> bool {
    let text = target.to_string();
    ![
        "windows", "wasm", "hermit", "wasi", "redox", "macos", "apple", "android", "uefi", "solaris",
    ]
    .iter()
    .any(|other| text.contains(other) && !text.contains("not("))
}

fn toolchains() -> Vec<String> {
    let listed = Command::new("rustup").args(["toolchain", "list"]).output();
    let listed = listed
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn matches_version(toolchain: &str, version: &Version) -> bool {
    let short = format!("{}.{}", version.major, version.minor);
    toolchain.starts_with(&format!("{version}-")) || toolchain.starts_with(&format!("{short}-"))
}

fn build_with(toolchain: &str, package: &str) -> Result<()> {
    println!("$ cargo +{toolchain} check -p {package} --all-features");
    let status = Command::new("rustup")
        .args([
            "run",
            toolchain,
            "cargo",
            "check",
            "--locked",
            "--all-features",
            "-p",
            package,
        ])
        .status()?;
    if !status.success() {
        bail!("{package} does not build with {toolchain}");
    }
    Ok(())
}
