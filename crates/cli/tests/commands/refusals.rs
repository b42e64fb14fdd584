//! Each way of being refused has its exit code, says what to do, and leaves no output.
use std::{collections::BTreeSet, thread};

use crate::shell::Shell;

/// A sealed message in `sealed`, and how to open it: to `out`, for who expects its tenant.
fn sealed() -> (Shell, Vec<u8>) {
    let shell = Shell::with_key();
    let seal = ["seal", "-k", "key", "-c", "tenant=acme", "--aad", "order 17"];
    let sealed = shell.run_with(b"order", seal).ends(0).stdout;
    (shell, sealed)
}

const OPEN: [&str; 10] = [
    "--json",
    "open",
    "-k",
    "key",
    "-c",
    "tenant=acme",
    "--aad",
    "order 17",
    "-o",
    "out",
];

/// The length of the header, told by `inspect`.
fn header_len(shell: &Shell, sealed: &[u8]) -> usize {
    let said = shell.run_with(sealed, ["inspect", "--json"]).ends(0).json();
    usize::try_from(said["header_bytes"].as_u64().unwrap()).unwrap()
}

/// Runs a check for each of many positions on two threads.
fn each(count: usize, check: impl Fn(usize) -> i32 + Sync) -> BTreeSet<i32> {
    let half = |first: usize| (first..count).step_by(2).map(&check).collect::<BTreeSet<i32>>();
    thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut seen = half(0);
        seen.extend(other.join().unwrap());
        seen
    })
}

#[test]
fn a_message_cut_short_anywhere_leaves_nothing() {
    let (shell, sealed) = sealed();
    let header = header_len(&shell, &sealed);
    let seen = each(sealed.len(), |len| {
        let run = shell.run_with(&sealed[..len], OPEN);
        let expected: &[i32] = if len < header { &[3] } else { &[3, 4] };
        assert!(expected.contains(&run.code), "at {len}: {run:?}");
        assert_eq!(
            run.error().0,
            ["malformed", "not_authentic"][usize::from(run.code == 4)]
        );
        run.code
    });
    assert_eq!(seen, BTreeSet::from([3, 4]));
    assert_eq!(shell.names(), ["key"]);
    shell.run_with(&sealed, OPEN).ends(0);
    assert_eq!(shell.read("out"), b"order", "whole, it opens");
}

#[test]
fn a_flipped_byte_anywhere_leaves_nothing() {
    let (shell, sealed) = sealed();
    let header = header_len(&shell, &sealed);
    let seen = each(sealed.len(), |at| {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        let run = shell.run_with(&altered, OPEN);
        let expected: &[i32] = match at {
            0..5 => &[3],
            8..64 => &[4],
            _ if at >= header => &[4],
            _ => &[3, 4, 5, 6],
        };
        assert!(expected.contains(&run.code), "at {at}: {run:?}");
        assert!(run.error().1.len() > 20, "at {at}: {run:?}");
        run.code
    });
    assert_eq!(seen, BTreeSet::from([3, 4, 5, 6]));
    assert_eq!(shell.names(), ["key"]);
}

#[test]
fn more_after_the_end_leaves_nothing() {
    let (shell, mut sealed) = sealed();
    sealed.push(0);
    shell.run_with(&sealed, OPEN).ends(4);
    assert_eq!(shell.names(), ["key"]);
}

#[test]
fn another_context_is_told() {
    let (shell, sealed) = sealed();
    for (context, part) in [
        (&[][..], "say which are expected"),
        (&["-c", "tenant=other"], "another value for \"tenant\""),
        (&["-c", "tenant=acme", "-c", "purpose=orders"], "no \"purpose\""),
    ] {
        let open = [
            &["--json", "open", "-k", "key", "--aad", "order 17", "-o", "out"],
            context,
        ]
        .concat();
        let (kind, message) = shell.run_with(&sealed, open).ends(5).error();
        assert_eq!(kind, "other_context");
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(shell.names(), ["key"]);
    let any = [
        "open",
        "-k",
        "key",
        "--aad",
        "order 17",
        "--danger-any-context",
        "--json",
        "-o",
        "out",
    ];
    let opened = shell.run_with(&sealed, any).ends(0).json();
    assert_eq!(opened["encryption_context"]["tenant"], "acme");
}

#[test]
fn other_associated_data_and_other_keys_are_told() {
    let (shell, sealed) = sealed();
    for aad in ["order 18", ""] {
        let open = [
            "--json",
            "open",
            "-k",
            "key",
            "-c",
            "tenant=acme",
            "--aad",
            aad,
            "-o",
            "out",
        ];
        let (kind, message) = shell.run_with(&sealed, open).ends(4).error();
        assert_eq!(kind, "not_authentic");
        assert!(message.contains("associated data"), "{message}");
    }
    shell.run(["keygen", "--name", "other", "other"]).ends(0);
    shell.run(["keygen", "namesake"]).ends(0);
    for (key, code, kind) in [("other", 6, "key"), ("namesake", 4, "not_authentic")] {
        let mut open = OPEN;
        open[3] = key;
        let error = shell.run_with(&sealed, open).ends(code).error();
        assert_eq!(error.0, kind);
    }
    assert_eq!(shell.names(), ["key", "namesake", "other"]);
}

#[cfg(not(feature = "account"))]
#[test]
fn without_the_feature_a_key_of_kms_is_told_to_be_missing() {
    let shell = Shell::new();
    shell.write("message", "hello");
    let line = ["seal", "--kms-key", "alias/orders", "-c", "a=b", "message"];
    let told = shell.run(line).ends(2).stderr;
    assert!(told.contains("the feature account"), "{told}");
}

#[test]
fn command_lines_that_are_wrong_are_told_as_json_too() {
    let shell = Shell::with_key();
    let huge = format!("tenant={}", "x".repeat(100_000));
    let lines: [&[&str]; 10] = [
        &["seal"],
        &["seal", "-k", "vault:orders"],
        &["seal", "-k", "key", "-c", "tenant"],
        &["seal", "-k", "key", "-c", "tenant=acme", "-c", "tenant=other"],
        &["seal", "-k", "key", "-c", &huge],
        &["seal", "-k", "key", "--suite", "rot13"],
        &["seal", "-k", "key", "--aad", "a", "--aad-file", "b"],
        &["seal", "--kms-key", "not a key"],
        &["seal", "--kms-key", "alias/orders", "--endpoint-url", "not a url"],
        &["open", "-k", "key", "key"],
    ];
    for line in lines {
        let run = shell.run([line, &["--json"]].concat()).ends(2);
        assert!(run.stdout.is_empty());
        let (kind, message) = run.error();
        assert_eq!(kind, "usage");
        assert!(!message.is_empty());
        assert!(
            !message.contains("Usage:") && !message.contains("--help'"),
            "{message}"
        );
    }
    let (kind, message) = shell.run(["--json"]).ends(2).error();
    assert_eq!(kind, "usage");
    assert!(
        message.contains("requires a subcommand") && !message.contains("Usage:"),
        "{message}"
    );
    shell.run(["--json", "--help"]).ends(0);
    shell.run(["--version"]).ends(0);
    assert_eq!(shell.names(), ["key"]);
}
