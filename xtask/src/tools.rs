//! Tools that cargo does not bring: found where they are, or told how to have them.
use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

/// Where `cargo install --root` puts them for this workspace alone.
const OWN: &str = "target/tools";

/// A program of `PATH` or of `target/tools`.
pub fn find(root: &Path, name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([root.join(OWN).join("bin")]);
    folders
        .map(|folder| folder.join(format!("{name}{}", env::consts::EXE_SUFFIX)))
        .find(|program| program.is_file())
}

/// The same, where it must be there.
pub fn needed(root: &Path, name: &str) -> Result<PathBuf> {
    match find(root, name) {
        Some(program) => Ok(program),
        None => bail!("{name} is not installed; {}", how_to_have(name)),
    }
}

/// How to have a tool.
pub fn how_to_have(name: &str) -> String {
    format!("cargo install --locked --root {OWN} {name}")
}
