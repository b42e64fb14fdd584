//! One TLS stack and one HTTP stack: no second version of the crates that would bring one.
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::cargo;

/// Crates of which there is one version in `Cargo.lock`.
const ONCE: [&str; 9] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "aws-smithy-runtime-api",
    "http-body",
    "hyper",
    "rustls",
    "tokio",
    "tokio-rustls",
    "zeroize",
];

/// Looks at every version in the lock file, those that are built for other systems too.
pub fn run(_: &[String]) -> Result<()> {
    let metadata = cargo::metadata()?;
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for package in &metadata.packages {
        let of_name = versions.entry(package.name.as_str()).or_default();
        of_name.insert(package.version.to_string());
    }
    let twice = twice(&versions);
    if !twice.is_empty() {
        bail!("more than one version: {}", twice.join("; "));
    }
    println!("supply duplicates: one version of {}", ONCE.join(", "));
    Ok(())
}

fn twice(versions: &BTreeMap<&str, BTreeSet<String>>) -> Vec<String> {
    let several = versions
        .iter()
        .filter(|(name, versions)| ONCE.contains(name) && versions.len() > 1);
    several
        .map(|(name, versions)| {
            let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
            format!("{name} {}", versions.join(" and "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_version_is_named() {
        let of = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let versions = [
            ("rustls", of(&["0.23.1", "0.24.0"])),
            ("rand", of(&["0.9.0", "0.10.0"])),
            ("hyper", of(&["1.0.0"])),
        ];
        assert_eq!(twice(&versions.into()), ["rustls 0.23.1 and 0.24.0"]);
    }
}
