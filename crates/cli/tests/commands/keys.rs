//! `keygen`, and key files in use.
use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;

use crate::shell::Shell;

#[test]
fn a_key_file_is_its_owners_only_and_never_overwritten() {
    let shell = Shell::new();
    let made = shell
        .run(["keygen", "--json", "--name", "orders-1", "key"])
        .ends(0);
    assert_eq!(
        made.json(),
        json!({"key_file": "key", "key_id": "local:orders-1", "keys": ["orders-1"]})
    );
    let mode = fs::metadata(shell.path("key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let text = shell.read("key");
    let again = shell.run(["--json", "keygen", "key"]).ends(8);
    let (kind, message) = again.error();
    assert_eq!(kind, "file");
    assert!(message.contains("never overwritten"), "{message}");
    assert_eq!(shell.read("key"), text);
    assert_eq!(shell.names(), ["key"]);
    std::os::unix::fs::symlink("nowhere", shell.path("dangling")).unwrap();
    shell.run(["keygen", "dangling"]).ends(8);
    assert_eq!(
        shell.names(),
        ["dangling", "key"],
        "nothing is made behind a link"
    );
}

#[test]
fn a_key_file_that_cannot_be_written_whole_leaves_nothing() {
    for named in ["0", "1"] {
        let shell = Shell::new();
        let script = format!("ulimit -f 0; DATAKEY_NAMED_DRAFTS={named} exec \"$0\" keygen key");
        let program = env!("CARGO_BIN_EXE_datakey");
        let status = std::process::Command::new("bash")
            .args(["-c", &script, program])
            .current_dir(shell.path("."))
            .status()
            .unwrap();
        assert!(!status.success());
        assert_eq!(shell.names(), [""; 0], "named drafts: {named}");
    }
}

#[test]
fn what_an_old_key_sealed_opens_after_a_rotation() {
    let shell = Shell::with_key();
    let sealed = shell.run_with(b"old", ["seal", "-k", "key"]).ends(0).stdout;
    let rotated = shell
        .run([
            "keygen", "--json", "--rotate", "key", "--name", "second", "rotated",
        ])
        .ends(0);
    assert_eq!(rotated.json()["key_id"], "local:second");
    assert_eq!(rotated.json()["keys"], json!(["default", "second"]));
    let opened = shell.run_with(&sealed, ["open", "-k", "rotated"]).ends(0);
    assert_eq!(opened.stdout, b"old");
    let newer = shell.run_with(b"new", ["seal", "-k", "rotated"]).ends(0).stdout;
    let refused = shell
        .run_with(&newer, ["--json", "open", "-k", "key"])
        .ends(6)
        .error();
    assert!(refused.1.contains("local:second"), "{refused:?}");
}

/// Whoever replaced the old file by the new one would lose what the missing keys sealed.
#[test]
fn a_rotation_never_writes_fewer_keys_than_there_were() {
    let shell = Shell::with_key();
    shell
        .run(["keygen", "--rotate", "key", "--name", "second", "two"])
        .ends(0);
    let text = String::from_utf8(shell.read("two")).unwrap();
    let write = |name: &str, text: &str| {
        shell.write(name, text);
        fs::set_permissions(shell.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    let cut: Vec<&str> = text.lines().take(4).collect();
    write("cut", &cut.join("\n"));
    let refused = shell
        .run(["keygen", "--rotate", "cut", "--name", "third", "three"])
        .ends(6);
    assert!(refused.stderr.contains("it was cut"), "{}", refused.stderr);

    let old = text.replace(" v2\n", " v1\n");
    write("old", &old[..old.find("end ").unwrap()]);
    let rotate = ["keygen", "--json", "--rotate", "old", "--name", "third"];
    let refused = shell.run([&rotate[..], &["three"]].concat()).ends(2).error();
    assert!(refused.1.contains("default, second"), "{refused:?}");
    let refused = shell
        .run([&rotate[..], &["--keys", "3", "three"]].concat())
        .ends(2);
    assert!(refused.stderr.contains("2 of 3 keys"), "{}", refused.stderr);
    let rotated = shell
        .run([&rotate[..], &["--keys", "2", "three"]].concat())
        .ends(0);
    assert_eq!(rotated.json()["keys"], json!(["default", "second", "third"]));
    shell.run(["keygen", "--keys", "1", "four"]).ends(2);
}

#[test]
fn names_that_are_none_and_folders_that_are_missing_are_refused() {
    let shell = Shell::with_key();
    shell.run(["keygen", "--name", "a b", "other"]).ends(2);
    shell.run(["keygen", "--rotate", "key", "other"]).ends(2);
    shell.run(["keygen", "--rotate", "none", "other"]).ends(8);
    let refused = shell.run(["keygen", "nowhere/key"]).ends(8);
    assert!(
        refused.stderr.contains("No such file"),
        "the cause is told: {}",
        refused.stderr
    );
    assert_eq!(shell.names(), ["key"]);
}

#[test]
fn key_files_that_cannot_be_used_are_told_apart() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell.write("no-key", "not a key file");
    let path = shell.path("no-key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = shell.run(["seal", "-k", "no-key", "text"]).ends(6);
    assert!(
        refused.stderr.contains("line 1"),
        "the line is told: {}",
        refused.stderr
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = shell.run(["seal", "-k", "no-key", "text"]).ends(6);
    assert!(refused.stderr.contains("0640"), "{}", refused.stderr);
    shell.run(["seal", "-k", "none", "text"]).ends(8);
    shell.run(["seal", "-k", ".", "text"]).ends(8);
    assert_eq!(shell.names(), ["key", "no-key", "text"]);
}
