//! What a command reads stays as it is: no output takes the place of a key, an input or the configuration.
use std::{fs, os::unix::fs::symlink};

use crate::shell::Shell;

/// A folder with all that a command may read, and other names of each.
fn folder() -> Shell {
    let shell = Shell::with_key();
    shell.run(["keygen", "--name", "other", "other"]).ends(0);
    shell.write("text", "order\n");
    shell.write("aad", "batch 9");
    shell.write("config.toml", "threads = 1\n");
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    shell
        .run(["records", "seal", "-k", "key", "text", "-o", "batch"])
        .ends(0);
    for name in ["key", "text", "text.datakey", "aad"] {
        symlink(name, shell.path(format!("link-{name}"))).unwrap();
        fs::hard_link(shell.path(name), shell.path(format!("hard-{name}"))).unwrap();
    }
    shell
}

/// The bytes of each file, by its name.
fn contents(shell: &Shell) -> Vec<(String, Vec<u8>)> {
    let names = shell.names().into_iter();
    names
        .filter(|name| shell.path(name).is_file())
        .map(|name| (name.clone(), shell.read(&name)))
        .collect()
}

#[track_caller]
fn refused(shell: &Shell, line: &[&str], what: &str) {
    let before = contents(shell);
    let run = shell.run(line).ends(2);
    assert!(run.stderr.contains(what), "{line:?}: {}", run.stderr);
    assert!(
        run.stderr.contains("is the same file as"),
        "{line:?}: {}",
        run.stderr
    );
    assert_eq!(contents(shell), before, "{line:?}");
}

#[test]
fn no_output_takes_the_place_of_a_key_by_whatever_name() {
    let shell = folder();
    for name in ["key", "./key", "link-key", "hard-key"] {
        for line in [
            &["seal", "-k", "key", "text", "-f", "-o", name][..],
            &["seal", "-k", "other", "--key-file", "key", "text", "-o", name],
            &["open", "-k", "key", "text.datakey", "-f", "-o", name],
            &["records", "seal", "-k", "key", "text", "-f", "-o", name],
            &["records", "open", "-k", "key", "batch", "-f", "-o", name],
            &[
                "records", "open", "-k", "key", "batch", "--index", "0", "-f", "-o", name,
            ],
            &["rewrap", "-k", "key", "--to", "other", name],
            &["rewrap", "-k", "other", "--to", "key", name],
            &["keygen", "--rotate", "key", name],
        ] {
            refused(&shell, line, "the key file \"key\"");
        }
    }
    fs::create_dir(shell.path("in")).unwrap();
    shell.write("in/text", "order");
    fs::hard_link(shell.path("key"), shell.path("in/text.datakey")).unwrap();
    refused(&shell, &["seal", "-k", "key", "in", "-f"], "the key file \"key\"");
    let opened = shell
        .run(["open", "-k", "key", "text.datakey", "-f", "-o", "text"])
        .ends(0);
    assert!(
        opened.text().contains("opened 6 bytes"),
        "another file is written to"
    );
}

#[test]
fn no_output_takes_the_place_of_an_input_the_associated_data_or_the_configuration() {
    let shell = folder();
    for name in ["text", "link-text", "hard-text"] {
        refused(
            &shell,
            &["seal", "-k", "key", "text", "-f", "-o", name],
            "the input \"text\"",
        );
        refused(
            &shell,
            &["records", "seal", "-k", "key", "text", "-f", "-o", name],
            "the input \"text\"",
        );
    }
    for name in ["text.datakey", "link-text.datakey", "hard-text.datakey"] {
        let line = ["open", "-k", "key", "text.datakey", "-f", "-o", name];
        refused(&shell, &line, "the input \"text.datakey\"");
    }
    refused(
        &shell,
        &["records", "open", "-k", "key", "batch", "-f", "-o", "batch"],
        "the input",
    );
    refused(
        &shell,
        &["seal", "-k", "key", "text", "text.datakey", "-f"],
        "the input \"text.datakey\"",
    );
    for name in ["aad", "link-aad", "hard-aad"] {
        let line = ["seal", "-k", "key", "--aad-file", "aad", "text", "-f", "-o", name];
        refused(&shell, &line, "the file of associated data \"aad\"");
    }
    let line = [
        "seal",
        "--config",
        "config.toml",
        "-k",
        "key",
        "text",
        "-f",
        "-o",
        "config.toml",
    ];
    refused(&shell, &line, "the configuration \"config.toml\"");
}

#[test]
fn standard_input_and_output_are_known_by_the_files_behind_them() {
    let shell = folder();
    for (script, line) in [
        ("\"$0\" \"$@\" >>key", &["cat", "-k", "key", "text.datakey"][..]),
        (
            "\"$0\" \"$@\" >>text.datakey",
            &["cat", "-k", "key", "text.datakey"],
        ),
        (
            "\"$0\" \"$@\" >>key",
            &["open", "-k", "key", "text.datakey", "-o", "-"],
        ),
        ("\"$0\" \"$@\" <text", &["seal", "-k", "key", "-f", "-o", "text"]),
        ("\"$0\" \"$@\" >>key", &["keygen", "--rotate", "key", "-"]),
    ] {
        let before = contents(&shell);
        let run = shell.scripted(script, line).ends(2);
        assert!(run.stderr.contains("is the same file as"), "{}", run.stderr);
        assert_eq!(contents(&shell), before, "{line:?}");
    }
    let line = ["cat", "-k", "key", "text.datakey"];
    shell.scripted("\"$0\" \"$@\" >>new", line).ends(0);
    assert_eq!(shell.read("new"), b"order\n");
}

#[cfg(feature = "report")]
#[test]
fn no_report_takes_the_place_of_what_it_reports_on() {
    let shell = Shell::new();
    let scenario = shell.run(["simulate", "--print", "order-id"]).ends(0).stdout;
    shell.write("mine.toml", &scenario);
    fs::create_dir(shell.path("trail")).unwrap();
    shell.write("trail/one.json", "{}");
    for line in [
        &["simulate", "./mine.toml", "--report", "mine.toml", "-f"][..],
        &[
            "plan",
            "--from-metrics",
            "mine.toml",
            "--report",
            "mine.toml",
            "-f",
        ],
        &[
            "plan",
            "--from-cloudtrail",
            "trail",
            "--report",
            "trail/one.json",
            "-f",
        ],
    ] {
        let run = shell.run(line).ends(2);
        assert!(run.stderr.contains("--report"), "{}", run.stderr);
        assert!(run.stderr.contains("is the same file as"), "{}", run.stderr);
    }
    assert_eq!(shell.read("mine.toml"), scenario);
    assert_eq!(shell.read("trail/one.json"), b"{}");
}
