//! `cat`, `verify`, `--armor` and large files.
use std::fs;

use crate::shell::Shell;

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| at.to_le_bytes()[at % 3]).collect()
}

#[test]
fn a_range_of_bytes_is_read_from_files_and_from_streams() {
    let shell = Shell::with_key();
    let plain = text(3 << 20);
    shell.write("text", &plain);
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    shell
        .run(["seal", "-k", "key", "text", "--armor", "-o", "armored"])
        .ends(0);
    let sealed = shell.read("text.datakey");
    for (span, range) in [
        ("0", 0..1),
        ("70000..70010", 70_000..70_010),
        ("..5", 0..5),
        ("3145720..", 3_145_720..3_145_728),
        ("100..2200000", 100..2_200_000),
        ("7..7", 7..7),
        ("..", 0..3 << 20),
    ] {
        let cat = ["cat", "-k", "key", "--bytes", span];
        let expected = &plain[range];
        for file in ["text.datakey", "armored"] {
            let part = shell.run([&cat[..], &[file]].concat()).ends(0);
            assert!(part.stdout == expected, "{span} of {file}");
        }
        assert!(
            shell.run_with(&sealed, cat).ends(0).stdout == expected,
            "{span} of a pipe"
        );
    }
    let whole = shell.run(["cat", "-k", "key", "text.datakey", "armored"]).ends(0);
    assert!(whole.stdout == [&plain[..], &plain[..]].concat());
    for (span, code) in [("3145729..", 3), ("0..3145729", 3), ("5..2", 2), ("x", 2)] {
        shell
            .run(["cat", "-k", "key", "--bytes", span, "text.datakey"])
            .ends(code);
        shell
            .run_with(&sealed, ["cat", "-k", "key", "--bytes", span])
            .ends(code);
    }
}

/// The length of the whole is proven before a byte of a range is written.
#[test]
fn a_range_of_a_message_that_was_cut_or_altered_is_not_read() {
    let shell = Shell::with_key();
    shell.write("text", text(1 << 20));
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    let sealed = shell.read("text.datakey");
    let frame = 65_536 + 16;
    let header = sealed.len() - 16 * frame;
    shell.write("cut", &sealed[..header + 8 * frame]);
    let mut altered = sealed;
    altered[header + 5 * frame] ^= 1;
    shell.write("altered", &altered);
    let cat = |file: &str, span: &str| shell.run(["cat", "-k", "key", "--bytes", span, file]);
    assert_eq!(cat("cut", "0..10").ends(4).stdout, b"");
    assert_eq!(cat("altered", "330000..330010").ends(4).stdout, b"");
    assert_eq!(cat("altered", "0..10").ends(0).stdout.len(), 10);
    for file in ["cut", "altered"] {
        let refused = shell.run(["verify", "-k", "key", file]).ends(4);
        assert!(refused.stderr.contains(file), "{}", refused.stderr);
    }
    shell.run(["verify", "-k", "key", "text.datakey"]).ends(0);
}

#[test]
fn verify_writes_nothing_and_tells_what_it_found() {
    let shell = Shell::with_key();
    let seal = ["seal", "-k", "key", "-c", "tenant=acme", "--aad", "9"];
    let sealed = shell.run_with(b"order", seal).ends(0).stdout;
    let verify = ["verify", "-k", "key", "-c", "tenant=acme", "--aad", "9"];
    let found = shell.run_with(&sealed, verify).ends(0);
    assert_eq!(found.text(), "standard input is authentic and whole: 5 bytes\n");
    let said = shell
        .run_with(&sealed, [&verify[..], &["--json"]].concat())
        .ends(0)
        .json();
    assert_eq!(
        (&said["authentic"], &said["encryption_context"]["tenant"]),
        (&true.into(), &"acme".into())
    );
    shell
        .run_with(&sealed, ["verify", "-k", "key", "--aad", "9"])
        .ends(5);
    shell
        .run_with(&sealed, ["verify", "-k", "key", "-c", "tenant=acme"])
        .ends(4);
    assert_eq!(shell.names(), ["key"]);
}

/// However many threads there are, and whether the ends are files or streams.
#[test]
fn large_files_are_sealed_and_opened_on_any_number_of_threads() {
    let shell = Shell::with_key();
    for len in [(1 << 20) + 1, 5 << 20, (5 << 20) + 77, 4 << 18] {
        let plain = text(len);
        shell.write("text", &plain);
        for (suite, threads) in [
            ("aes-256-gcm", "1"),
            ("aes-256-gcm", "3"),
            ("chacha20-poly1305", "7"),
        ] {
            let common = ["-k", "key", "--threads", threads];
            let seal = [&["seal", "text", "--suite", suite, "-f"][..], &common].concat();
            shell.run(seal).ends(0);
            let open = [&["open", "text.datakey", "-f", "-o", "out"][..], &common].concat();
            shell.run(open).ends(0);
            assert!(shell.read("out") == plain);
            let sealed = shell
                .run_with(&plain, [&["seal"][..], &common].concat())
                .ends(0)
                .stdout;
            assert!(sealed.len() == shell.read("text.datakey").len());
            let opened = shell.run_with(&sealed, [&["open"][..], &common].concat()).ends(0);
            assert!(opened.stdout == plain);
        }
        let mut altered = shell.read("text.datakey");
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        shell.write("altered.datakey", &altered);
        shell
            .run(["open", "-k", "key", "altered.datakey", "--threads", "3"])
            .ends(4);
        shell
            .run_with(&altered, ["open", "-k", "key", "-o", "altered", "--threads", "3"])
            .ends(4);
        assert!(!shell.path("altered").exists());
    }
}

#[test]
fn files_that_do_not_say_their_length_are_read_to_their_end() {
    let shell = Shell::with_key();
    let sealed = shell
        .run(["seal", "-k", "key", "/proc/self/status", "-o", "-"])
        .ends(0)
        .stdout;
    let opened = shell.run_with(&sealed, ["open", "-k", "key"]).ends(0);
    assert!(opened.text().starts_with("Name:\tdatakey"));
}

#[test]
fn armored_messages_are_text_that_every_command_reads() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell.run(["seal", "-k", "key", "-a", "text"]).ends(0);
    let armored = String::from_utf8(shell.read("text.datakey")).unwrap();
    assert!(armored.starts_with("-----BEGIN DATAKEY MESSAGE-----\n"));
    assert!(armored.ends_with("\n-----END DATAKEY MESSAGE-----\n"));
    shell.run(["keygen", "--name", "other", "other"]).ends(0);
    for line in [
        &["inspect", "text.datakey"][..],
        &["verify", "-k", "key", "text.datakey"],
        &["open", "-k", "key", "text.datakey", "-o", "opened"],
        &["cat", "-k", "key", "text.datakey"],
        &["rewrap", "-k", "key", "--to", "local:other", "text.datakey"],
        &["open", "-k", "other", "text.datakey", "-f", "-o", "opened"],
    ] {
        shell.run(line).ends(0);
    }
    assert!(
        shell.read("text.datakey").starts_with(b"-----BEGIN"),
        "it stays text"
    );
    assert_eq!(shell.read("opened"), b"order");
    let pasted = shell.run_with(armored.replace('\n', "\r\n").as_bytes(), ["open", "-k", "key"]);
    assert_eq!(pasted.ends(0).stdout, b"order");
    for broken in [
        armored.replace("END DATAKEY", "EMD DATAKEY"),
        armored[..100].to_owned(),
        format!("{armored}more"),
        armored.replace("\n2k", "\n*k"),
    ] {
        let refused = shell
            .run_with(broken.as_bytes(), ["open", "-k", "key", "-o", "out"])
            .ends(3);
        assert!(refused.stderr.contains("armor"), "{}", refused.stderr);
    }
    fs::remove_file(shell.path("text.datakey")).unwrap();
    assert_eq!(shell.names(), ["key", "opened", "other", "text"]);
}

/// More than a process may have memory. `cargo xtask large` does the same with 10 GiB.
#[test]
fn what_is_longer_than_memory_goes_through_in_constant_memory() {
    let shell = Shell::with_key();
    let len = 256 << 20;
    fs::File::create(shell.path("long"))
        .unwrap()
        .set_len(len)
        .unwrap();
    let through =
        "ulimit -d 98304; \"$0\" seal -k key long -o - | \"$0\" open -k key | tail -c +268435453 | wc -c";
    let by_pipes = shell.scripted(through, [""; 0]).ends(0);
    assert_eq!(by_pipes.text().trim(), "4", "{by_pipes:?}");
    let by_files = "ulimit -d 98304; \"$0\" seal -k key long && \"$0\" verify -k key long.datakey";
    let verified = shell.scripted(by_files, [""; 0]).ends(0).text();
    assert!(verified.contains("whole: 268435456 bytes"), "{verified}");
}
