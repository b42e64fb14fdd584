//! What docs.rs is told: a crate with features shows all of them, each item with the feature that it needs.
use anyhow::{Result, bail};
use cargo_metadata::Package;

use crate::cargo;

/// Looks at each crate that is published.
pub fn run(_: &[String]) -> Result<()> {
    let metadata = cargo::metadata()?;
    let crates = cargo::crates(&metadata);
    let wrong: Vec<String> = crates.iter().filter_map(|package| finding(package)).collect();
    if !wrong.is_empty() {
        bail!("docs.rs would not show all:\n  {}", wrong.join("\n  "));
    }
    println!("supply docs-rs: {} crates", crates.len());
    Ok(())
}

fn finding(package: &Package) -> Option<String> {
    let told = package.metadata.get("docs").and_then(|docs| docs.get("rs"));
    let all = told
        .and_then(|told| told.get("all-features"))
        .and_then(|all| all.as_bool());
    let has_library = package.targets.iter().any(|target| target.is_lib());
    let needed = has_library && package.features.keys().any(|feature| feature != "default");
    (needed && all != Some(true)).then(|| {
        format!(
            "{}: needs `[package.metadata.docs.rs] all-features = true`",
            package.name
        )
    })
}
