//! However a command ends, its input is as it was, and there is a whole output or none: signals, kills, a full disk.
use std::{
    fs,
    io::Write as _,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::shell::Shell;

/// A command that has begun its output and waits for more input.
fn begun(shell: &Shell, line: &[&str], input: &[u8]) -> (Child, std::process::ChildStdin) {
    // Whoever runs the tests may have its programs ignore some signals, as shells do in the background.
    let script = "exec env --default-signal \"$0\" \"$@\"";
    let mut child = shell.script(script, line).stdin(Stdio::piped()).spawn().unwrap();
    // More than a pipe holds: when it is written, the command has begun to read, and its output was begun before.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    (child, stdin)
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// A message whose plaintext would be found in a draft.
fn sealed() -> (Shell, Vec<u8>) {
    let shell = Shell::with_key();
    let sealed = shell
        .run_with(&vec![7; 4 << 20], ["seal", "-k", "key"])
        .ends(0)
        .stdout;
    (shell, sealed)
}

#[test]
fn nothing_is_left_of_a_command_that_a_signal_ends() {
    use std::os::unix::process::ExitStatusExt as _;
    let (shell, sealed) = sealed();
    let open = ["open", "-k", "key", "-o", "out"];
    for signal in [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::USR1,
        Signal::ALARM,
    ] {
        let (mut child, _stdin) = begun(&shell, &open, &sealed[..1 << 20]);
        assert_eq!(shell.names(), ["key"], "a draft has no name");
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(128 + signal.as_raw()));
        assert_eq!(shell.names(), ["key"]);
    }
    for signal in [Signal::KILL, Signal::ABORT] {
        let (mut child, _stdin) = begun(&shell, &open, &sealed[..1 << 20]);
        send(&child, signal);
        assert_eq!(child.wait().unwrap().signal(), Some(signal.as_raw()));
        assert_eq!(shell.names(), ["key"]);
    }
}

/// Where there are no files without names.
#[test]
fn a_draft_with_a_name_goes_with_the_command_that_a_signal_ends() {
    let (mut shell, sealed) = sealed();
    shell.set("DATAKEY_NAMED_DRAFTS", "1");
    for signal in [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::USR2,
        Signal::XCPU,
    ] {
        let (mut child, _stdin) = begun(&shell, &["open", "-k", "key", "-o", "out"], &sealed[..1 << 20]);
        assert!(shell.names().iter().any(|name| name.ends_with(".part")));
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(128 + signal.as_raw()));
        assert_eq!(shell.names(), ["key"]);
    }
    shell
        .run_with(&sealed, ["open", "-k", "key", "-o", "out"])
        .ends(0);
    shell
        .run_with(&sealed, ["open", "-k", "key", "-o", "out"])
        .ends(8);
    shell
        .run_with(&sealed, ["open", "-k", "key", "-o", "out", "-f"])
        .ends(0);
    assert_eq!(shell.names(), ["key", "out"]);
}

/// A thread that goes on while the others are told to end would begin another draft.
#[test]
fn no_draft_is_begun_while_a_signal_ends_a_run_of_many_files() {
    let mut shell = Shell::with_key();
    shell.set("DATAKEY_NAMED_DRAFTS", "1");
    fs::create_dir(shell.path("in")).unwrap();
    for number in 0..500 {
        shell.write(&format!("in/{number}"), "order");
    }
    for round in 0..8 {
        let out = format!("out{round}");
        let script = "exec env --default-signal \"$0\" \"$@\"";
        let line = ["seal", "-k", "key", "in", "-o", &out];
        let mut child = shell.script(script, line).spawn().unwrap();
        let entries = || fs::read_dir(shell.path(&out)).map_or(0, Iterator::count);
        while entries() == 0 && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        if child.try_wait().unwrap().is_none() {
            send(&child, Signal::TERM);
        }
        child.wait().unwrap();
        for entry in fs::read_dir(shell.path(&out)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.ends_with(".part"), "round {round}: {name}");
        }
    }
}

/// SIGXFSZ ends a process that writes beyond its limit, unless it listens.
#[test]
fn a_file_that_may_not_become_so_long_is_told_and_leaves_nothing() {
    let (shell, sealed) = sealed();
    shell.write("sealed.datakey", &sealed);
    for named in ["", "1"] {
        for line in [
            &["open", "-k", "key", "sealed.datakey"][..],
            &["seal", "-k", "key", "sealed.datakey", "-o", "twice"],
            &["rewrap", "-k", "key", "--to", "local:other", "sealed.datakey"],
        ] {
            if line[0] == "rewrap" && named.is_empty() {
                shell.run(["keygen", "--name", "other", "other"]).ends(0);
            }
            let script = format!("ulimit -f 100; DATAKEY_NAMED_DRAFTS={named} exec \"$0\" \"$@\"");
            let refused = shell.scripted(&script, line).ends(8);
            assert!(refused.stderr.contains("File too large"), "{}", refused.stderr);
        }
    }
    assert_eq!(shell.names(), ["key", "other", "sealed.datakey"]);
    assert_eq!(shell.read("sealed.datakey"), sealed);
}

/// On a file system of its own, where this user may make one.
#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let (shell, sealed) = sealed();
    shell.write("sealed.datakey", &sealed);
    fs::create_dir(shell.path("disk")).unwrap();
    let mount = "mount -t tmpfs -o size=1m tmpfs disk";
    let may = Command::new("unshare")
        .args(["-m", "sh", "-c", mount])
        .current_dir(shell.path("."))
        .stderr(Stdio::null())
        .status();
    if !may.is_ok_and(|status| status.success()) {
        return;
    }
    let script =
        format!("unshare -m sh -c '{mount} && \"$0\" \"$@\"; code=$?; ls -A disk; exit $code' \"$0\" \"$@\"");
    for line in [
        &["open", "-k", "key", "sealed.datakey", "-o", "disk"][..],
        &["seal", "-k", "key", "sealed.datakey", "-o", "disk"],
        &["open", "-k", "key", ".", "-o", "disk"],
    ] {
        let full = shell.scripted(&script, line).ends(8);
        assert!(full.stderr.contains("No space left"), "{}", full.stderr);
        let left = full.text();
        assert!(!left.lines().any(|name| name.contains("sealed")), "{left}");
    }
}

/// At moments that come as they come, in a folder that is sealed, opened and wrapped anew again and again.
#[test]
fn kills_at_any_moment_leave_each_file_whole_or_absent_and_the_run_goes_on() {
    let shell = Shell::with_key();
    shell.run(["keygen", "--name", "other", "other"]).ends(0);
    fs::create_dir(shell.path("in")).unwrap();
    let text = |number: usize| vec![u8::try_from(number).unwrap(); 10_000 * number];
    for number in 0..40 {
        shell.write(&format!("in/{number}"), text(number));
    }
    // Each time something of the run is seen to be done, the run is killed, until a run has nothing left to do.
    let until_done = |line: &[&str], count: &dyn Fn() -> usize| {
        let mut kills = 0;
        loop {
            let before = count();
            let mut child = shell.command(line).spawn().unwrap();
            while count() == before && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            if count() == 40 && before == 40 {
                assert!(child.wait().unwrap().success());
                return kills;
            }
            drop(child.kill());
            child.wait().unwrap();
            kills += 1;
        }
    };
    let files = |folder: &'static str| {
        let path = shell.path(folder);
        move || fs::read_dir(&path).map_or(0, |entries| entries.count())
    };
    let kills = until_done(
        &["seal", "-k", "key", "in", "-o", "sealed", "--resume"],
        &files("sealed"),
    );
    assert!(kills > 0);
    shell.run(["verify", "-k", "key", "sealed"]).ends(0);
    let kills = until_done(
        &["open", "-k", "key", "sealed", "-o", "out", "--resume"],
        &files("out"),
    );
    assert!(kills > 0);
    for number in 0..40 {
        assert_eq!(shell.read(&format!("out/{number}")), text(number));
        assert_eq!(shell.read(&format!("in/{number}")), text(number));
    }
    let under_other = || {
        let said = shell
            .run(["inspect", "--json", "--under", "local:other", "sealed"])
            .ends(0)
            .json();
        assert_eq!(said["messages"], 40, "no draft, and nothing lost");
        said["under"].as_array().unwrap().len()
    };
    until_done(
        &["rewrap", "-k", "key", "--to", "local:other", "sealed"],
        &under_other,
    );
    shell.run(["verify", "-k", "other", "sealed"]).ends(0);
    assert_eq!(shell.names(), ["in", "key", "other", "out", "sealed"]);
}
