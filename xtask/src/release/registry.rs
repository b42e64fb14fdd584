//! What a registry has of a version: asked through cargo, so that any registry of its configuration will do.
use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::semver::Version;
use toml_edit::{ArrayOfTables, DocumentMut, Item};

use super::shell::Shell;

/// The registry that a release is for, by the name that cargo's configuration has for it.
#[derive(Clone, Debug)]
pub struct Registry {
    name: Option<String>,
}

impl Registry {
    /// That of a name; without one, crates.io.
    pub fn named(name: Option<&str>) -> Self {
        Self {
            name: name.map(str::to_owned),
        }
    }

    /// What people call it.
    pub fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or("crates.io")
    }

    /// The key of its patches in cargo's configuration.
    pub fn patch_key(&self) -> &str {
        self.name.as_deref().unwrap_or("crates-io")
    }

    /// A shell outside the workspace that knows the registry as the workspace's own configuration does.
    pub fn known_to(&self, shell: Shell, workspace: &Path) -> Shell {
        let stated = self.name.as_ref().and_then(|name| {
            let configuration = fs::read_to_string(workspace.join(".cargo/config.toml")).ok()?;
            let configuration: DocumentMut = configuration.parse().ok()?;
            let index = configuration
                .get("registries")?
                .get(name)?
                .get("index")?
                .as_str()?;
            let variable = name.to_uppercase().replace('-', "_");
            Some((format!("CARGO_REGISTRIES_{variable}_INDEX"), index.to_owned()))
        });
        match stated {
            Some((variable, index)) => shell.with(&variable, index),
            None => shell,
        }
    }

    /// The arguments by which `cargo publish` finds it.
    pub fn arguments(&self) -> Vec<String> {
        self.name
            .iter()
            .flat_map(|name| ["--registry".to_owned(), name.clone()])
            .collect()
    }

    /// The checksum (SHA-256, in hexadecimal) of a published version, or `None` where there is none.
    ///
    /// A manifest that needs exactly this version is resolved in `scratch`; the lock file has the checksum.
    pub fn checksum(
        &self,
        shell: &Shell,
        scratch: &Path,
        name: &str,
        version: &Version,
    ) -> Result<Option<String>> {
        let folder = scratch.join(format!("ask-{name}"));
        fs::create_dir_all(&folder).context("the scratch folder cannot be written")?;
        let registry = self
            .name
            .as_ref()
            .map_or_else(String::new, |name| format!(", registry = \"{name}\""));
        let manifest = format!(
            "[package]\nname = \"ask\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
             [dependencies]\n{name} = {{ version = \"={version}\", default-features = false{registry} }}\n"
        );
        fs::write(folder.join("lib.rs"), "").context("the scratch folder cannot be written")?;
        fs::write(folder.join("Cargo.toml"), manifest).context("the scratch folder cannot be written")?;
        let path = folder.join("Cargo.toml").display().to_string();
        let asked = shell.cargo_tried(&["generate-lockfile", "--quiet", "--manifest-path", &path])?;
        let told = String::from_utf8_lossy(&asked.stderr).into_owned();
        let lock = folder.join("Cargo.lock");
        let answer = if asked.status.success() {
            let lock = fs::read_to_string(&lock).context("cargo wrote no lock file")?;
            Some(locked(&lock, name).with_context(|| format!("the lock file has no checksum of {name}"))?)
        } else if is_missing(&told, name) {
            None
        } else {
            bail!("{} cannot be asked for {name}: {}", self.shown(), told.trim());
        };
        fs::remove_dir_all(&folder).context("the scratch folder cannot be emptied")?;
        Ok(answer)
    }
}

/// Whether cargo says that the registry has no such crate, or not in this version.
fn is_missing(told: &str, name: &str) -> bool {
    told.contains(&format!("no matching package named `{name}` found"))
        || told.contains(&format!(
            "failed to select a version for the requirement `{name} = "
        ))
}

fn locked(lock: &str, name: &str) -> Option<String> {
    let lock: DocumentMut = lock.parse().ok()?;
    let packages = lock.get("package").and_then(Item::as_array_of_tables);
    let mut packages = packages.into_iter().flat_map(ArrayOfTables::iter);
    let package = packages.find(|package| package.get("name").and_then(Item::as_str) == Some(name))?;
    package.get("checksum").and_then(Item::as_str).map(str::to_owned)
}
