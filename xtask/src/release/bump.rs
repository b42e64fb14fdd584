//! One version for all: the workspace's, and that by which its crates depend on each other.
use std::fs;

use anyhow::{Context as _, Result};
use cargo_metadata::semver::Version;
use toml_edit::{DocumentMut, Item, Value};

use super::{refusal::Refusal, shell::Shell};

/// The version in the workspace's manifest.
pub fn version(manifest: &str) -> Result<Version> {
    let manifest: DocumentMut = manifest.parse().context("Cargo.toml is not TOML")?;
    let stated = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("package"))
        .and_then(|package| package.get("version"))
        .and_then(Item::as_str)
        .ok_or(Refusal::Manifest("[workspace.package] version"))?;
    Version::parse(stated).with_context(|| format!("`{stated}` is no version"))
}

/// The manifest with another version; all that is not the version stays as it is.
pub fn raise(manifest: &str, to: &Version) -> Result<String> {
    let mut manifest: DocumentMut = manifest.parse().context("Cargo.toml is not TOML")?;
    let workspace = manifest
        .get_mut("workspace")
        .ok_or(Refusal::Manifest("[workspace]"))?;
    if let Some(stated) = workspace
        .get_mut("package")
        .and_then(|package| package.get_mut("version"))
    {
        set(stated, to);
    }
    let dependencies = workspace
        .get_mut("dependencies")
        .and_then(Item::as_table_like_mut)
        .ok_or(Refusal::Manifest("[workspace.dependencies]"))?;
    for (_, dependency) in dependencies.iter_mut() {
        // Those with a path are the workspace's own.
        if dependency.get("path").is_some()
            && let Some(stated) = dependency.get_mut("version")
        {
            set(stated, to);
        }
    }
    Ok(manifest.to_string())
}

fn set(stated: &mut Item, to: &Version) {
    let mut value = Value::from(to.to_string());
    if let Some(old) = stated.as_value() {
        *value.decor_mut() = old.decor().clone();
    }
    *stated = Item::Value(value);
}

/// Raises the version in the manifest and in every lock file of a clone.
pub fn apply(clone: &Shell, to: &Version) -> Result<()> {
    let path = clone.folder().join("Cargo.toml");
    let manifest = fs::read_to_string(&path).context("Cargo.toml cannot be read")?;
    let raised = raise(&manifest, to)?;
    if raised == manifest {
        return Ok(());
    }
    fs::write(&path, raised).context("Cargo.toml cannot be written")?;
    // The workspaces beside this one have its crates in their lock files.
    let locks = clone.git(&["ls-files", "--", "Cargo.lock", "*/Cargo.lock"])?;
    for lock in locks.lines() {
        let manifest = lock.replace("Cargo.lock", "Cargo.toml");
        let update = ["update", "--workspace", "--quiet", "--manifest-path", &manifest];
        clone
            .cargo(&update)
            .with_context(|| format!("{lock} with the new version"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"[workspace]
members = ["crates/*"] # all

[workspace.package]
version = "0.1.0" # in lockstep

[workspace.dependencies]
own = { path = "crates/own", version = "0.1.0", default-features = false }
foreign = { version = "0.1.0" }
plain = "0.1.0"
"#;

    #[test]
    fn only_versions_of_the_workspace_are_raised() -> Result<()> {
        assert_eq!(version(MANIFEST)?, Version::new(0, 1, 0));
        let raised = raise(MANIFEST, &Version::new(0, 2, 0))?;
        let expected = MANIFEST
            .replace("version = \"0.1.0\" #", "version = \"0.2.0\" #")
            .replace("own\", version = \"0.1.0\"", "own\", version = \"0.2.0\"");
        assert_eq!(raised, expected);
        assert_eq!(raise(MANIFEST, &Version::new(0, 1, 0))?, MANIFEST);
        Ok(())
    }

    #[test]
    fn a_manifest_without_a_version_is_refused() {
        let found = version("[workspace]\n").map_err(|error| error.downcast::<Refusal>());
        assert!(matches!(found, Err(Ok(Refusal::Manifest(_)))));
    }
}
