//! The source files of a folder.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// All of them, those in folders within too, but for `..._cases.rs`, which are tests.
pub fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|end| end == "rs") && !is_tests(&path) {
            found.push(path);
        }
    }
    Ok(found)
}

fn is_tests(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|name| name.to_string_lossy().ends_with("_cases"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_cases_are_tests_and_others_are_not() {
        assert!(is_tests(Path::new("src/life_cases.rs")));
        assert!(!is_tests(Path::new("src/cases.rs")) && !is_tests(Path::new("src/life_cases/mod.rs")));
    }
}
