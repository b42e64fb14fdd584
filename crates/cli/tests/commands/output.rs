//! Where the result goes: whole or not at all, never over another file, never over a device.
use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    process::{Command, Stdio},
};

use crate::shell::Shell;

#[test]
fn an_existing_output_is_kept_unless_told_otherwise() {
    let shell = Shell::with_key();
    shell.write("text", "new");
    shell.write("out", "old");
    fs::set_permissions(shell.path("out"), fs::Permissions::from_mode(0o640)).unwrap();
    let refused = shell
        .run(["--json", "seal", "-k", "key", "text", "-o", "out"])
        .ends(8)
        .error();
    assert!(refused.1.contains("--force"), "{refused:?}");
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
fn a_file_can_be_sealed_over_itself() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell
        .run(["seal", "-k", "key", "text", "-o", "text", "-f"])
        .ends(0);
    shell
        .run(["open", "-k", "key", "text", "-o", "text", "-f"])
        .ends(0);
    assert_eq!(shell.read("text"), b"order");
}

#[test]
fn opened_files_are_their_owners_only() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    shell
        .run(["open", "-k", "key", "text.datakey", "-o", "opened"])
        .ends(0);
    let mode = fs::metadata(shell.path("opened")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn folders_and_devices_are_no_outputs() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    fs::create_dir(shell.path("folder")).unwrap();
    let folder = shell.run(["seal", "-k", "key", "text", "-o", "folder"]).ends(8);
    assert!(folder.stderr.contains("is a folder"), "{}", folder.stderr);
    for force in [&[][..], &["-f"]] {
        let device = [&["seal", "-k", "key", "text", "-o", "/dev/null"][..], force].concat();
        let device = shell.run(device).ends(8);
        assert!(device.stderr.contains("--output -"), "{}", device.stderr);
    }
    let nowhere = shell
        .run(["seal", "-k", "key", "text", "-o", "nowhere/out"])
        .ends(8);
    assert!(nowhere.stderr.contains("No such file"), "{}", nowhere.stderr);
    assert!(!nowhere.stderr.contains(".part"), "{}", nowhere.stderr);
    assert_eq!(shell.names(), ["folder", "key", "text"]);
}

#[test]
fn inputs_that_cannot_be_read_leave_nothing() {
    let shell = Shell::with_key();
    shell.run(["seal", "-k", "key", "none", "-o", "out"]).ends(8);
    shell.run(["seal", "-k", "key", ".", "-o", "out"]).ends(8);
    shell.run(["open", "-k", "key", ".", "-o", "out"]).ends(8);
    shell.run(["inspect", "none"]).ends(8);
    shell.run(["inspect", "."]).ends(8);
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
        assert_eq!(fs::read(shell.path(name)).unwrap(), b"order");
    }
}

#[test]
fn a_reader_that_goes_away_is_told_from_a_whole_output() {
    let shell = Shell::with_key();
    shell.write("text", vec![7; 1 << 20]);
    shell.run(["seal", "-k", "key", "text"]).ends(0);
    let mut child = shell
        .command(["open", "-k", "key", "text.datakey", "-o", "-"])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(said.contains("standard output cannot be written"), "{said}");
    // What only informs is not missed.
    let mut child = shell.command(["inspect", "text.datakey"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn a_command_that_is_told_to_end_leaves_no_draft() {
    let shell = Shell::with_key();
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let mut child = shell
            .command(["seal", "-k", "key", "-o", "out"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        // More than a pipe holds: when it is written, the command has begun to read, and so has its draft.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&vec![7; 1 << 20]).unwrap();
        assert!(
            shell.names().iter().any(|name| name.ends_with(".part")),
            "{:?}",
            shell.names()
        );
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(shell.names(), ["key"]);
    }
}
