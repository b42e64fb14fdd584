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

const HOUSE: &str = r#"
name = "a <house>"
teaches = "Three hosts & one quota."
duration = "40s"
step = "10s"
fleet = { hosts = 3 }
arrivals = { kind = "steady", posts_per_second = 2.0, messages_per_post = 2 }
readers = { hosts = 2 }
kms = { quota_per_second = 20 }
faults = [{ kind = "errors", from = "10s", until = "20s", share = 0.5 }]
neighbours = [{ calls_per_second = 5.0 }]
restarts = [{ at = "30s" }]

[[strategies]]
name = "no <retry>"
parts = [{ retry = { kind = "none" } }]

[[strategies]]
name = "caching"
parts = [{ cache = {} }]
"#;

#[test]
fn a_simulation_leaves_a_page_that_says_who_kept_up_with_the_figures_that_it_prints() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, place) = (folder.path().join("house.toml"), folder.path().join("house.html"));
    fs::write(&scenario, HOUSE).unwrap();
    let output = datakey(&["simulate", scenario.to_str().unwrap(), "--json"], &place);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let page = fs::read_to_string(&place).unwrap();
    let (cells, sealed) = (cells(&page), &told["outcomes"][1]["sealing"]);
    assert_eq!(cells.len(), 28, "14 figures of each of two strategies: {cells:?}");
    assert_eq!(cells[14], sealed["offered"].to_string());
    assert_eq!(cells[15], sealed["done"].to_string());
    assert_eq!(cells[20], told["outcomes"][1]["kms"]["throttled"].to_string());
    for said in [
        "<bdi>a &lt;house&gt;</bdi>",
        "Three hosts &amp; one quota.",
        "Did all that came: caching. Did not: no &lt;retry&gt;.",
        "neighbours, answered",
        "failed otherwise",
        "KMSInternalException from 10s to 20s, for 50\u{a0}% of the calls",
        "of all hosts at 30s, all at once",
        "5 calls a second from 0s to 40s",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[test]
fn a_report_takes_one_scenario_and_nothing_is_played_for_several() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("two.html");
    let output = datakey(&["simulate", "order-id", "rollout"], &place);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--report takes one scenario"), "{said}");
    assert!(output.stdout.is_empty() && !place.exists());
    let output = datakey(&["simulate", "--list"], &place);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_plan_leaves_a_page_with_its_verdict_its_code_and_what_was_played() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("plan.html");
    let quota = [
        "plan",
        "--records-per-second",
        "50",
        "--quota",
        "60",
        "--readers",
        "2",
    ];
    let output = datakey(&[&quota[..], &["--simulate", "--json"]].concat(), &place);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let page = fs::read_to_string(&place).unwrap();
    let first = told["plan"]["why"].as_str().unwrap().lines().next().unwrap();
    assert!(page.contains(&first.replace('"', "&quot;")), "{first}: {page}");
    let code = told["snippet"].as_str().unwrap().lines().nth(3).unwrap();
    assert!(
        page.contains(code) && page.contains("What came, and what was done with it"),
        "{code}"
    );
    assert_eq!(cells(&page).len(), 45, "nine figures of five ways");
    let none = folder.path().join("none.html");
    let output = datakey(
        &[&quota[..3], &["--quota", "1", "--context-per-record"]].concat(),
        &none,
    );
    assert!(output.status.success(), "{output:?}");
    let page = fs::read_to_string(&none).unwrap();
    assert!(
        page.contains("class=\"verdict good\"") && page.contains("branch keys"),
        "branch keys hold even there: {page}"
    );
}

#[test]
fn a_plan_without_a_rate_has_no_page() {
    let folder = tempfile::tempdir().unwrap();
    let (metrics, place) = (folder.path().join("metrics.txt"), folder.path().join("plan.html"));
    fs::write(
        &metrics,
        "datakey_keyring_requests_total{half=\"sealing\",outcome=\"hit\"} 90\n",
    )
    .unwrap();
    let output = datakey(&["plan", "--from-metrics", metrics.to_str().unwrap()], &place);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!place.exists(), "{said}");
}

/// Both readers and hosts give up while KMS fails now and then; a neighbour calls it too.
const BOTH: &str = r#"
name = "both"
duration = "5m"
step = "10s"
fleet = { hosts = 3 }
arrivals = { kind = "steady", posts_per_second = 5.0 }
readers = { hosts = 2 }
kms = { quota_per_second = 40 }
neighbours = [{ calls_per_second = 5.0 }]
faults = [{ kind = "errors", from = "1m", until = "2m", share = 0.5 }]
strategies = [{ name = "alone", parts = [{ retry = { kind = "none" } }] }]
"#;

#[test]
fn the_captions_of_charts_are_the_figures_of_the_json() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, place) = (folder.path().join("both.toml"), folder.path().join("page.html"));
    fs::write(&scenario, BOTH).unwrap();
    let output = datakey(&["simulate", scenario.to_str().unwrap(), "--json"], &place);
    assert!(output.status.success(), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let outcome = &told["outcomes"][0];
    let page = fs::read_to_string(&place).unwrap().replace(',', "");
    let (sealing, opening) = (&outcome["sealing"], &outcome["opening"]);
    assert!(
        opening["failed"].as_u64().unwrap() > 0 && sealing["failed"].as_u64().unwrap() > 0,
        "{outcome}"
    );
    let caption = format!(
        "{} of {} sealed {} given up; {} of {} opened {} given up",
        sealing["done"],
        sealing["offered"],
        sealing["failed"],
        opening["done"],
        opening["offered"],
        opening["failed"]
    );
    assert!(page.contains(&caption), "{caption}");
    let asked = outcome["series"].as_array().unwrap().iter().map(|step| {
        let calls = ["kms_answered", "kms_throttled", "kms_failed"].map(|name| step[name].as_u64().unwrap());
        calls.iter().sum::<u64>() as f64 / step["seconds"].as_f64().unwrap()
    });
    let peak = format!("peak {:.0} % of quota", asked.fold(0.0, f64::max) * 2.5);
    assert!(page.replace('\u{a0}', " ").contains(&peak), "{peak}");
    assert!(
        page.contains("sealed up to 1 message each") && !page.contains("1 messages"),
        "{caption}"
    );
}
