//! What a person at a terminal sees, and is kept from.
use std::{
    fs::File,
    io::Read as _,
    os::fd::{AsRawFd as _, OwnedFd},
    process::Stdio,
};

use datakey::{
    Aad, EncryptionContext, Params,
    envelope::SealingKey,
    provider::{DataKey, DataKeyLength, WrappedKey},
};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::shell::Shell;

/// A terminal: the end of who looks at it, and that of the program.
fn terminal() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    assert!(ours.as_raw_fd() != theirs.as_raw_fd());
    (ours.into(), theirs.into())
}

/// Runs the command with its standard output on a terminal; its code, what the terminal shows, and what it said beside it.
fn at_terminal(shell: &Shell, line: &[&str]) -> (Option<i32>, String, String) {
    let (mut ours, theirs) = terminal();
    let child = shell.command(line).stdout(Stdio::from(theirs)).spawn().unwrap();
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // It ends in an error when the last program has closed it.
        let _closed = ours.read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), reader.join().unwrap(), said)
}

/// A terminal of the usual size shows a bar in one of its lines, and takes it away before it shows what came of the command.
#[test]
fn the_result_is_shown_after_the_bar_is_taken_away() {
    let shell = Shell::with_key();
    shell.write("text", vec![7; 17 << 20]);
    for line in [
        &["seal", "-k", "key", "text"][..],
        &["verify", "-k", "key", "text.datakey"],
        &["open", "-k", "key", "text.datakey", "-o", "opened"],
    ] {
        let (mut ours, theirs) = terminal();
        let size = rustix::termios::Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&theirs, size).unwrap();
        let mut command = shell.command(line);
        command
            .env("TERM", "xterm")
            .stderr(Stdio::from(theirs.try_clone().unwrap()))
            .stdout(Stdio::from(theirs));
        let mut child = command.spawn().unwrap();
        // Its ends of the terminal.
        drop(command);
        let reader = std::thread::spawn(move || {
            let mut shown = Vec::new();
            let _closed = ours.read_to_end(&mut shown);
            String::from_utf8_lossy(&shown).into_owned()
        });
        assert!(child.wait().unwrap().success());
        let shown = reader.join().unwrap();
        let (_, last) = shown.rsplit_once("17825792 bytes").unwrap();
        assert!(!last.contains('\u{1b}'), "{line:?}: {shown:?}");
        assert!(shown.contains("MiB"), "there was a bar: {shown:?}");
    }
}

#[test]
fn sealed_bytes_are_not_shown_and_text_is() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    for line in [
        &["seal", "-k", "key", "text", "-o", "-"][..],
        &["seal", "-k", "key", "text", "-o", "/dev/stdout"],
        &["records", "seal", "-k", "key", "text", "-o", "-"],
        &["seal", "-k", "key"],
    ] {
        let (code, shown, said) = at_terminal(&shell, line);
        assert_eq!((code, shown.as_str()), (Some(2), ""), "{said}");
        assert!(said.contains("--armor"), "{said}");
    }
    let armored = ["seal", "-k", "key", "text", "-o", "-", "--armor"];
    let (code, shown, said) = at_terminal(&shell, &armored);
    assert_eq!(code, Some(0), "{said}");
    let opened = shell.run_with(shown.as_bytes(), ["open", "-k", "key"]).ends(0);
    assert_eq!(opened.stdout, b"order", "as it was copied from the terminal");
}

/// Key ids, contexts and names stand in messages, which anybody may have made.
#[test]
fn what_acts_on_a_terminal_is_shown_as_an_escape() {
    let shell = Shell::with_key();
    let hostile = "evil\u{1b}[2J\u{202e}\u{2066}\r";
    // Wrapped keys have no control characters in their ids.
    let key_id = "evil\u{202e}\u{2066}";
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let wrapped = WrappedKey::new(key_id, b"blob".to_vec()).unwrap().into();
    let context = EncryptionContext::new([("key", hostile)]).unwrap();
    let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
    let mut sealed = Vec::new();
    sealing.seal(b"order", Aad::EMPTY, &mut sealed).unwrap();
    let name = format!("{hostile}.datakey");
    shell.write(&name, &sealed);
    for line in [
        &["inspect", &name][..],
        &["inspect", "--json", &name],
        &["inspect", "."],
        &["inspect", "--json", "--under", key_id, "."],
        &["open", "-k", "key", "--danger-any-context", &name],
        &["open", "-k", "key", "--danger-any-context", "--json", &name],
        &[
            "rewrap",
            "-k",
            "key",
            "--to",
            "key",
            "--danger-any-context",
            &name,
        ],
    ] {
        let run = shell.run(line);
        let told = [run.text(), run.stderr].concat();
        assert!(told.contains("evil"), "{told:?}");
        for acts in ['\u{1b}', '\u{202e}', '\u{2066}', '\r'] {
            assert!(!told.contains(acts), "{line:?}: {told:?}");
        }
    }
    let said = shell.run(["inspect", "--json", &name]).ends(0).json();
    assert_eq!(said["wrapped_keys"][0]["key_id"], key_id, "the value is the same");
}
