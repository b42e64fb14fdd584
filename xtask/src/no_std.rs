//! The message formats without `std`: what their dependency trees turn on, and a crate that builds only where `std` is absent.
use anyhow::{Result, bail};

use crate::cargo;

/// Checks the features of the tree, then the consumer in `tests/no-std`, for this machine and for the target that is
/// given as an argument, if any.
pub fn run(arguments: &[String]) -> Result<()> {
    for package in ["datakey-envelope", "datakey-esdk"] {
        tree(package)?;
    }
    let mut check = vec![
        "check",
        "--locked",
        "--manifest-path",
        "tests/no-std/Cargo.toml",
        "--target-dir",
        "target/no-std",
    ];
    cargo::cargo(&check)?;
    if let Some(target) = arguments.first() {
        check.extend(["--target", target]);
        cargo::cargo(&check)?;
    }
    Ok(())
}

/// Refuses every package of a crate's tree whose feature `std` is on.
fn tree(package: &str) -> Result<()> {
    let tree = cargo::output(&[
        "tree",
        "--locked",
        "-p",
        package,
        "--no-default-features",
        "--features",
        "rustcrypto",
        "-e",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "-f",
        "{p}|{f}",
    ])?;
    let with_std: Vec<&str> = tree.lines().filter(|line| has_std(line)).collect();
    if !with_std.is_empty() {
        bail!("the feature `std` is on in:\n  {}", with_std.join("\n  "));
    }
    println!(
        "no-std: the feature `std` is on in none of {} lines of the tree of {package}",
        tree.lines().count()
    );
    Ok(())
}

/// Whether a line such as `name v1.0.0|alloc,std (*)` lists the feature.
fn has_std(line: &str) -> bool {
    let features = line.split_once('|').map(|(_, features)| features);
    let features = features.unwrap_or_default().trim_end_matches(" (*)");
    features.split(',').any(|feature| feature == "std")
}

#[cfg(test)]
mod tests {
    use super::has_std;

    #[test]
    fn the_feature_is_found_where_it_is_listed() {
        assert!(has_std("sha2 v0.11.1|std"));
        assert!(has_std("sha2 v0.11.1|alloc,std (*)"));
        assert!(!has_std("std-thing v1.0.0|no-std,alloc"));
        assert!(!has_std("subtle v2.6.1|"));
    }
}
