//! Command lines that are wrong are found before a key is used, and a lack of descriptors, of rights or of one file stops no more than
//! it must.
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

use crate::shell::Shell;

#[test]
fn a_context_that_no_message_has_is_a_wrong_command_line_before_a_key_is_looked_for() {
    let shell = Shell::new();
    shell.write("text", "order");
    let long = format!("a={}", "x".repeat(5_000));
    let many: Vec<String> = (0..33).map(|number| format!("-ck{number}=v")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for pairs in [&["-c", &long][..], &many] {
        for line in [
            &["seal", "-k", "none", "text"][..],
            &["records", "seal", "-k", "none", "text"],
        ] {
            let told = shell.run([line, pairs].concat()).ends(2).stderr;
            assert!(told.contains("context is not valid"), "{told}");
        }
    }
    for line in [
        &["open", "-k", "none", "text", "-o", "out"][..],
        &["verify", "-k", "none", "text"],
        &["cat", "-k", "none", "text"],
        &["rewrap", "-k", "none", "--to", "none", "text"],
    ] {
        let huge = format!("a={}", "x".repeat(100_000));
        shell.run([line, &["-c", &huge]].concat()).ends(2);
    }
    let keys = vec!["-knone"; 17];
    let told = shell.run([&["seal", "text"][..], &keys].concat()).ends(2).stderr;
    assert!(
        told.contains("17 keys are named, and a message has at most 16"),
        "{told}"
    );
}

#[cfg(feature = "account")]
#[test]
fn a_context_that_the_other_format_keeps_to_itself_is_a_wrong_command_line() {
    let shell = Shell::new();
    shell.write("text", "order");
    let line = [
        "seal",
        "--format",
        "esdk",
        "-k",
        "aws-kms:alias/x",
        "-c",
        "aws-crypto-public-key=x",
        "text",
    ];
    let told = shell.run(line).ends(2).stderr;
    assert!(told.contains("aws-crypto-"), "{told}");
}

#[test]
fn few_descriptors_are_told_and_are_enough_for_many_files() {
    let shell = Shell::with_key();
    fs::create_dir(shell.path("in")).unwrap();
    for number in 0..40 {
        shell.write(&format!("in/{number}"), "order");
    }
    let line = ["seal", "-k", "key", "in", "-o", "out"];
    for most in [5, 6, 7, 8] {
        let run = shell.scripted(&format!("ulimit -n {most}; exec \"$0\" \"$@\""), line);
        assert_eq!(run.code, 1, "{most}: {run:?}");
        assert!(
            run.stderr.contains("the runtime cannot be started"),
            "{}",
            run.stderr
        );
    }
    let done = shell.scripted("ulimit -n 20; exec \"$0\" \"$@\"", line).ends(0);
    assert!(done.text().contains("sealed 40 files"), "{done:?}");
}

/// A path may be too long for any user, if not for whoever goes there step by step.
#[test]
fn a_folder_that_cannot_be_read_stops_no_other() {
    let shell = Shell::with_key();
    fs::create_dir(shell.path("in")).unwrap();
    shell.write("in/a", "1");
    shell.write("in/z", "2");
    let (name, folder) = ("n".repeat(200), OFlags::RDONLY | OFlags::DIRECTORY);
    let mut at = openat(CWD, shell.path("in"), folder, Mode::empty()).unwrap();
    for _ in 0..25 {
        mkdirat(&at, &name, Mode::RWXU).unwrap();
        at = openat(&at, &name, folder, Mode::empty()).unwrap();
    }
    for command in ["seal", "inspect"] {
        let line: &[&str] = match command {
            "seal" => &["seal", "-k", "key", "in", "-o", "out"],
            _ => &["inspect", "out", "in"],
        };
        let run = shell.run(line).ends(8);
        assert!(
            run.stderr.contains("cannot be read: File name too long"),
            "{run:?}"
        );
        assert!(
            run.stderr.contains("1 of 3 files failed, the others are done"),
            "{run:?}"
        );
        assert!(run.text().starts_with(if command == "seal" {
            "sealed 2 files, 2 bytes"
        } else {
            "2 messages"
        }));
    }
}

#[test]
fn cat_goes_on_after_one_that_fails_and_answers_its_code() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    let run = shell
        .run(["cat", "-k", "key", "none", "text.datakey", "text", "text.datakey"])
        .ends(8);
    assert_eq!(run.text(), "orderorder");
    assert!(run.stderr.contains("2 of 4 files failed"), "{}", run.stderr);
}

#[test]
fn the_link_that_names_a_folder_is_no_file_that_was_passed_over() {
    let shell = Shell::with_key();
    fs::create_dir(shell.path("in")).unwrap();
    shell.write("in/a", "1");
    symlink("in", shell.path("link")).unwrap();
    let run = shell.run(["seal", "-k", "key", "link", "-o", "out"]).ends(0);
    assert_eq!(run.text(), "sealed 1 file, 1 byte\n");
}

/// Only some users may give files away; to them, and to others, the mode never opens a file further.
#[test]
fn a_file_that_is_replaced_stays_its_owners_where_it_may() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    for line in [
        &["seal", "-k", "key", "text", "-f"][..],
        &["rewrap", "-k", "key", "--to", "key2", "text.datakey"],
    ] {
        if line[0] == "rewrap" {
            shell.run(["keygen", "--name", "second", "key2"]).ends(0);
        }
        for named in ["", "1"] {
            let place = shell.path("text.datakey");
            if std::os::unix::fs::chown(&place, Some(65_534), Some(65_534)).is_err() {
                return; // nothing can be given away, so nothing is somebody else's
            }
            fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).unwrap();
            let script = format!("DATAKEY_NAMED_DRAFTS={named} exec \"$0\" \"$@\"");
            shell.scripted(&script, line).ends(0);
            let found = fs::metadata(&place).unwrap();
            let kept = (found.uid(), found.gid(), found.mode() & 0o7777);
            assert_eq!(kept, (65_534, 65_534, 0o640), "{line:?}");
        }
    }
}
