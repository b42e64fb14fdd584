//! Many files in one call, and folders.
use std::{collections::BTreeSet, fs};

use datakey::envelope::Header;

use crate::shell::Shell;

/// The wrapped keys of messages in a folder.
fn data_keys(shell: &Shell, folder: &str) -> BTreeSet<Vec<u8>> {
    let entries = fs::read_dir(shell.path(folder)).unwrap();
    let blobs = entries.map(|entry| {
        let sealed = fs::read(entry.unwrap().path()).unwrap();
        let header = Header::decode(&sealed).unwrap();
        header.wrapped_key_refs().next().unwrap().blob().to_vec()
    });
    blobs.collect()
}

#[test]
fn ten_thousand_files_are_sealed_under_one_data_key_and_opened() {
    let shell = Shell::with_key();
    fs::create_dir(shell.path("orders")).unwrap();
    for number in 0..10_000 {
        shell.write(&format!("orders/{number}"), format!("order {number}"));
    }
    let sealed = shell.run(["seal", "-k", "key", "orders", "-o", "sealed"]).ends(0);
    assert_eq!(sealed.text(), "sealed 10000 files, 98890 bytes\n");
    assert_eq!(data_keys(&shell, "sealed").len(), 1);
    let opened = shell.run(["open", "-k", "key", "sealed", "-o", "opened"]).ends(0);
    assert_eq!(opened.text(), "opened 10000 files, 98890 bytes\n");
    for number in [0, 17, 9_999] {
        assert_eq!(
            shell.read(&format!("opened/{number}")),
            format!("order {number}").as_bytes()
        );
    }
    let verified = shell.run(["verify", "-k", "key", "sealed"]).ends(0);
    assert_eq!(verified.text(), "verified 10000 files, 98890 bytes\n");
}

#[test]
fn files_are_named_in_one_call_and_each_failure_is_told() {
    let shell = Shell::with_key();
    for name in ["one", "two", "three"] {
        shell.write(name, name);
    }
    shell.run(["seal", "-k", "key", "one", "two", "three"]).ends(0);
    assert_eq!(shell.read("one.datakey").len(), shell.read("two.datakey").len());
    fs::remove_file(shell.path("one")).unwrap();
    fs::remove_file(shell.path("three")).unwrap();
    shell.write("junk.datakey", "junk");
    let line = [
        "open",
        "-k",
        "key",
        "one.datakey",
        "two.datakey",
        "junk.datakey",
        "three.datakey",
    ];
    let opened = shell.run(line).ends(8);
    assert_eq!(opened.text(), "opened 2 files, 8 bytes\n");
    for part in [
        "\"two\" exists already",
        "\"junk.datakey\": ",
        "2 of 4 files failed",
    ] {
        assert!(opened.stderr.contains(part), "{}", opened.stderr);
    }
    assert_eq!(
        (shell.read("one"), shell.read("three")),
        (b"one".to_vec(), b"three".to_vec())
    );
    let told = shell
        .run(["verify", "--json", "-k", "key", "one.datakey", "junk.datakey"])
        .ends(3);
    let said = told.json();
    assert_eq!((&said["verified"], &said["failed"]), (&1.into(), &1.into()));
    assert_eq!(said["files"][0]["input"], "one.datakey");
}

#[test]
fn a_folder_is_walked_as_deep_as_it_is_and_what_is_not_sealed_is_passed_over() {
    let shell = Shell::with_key();
    fs::create_dir_all(shell.path("in/deep/er")).unwrap();
    shell.write("in/one", "1");
    shell.write("in/deep/er/two", "22");
    std::os::unix::fs::symlink("one", shell.path("in/link")).unwrap();
    let sealed = shell.run(["seal", "-k", "key", "in"]).ends(0);
    assert_eq!(
        sealed.text(),
        "sealed 2 files, 3 bytes; passed over 1 other file in folders\n"
    );
    let again = shell.run(["seal", "-k", "key", "in", "--resume"]).ends(0);
    assert!(
        again
            .text()
            .contains("sealed 0 files, 0 bytes; 2 were there already"),
        "{again:?}"
    );
    let mirrored = shell.run(["open", "-k", "key", "in", "-o", "out"]).ends(0);
    assert!(
        mirrored.text().starts_with("opened 2 files, 3 bytes"),
        "{mirrored:?}"
    );
    assert_eq!(shell.read("out/deep/er/two"), b"22");
}

#[test]
fn what_was_changed_since_is_not_taken_for_done() {
    let shell = Shell::with_key();
    fs::create_dir(shell.path("in")).unwrap();
    shell.write("in/one", "1");
    shell.run(["seal", "-k", "key", "in"]).ends(0);
    let later = fs::metadata(shell.path("in/one.datakey"))
        .unwrap()
        .modified()
        .unwrap()
        + std::time::Duration::from_secs(2);
    fs::File::options()
        .write(true)
        .open(shell.path("in/one"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    let stale = shell.run(["seal", "-k", "key", "in", "--resume"]).ends(8);
    assert!(stale.stderr.contains("is older than"), "{}", stale.stderr);
    shell.run(["seal", "-k", "key", "in", "--force"]).ends(0);
}

#[test]
fn a_file_without_a_byte_is_not_taken_for_what_was_sealed() {
    let shell = Shell::with_key();
    fs::create_dir(shell.path("in")).unwrap();
    shell.write("in/one", "1");
    shell.write("in/one.datakey", "");
    for input in ["in", "in/one"] {
        let stale = shell.run(["seal", "-k", "key", input, "--resume"]).ends(8);
        assert!(stale.stderr.contains("exists already"), "{}", stale.stderr);
    }
    fs::remove_file(shell.path("in/one.datakey")).unwrap();
    shell.run(["seal", "-k", "key", "in", "--resume"]).ends(0);
}

#[test]
fn inputs_that_would_have_one_output_and_inputs_that_do_not_mix_are_refused() {
    let shell = Shell::with_key();
    for folder in ["a", "b", "out"] {
        fs::create_dir(shell.path(folder)).unwrap();
    }
    shell.write("a/one", "1");
    shell.write("b/one", "1");
    for line in [
        &["seal", "-k", "key", "a/one", "b/one", "-o", "out"][..],
        &["seal", "-k", "key", "a/one", "-"],
        &["seal", "-k", "key", "a", "-o", "-"],
        &["seal", "-k", "key", "a", "-o", "key"],
        &["rewrap", "-k", "key", "--to", "key", "-"],
        &["seal", "-k", "key", "--lines", "a/one", "b/one"],
    ] {
        shell.run(line).ends(2);
    }
    assert_eq!(fs::read_dir(shell.path("out")).unwrap().count(), 0);
}

#[cfg(feature = "account")]
#[test]
fn a_thousand_files_take_one_call_to_the_kms_each_way() {
    use datakey::fake_kms::KmsOperation;
    let kms = crate::kms::Kms::new();
    let key = kms.keys[0].as_str();
    fs::create_dir(kms.shell.path("orders")).unwrap();
    for number in 0..1_000 {
        kms.shell.write(&format!("orders/{number}"), "order");
    }
    let mut seal = kms.with("seal", &[key]);
    seal.extend(["orders", "-o", "sealed"]);
    assert_eq!(kms.shell.run(seal).ends(0).json()["sealed"], 1_000);
    let mut open = kms.with("open", &[key]);
    open.extend(["sealed", "-o", "opened"]);
    assert_eq!(kms.shell.run(open).ends(0).json()["opened"], 1_000);
    let ledger = kms.fake.ledger();
    assert_eq!(ledger.calls_of(KmsOperation::GenerateDataKey), 1);
    assert_eq!((ledger.calls_of(KmsOperation::Decrypt), ledger.calls()), (1, 2));
}

#[cfg(feature = "account")]
#[test]
fn a_kms_that_is_gone_stops_a_run_at_once() {
    use datakey::fake_kms::{FaultRule, KmsErrorCode};
    let kms = crate::kms::Kms::new();
    let key = kms.keys[0].as_str();
    fs::create_dir(kms.shell.path("orders")).unwrap();
    for number in 0..20 {
        kms.shell.write(&format!("orders/{number:02}"), "order");
    }
    kms.fake.inject(FaultRule::new(KmsErrorCode::Throttling));
    let mut seal = kms.with("seal", &[key]);
    seal.extend(["orders", "--threads", "1"]);
    let stopped = kms.shell.run(seal).ends(7);
    assert!(
        stopped.stderr.contains("19 of 20 files are not done"),
        "{}",
        stopped.stderr
    );
    // However many files wait for it at that moment.
    let mut seal = kms.with("seal", &[key]);
    seal.retain(|argument| *argument != "--json");
    seal.push("orders");
    let stopped = kms.shell.run(seal).ends(7);
    assert!(
        stopped.stderr.contains("19 of 20 files are not done"),
        "{}",
        stopped.stderr
    );
    assert_eq!(stopped.stderr.matches("error: ").count(), 2, "{}", stopped.stderr);
}
