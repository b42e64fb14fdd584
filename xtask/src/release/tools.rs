//! The steps that well-known tools do: what a version promises, and what is in a package.
use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use cargo_metadata::semver::Version;

use super::{order::Member, repository, shell::Shell};
use crate::tools;

/// Compares each crate's public interface with that of the last release: a version must say what has changed.
pub fn semver(home: &Shell, clone: &Shell, members: &[Member], last: Option<&Version>) -> Result<()> {
    let Some(last) = last else {
        println!("no release before this one: nothing to compare with");
        return Ok(());
    };
    let tool = tools::needed(home.folder(), "cargo-semver-checks")?;
    let tag = repository::tag(last);
    for member in members {
        if !clone.folder().join(&member.folder).join("src/lib.rs").is_file() {
            continue;
        }
        let in_it = format!("{tag}:{}/Cargo.toml", member.folder);
        if clone.git(&["cat-file", "-e", &in_it]).is_err() {
            println!("{}: not in {tag}", member.name);
            continue;
        }
        clone.run(
            &tool.to_string_lossy(),
            &["semver-checks", "--package", &member.name, "--baseline-rev", &tag],
        )?;
    }
    Ok(())
}

/// Writes what each package is made of, in `CycloneDX`, and answers where.
pub fn sbom(home: &Shell, clone: &Shell, members: &[Member], version: &Version) -> Result<String> {
    let tool = tools::needed(home.folder(), "cargo-cyclonedx")?;
    clone.run(
        &tool.to_string_lossy(),
        &[
            "cyclonedx",
            "--all-features",
            "--format",
            "json",
            "--override-filename",
            "sbom",
            "--quiet",
        ],
    )?;
    let folder = format!("target/sbom/{version}");
    let into = home.folder().join(&folder);
    fs::create_dir_all(&into).with_context(|| format!("{folder} cannot be made"))?;
    for member in members {
        let made = clone.folder().join(&member.folder).join("sbom.json");
        fs::copy(&made, into.join(format!("{}.cdx.json", member.name)))
            .with_context(|| format!("no list of what {} is made of", member.name))?;
    }
    remove_new(clone)?;
    Ok(folder)
}

/// What the tool left in the clone would be in the packages.
fn remove_new(clone: &Shell) -> Result<()> {
    let left = clone.git(&["ls-files", "--others", "--exclude-standard"])?;
    for file in left.lines().filter(|file| file.ends_with("sbom.json")) {
        fs::remove_file(Path::new(clone.folder()).join(file))
            .with_context(|| format!("{file} cannot be removed"))?;
    }
    Ok(())
}
