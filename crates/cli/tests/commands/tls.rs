//! The emulator over TLS, as a command.
use serde_json::Value;

use crate::{fake_kms::Emulator, shell::Shell};

const BY_AUTHORITY: [&str; 4] = ["--json", "--tls", "--tls-ca", "ca.pem"];

#[cfg(feature = "account")]
#[test]
fn it_says_whom_to_trust_and_answers_whoever_does() {
    let mut shell = Shell::new();
    let arguments = [&BY_AUTHORITY[..], &["--key", "alias/a", "--verify-signatures"]].concat();
    let emulator = Emulator::start(&shell, &arguments);
    let told = emulator.json();
    assert!(
        told["endpoint"]
            .as_str()
            .unwrap()
            .starts_with("https://127.0.0.1:"),
        "{told}"
    );
    let bundle = told["environment"]["AWS_CA_BUNDLE"].as_str().unwrap();
    assert!(
        std::fs::read_to_string(bundle)
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    for (name, value) in told["environment"].as_object().unwrap() {
        shell.set(name, value.as_str().unwrap());
    }
    let arn = told["keys"]["alias/a"].as_str().unwrap();
    let seal = |shell: &Shell, output| {
        let line = [
            "seal",
            "--kms-key",
            arn,
            "--timeout",
            "1",
            "-c",
            "a=b",
            "-o",
            output,
            "-",
        ];
        shell.run_with(b"hello", line)
    };
    seal(&shell, "unsure").ends(7);
    // What the AWS SDK for Rust goes by.
    shell.set("SSL_CERT_FILE", bundle);
    seal(&shell, "sealed").ends(0);
    assert_eq!(emulator.end("-HUP"), 0);
}

#[test]
fn an_authority_is_not_replaced_unless_told_to() {
    let shell = Shell::new();
    let emulator = Emulator::start(&shell, &BY_AUTHORITY);
    let first = shell.read("ca.pem");
    assert_eq!(shell.names(), ["ca.pem"]);
    let line = [&["fake-kms", "--listen", "127.0.0.1:0"][..], &BY_AUTHORITY[..]].concat();
    let refused = shell.run(line).ends(8);
    assert_eq!(refused.error().0, "file");
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(shell.read("ca.pem"), first);
    assert_eq!(emulator.end("-TERM"), 0);
    let forced = [&BY_AUTHORITY[..], &["--force"]].concat();
    let emulator = Emulator::start(&shell, &forced);
    assert_ne!(shell.read("ca.pem"), first);
    assert_eq!(emulator.end("-INT"), 0);
}

#[test]
fn what_is_no_choice_of_an_identity_is_refused() {
    let shell = Shell::new();
    shell.write("no.pem", "hello");
    for arguments in [
        &["--tls"][..],
        &["--tls-ca", "ca.pem"],
        &["--tls", "--tls-cert", "no.pem"],
        &["--tls", "--tls-key", "no.pem"],
        &[
            "--tls",
            "--tls-ca",
            "ca.pem",
            "--tls-cert",
            "no.pem",
            "--tls-key",
            "no.pem",
        ],
        &["--tls", "--tls-cert", "no.pem", "--tls-key", "no.pem"],
        &["--tls", "--tls-ca", "ca.pem", "--tls-name", "no name"],
        &["--force"],
    ] {
        let line = [&["fake-kms", "--json", "--listen", "127.0.0.1:0"][..], arguments].concat();
        let (kind, message) = shell.run(line).ends(2).error();
        assert_eq!(kind, "usage", "{arguments:?}: {message}");
    }
    let line = ["fake-kms", "--tls", "--tls-cert", "absent", "--tls-key", "no.pem"];
    shell.run(line).ends(8);
    assert_eq!(shell.names(), ["no.pem"]);
}

#[test]
fn whoever_speaks_no_tls_is_told_so() {
    let shell = Shell::new();
    let emulator = Emulator::start(&shell, &BY_AUTHORITY);
    let (status, told) = emulator.send("GET /metrics HTTP/1.1", "");
    assert_eq!(status, "400");
    assert!(told.contains("https"), "{told}");
    let told: Value = emulator.json();
    assert_eq!(told["region"], "us-east-1");
    assert_eq!(emulator.end("-TERM"), 0);
}
