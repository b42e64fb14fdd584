//! What is told names the file, the number and the next step, once.
use std::fs;

use crate::shell::Shell;

/// What a command that must fail in this way says.
#[track_caller]
fn said(shell: &Shell, line: &[&str], code: i32) -> String {
    shell.run(line).ends(code).stderr
}

#[test]
fn a_range_beyond_the_end_is_told_by_where_it_starts() {
    let shell = Shell::with_key();
    shell.write("text", "0123456789");
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    let beyond = said(
        &shell,
        &["cat", "-k", "key", "--bytes", "11..", "text.datakey"],
        3,
    );
    assert!(
        beyond.contains("\"text.datakey\": the range starts at byte 11"),
        "{beyond}"
    );
    let over = said(
        &shell,
        &["cat", "-k", "key", "--bytes", "9..11", "text.datakey"],
        3,
    );
    assert!(over.contains("the range ends at byte 11"), "{over}");
    assert_eq!(
        shell
            .run(["cat", "-k", "key", "--bytes", "9", "text.datakey"])
            .ends(0)
            .text(),
        "9"
    );
}

#[test]
fn what_is_wrong_with_a_batch_is_told_with_its_name() {
    let shell = Shell::with_key();
    shell.run(["keygen", "--name", "other", "other"]).ends(0);
    shell.write("text", "order\n");
    let seal = ["records", "seal", "-k", "key", "-c", "a=b", "text"];
    shell.run(seal).ends(0);
    shell.write("zero.datakey", "");
    for (file, key, context, code) in [
        ("zero.datakey", "key", "a=b", 3),
        ("text.datakey", "other", "a=b", 6),
        ("text.datakey", "key", "a=c", 5),
    ] {
        for index in [&["--index", "0"][..], &[]] {
            let line = [
                &["records", "open", "-k", key, "-c", context, "-o", "-", file],
                index,
            ]
            .concat();
            let told = said(&shell, &line, code);
            assert!(told.starts_with(&format!("error: {file:?}: ")), "{told}");
        }
    }
    let none = said(
        &shell,
        &[
            "records",
            "open",
            "-k",
            "key",
            "-c",
            "a=b",
            "--index",
            "7",
            "text.datakey",
        ],
        3,
    );
    assert!(none.contains("\"text.datakey\": there is no record 7"), "{none}");
}

#[test]
fn a_line_that_is_no_json_has_one_number_and_a_byte_order_mark_is_called_so() {
    let shell = Shell::with_key();
    shell.write("bad.ndjson", "{}\n{\"a\":\n");
    let told = said(&shell, &["records", "seal", "-k", "key", "bad.ndjson"], 3);
    assert!(
        told.contains("line 2: not JSON (EOF while parsing a value, at column 5)"),
        "{told}"
    );
    shell.write("mark.ndjson", "\u{feff}{}\n");
    let told = said(&shell, &["records", "seal", "-k", "key", "mark.ndjson"], 3);
    assert!(
        told.contains("line 1: not JSON (it begins with a byte order mark)"),
        "{told}"
    );
}

#[test]
fn a_kind_of_keys_that_is_misspelt_is_told_the_known_ones_and_a_file_of_such_a_name_is_one() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    for key in [
        "AWS-KMS:alias/x",
        "Local:key",
        "aws_kms:alias/x",
        "Branch-Key://a/b",
    ] {
        let told = said(&shell, &["seal", "-k", key, "text"], 2);
        assert!(
            told.contains("no keys of the kind") && told.contains("aws-kms:alias/NAME"),
            "{told}"
        );
    }
    fs::rename(shell.path("key"), shell.path("Orders_1:key")).unwrap();
    shell.run(["seal", "-k", "Orders_1:key", "text"]).ends(0);
}

#[test]
fn both_inputs_of_one_output_are_named_and_one_that_is_named_twice_is_told() {
    let shell = Shell::with_key();
    for folder in ["a", "b", "out"] {
        fs::create_dir(shell.path(folder)).unwrap();
    }
    shell.write("a/x", "1");
    shell.write("b/x", "2");
    let told = said(&shell, &["seal", "-k", "key", "a/x", "b/x", "-o", "out"], 2);
    assert!(told.contains("\"a/x\" and \"b/x\""), "{told}");
    let told = said(&shell, &["seal", "-k", "key", "a/x", "a/x"], 2);
    assert!(told.contains("\"a/x\" is named twice"), "{told}");
}

#[test]
fn a_message_under_another_key_is_told_which_and_a_pair_is_one() {
    let shell = Shell::with_key();
    shell.run(["keygen", "--name", "other", "other"]).ends(0);
    shell.write("text", "order");
    shell.run(["seal", "-k", "key", "-c", "a=b", "text"]).ends(0);
    let told = said(&shell, &["cat", "-k", "other", "-c", "a=b", "text.datakey"], 6);
    assert!(
        told.contains("the keys that the message is wrapped under: local:default"),
        "{told}"
    );
    let told = said(&shell, &["cat", "-k", "key", "text.datakey"], 5);
    assert!(
        told.contains("an encryption context of 1 pair; say which"),
        "{told}"
    );
}

#[test]
fn rewrap_takes_no_associated_data_as_it_could_not_check_it() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell
        .run(["seal", "-k", "key", "--aad", "batch 9", "text"])
        .ends(0);
    let rewrap = ["rewrap", "-k", "key", "--to", "key", "text.datakey"];
    let told = said(&shell, &[&rewrap[..], &["--aad", "batch 8"]].concat(), 2);
    assert!(told.contains("no associated data"), "{told}");
    shell.run(rewrap).ends(0);
}

#[test]
fn rewrap_of_nothing_names_no_keys() {
    let shell = Shell::with_key();
    fs::create_dir(shell.path("in")).unwrap();
    let told = shell
        .run(["rewrap", "-k", "key", "--to", "key", "in"])
        .ends(0)
        .text();
    assert_eq!(told, "wrapped 0 messages\n");
}

#[test]
fn several_that_fail_alike_are_told_the_next_step_once_and_counted() {
    let shell = Shell::with_key();
    for name in ["a", "b", "c"] {
        shell.write(name, name);
    }
    let seal = ["seal", "-k", "key", "a", "b", "c"];
    shell.run(seal).ends(0);
    let told = said(&shell, &seal, 8);
    assert_eq!(told.matches("exists already").count(), 3, "{told}");
    assert_eq!(told.matches("next: ").count(), 1, "{told}");
    assert!(told.contains("all 3 files failed"), "{told}");
    fs::remove_file(shell.path("b.datakey")).unwrap();
    let told = said(&shell, &seal, 8);
    assert!(
        told.contains("2 of 3 files failed, the others are done"),
        "{told}"
    );
}

#[test]
fn a_setting_that_is_wrong_is_told_with_its_place_and_what_it_may_be() {
    let mut shell = Shell::with_key();
    shell.write("text", "order");
    for (text, part) in [
        (
            "key = 5\n",
            "line 1: a key is a text, and several are a list of texts",
        ),
        (
            "\nthreads = 0\n",
            "line 2: threads is a number from 1 to 256, and not \"0\"",
        ),
        (
            "timeout = 0\n",
            "line 1: timeout is a number from 1 to 86400, and not \"0\"",
        ),
    ] {
        shell.write("config.toml", text);
        let told = said(
            &shell,
            &["seal", "--config", "config.toml", "-k", "key", "text"],
            2,
        );
        assert!(told.contains(part), "{told}");
    }
    shell.set("DATAKEY_CONFIG", "");
    let told = said(&shell, &["seal", "text"], 2);
    assert!(
        told.contains("say it with --key or in DATAKEY_KEY. `datakey keygen"),
        "{told}"
    );
    shell.set("DATAKEY_THREADS", "many");
    let told = said(&shell, &["seal", "-k", "key", "text"], 2);
    assert!(
        told.contains("DATAKEY_THREADS is a number from 1 to 256, and not \"many\""),
        "{told}"
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_how_to_do_without() {
    let shell = Shell::with_key();
    // A folder cannot be read as a file by any user.
    fs::create_dir_all(shell.path(".config/datakey/config.toml")).unwrap();
    let told = said(&shell, &["seal", "-k", "key", "key"], 8);
    assert!(
        told.contains("the configuration") && told.contains("DATAKEY_CONFIG"),
        "{told}"
    );
}

#[test]
fn help_that_cannot_be_written_is_an_error() {
    let shell = Shell::new();
    for line in [&["--help"][..], &["--version"], &["seal", "--help"]] {
        for to in [">/dev/full", ">&-"] {
            let told = shell.scripted(&format!("exec \"$0\" \"$@\" {to}"), line).ends(8);
            assert!(
                told.stderr.contains("standard output cannot be written"),
                "{}",
                told.stderr
            );
        }
    }
}

#[cfg(feature = "account")]
#[test]
fn credentials_that_are_missing_are_not_waited_for() {
    let shell = Shell::new();
    let mut line = vec!["seal", "-k", "aws-kms:alias/x", "--region", "us-east-1"];
    line.push("--timeout=1");
    let told = said(&shell, &line, 7);
    assert!(told.contains("set them in the environment"), "{told}");
    assert!(!told.contains("try again"), "{told}");
}
