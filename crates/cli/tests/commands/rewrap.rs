//! `datakey rewrap`, and what `inspect` says of many.
use std::fs;

use crate::shell::Shell;

/// A folder `orders` of sealed files under `key`, and another key file.
fn orders(count: usize) -> Shell {
    let shell = Shell::with_key();
    shell.run(["keygen", "--name", "other", "other"]).ends(0);
    fs::create_dir(shell.path("plain")).unwrap();
    for number in 0..count {
        shell.write(&format!("plain/{number}"), format!("order {number}"));
    }
    let seal = ["seal", "-k", "key", "-c", "tenant=acme", "plain", "-o", "orders"];
    shell.run(seal).ends(0);
    shell
}

#[test]
fn messages_get_other_wrapped_keys_and_nothing_else_of_them_changes() {
    let shell = orders(3);
    let before = shell.read("orders/0.datakey");
    let rewrap = [
        "rewrap",
        "-k",
        "key",
        "--to",
        "local:other",
        "-c",
        "tenant=acme",
        "orders",
    ];
    let told = shell.run(rewrap).ends(0);
    assert_eq!(told.text(), "wrapped 3 messages under local:other\n");
    let after = shell.read("orders/0.datakey");
    assert_eq!(before[..61], after[..61], "salt and commitment");
    assert_eq!(
        before[before.len() - 23..],
        after[after.len() - 23..],
        "the frame"
    );
    let open = ["open", "-c", "tenant=acme", "orders/0.datakey", "-o", "-", "-k"];
    assert_eq!(
        shell.run([&open[..], &["other"]].concat()).ends(0).text(),
        "order 0"
    );
    shell.run([&open[..], &["key"]].concat()).ends(6);
    let again = shell.run(rewrap).ends(0);
    assert_eq!(
        again.text(),
        "wrapped 0 messages under local:other; 3 were under it already\n"
    );
}

#[test]
fn both_keys_open_for_as_long_as_the_old_one_is_kept() {
    let shell = orders(2);
    let rewrap = |more: &[&str]| {
        let line = [
            "rewrap",
            "-k",
            "key",
            "--to",
            "local:other",
            "-c",
            "tenant=acme",
            "orders",
            "--json",
        ];
        shell.run([&line[..], more].concat()).ends(0).json()
    };
    assert_eq!(rewrap(&["--dry-run"])["rewrapped"], 2);
    let verify = |key: &str| shell.run(["verify", "-k", key, "-c", "tenant=acme", "orders"]);
    verify("other").ends(6);
    assert_eq!(rewrap(&["--keep"])["rewrapped"], 2);
    assert_eq!(rewrap(&["--keep"])["already"], 2);
    verify("key").ends(0);
    verify("other").ends(0);
    let said = shell.run(["inspect", "--json", "orders"]).ends(0).json();
    let keys = &said["wrapping_keys"];
    assert_eq!(
        (&keys[0]["key_id"], &keys[0]["messages"]),
        (&"local:default".into(), &2.into())
    );
    assert_eq!(
        (&keys[1]["key_id"], &keys[1]["only_key_of"]),
        (&"local:other".into(), &0.into())
    );
    // The hand-over ends: the old key may go.
    assert_eq!(rewrap(&[])["rewrapped"], 2);
    verify("other").ends(0);
    verify("key").ends(6);
    let left = shell
        .run(["inspect", "--under", "local:default", "orders"])
        .ends(0);
    assert_eq!(left.text().trim(), "");
}

#[test]
fn what_is_not_the_readers_is_not_wrapped_for_anybody() {
    let shell = orders(1);
    let sealed = shell.read("orders/0.datakey");
    let rewrap = |context: &[&str], key: &str, to: &str| {
        shell.run(
            [
                &["rewrap", "-k", key, "--to", to, "orders/0.datakey"][..],
                context,
            ]
            .concat(),
        )
    };
    rewrap(&["-c", "tenant=other"], "key", "local:other").ends(5);
    rewrap(&[], "key", "local:other").ends(5);
    let under = rewrap(&["-c", "tenant=acme"], "other", "key").ends(0);
    assert!(under.text().contains("under it already"), "{under:?}");
    shell.run(["keygen", "--name", "third", "third"]).ends(0);
    let under = rewrap(&["-c", "tenant=acme"], "other", "third").ends(6);
    assert!(under.stderr.contains("local:default"), "{}", under.stderr);
    assert_eq!(shell.read("orders/0.datakey"), sealed);
    rewrap(&["--danger-any-context"], "key", "local:other").ends(0);
}

#[test]
fn inspect_sums_up_a_folder_and_tells_what_is_no_message() {
    let shell = orders(3);
    shell.write("orders/junk.datakey", "junk");
    shell.write("orders/readme", "not sealed");
    let told = shell.run(["inspect", "orders"]).ends(3);
    for part in [
        "3 messages",
        "1 file could not be read",
        "Passed over 1 other file",
        "local:default: 3 messages",
        "\"tenant\" = \"acme\": 3 messages",
        "datakey, ChaCha20-Poly1305",
    ] {
        assert!(told.text().contains(part), "{}", told.text());
    }
    assert!(told.stderr.contains("orders/junk.datakey"), "{}", told.stderr);
}

#[cfg(feature = "account")]
#[test]
fn between_keys_of_one_region_the_data_key_stays_in_the_kms_and_moves_once() {
    use datakey::fake_kms::KmsOperation;
    let kms = crate::kms::Kms::new();
    let [old, new] = [kms.keys[0].as_str(), kms.keys[1].as_str()];
    fs::create_dir(kms.shell.path("plain")).unwrap();
    for number in 0..100 {
        kms.shell.write(&format!("plain/{number}"), "order");
    }
    let mut seal = kms.with("seal", &[old]);
    seal.extend(["plain", "-o", "orders"]);
    kms.shell.run(seal).ends(0);
    let rewrap = || {
        let mut rewrap = kms.with("rewrap", &[old]);
        rewrap.extend(["--to", new, "orders"]);
        kms.shell.run(rewrap).ends(0).json()
    };
    assert_eq!(rewrap()["rewrapped"], 100);
    let ledger = kms.fake.ledger();
    assert_eq!(ledger.calls_of(KmsOperation::ReEncrypt), 1);
    assert_eq!(
        (ledger.calls_of(KmsOperation::GenerateDataKey), ledger.calls()),
        (1, 2)
    );
    assert_eq!(rewrap()["already"], 100);
    assert_eq!(kms.fake.ledger().calls(), 2, "nothing was left to ask for");
    let mut verify = kms.with("verify", &[new]);
    verify.push("orders");
    assert_eq!(kms.shell.run(verify).ends(0).json()["verified"], 100);
}

#[cfg(feature = "account")]
#[test]
fn a_key_of_the_kms_takes_over_from_a_key_file_and_is_known_by_its_alias() {
    let kms = crate::kms::Kms::new();
    kms.fake.create_alias("alias/orders", &kms.keys[0]).unwrap();
    kms.shell.run(["keygen", "key"]).ends(0);
    kms.shell.write("text", "order");
    kms.shell
        .run(["seal", "-k", "key", "-c", "tenant=acme", "text"])
        .ends(0);
    let rewrap = || {
        let mut rewrap = kms.with("rewrap", &[]);
        rewrap.extend([
            "-k",
            "key",
            "--region",
            "us-east-1",
            "--to",
            "aws-kms:alias/orders",
            "text.datakey",
        ]);
        kms.shell.run(rewrap).ends(0).json()
    };
    let done = rewrap();
    assert_eq!(
        (&done["rewrapped"], &done["key_ids"][0]),
        (&1.into(), &kms.keys[0].as_str().into())
    );
    assert_eq!(rewrap()["already"], 1);
    let mut open = kms.with("open", &[kms.keys[0].as_str()]);
    open.extend(["text.datakey", "-o", "-"]);
    assert_eq!(kms.shell.run(open).ends(0).stdout, b"order");
}
