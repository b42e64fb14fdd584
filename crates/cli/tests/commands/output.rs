//! Where the result goes: whole or not at all, never over another file, never over a device.
use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::shell::Shell;

#[test]
fn an_existing_output_is_kept_unless_told_otherwise() {
    let shell = Shell::with_key();
    shell.write("text", "new");
    shell.write("out", "old");
    fs::set_permissions(shell.path("out"), fs::Permissions::from_mode(0o640)).unwrap();
    let refused = shell
        .run(["seal", "-k", "key", "text", "-o", "out"])
        .ends(8)
        .stderr;
    assert!(
        refused.contains("exists already") && refused.contains("--force"),
        "{refused}"
    );
    assert_eq!(shell.read("out"), b"old");
    shell
        .run(["seal", "-k", "key", "text", "-o", "out", "--force"])
        .ends(0);
    assert_ne!(shell.read("out"), b"old");
    let mode = fs::metadata(shell.path("out")).unwrap().permissions().mode();
    assert_eq!(
        mode & 0o777,
        0o640,
        "who could read the old file can read the new one"
    );
    // A failure leaves what was there, with --force too.
    shell.write("junk", "junk");
    shell
        .run(["open", "-k", "key", "junk", "-o", "text", "-f"])
        .ends(3);
    assert_eq!(shell.read("text"), b"new");
    assert_eq!(shell.names(), ["junk", "key", "out", "text"]);
}

#[test]
fn opened_files_are_their_owners_only_and_sealed_ones_as_the_umask_says() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    for (umask, sealed) in [("022", 0o644), ("027", 0o640), ("002", 0o664)] {
        for (line, expected) in [
            (["seal", "-k", "key", "text", "-f", "-o", "text.datakey"], sealed),
            (["open", "-k", "key", "text.datakey", "-f", "-o", "opened"], 0o600),
        ] {
            drop(fs::remove_file(shell.path(line[6])));
            for named in ["", "1"] {
                let script = format!("umask {umask}; DATAKEY_NAMED_DRAFTS={named} exec \"$0\" \"$@\"");
                shell.scripted(&script, line).ends(0);
                assert_eq!(mode(&shell, line[6]), expected, "{line:?} {umask}");
            }
        }
    }
}

fn mode(shell: &Shell, name: &str) -> u32 {
    fs::metadata(shell.path(name)).unwrap().permissions().mode() & 0o7777
}

/// What a program may do was granted to it, and not to what somebody opens in its place.
#[test]
fn the_bits_that_grant_somebody_elses_rights_do_not_pass_to_what_is_opened() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    for bits in [0o4755, 0o2755, 0o1755, 0o7711] {
        shell.write("out", "old");
        fs::set_permissions(shell.path("out"), fs::Permissions::from_mode(bits)).unwrap();
        shell
            .run(["open", "-k", "key", "text.datakey", "-f", "-o", "out"])
            .ends(0);
        assert_eq!(mode(&shell, "out"), bits & 0o777);
        assert_eq!(shell.read("out"), b"order");
    }
}

#[test]
fn a_link_stays_a_link_and_what_it_leads_to_is_replaced() {
    let shell = Shell::with_key();
    fs::create_dir(shell.path("folder")).unwrap();
    shell.write("text", "order");
    shell.write("folder/old", "old");
    for (link, to) in [("one", "folder/old"), ("two", "one"), ("three", "folder/new")] {
        std::os::unix::fs::symlink(to, shell.path(link)).unwrap();
    }
    let seal = |link: &str, force: &str| shell.run(["seal", "-k", "key", "text", "-o", link, force]);
    for link in ["one", "two", "three"] {
        seal(link, "--json").ends(8);
        seal(link, "--force").ends(0);
        assert!(fs::symlink_metadata(shell.path(link)).unwrap().is_symlink());
        shell.run(["inspect", link]).ends(0);
    }
    assert_ne!(shell.read("folder/old"), b"old");
    assert!(shell.path("folder/new").exists());
    std::os::unix::fs::symlink("round", shell.path("round")).unwrap();
    seal("round", "--force").ends(8);
}

#[test]
fn folders_take_files_and_devices_take_bytes() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    fs::create_dir(shell.path("folder")).unwrap();
    shell.run(["seal", "-k", "key", "text", "-o", "folder"]).ends(0);
    assert!(shell.path("folder/text.datakey").exists());
    shell
        .run(["seal", "-k", "key", "text", "-o", "/dev/null"])
        .ends(0);
    shell
        .run(["seal", "-k", "key", "text", "-o", "/dev/null", "-f"])
        .ends(0);
    let full = shell
        .run(["seal", "-k", "key", "text", "-o", "/dev/full"])
        .ends(8);
    assert!(full.stderr.contains("No space left"), "{}", full.stderr);
    let sealed = shell
        .run(["seal", "-k", "key", "text", "-o", "/dev/stdout"])
        .ends(0)
        .stdout;
    assert_eq!(
        shell.run_with(&sealed, ["open", "-k", "key"]).ends(0).stdout,
        b"order"
    );
    let nowhere = shell
        .run(["seal", "-k", "key", "text", "-o", "nowhere/out"])
        .ends(8);
    assert!(nowhere.stderr.contains("No such file"), "{}", nowhere.stderr);
    assert!(!nowhere.stderr.contains(".part"), "{}", nowhere.stderr);
    let _socket = std::os::unix::net::UnixListener::bind(shell.path("socket")).unwrap();
    let socket = shell
        .run(["seal", "-k", "key", "text", "-f", "-o", "socket"])
        .ends(8);
    assert!(socket.stderr.contains("socket"), "{}", socket.stderr);
    assert_eq!(shell.names(), ["folder", "key", "socket", "text"]);
}

#[test]
fn a_pipe_with_a_name_is_written_to() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    let made = Command::new("mkfifo").arg(shell.path("pipe")).status().unwrap();
    assert!(made.success());
    let reader = std::thread::spawn({
        let pipe = shell.path("pipe");
        move || fs::read(pipe).unwrap()
    });
    shell.run(["seal", "-k", "key", "text", "-o", "pipe"]).ends(0);
    let sealed = reader.join().unwrap();
    assert_eq!(
        shell.run_with(&sealed, ["open", "-k", "key"]).ends(0).stdout,
        b"order"
    );
}

#[test]
fn what_is_no_file_is_not_rewrapped_and_not_waited_for() {
    let shell = Shell::with_key();
    let made = Command::new("mkfifo").arg(shell.path("pipe")).status().unwrap();
    assert!(made.success());
    let refused = shell
        .run(["rewrap", "-k", "key", "--to", "local:key", "pipe"])
        .ends(2);
    assert!(refused.stderr.contains("\"pipe\" is none"), "{}", refused.stderr);
}

#[test]
fn inputs_that_cannot_be_read_are_told_and_leave_nothing() {
    let shell = Shell::with_key();
    for line in [
        &["seal", "-k", "key", "none", "-o", "out"][..],
        &["seal", "-k", "key", "nowhere/none"],
        &["open", "-k", "key", "nowhere/none.datakey"],
        &["open", "-k", "key", "none", "-o", "out"],
        &["records", "seal", "-k", "key", "nowhere/none"],
        &["records", "seal", "-k", "key", "."],
        &["verify", "-k", "key", "none"],
        &["inspect", "none"],
        &["cat", "-k", "key", "none"],
        &["rewrap", "-k", "key", "--to", "key", "none"],
    ] {
        let refused = shell.run(line).ends(8);
        assert!(
            refused.stderr.contains("cannot be read"),
            "{line:?}: {}",
            refused.stderr
        );
    }
    assert_eq!(shell.names(), ["key"]);
}

#[test]
fn names_may_be_long_and_need_not_be_text() {
    let shell = Shell::with_key();
    let long = "n".repeat(247);
    let odd = OsStr::from_bytes(b"odd \xff\n name");
    for name in [OsStr::new(&long), odd] {
        fs::write(shell.path(name), "order").unwrap();
        let seal = [OsStr::new("seal"), "-k".as_ref(), "key".as_ref(), name];
        shell.run(seal).ends(0);
        fs::remove_file(shell.path(name)).unwrap();
        let mut sealed = name.to_owned();
        sealed.push(".datakey");
        let open = [
            OsStr::new("--json"),
            "open".as_ref(),
            "-k".as_ref(),
            "key".as_ref(),
            &sealed,
        ];
        let said = shell.run(open).ends(0).json();
        assert_eq!(said["output"], name.to_string_lossy().as_ref());
        // What is no text is there in full too.
        let bytes = said["output_base64"]
            .as_str()
            .map(|text| STANDARD.decode(text).unwrap());
        assert_eq!(bytes, name.to_str().is_none().then(|| name.as_bytes().to_vec()));
        assert_eq!(fs::read(shell.path(name)).unwrap(), b"order");
    }
}

#[test]
fn a_reader_that_goes_away_is_nothing_to_talk_about() {
    let shell = Shell::with_key();
    shell.write("text", vec![7; 4 << 20]);
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    for command in ["open", "cat"] {
        let line = [
            &[command, "-k", "key", "text.datakey"][..],
            &["-o", "-"][..2 * usize::from(command == "open")],
        ];
        let mut child = shell.command(line.concat()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        // As of a program that the signal ends.
        assert_eq!(output.status.code(), Some(141));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
    // What only informs is not missed.
    let mut child = shell.command(["inspect", "text.datakey"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn a_standard_output_that_is_closed_or_full_loses_nothing_without_a_word() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    let open = ["open", "-k", "key", "text.datakey", "-o", "-"];
    for (to, told) in [(">&-", "is closed"), (">/dev/full", "No space left")] {
        for line in [
            &open[..],
            &["seal", "-k", "key", "text", "-o", "-"],
            &["cat", "-k", "key", "text.datakey"],
            &["keygen", "-"],
            &["inspect", "text.datakey"],
            &["inspect", "--json", "text.datakey"],
            &["simulate", "order-id", "--hours", "0.001"],
            &["simulate", "--list"],
            &["simulate", "--print", "order-id"],
            &["plan", "--records-per-second", "10"],
            &["completions", "bash"],
        ] {
            let lost = shell.scripted(&format!("exec \"$0\" \"$@\" {to}"), line).ends(8);
            assert!(lost.stderr.contains(told), "{line:?}: {}", lost.stderr);
        }
        // The output is in its place, which nobody can be told there: it is told on standard error, and in the code to a program.
        for (number, (json, code)) in [("--verbose", 0), ("--json", 8)].into_iter().enumerate() {
            let out = format!("out{number}{}", to.len());
            let json = if json == "--json" { json } else { "--armor" };
            let line = ["seal", "-k", "key", "text", "-o", &out, json];
            let done = shell
                .scripted(&format!("exec \"$0\" \"$@\" {to}"), line)
                .ends(code);
            shell.run(["inspect", &out]).ends(0);
            let said = if code == 0 {
                "sealed 5 bytes"
            } else {
                "all is done"
            };
            assert!(done.stderr.contains(said), "{}", done.stderr);
        }
    }
}

/// A line is no system call: each of a datagram socket's messages is one.
#[test]
fn records_are_written_many_at_a_time() {
    let shell = Shell::with_key();
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let mut child = shell
        .command(["records", "seal", "-k", "key"])
        .stdin(Stdio::piped())
        .stdout(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&b"x\n".repeat(2_000)).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let (mut sealed, mut buffer, mut writes) = (Vec::new(), vec![0; 1 << 20], 0);
    ours.set_nonblocking(true).unwrap();
    while let Ok(len @ 1..) = ours.recv(&mut buffer) {
        sealed.extend_from_slice(&buffer[..len]);
        writes += 1;
    }
    assert!(writes <= 2, "{writes} writes");
    let opened = shell.run_with(&sealed, ["records", "open", "-k", "key"]).ends(0);
    assert_eq!(opened.stdout, b"x\n".repeat(2_000));
}
