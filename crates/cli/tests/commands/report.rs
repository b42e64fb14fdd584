//! Reports, asked for as a user asks for them.
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use roxmltree::{Document, ParsingOptions};

/// Seven orders through a KMS of ten calls a second.
const FEW: [&str; 8] = [
    "demo", "--only", "retry", "--quota", "10", "--every", "10000", "--json",
];

#[expect(clippy::expect_used, reason = "that is how a test fails")]
fn datakey(arguments: &[&str], report: &Path) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_datakey"))
        .args(arguments)
        .arg("--report")
        .arg(report)
        .output();
    command.expect("the command starts")
}

fn cells(page: &str) -> Vec<String> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let page = Document::parse_with_options(page, options).unwrap();
    page.descendants()
        .filter(|node| node.has_tag_name("td"))
        .map(|node| node.text().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_demo_leaves_a_page_with_the_figures_that_it_prints() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("demo <b>.html");
    let output = datakey(&FEW, &place);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let outcome = &told["strategies"][0];
    let page = fs::read_to_string(&place).unwrap();
    let cells = cells(&page);
    let throttled = outcome["kms_calls"]["throttled"].to_string();
    assert_eq!(
        (&cells[0], &cells[1], &cells[6]),
        (&"7".to_owned(), &"7".to_owned(), &throttled)
    );
    assert_eq!(
        page.matches("<svg").count(),
        8,
        "the calls over time twice, and six figures"
    );
    let seconds = outcome["calls_by_second"].as_array().unwrap();
    let answered: u64 = seconds
        .iter()
        .map(|second| second["answered"].as_u64().unwrap())
        .sum();
    assert_eq!(answered, 14, "{outcome}");
    assert!(
        seconds
            .iter()
            .all(|second| second["answered"].as_u64().unwrap() <= 10),
        "{outcome}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_report_that_exists_is_kept_unless_told_otherwise_and_nothing_is_played_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("kept.html");
    fs::write(&place, "mine").unwrap();
    let output = datakey(&FEW, &place);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(
        said.contains("--report") && !said.contains("--output") && output.stdout.is_empty(),
        "{said}"
    );
    assert_eq!(fs::read(&place).unwrap(), b"mine");

    let output = datakey(&[&FEW[..], &["--force"]].concat(), &place);
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read_to_string(&place).unwrap().starts_with("<!DOCTYPE html>"));
}

#[test]
fn a_report_needs_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for (place, code) in [
        (Path::new("-"), 2),
        (Path::new("/dev/stdout"), 2),
        (folder.path(), 2),
        (&folder.path().join("no/folder/page.html"), 8),
    ] {
        let output = datakey(&FEW, place);
        assert_eq!(output.status.code(), Some(code), "{place:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{place:?}");
    }
    let command = Command::new(env!("CARGO_BIN_EXE_datakey"))
        .args(["demo", "--force"])
        .output();
    assert_eq!(
        command.unwrap().status.code(),
        Some(2),
        "there is nothing to replace"
    );
}
