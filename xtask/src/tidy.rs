//! What no compiler checks: file sizes and names, forbidden words, what each crate and the root must have.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{book, cargo, doc_density, examples, pages, release, test_binaries};

/// The most lines of a source file, its inline tests included.
const MAX_LINES: usize = 500;

/// Names that say nothing about what is in the file.
const DRAWERS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager"];

/// All that may stand at the root.
const ROOT: &[&str] = &[
    ".cargo",
    ".ci",
    ".config",
    ".git",
    ".gitignore",
    ".gitattributes",
    ".github",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "docs",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "target",
    "tests",
    "xtask",
];

/// The chapters that `docs/` must have.
const DOCS: &[&str] = &[
    "CONTRIBUTING.md",
    "SECURITY.md",
    "architecture.md",
    "benchmarks.md",
    "SUMMARY.md",
    "book.toml",
    "branch-keys.md",
    "compliance.md",
    "dependencies.md",
    "format.md",
    "guide.md",
    "processes.md",
    "public-types.md",
    "releasing.md",
    "stability.md",
    "style.md",
    "testing.md",
    "threat-model.md",
];

struct Finding {
    place: String,
    what: String,
}

/// Checks every tracked or new file of the workspace.
pub fn run(_: &[String]) -> Result<()> {
    let mut findings = Vec::new();
    at_root(&mut findings)?;
    crate_folders(&mut findings)?;
    let metadata = cargo::metadata()?;
    findings.extend(test_binaries::finding(&metadata).map(|what| Finding {
        place: "Cargo.toml".into(),
        what,
    }));
    let files = files()?;
    let links = pages::pages(&files).flat_map(|page| {
        let text = fs::read_to_string(page).unwrap_or_default();
        pages::dead_links(page, &text)
    });
    let of_pages = pages::dependencies_without_a_row(&metadata)
        .into_iter()
        .chain(examples::findings(&metadata))
        .chain(book::findings())
        .chain(pages::untested_code(&files))
        .chain(doc_density::findings(&metadata)?)
        .chain(links);
    findings.extend(of_pages.map(|(place, what)| Finding { place, what }));
    findings.extend(
        release::notes_out_of_form(Path::new("."))?
            .into_iter()
            .map(|what| Finding {
                place: "docs/changes".into(),
                what,
            }),
    );
    for path in &files {
        name(path, &mut findings);
        if let Ok(text) = fs::read_to_string(path) {
            content(path, &text, &mut findings);
        }
    }
    if findings.is_empty() {
        println!("tidy: {} files", files.len());
        return Ok(());
    }
    for finding in &findings {
        println!("{}: {}", finding.place, finding.what);
    }
    bail!("{} places are not tidy", findings.len())
}

fn files() -> Result<Vec<PathBuf>> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("git cannot be started")?;
    let listed = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
    Ok(listed
        .lines()
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .collect())
}

fn at_root(findings: &mut Vec<Finding>) -> Result<()> {
    for entry in fs::read_dir(".").context("the root cannot be read")? {
        let name = entry.context("the root cannot be read")?.file_name();
        let name = name.to_string_lossy();
        if !ROOT.contains(&&*name) {
            findings.push(Finding {
                place: name.into_owned(),
                what: "does not belong at the root".into(),
            });
        }
    }
    for doc in DOCS {
        if !Path::new("docs").join(doc).is_file() {
            findings.push(Finding {
                place: format!("docs/{doc}"),
                what: "is missing".into(),
            });
        }
    }
    Ok(())
}

fn crate_folders(findings: &mut Vec<Finding>) -> Result<()> {
    for entry in fs::read_dir("crates").context("crates/ cannot be read")? {
        let folder = entry.context("crates/ cannot be read")?.path();
        let place = folder.display().to_string();
        let mut missing = |what: &str| {
            findings.push(Finding {
                place: place.clone(),
                what: what.into(),
            })
        };
        // The licences are links to those at the root: a package has a copy of what they lead to.
        for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT"] {
            if !folder.join(file).is_file() {
                missing(&format!("has no {file}"));
            }
        }
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        for needed in [
            "description = ",
            "license.workspace = true",
            "[lints]\nworkspace = true",
            "rust-version",
        ] {
            if !manifest.contains(needed) {
                missing(&format!("Cargo.toml lacks `{}`", needed.replace('\n', " ")));
            }
        }
        for line in manifest
            .lines()
            .filter(|line| line.contains("version = \"") && line.contains('{'))
        {
            missing(&format!(
                "states a dependency's version outside the workspace: {line}"
            ));
        }
        let root = ["src/lib.rs", "src/main.rs"]
            .iter()
            .find_map(|file| fs::read_to_string(folder.join(file)).ok());
        if !root.unwrap_or_default().contains("#![forbid(unsafe_code)]") {
            missing("does not forbid unsafe code at its root");
        }
    }
    Ok(())
}

fn name(path: &Path, findings: &mut Vec<Finding>) {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    if path.extension().is_some_and(|extension| extension == "rs") && DRAWERS.contains(&stem) {
        findings.push(Finding {
            place: path.display().to_string(),
            what: "is named for no idea".into(),
        });
    }
}

fn content(path: &Path, text: &str, findings: &mut Vec<Finding>) {
    let place = path.display().to_string();
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    let own = place.ends_with("xtask/src/tidy.rs");
    if is_rust && text.lines().count() > MAX_LINES {
        let what = format!("has {} lines, the most is {MAX_LINES}", text.lines().count());
        findings.push(Finding {
            place: place.clone(),
            what,
        });
    }
    if own || place == "Cargo.lock" {
        return;
    }
    for (index, line) in text.lines().enumerate() {
        let mut found = |what: &str| {
            findings.push(Finding {
                place: format!("{place}:{}", index + 1),
                what: what.into(),
            });
        };
        if is_rust {
            rust_line(line, &mut found);
            // A service that is simulated under a paused clock may take its time; nothing else in a test may.
            let is_test = place.contains("/tests/");
            if is_test
                && (line.contains("thread::sleep") || line.contains("time::sleep") && !text.contains("paus"))
            {
                found("sleeps in a test without a paused clock");
            }
        }
        if ["/root/", "/tmp/bash", "/work/", "/farm/"]
            .iter()
            .any(|machine| line.contains(machine))
        {
            found("names a path of one machine");
        }
        if line.ends_with([' ', '\t'])
            && !place.ends_with(".csv")
            && !place.ends_with(".trycmd")
            && !place.contains("LICENSE")
        {
            found("ends in white space");
        }
    }
}

fn rust_line(line: &str, found: &mut impl FnMut(&str)) {
    if line.contains("todo!(") || line.contains("unimplemented!(") {
        found("is unfinished");
    }
    if line.contains("#[allow(") || line.contains("#![allow(") {
        found("overrides a lint without `expect` and a reason");
    }
    if ["set_default(", "with_default(", "with_local_recorder("]
        .iter()
        .any(|listener| line.contains(listener))
    {
        found("listens on one thread, which misses what others met first: see tests/tests/telemetry");
    }
    if line.contains("#[ignore") {
        found("ignores a test");
    }
}
