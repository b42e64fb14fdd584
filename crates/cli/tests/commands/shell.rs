//! A folder to run the command in.
use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

/// Where a command that is built to tell which of its lines run writes that; without it, into the folder that tests look at.
const COVERAGE: &str = "LLVM_PROFILE_FILE";

/// A folder of its own, and an environment without a home, AWS settings or a terminal.
pub(crate) struct Shell {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The run, which must have ended with this code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// What it printed on standard output.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// The object that it printed on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap()
    }

    /// The error that it printed as JSON: its kind and its message.
    pub(crate) fn error(&self) -> (String, String) {
        let value: Value = serde_json::from_str(&self.stderr).unwrap();
        let error = &value["error"];
        assert_eq!(error["exit_code"], self.code, "{value}");
        (
            error["kind"].as_str().unwrap().to_owned(),
            error["message"].as_str().unwrap().to_owned(),
        )
    }
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            environment: vec![("AWS_EC2_METADATA_DISABLED".into(), "true".into())],
        }
    }

    /// A folder with a key file named `key`.
    pub(crate) fn with_key() -> Self {
        let shell = Self::new();
        shell.run(["keygen", "key"]).ends(0);
        shell
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    pub(crate) fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.folder.path().join(name.as_ref())
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The names of all that is in the folder, hidden files included.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datakey"));
        command.args(arguments);
        self.surround(&mut command);
        command
    }

    /// The command as `"$0" "$@"` of a shell script.
    pub(crate) fn script<A: AsRef<OsStr>>(
        &self,
        script: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .arg(env!("CARGO_BIN_EXE_datakey"))
            .args(arguments);
        self.surround(&mut command);
        command
    }

    /// Runs such a script with nothing on standard input.
    pub(crate) fn scripted<A: AsRef<OsStr>>(
        &self,
        script: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Run {
        Run::of(self.script(script, arguments).output().unwrap())
    }

    fn surround(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .envs(std::env::var_os(COVERAGE).map(|file| (COVERAGE, file)))
            .envs(self.environment.iter().cloned())
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    /// Runs the command with nothing on standard input.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        self.run_with(b"", arguments)
    }

    /// Runs the command with these bytes on standard input.
    pub(crate) fn run_with<A: AsRef<OsStr>>(
        &self,
        input: &[u8],
        arguments: impl IntoIterator<Item = A>,
    ) -> Run {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A command that refuses may close its input before it has read all of it.
        let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Run::of(output)
    }
}

/// Whether this is the package alone, as cargo makes it: outside the workspace, whose files are not there.
pub(crate) fn is_packaged() -> bool {
    Path::new(".cargo_vcs_info.json").exists()
}
