//! Programs that run in one folder, with environment variables of their own.
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, bail};

use crate::cargo;

/// Where programs run, and what they find in their environment besides.
#[derive(Clone, Debug)]
pub struct Shell {
    folder: PathBuf,
    variables: Vec<(OsString, OsString)>,
}

impl Shell {
    /// Programs run in a folder.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            variables: Vec::new(),
        }
    }

    /// The same environment in another folder.
    pub fn moved(&self, folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            ..self.clone()
        }
    }

    /// With a further environment variable.
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Where programs run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs cargo to its end, its output shown as it comes.
    pub fn cargo<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<()> {
        cargo::run_to_end(&mut self.command(&cargo::program(), arguments))
    }

    /// What cargo did, whether or not it succeeded.
    pub fn cargo_tried<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Output> {
        self.command(&cargo::program(), arguments)
            .output()
            .context("cargo cannot be started")
    }

    /// Runs any program to its end, its output shown as it comes.
    pub fn run<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Result<()> {
        cargo::run_to_end(&mut self.command(program, arguments))
    }

    /// What git prints.
    pub fn git<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<String> {
        let mut command = self.command("git", arguments);
        let output = command.output().context("git cannot be started")?;
        if !output.status.success() {
            let shown: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
            let told = String::from_utf8_lossy(&output.stderr);
            bail!("git {} failed: {}", shown.join(" "), told.trim());
        }
        String::from_utf8(output.stdout).context("git printed something that is not UTF-8")
    }

    fn command<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}
