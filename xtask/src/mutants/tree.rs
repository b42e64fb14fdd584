//! A copy of the workspace in which a crate has switches.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{
    list::Mutant,
    switch::{self, Switches},
};

/// The module that says which mutant is on, and notes which were reached.
const SWITCHES: &str = r#"
#[doc(hidden)]
pub(crate) mod mutant_switch {
    extern crate std;
    use std::{env, fs::OpenOptions, io::Write as _, string::String, sync::LazyLock, sync::Mutex};
    static ON: LazyLock<u32> =
        LazyLock::new(|| env::var("DATAKEY_MUTANT").ok().and_then(|on| on.parse().ok()).unwrap_or(0));
    static NOTED: LazyLock<Option<(String, Mutex<std::collections::BTreeSet<u32>>)>> =
        LazyLock::new(|| env::var("DATAKEY_MUTANTS_REACHED").ok().map(|file| (file, Mutex::default())));
    pub(crate) fn on(number: u32) -> bool {
        if let Some((file, noted)) = &*NOTED {
            if noted.lock().unwrap_or_else(|broken| broken.into_inner()).insert(number) {
                let file = OpenOptions::new().append(true).create(true).open(file);
                let _ = file.and_then(|mut file| file.write_all(std::format!("{number}\n").as_bytes()));
            }
        }
        *ON == number
    }
}
"#;

/// The copy of the workspace.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    library: PathBuf,
    /// Files that had switches at any time: the last of them may not compile.
    switched: BTreeSet<PathBuf>,
}

impl Tree {
    /// Copies every file of the workspace that git knows or would add.
    pub fn copy(to: &Path, library: &Path) -> Result<Self> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("git lists the files")?;
        let kept: BTreeSet<PathBuf> = String::from_utf8_lossy(&listed.stdout)
            .split('\0')
            .filter(|file| !file.is_empty())
            .map(PathBuf::from)
            .collect();
        for file in kept.iter().filter(|file| file.is_file()) {
            write(&to.join(file), &fs::read(file)?)?;
        }
        Ok(Self {
            root: to.to_path_buf(),
            library: library.to_path_buf(),
            switched: BTreeSet::from([library.to_path_buf()]),
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes the files that have mutants, and the library's root, with switches. The answer has no text.
    pub fn switch(&mut self, mutants: &[Mutant]) -> Result<Switches> {
        self.switched
            .extend(mutants.iter().map(|mutant| mutant.file.clone()));
        let mut files: BTreeMap<&Path, Vec<switch::Change>> = self
            .switched
            .iter()
            .map(|file| (file.as_path(), Vec::new()))
            .collect();
        for mutant in mutants {
            files.entry(&mutant.file).or_default().push(mutant.change.clone());
        }
        let mut all = Switches::default();
        for (file, changes) in files {
            let source = fs::read_to_string(file)?;
            let made = switch::switched(&source, &changes)?;
            all.left_out.extend(made.left_out);
            all.no_longer_const.extend(made.no_longer_const);
            let mut text = made.text;
            if *file == self.library {
                text.push_str(SWITCHES);
            }
            write(&self.root.join(file), text.as_bytes())?;
        }
        Ok(all)
    }
}

/// Only what differs is written, so that cargo builds anew only that.
fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, bytes).with_context(|| format!("{}", file.display()))
}
