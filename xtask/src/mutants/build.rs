//! Builds the tests of a crate with all switches, and finds the mutants that do not compile.
use std::{
    collections::BTreeSet,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{
    Message,
    diagnostic::{Diagnostic, DiagnosticLevel},
};

use super::switch::numbers;
use crate::cargo;

/// A test program, and where it runs.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: String,
    pub path: PathBuf,
    pub folder: PathBuf,
}

/// What a switch makes of a line would be warned of, and warnings are errors here.
pub const RUSTFLAGS: &str = "--cap-lints=warn";

/// What came of a build.
#[derive(Debug)]
pub enum Built {
    Programs(Vec<Program>),
    /// Mutants whose lines the compiler refused, and functions that it wants to run itself.
    Refused(BTreeSet<u32>, BTreeSet<String>),
}

/// Builds with these arguments in a copy of the workspace.
pub fn build(root: &Path, target: &Path, arguments: &[&str]) -> Result<Built> {
    let mut child = Command::new(cargo::program())
        .args(arguments)
        .args(["--message-format=json", "--quiet"])
        .current_dir(root)
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTFLAGS", RUSTFLAGS)
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let (mut programs, mut errors) = (Vec::new(), Vec::new());
    let (mut refused, mut to_be_const) = (BTreeSet::new(), BTreeSet::new());
    for message in Message::parse_stream(BufReader::new(output)) {
        match message.context("cargo said something unexpected")? {
            Message::CompilerArtifact(artifact) if artifact.profile.test => {
                let folder = artifact.manifest_path.parent().map(PathBuf::from);
                if let (Some(path), Some(folder)) = (artifact.executable, folder) {
                    programs.push(Program {
                        name: artifact.target.name,
                        path: path.into(),
                        folder,
                    });
                }
            }
            Message::CompilerMessage(said) if said.message.level == DiagnosticLevel::Error => {
                let lines = said.message.spans.iter().flat_map(|span| &span.text);
                refused.extend(lines.flat_map(|line| numbers(&line.text)));
                to_be_const.extend(wanted_const(&said.message));
                errors.push(said.message.rendered.unwrap_or(said.message.message));
            }
            _ => {}
        }
    }
    if child.wait()?.success() {
        return Ok(Built::Programs(programs));
    }
    if refused.is_empty() && to_be_const.is_empty() {
        bail!(
            "the tests do not build, and not for a mutant:\n{}",
            errors.join("\n")
        );
    }
    Ok(Built::Refused(refused, to_be_const))
}

/// The function that a constant is made with and that is not const.
fn wanted_const(said: &Diagnostic) -> Option<String> {
    let code = said.code.as_ref()?;
    if code.code != "E0015" {
        return None;
    }
    let path = said.message.split('`').nth(1)?;
    Some(last_name(path).to_owned())
}

/// The name of a function in its path, which may end with what its parameters are: `module::function::<u8>`.
fn last_name(path: &str) -> &str {
    let mut depth = 0_usize;
    let mut plain = path;
    for (place, letter) in path.char_indices().rev() {
        match letter {
            '>' => depth = depth.saturating_add(1),
            '<' if depth > 0 => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    plain = path.get(..place).unwrap_or_default().trim_end_matches("::");
                    break;
                }
            }
            _ if depth == 0 => break,
            _ => {}
        }
    }
    plain.rsplit("::").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::last_name;

    #[test]
    fn a_function_is_found_in_its_path_with_its_parameters_and_without() {
        for path in [
            "unused",
            "unused::<C>",
            "cipher::imp::unused::<Vec<Option<u8>>>",
            "Suite::unused",
            "Table::<u8>::unused",
            "<Suite as Sized<u8>>::unused",
        ] {
            assert_eq!(last_name(path), "unused", "{path}");
        }
        assert_eq!(last_name(""), "");
    }
}
