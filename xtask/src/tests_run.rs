//! Every test of the workspace, and one line at the end that says how many.
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::cargo;

/// Passed, failed and ignored tests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Runs `cargo test` over the workspace; further arguments go to it.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut all = vec!["test", "--workspace", "--all-features", "--no-fail-fast"];
    all.extend(arguments.iter().map(String::as_str));
    println!("$ cargo {}", all.join(" "));
    let mut child = Command::new(cargo::program())
        .args(&all)
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut count = Count::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("cargo printed something that is not UTF-8")?;
        println!("{line}");
        count.add(&line);
    }
    let status = child.wait().context("cargo was lost")?;
    println!(
        "{} passed, {} failed, {} skipped",
        count.passed, count.failed, count.ignored
    );
    if !status.success() || count.failed > 0 {
        bail!("tests failed ({status})");
    }
    if count.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

impl Count {
    /// Adds a closing line such as `test result: ok. 9 passed; 0 failed; 1 ignored; ...`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .split_once("test result: ")
            .and_then(|(_, rest)| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split(';') {
            let mut words = part.split_whitespace();
            let number = words
                .next()
                .and_then(|word| word.parse::<u64>().ok())
                .unwrap_or_default();
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up_and_others_are_not() {
        let mut count = Count::default();
        count.add(
            "test result: ok. 9 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        count.add("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out");
        count.add("test the_result ... ok");
        assert_eq!(
            count,
            Count {
                passed: 11,
                failed: 3,
                ignored: 1
            }
        );
    }
}
