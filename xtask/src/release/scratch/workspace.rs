//! A workspace of three crates, each with a test, in a repository and beside a registry of its own.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use tempfile::TempDir;

use super::{super::shell::Shell, served::Served};

/// Removed when it is dropped.
pub struct Workspace {
    pub shell: Shell,
    pub served: Served,
    _folder: TempDir,
}

const MANIFEST: &str = r#"[workspace]
resolver = "3"
members = ["crates/*", "tool"]

[workspace.package]
version = "0.1.0"
edition = "2021"
license = "MIT OR Apache-2.0"

[workspace.dependencies]
low = { path = "crates/low", version = "0.1.0", registry = "local" }
middle = { path = "crates/middle", version = "0.1.0", registry = "local" }
"#;

const LOW: &str = "//! ```\n//! assert_eq!(low::sum(1, 2), 3);\n//! ```\n/// Adds.\npub fn sum(a: u8, b: u8) -> u8 { a + b }\n";

impl Workspace {
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let served = Served::start()?;
        let root = folder.path().join("home");
        let shell = Shell::at(&root)
            .with("CARGO_HOME", folder.path().join("cargo"))
            .with("CARGO_REGISTRIES_LOCAL_TOKEN", "local")
            .with("RUSTC_WRAPPER", "")
            .with("GIT_CONFIG_GLOBAL", folder.path().join("none"))
            .with("GIT_CONFIG_NOSYSTEM", "1")
            .with("GIT_AUTHOR_NAME", "A Tester")
            .with("GIT_AUTHOR_EMAIL", "tester@example.com")
            .with("GIT_COMMITTER_NAME", "A Tester")
            .with("GIT_COMMITTER_EMAIL", "tester@example.com");
        let workspace = Self {
            shell,
            served,
            _folder: folder,
        };
        workspace.fill()?;
        Ok(workspace)
    }

    fn fill(&self) -> Result<()> {
        let index = self.served.index();
        self.write(".gitignore", "/target\n")?;
        self.write(
            ".cargo/config.toml",
            &format!("[registries.local]\nindex = \"{index}\"\n"),
        )?;
        self.write("README.md", "Three crates.\n")?;
        self.write("CHANGELOG.md", "# Changelog\n")?;
        self.write("docs/changes/README.md", "How notes are written.\n")?;
        self.write("docs/changes/sum.added.md", "It adds up.\n")?;
        self.write("Cargo.toml", MANIFEST)?;
        self.package("crates/low", "", LOW)?;
        self.package(
            "crates/middle",
            "[dependencies]\nlow.workspace = true\n",
            "//! In the middle.\npub use low::sum;\n#[test]\nfn adds() { assert_eq!(sum(1, 1), 2); }\n",
        )?;
        self.package(
            "crates/top",
            "[dependencies]\nmiddle.workspace = true\n[dev-dependencies]\nlow.workspace = true\n",
            "//! At the top.\npub use middle::sum;\n",
        )?;
        self.write(
            "crates/top/tests/sum.rs",
            "#[test]\nfn same() { assert_eq!(top::sum(2, 2), low::sum(3, 1)); }\n",
        )?;
        self.package("tool", "", "//! Not published.\n")?;
        let tool = self.read("tool/Cargo.toml");
        self.write(
            "tool/Cargo.toml",
            &tool.replace("[dependencies]", "publish = false\n[dependencies]"),
        )?;
        self.shell.git(&["init", "--quiet", "--initial-branch", "main"])?;
        self.shell.cargo(&["generate-lockfile", "--quiet"])?;
        self.commit("Begin")
    }

    fn package(&self, folder: &str, dependencies: &str, library: &str) -> Result<()> {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let dependencies = if dependencies.is_empty() {
            "[dependencies]\n"
        } else {
            dependencies
        };
        let manifest = format!(
            "[package]\nname = \"{name}\"\ndescription = \"One of three.\"\nversion.workspace = true\nedition.workspace = true\n\
             license.workspace = true\n{dependencies}"
        );
        self.write(&format!("{folder}/Cargo.toml"), &manifest)?;
        self.write(&format!("{folder}/src/lib.rs"), library)?;
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            self.write(&format!("{folder}/{file}"), "Text.\n")?;
        }
        Ok(())
    }

    pub fn root(&self) -> PathBuf {
        self.shell.folder().to_owned()
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root().join(file)).unwrap_or_default()
    }

    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        Ok(fs::write(path, text)?)
    }

    pub fn note(&self, name: &str, text: &str) -> Result<()> {
        self.write(&format!("docs/changes/{name}"), text)?;
        self.commit("Note a change")
    }

    pub fn commit(&self, message: &str) -> Result<()> {
        self.shell.git(&["add", "--all"])?;
        self.shell.git(&["commit", "--quiet", "--message", message])?;
        Ok(())
    }

    pub fn head(&self) -> Result<String> {
        Ok(self.shell.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    pub fn tags(&self) -> Result<String> {
        self.shell.git(&["tag"])
    }

    /// Commits, tags, branches, and what is not committed.
    pub fn state(&self) -> Result<String> {
        let refs = self.shell.git(&["for-each-ref"])?;
        Ok(refs + &self.shell.git(&["status", "--porcelain", "--branch"])?)
    }
}
