//! Who may depend on whom, among crates and among the files of each. The map is `docs/architecture.md`; this is its check.
use anyhow::{Context as _, Result, bail};
use cargo_metadata::{DependencyKind, Metadata};

use crate::{cargo, uses};

/// Each crate with the workspace crates that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("datakey-provider", &[]),
    ("datakey-envelope", &["datakey-provider"]),
    ("datakey-esdk", &["datakey-provider"]),
    ("datakey-retry", &["datakey-provider"]),
    ("datakey-loads", &[]),
    ("datakey-keyring", &["datakey-provider", "datakey-loads"]),
    ("datakey-kms", &["datakey-provider"]),
    (
        "datakey-branch-keys",
        &["datakey-provider", "datakey-keyring", "datakey-retry"],
    ),
    ("datakey-local", &["datakey-provider"]),
    ("datakey-fake-kms", &["datakey-provider"]),
    (
        "datakey",
        &[
            "datakey-provider",
            "datakey-branch-keys",
            "datakey-envelope",
            "datakey-esdk",
            "datakey-retry",
            "datakey-keyring",
            "datakey-kms",
            "datakey-local",
            "datakey-fake-kms",
        ],
    ),
    (
        "datakey-sim",
        &[
            "datakey-provider",
            "datakey-branch-keys",
            "datakey-retry",
            "datakey-keyring",
            "datakey-fake-kms",
        ],
    ),
    ("datakey-cli", &["datakey", "datakey-sim"]),
    ("xtask", &[]),
];

/// Each crate with one that only its examples use.
const FOR_EXAMPLES: &[(&str, &str)] = &[
    ("datakey-branch-keys", "datakey-local"),
    ("datakey-keyring", "datakey-fake-kms"),
    ("datakey-retry", "datakey-fake-kms"),
];

/// Crate, cargo flags, and the beginnings of names which its normal dependency tree must not hold.
const ABSENT: &[(&str, &str, &[&str])] = &[
    (
        "datakey-provider",
        "--all-features",
        &["tokio", "aws-", "hyper", "rand", "getrandom"],
    ),
    (
        "datakey-envelope",
        "--all-features",
        &["tokio", "aws-sdk", "aws-config", "aws-smithy", "hyper", "rustls"],
    ),
    (
        "datakey-esdk",
        "--all-features",
        &["tokio", "aws-sdk", "aws-config", "aws-smithy", "hyper", "rustls"],
    ),
    // Without the feature `aws-lc`, no AWS crate at all.
    ("datakey-esdk", "", &["tokio", "aws-", "hyper"]),
    ("datakey-envelope", "", &["tokio", "aws-", "hyper"]),
    (
        "datakey-retry",
        "--all-features",
        &["aws-", "hyper", "chacha20poly1305", "aes-gcm"],
    ),
    ("datakey-loads", "", &["aws-", "hyper", "datakey-provider"]),
    (
        "datakey-keyring",
        "--all-features",
        &["aws-", "hyper", "chacha20poly1305", "aes-gcm"],
    ),
    ("datakey-local", "", &["aws-", "hyper", "tokio"]),
    ("datakey-fake-kms", "--features=http", &["aws-", "rustls"]),
    (
        "datakey-fake-kms",
        "--all-features",
        &["aws-sdk", "aws-config", "aws-smithy"],
    ),
    ("datakey-fake-kms", "", &["aws-", "hyper"]),
    (
        "datakey-kms",
        "--all-features",
        &["chacha20poly1305", "aes-gcm", "quick_cache"],
    ),
    ("datakey-branch-keys", "", &["aws-", "hyper"]),
    (
        "datakey-branch-keys",
        "--all-features",
        &["aws-sdk-kms", "aws-config"],
    ),
    ("datakey-sim", "--all-features", &["aws-", "hyper"]),
    ("datakey", "--no-default-features", &["aws-", "hyper"]),
    // What the demo waits for: no credentials, no TLS, nothing that is compiled from C.
    (
        "datakey-cli",
        "--no-default-features",
        &["aws-config", "aws-sdk-s", "aws-lc", "ring", "rustls-webpki"],
    ),
];

/// Checks the edges between workspace crates, the absences, and the files of each crate.
pub fn run(_: &[String]) -> Result<()> {
    let metadata = cargo::metadata()?;
    let mut broken = edges(&metadata);
    for (package, flags, names) in ABSENT {
        broken.extend(absences(package, flags, names)?);
    }
    broken.extend(cycles(&metadata)?);
    if !broken.is_empty() {
        bail!("the layers are broken:\n  {}", broken.join("\n  "));
    }
    println!(
        "layers: {} crates and {} absences hold",
        ALLOWED.len(),
        ABSENT.len()
    );
    Ok(())
}

/// The cycles among the files of each library and program that is no test.
fn cycles(metadata: &Metadata) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        for target in &package.targets {
            if target.is_lib() || target.is_bin() {
                let root = target.src_path.as_std_path();
                let found = uses::of_crate(root).with_context(|| format!("the files of {name}"))?;
                broken.extend(found.into_iter().map(|cycle| format!("{name} {cycle}")));
            }
        }
    }
    Ok(broken)
}

fn edges(metadata: &Metadata) -> Vec<String> {
    let members: Vec<String> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let mut broken = Vec::new();
    for package in metadata.workspace_packages() {
        if package.name.as_str() == "datakey-tests" {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name.as_str()) else {
            broken.push(format!("{} has no row in xtask/src/layers.rs", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            if members.contains(&dependency.name) && !allowed.contains(&dependency.name.as_str()) {
                let edge = (package.name.as_str(), dependency.name.as_str());
                let kind = match dependency.kind {
                    DependencyKind::Development if FOR_EXAMPLES.contains(&edge) => continue,
                    DependencyKind::Development => " (dev)",
                    _ => "",
                };
                broken.push(format!(
                    "{} must not depend on {}{kind}",
                    package.name, dependency.name
                ));
            }
        }
    }
    broken
}

fn absences(package: &str, flags: &str, names: &[&str]) -> Result<Vec<String>> {
    let mut arguments = vec![
        "tree", "--locked", "-p", package, "-e", "normal", "--prefix", "none",
    ];
    arguments.extend(flags.split_whitespace());
    let tree = cargo::output(&arguments).with_context(|| format!("the tree of {package}"))?;
    let found = tree.lines().filter_map(|line| line.split_whitespace().next());
    let mut broken: Vec<String> = found
        .filter(|found| names.iter().any(|name| found.starts_with(name)))
        .map(|found| format!("{package} {flags} must be free of {found}"))
        .collect();
    broken.sort();
    broken.dedup();
    Ok(broken)
}
