//! The fixed part of the header, and the commitment to it.
use super::draft::{AAD, Cases, Draft, bytes, flipped, other_data_key, patched};

pub(super) fn add(cases: &mut Cases) {
    magic(cases);
    for (rule, field, at, values) in [
        ("H2", "version", 4, &[0, 2, 255][..]),
        ("H3", "suite", 5, &[0, 3, 255]),
        ("H4", "kind", 6, &[0, 3, 255]),
        ("H5", "exponent", 7, &[0, 5, 25, 32, 255]),
    ] {
        for value in values {
            let name = format!("{field}-{value}");
            let message = patched(Draft::plain(&name).stream(b"one order"), at, &[*value]);
            cases.refused(rule, &name, &format!("{field} {value}"), message);
        }
    }
    for suite in [1, 2] {
        commitment(cases, suite);
        readers(cases, suite);
    }
    context(cases);
}

fn magic(cases: &mut Cases) {
    for at in 0..4 {
        let name = format!("magic-byte-{at}");
        let message = flipped(Draft::plain(&name).stream(b"one order"), at);
        cases.refused("H1", &name, &format!("byte {at} of the magic differs"), message);
    }
    let foreign: [(&str, &str, &[u8]); 3] = [
        (
            "esdk-1",
            "the start of a message of the AWS Encryption SDK, version 1",
            &[0x01, 0x80, 0x03, 0x78],
        ),
        (
            "esdk-2",
            "the start of a message of the AWS Encryption SDK, version 2",
            &[0x02, 0x04, 0x78],
        ),
        (
            "short",
            "three bytes, of which the third is wrong already",
            &[0xDA, 0x4B, 0x46],
        ),
    ];
    for (name, about, message) in foreign {
        cases.refused("H1", name, about, message.to_vec());
    }
}

fn commitment(cases: &mut Cases, suite: u8) {
    let case = |name: &str| {
        let draft = Draft::new(name, suite, 1);
        (format!("{name}-{suite}"), draft.stream(&bytes(100)))
    };
    for (name, at) in [("commitment-first-bit", 32), ("commitment-last-bit", 63)] {
        let (name, message) = case(name);
        cases.refused(
            "K6",
            &name,
            "one bit of the commitment differs",
            flipped(message, at),
        );
    }
    for (name, at) in [("salt-first-bit", 8), ("salt-last-bit", 31)] {
        let (name, message) = case(name);
        cases.refused("K6", &name, "one bit of the salt differs", flipped(message, at));
    }
    let (name, message) = case("commitment-zero");
    cases.refused(
        "K6",
        &name,
        "the commitment is zero bytes",
        patched(message, 32, &[0; 32]),
    );
    let (name, message) = case("commitment-of-another");
    let other = Draft::new("another", suite, 1).header();
    cases.refused(
        "K6",
        &name,
        "the commitment is that of another message",
        patched(message, 32, &other[32..64]),
    );
    for (name, at, value) in [("suite", 5, 3 - suite), ("kind", 6, 2), ("exponent", 7, 7)] {
        let (name, message) = case(&format!("other-{name}"));
        cases.refused(
            "K6",
            &name,
            "a field of the header was replaced after sealing",
            patched(message, at, &[value]),
        );
    }
}

fn readers(cases: &mut Cases, suite: u8) {
    for (kind, kind_name) in [(1, "stream"), (2, "records")] {
        let case = |name: &str| {
            let draft = Draft::new(name, suite, kind);
            let message = if kind == 1 {
                draft.stream(b"one order")
            } else {
                draft.records(&[b"one order"])
            };
            (format!("{name}-{kind_name}-{suite}"), message)
        };
        let (name, message) = case("other-data-key");
        let about = "the reader has another data key";
        cases.refused("K6", &name, about, message).data_keys = vec![Some(other_data_key(0))];
        let (name, message) = case("other-aad");
        let about = "the reader has other associated data";
        cases.refused("K6", &name, about, message).aad = b"order 18".to_vec();
    }
    let message = |name: &str| Draft::new(name, suite, 1).stream(b"one order");
    let name = format!("no-aad-{suite}");
    let about = "the reader has no associated data";
    cases.refused("K6", &name, about, message(&name)).aad.clear();
    let name = format!("longer-aad-{suite}");
    let about = "the reader has a zero byte more of associated data";
    cases.refused("K6", &name, about, message(&name)).aad = [AAD, &[0]].concat();
}

fn context(cases: &mut Cases) {
    let original = Draft::plain("context");
    let pair = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    let replaced = [
        (
            "other-value",
            vec![pair("purpose", "orders"), pair("tenant", "evil")],
        ),
        (
            "other-key",
            vec![pair("purpose", "orders"), pair("tenanu", "acme")],
        ),
        ("pair-dropped", vec![pair("purpose", "orders")]),
        (
            "pair-added",
            vec![pair("a", "b"), pair("purpose", "orders"), pair("tenant", "acme")],
        ),
        ("none", vec![]),
        (
            "moved-border",
            vec![pair("purpose", "orders"), pair("tenanta", "cme")],
        ),
    ];
    for (name, pairs) in replaced {
        let mut other = original.clone();
        other.pairs = pairs;
        let mut message = other.header();
        message[32..64].copy_from_slice(&original.header()[32..64]);
        message.extend(original.frame(0, 1, b"one order", &[]));
        let name = format!("context-{name}");
        cases.refused(
            "K6",
            &name,
            "the encryption context was replaced after sealing",
            message,
        );
    }
}
