//! The types of other crates in public interfaces: a new major version of one of these crates is a new one of ours. Which there are
//! stands in `docs/public-types.md`, crate by crate; cargo-public-api lists the interfaces, by a nightly rustdoc.
use std::{collections::BTreeSet, fs, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{cargo, tools};

/// The page with a row for each crate.
const PAGE: &str = "docs/public-types.md";

/// Not worth a row: they come with the language.
const OF_RUST: [&str; 3] = ["alloc", "core", "std"];

/// Compares the page with the interfaces of the crates that are named, or of all.
pub fn run(only: &[String]) -> Result<()> {
    let tool = tools::needed(&cargo::root(), "cargo-public-api")?;
    let page = fs::read_to_string(PAGE).with_context(|| format!("{PAGE} cannot be read"))?;
    let metadata = cargo::metadata()?;
    let mut wrong = Vec::new();
    for package in cargo::crates(&metadata) {
        let name = package.name.as_str();
        let is_chosen = only.is_empty() || only.iter().any(|chosen| chosen == name);
        if !is_chosen || !package.targets.iter().any(|target| target.is_lib()) {
            continue;
        }
        let listed = Command::new("rustup")
            .args(["run", "nightly"])
            .arg(&tool)
            .args(["public-api", "--package", name, "--all-features", "-sss"])
            .env("CARGO_TARGET_DIR", cargo::root().join("target/public-types"))
            // A nightly tool chain warns of what the pinned one does not know, and warnings are errors here.
            .envs([
                ("RUSTFLAGS", "--cap-lints=warn"),
                ("RUSTDOCFLAGS", "--cap-lints=warn"),
            ])
            .output()
            .context("rustup cannot be started")?;
        if !listed.status.success() {
            bail!("{name}: {}", String::from_utf8_lossy(&listed.stderr));
        }
        let found = row(name, &foreign(name, &String::from_utf8_lossy(&listed.stdout)));
        println!("{found}");
        if !page.lines().any(|line| line == found) {
            wrong.push(found);
        }
    }
    if !wrong.is_empty() {
        bail!("{PAGE} has other rows than\n{}", wrong.join("\n"));
    }
    Ok(())
}

fn row(name: &str, crates: &BTreeSet<String>) -> String {
    let crates: Vec<String> = crates.iter().map(|name| format!("`{name}`")).collect();
    let crates = if crates.is_empty() {
        "none".to_owned()
    } else {
        crates.join(", ")
    };
    format!("| `{name}` | {crates} |")
}

/// The first words of paths in an interface that are crates of others.
fn foreign(name: &str, interface: &str) -> BTreeSet<String> {
    let own = name.replace('-', "_");
    let is_path = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    let paths = interface
        .split(|char| !is_path(char))
        .filter(|path| !path.starts_with("::"));
    let roots = paths.filter_map(|path| path.split_once("::").map(|(root, _)| root));
    roots
        .filter(|root| *root != own && !OF_RUST.contains(root))
        // `Self::Item`, `T::Error` and the like.
        .filter(|root| root.starts_with(|char: char| char.is_ascii_lowercase()))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_others_are_found_in_paths() {
        let interface = "pub fn my_crate::f<T: tower::Service<u8>>(&my_crate::A, core::fmt::Error) -> <T as tower::Service>::Error\n\
                         impl<T> zeroize::Zeroize for my_crate::A where T::Item: my_crate::B\npub fn my_crate::g(Self::Item)";
        let found = foreign("my-crate", interface);
        assert_eq!(row("my-crate", &found), "| `my-crate` | `tower`, `zeroize` |");
        assert_eq!(row("a", &BTreeSet::new()), "| `a` | none |");
    }
}
