//! The demo, run as a user runs it, with the strategies that promise delivery.
use std::process::{Command, Output};

use serde_json::Value;

#[expect(clippy::expect_used, reason = "that is how a test fails")]
fn demo(arguments: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_datakey"))
        .arg("demo")
        .args(arguments)
        .output();
    command.expect("the command starts")
}

#[test]
fn the_keyring_delivers_every_order_with_a_handful_of_kms_calls() {
    let output = demo(&["--json", "--only", "keyring,keyring-esdk,keyring-records"]);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["orders"], &report["total_usd"]),
        (&69_659.into(), &"2500315.63".into())
    );
    let strategies = report["strategies"].as_array().unwrap();
    assert_eq!(strategies.len(), 3);
    for outcome in strategies {
        assert_eq!(outcome["verified"], 69_659, "{outcome}");
        assert_eq!(outcome["total_usd"], "2500315.63", "{outcome}");
        let counts = ["lost", "doubled", "altered"].map(|name| outcome[name].as_u64().unwrap());
        assert_eq!(counts, [0, 0, 0], "{outcome}");
        assert_eq!(
            (&outcome["kms_calls"]["throttled"], &outcome["errors"]),
            (&0.into(), &serde_json::json!({}))
        );
        let calls = ["sealing", "opening"].map(|side| outcome["kms_calls"][side].as_u64().unwrap());
        assert!(calls.iter().all(|count| (1..50).contains(count)), "{outcome}");
    }
}

#[test]
fn retry_alone_is_throttled_and_loses_nothing() {
    // So small a quota that a machine which is busy with something else exceeds it too.
    let output = demo(&["--json", "--only", "retry", "--quota", "10", "--every", "1000"]);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let outcome = &report["strategies"][0];
    assert_eq!(
        (&outcome["verified"], &outcome["orders"]),
        (&70.into(), &70.into()),
        "{outcome}"
    );
    assert_eq!(outcome["errors"], serde_json::json!({}), "{outcome}");
    assert!(
        outcome["kms_calls"]["throttled"].as_u64().unwrap() > 0,
        "the quota is felt: {outcome}"
    );
}

#[test]
fn an_unknown_strategy_is_a_usage_error_that_names_the_known_ones() {
    let output = demo(&["--only", "luck"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("\"luck\"") && message.contains("keyring-records"),
        "{message}"
    );
}
