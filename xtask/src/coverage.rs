//! Which lines the tests run, by crate: figures of `cargo-llvm-cov`.
use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::cargo;

/// Lines that tests run, and all.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Lines {
    run: u64,
    all: u64,
}

/// Runs the tests of the workspace, without the examples of documentation, and prints a table.
pub fn run(arguments: &[String]) -> Result<()> {
    if let Some(other) = arguments.first() {
        bail!("coverage takes no arguments: {other}?");
    }
    if cargo::output(&["llvm-cov", "--version"]).is_err() {
        println!(
            "skipped: there is no cargo-llvm-cov; `cargo install --locked cargo-llvm-cov` and `rustup component add llvm-tools`"
        );
        return Ok(());
    }
    // Its own lints and profiles stay as they are; a target folder of its own is the tool's habit.
    let report = cargo::output(&[
        "llvm-cov",
        "--workspace",
        "--all-features",
        "--locked",
        "--quiet",
        "--json",
        "--summary-only",
        // Tests kill processes at any moment, and some amid writing their profile.
        "--failure-mode",
        "all",
    ])?;
    let report: Value = serde_json::from_str(&report).context("cargo-llvm-cov printed no JSON")?;
    println!("| crate | lines | run by tests |\n|---|---|---|");
    for (name, lines) in by_crate(&report)? {
        let percent = lines
            .run
            .saturating_mul(1000)
            .checked_div(lines.all)
            .unwrap_or(1000);
        println!(
            "| `{name}` | {} | {}.{} % |",
            lines.all,
            percent / 10,
            percent % 10
        );
    }
    Ok(())
}

/// The sums of a report's files, each under the folder in `crates` that it is in.
fn by_crate(report: &Value) -> Result<BTreeMap<String, Lines>> {
    let files = report.pointer("/data/0/files").and_then(Value::as_array);
    let files = files.context("the report of cargo-llvm-cov has no files")?;
    let mut crates = BTreeMap::<String, Lines>::new();
    for file in files {
        let Some(name) = file.get("filename").and_then(Value::as_str) else {
            bail!("the report of cargo-llvm-cov has a file without a name");
        };
        let count = |what: &str| {
            file.pointer(&format!("/summary/lines/{what}"))
                .and_then(Value::as_u64)
        };
        let (Some(run), Some(all)) = (count("covered"), count("count")) else {
            bail!("the report of cargo-llvm-cov has no lines for {name}");
        };
        // The last folder of that name: a checkout may lie in one.
        let name = name.replace('\\', "/");
        let Some((_, inside)) = name.rsplit_once("/crates/") else {
            continue;
        };
        let Some((folder, _)) = inside.split_once("/src/") else {
            continue;
        };
        let lines = crates.entry(folder.to_owned()).or_default();
        lines.run = lines.run.saturating_add(run);
        lines.all = lines.all.saturating_add(all);
    }
    Ok(crates)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(name: &str, run: u64, all: u64) -> Value {
        json!({"filename": name, "summary": {"lines": {"covered": run, "count": all}}})
    }

    #[test]
    fn files_count_for_the_crate_that_they_are_sources_of() {
        let report = json!({"data": [{"files": [
            file("/home/crates/datakey/crates/retry/src/lib.rs", 3, 4),
            file("C:\\datakey\\crates\\retry\\src\\policy\\limits.rs", 2, 6),
            file("/datakey/crates/cli/src/main.rs", 0, 5),
            file("/datakey/crates/cli/build.rs", 1, 1),
            file("/datakey/tests/tests/retry/main.rs", 7, 7),
        ]}]});
        let crates = by_crate(&report).unwrap();
        assert_eq!(crates.len(), 2);
        assert_eq!(crates["retry"], Lines { run: 5, all: 10 });
        assert_eq!(crates["cli"], Lines { run: 0, all: 5 });
    }

    #[test]
    fn a_report_that_lacks_figures_is_refused() {
        assert!(by_crate(&json!({"data": []})).is_err());
        assert!(by_crate(&json!({"data": [{"files": [{"filename": "/crates/a/src/b.rs"}]}]})).is_err());
    }
}
