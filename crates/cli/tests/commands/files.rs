//! What is sealed opens again: files, pipes, lines.
use serde_json::json;

use crate::shell::Shell;

const CONTEXT: [&str; 4] = ["-c", "tenant=acme", "-c", "purpose=orders"];

#[test]
fn a_file_is_sealed_beside_itself_and_opened_back() {
    let shell = Shell::with_key();
    for len in [0, 1, 65_535, 65_536, 65_537, 1 << 20] {
        let text: Vec<u8> = (0..len).map(|at: u32| at.to_le_bytes()[1]).collect();
        shell.write("orders.csv", &text);
        for suite in ["chacha20-poly1305", "aes-256-gcm"] {
            let seal = [
                &["seal", "-k", "key", "--suite", suite, "orders.csv"][..],
                &CONTEXT,
            ]
            .concat();
            let sealed = shell.run(seal).ends(0);
            let bytes = if len == 1 {
                "1 byte".to_owned()
            } else {
                format!("{len} bytes")
            };
            assert_eq!(sealed.text(), format!("sealed {bytes} to orders.csv.datakey\n"));
            std::fs::remove_file(shell.path("orders.csv")).unwrap();
            let open = [&["open", "-k", "key", "orders.csv.datakey"][..], &CONTEXT].concat();
            assert_eq!(
                shell.run(open).ends(0).text(),
                format!("opened {bytes} to orders.csv\n")
            );
            assert_eq!(shell.read("orders.csv"), text);
            std::fs::remove_file(shell.path("orders.csv.datakey")).unwrap();
        }
    }
    assert_eq!(shell.names(), ["key", "orders.csv"]);
}

#[test]
fn pipes_carry_bytes_and_nothing_else() {
    let shell = Shell::with_key();
    let text = b"from a pipe\n\xff\x00".repeat(50_000);
    let sealed = shell.run_with(&text, ["seal", "-k", "key"]).ends(0);
    assert_eq!(sealed.stderr, "sealed 700000 bytes to standard output\n");
    let opened = shell
        .run_with(&sealed.stdout, ["open", "-k", "key", "--json"])
        .ends(0);
    assert_eq!(opened.stdout, text);
    let said: serde_json::Value = serde_json::from_str(&opened.stderr).unwrap();
    assert_eq!(
        said,
        json!({"output": "-", "plaintext_bytes": 700_000, "records": null, "encryption_context": {}})
    );
}

#[test]
fn associated_data_is_text_or_a_file() {
    let shell = Shell::with_key();
    shell.write("aad", "order 17");
    let sealed = shell
        .run_with(b"order", ["seal", "-k", "key", "--aad", "order 17"])
        .ends(0)
        .stdout;
    let opened = shell.run_with(&sealed, ["open", "-k", "key", "--aad-file", "aad"]);
    assert_eq!(opened.ends(0).stdout, b"order");
    shell
        .run_with(&sealed, ["open", "-k", "key", "--aad", "order 18"])
        .ends(4);
    shell
        .run_with(&sealed, ["open", "-k", "key", "--aad-file", "none"])
        .ends(8);
}

#[test]
fn lines_are_records_with_numbers() {
    let shell = Shell::with_key();
    for (text, records) in [
        ("", &[][..]),
        ("\n", &[""]),
        ("one\n\nthree\n", &["one", "", "three"]),
        ("no feed at the end", &["no feed at the end"]),
        ("dos\r\nlines\r\n", &["dos\r", "lines\r"]),
    ] {
        let sealed = shell
            .run_with(text.as_bytes(), ["seal", "-k", "key", "--lines"])
            .ends(0);
        let all = shell.run_with(&sealed.stdout, ["open", "-k", "key"]).ends(0);
        let expected: String = records.iter().map(|record| format!("{record}\n")).collect();
        assert_eq!(all.text(), expected);
        for (number, record) in records.iter().enumerate() {
            let one = shell.run_with(
                &sealed.stdout,
                ["open", "-k", "key", "--record", &number.to_string()],
            );
            assert_eq!(one.ends(0).text(), *record);
        }
        let beyond = records.len().to_string();
        let none = shell
            .run_with(&sealed.stdout, ["open", "-k", "key", "--record", &beyond])
            .ends(3);
        assert!(
            none.stderr.contains(&format!("no record {beyond}")),
            "{}",
            none.stderr
        );
    }
}

#[test]
fn a_line_longer_than_a_record_is_refused_and_leaves_nothing() {
    let shell = Shell::with_key();
    let mut text = vec![b'x'; 1 << 24];
    text.extend_from_slice(b"\nshort");
    shell
        .run_with(&text, ["seal", "-k", "key", "--lines", "-o", "out"])
        .ends(0);
    text.insert(0, b'x');
    let refused = shell
        .run_with(&text, ["seal", "-k", "key", "--lines", "-o", "longer"])
        .ends(3);
    assert!(
        refused.stderr.contains("line 1: longer than"),
        "{}",
        refused.stderr
    );
    assert_eq!(shell.names(), ["key", "out"]);
}

#[test]
fn what_was_not_sealed_as_lines_has_no_records() {
    let shell = Shell::with_key();
    let sealed = shell.run_with(b"order", ["seal", "-k", "key"]).ends(0).stdout;
    let refused = shell
        .run_with(&sealed, ["open", "-k", "key", "--record", "0"])
        .ends(2);
    assert!(refused.stderr.contains("has no records"), "{}", refused.stderr);
}

#[test]
fn inspect_says_what_stands_in_the_header() {
    let shell = Shell::with_key();
    let seal = [&["seal", "-k", "key", "--lines", "--json"][..], &CONTEXT].concat();
    let sealed = shell.run_with(b"one\ntwo\n", seal).ends(0).stdout;
    let said = shell.run_with(&sealed, ["inspect", "--json"]).ends(0).json();
    let header = said["header_bytes"].as_u64().unwrap();
    assert_eq!(
        said,
        json!({
            "authenticated": false,
            "format": "datakey",
            "format_version": 1,
            "suite": "ChaCha20-Poly1305 + HKDF-SHA-256",
            "kind": "records",
            "frame_bytes": 16_777_216,
            "encryption_context": {"tenant": "acme", "purpose": "orders"},
            "wrapped_keys": [{"key_id": "local:default", "blob_bytes": 73}],
            "header_bytes": header,
            "body_bytes": sealed.len() as u64 - header,
        })
    );
    shell.write("sealed", &sealed);
    assert_eq!(
        shell.run(["inspect", "--json", "sealed"]).ends(0).json(),
        said,
        "from a file as from a pipe"
    );
    let text = shell.run(["inspect", "sealed"]).ends(0).text();
    for part in [r#""tenant" = "acme""#, "local:default", "records"] {
        assert!(text.contains(part), "{text}");
    }
    shell.run_with(b"something else", ["inspect"]).ends(3);
}
