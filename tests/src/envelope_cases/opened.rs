//! Messages that open: every shape once, and every limit from its inner side.
use super::draft::{Cases, Draft, bytes};

pub(super) fn add(cases: &mut Cases) {
    for suite in [1, 2] {
        streams(cases, suite);
        records(cases, suite);
    }
    contexts(cases);
    keys(cases);
}

fn streams(cases: &mut Cases, suite: u8) {
    for (len, about) in [
        (0, "an empty byte stream is one empty frame"),
        (1, "one byte"),
        (63, "one byte less than a frame"),
        (64, "exactly one frame"),
        (65, "a frame and one byte"),
        (192, "exactly three frames"),
    ] {
        let name = format!("stream-{len}-suite-{suite}");
        let draft = Draft::new(&name, suite, 1);
        cases.opened(&name, about, &draft, &[&bytes(len)]);
    }
    let name = format!("stream-default-frame-suite-{suite}");
    let mut draft = Draft::new(&name, suite, 1);
    draft.exponent = 16;
    cases.opened(
        &name,
        "the frame exponent that writers take",
        &draft,
        &[b"one order"],
    );
}

fn records(cases: &mut Cases, suite: u8) {
    let full = bytes(64);
    let shapes: [(&str, &str, &[&[u8]]); 4] = [
        ("none", "a batch without records", &[]),
        ("one-empty", "one empty record", &[b""]),
        (
            "several",
            "records of several lengths",
            &[b"order 1", b"", b"order 3"],
        ),
        ("full", "records as long as the exponent allows", &[&full, &full]),
    ];
    for (shape, about, records) in shapes {
        let name = format!("records-{shape}-suite-{suite}");
        cases.opened(&name, about, &Draft::new(&name, suite, 2), records);
    }
}

fn contexts(cases: &mut Cases) {
    let pair = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    let long = "v".repeat(1024);
    let many: Vec<_> = (0..32).map(|at| pair(&format!("k{at:02}"), "v")).collect();
    // Four pairs of four bytes of lengths: 4 * (4 + 4 + 1016) = 4096.
    let longest: Vec<_> = (0..4)
        .map(|at| pair(&format!("key{at}"), &long[..1016]))
        .collect();
    let contexts = [
        ("none", "no encryption context", vec![]),
        ("most-pairs", "32 pairs", many),
        ("longest", "4096 bytes of encryption context", longest),
        ("long-key", "a key of 1024 bytes", vec![pair(&long, "v")]),
        ("long-value", "a value of 1024 bytes", vec![pair("k", &long)]),
        ("empty-value", "an empty value", vec![pair("k", "")]),
        (
            "order-of-bytes",
            "a prefix first, upper case before lower case, then by the bytes of UTF-8, not by UTF-16",
            vec![
                pair("B", "1"),
                pair("a", "2"),
                pair("ab", "3"),
                pair("\u{fffd}", "4"),
                pair("\u{1f600}", "5"),
            ],
        ),
    ];
    for (shape, about, pairs) in contexts {
        let name = format!("context-{shape}");
        let mut draft = Draft::plain(&name);
        draft.pairs = pairs;
        cases.opened(&name, about, &draft, &[b"one order"]);
    }
}

fn keys(cases: &mut Cases) {
    let key = |key_id: &str, blob: &[u8]| (key_id.as_bytes().to_vec(), blob.to_vec());
    let most = (0..16).map(|at| key(&format!("local:{at}"), b"blob")).collect();
    let sets = [
        ("most", "16 wrapped keys", most),
        (
            "same-id",
            "two blobs under one key id",
            vec![key("local:a", b"one"), key("local:a", b"two")],
        ),
        (
            "same-blob",
            "one blob under two key ids, not in the order of bytes",
            vec![key("local:b", b"blob"), key("local:a", b"blob")],
        ),
        (
            "long-id",
            "a key id of 255 bytes",
            vec![key(&"i".repeat(255), b"blob")],
        ),
        (
            "text-id",
            "a key id with spaces and letters of several scripts",
            vec![key("a key: \u{e9}\u{2603}", b"\0")],
        ),
        (
            "long-blob",
            "a blob of 6144 bytes",
            vec![key("local:a", &bytes(6144))],
        ),
    ];
    for (shape, about, keys) in sets {
        let name = format!("keys-{shape}");
        let mut draft = Draft::plain(&name);
        draft.keys = keys;
        cases.opened(&name, about, &draft, &[b"one order"]);
    }
}
