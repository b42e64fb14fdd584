//! Standard streams that are closed, and that are `/dev/null`.
use crate::shell::Shell;

/// With `order` in `text`, sealed in `text.datakey`.
fn sealed() -> Shell {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    shell
}

/// Whoever starts a program in the background gives it one open `/dev/null` for all streams.
#[test]
fn a_dev_null_that_is_open_for_several_streams_is_written_to() {
    let shell = sealed();
    for line in [
        &["verify", "-k", "key", "text.datakey"][..],
        &["verify", "--json", "-k", "key", "text.datakey"],
        &["inspect", "text.datakey"],
        &["cat", "-k", "key", "text.datakey"],
        &["open", "-k", "key", "text.datakey", "-o", "-"],
        &["seal", "-k", "key"],
    ] {
        shell
            .scripted("exec \"$0\" \"$@\" 1<>/dev/null 0>&1", line)
            .ends(0);
        shell
            .scripted("exec \"$0\" \"$@\" 1<>/dev/null 0>&1 2>&1", line)
            .ends(0);
    }
}

#[test]
fn what_verify_finds_is_in_its_exit_code_whoever_reads_its_words() {
    let shell = sealed();
    shell.write("cut.datakey", &shell.read("text.datakey")[..100]);
    for to in ["1<>/dev/null", ">/dev/null", ">&-", ">/dev/full"] {
        let script = format!("exec \"$0\" \"$@\" {to}");
        shell
            .scripted(&script, ["verify", "-k", "key", "text.datakey"])
            .ends(0);
        shell
            .scripted(&script, ["verify", "-k", "key", "cut.datakey"])
            .ends(3);
    }
}

#[test]
fn a_standard_input_that_is_closed_is_not_taken_for_an_empty_one() {
    let shell = sealed();
    for line in [
        &["seal", "-k", "key", "-o", "out"][..],
        &["records", "seal", "-k", "key", "-o", "out"],
        &["open", "-k", "key", "-o", "out"],
        &["seal", "-k", "key", "-o", "out", "--aad-file", "text"],
    ] {
        let run = shell.scripted("exec \"$0\" \"$@\" <&-", line).ends(8);
        assert!(
            run.stderr.contains("standard input cannot be read: it is closed"),
            "{}",
            run.stderr
        );
        assert!(!shell.path("out").exists());
    }
    // What is there and empty is sealed.
    for from in ["</dev/null", "0<>/dev/null 3>&0 2>&0"] {
        let script = format!("exec \"$0\" \"$@\" {from}");
        shell
            .scripted(&script, ["seal", "-k", "key", "-f", "-o", "out"])
            .ends(0);
    }
    assert_eq!(shell.run(["cat", "-k", "key", "out"]).ends(0).stdout, b"");
}
