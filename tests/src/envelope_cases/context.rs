//! Encryption contexts that break a rule.
use super::draft::{Cases, Draft};

/// The length, then the text.
fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn pair(key: &[u8], value: &[u8]) -> Vec<u8> {
    [text(key), text(value)].concat()
}

/// A message with this encoded context, whose commitment is right for it.
fn message(name: &str, context: &[u8]) -> Vec<u8> {
    let draft = Draft::plain(name);
    let mut out = vec![0xDA, 0x4B, 0x45, 0x59, 1, 1, 1, 6];
    out.extend(draft.salt);
    let schedule = crate::envelope_parts::Derivation {
        data_key: &super::draft::data_key(),
        suite: 1,
        kind: 1,
        exponent: 6,
        salt: &draft.salt,
        context,
        aad: super::draft::AAD,
    }
    .schedule();
    out.extend(schedule.commitment);
    out.extend(text(context));
    out.push(1);
    out.extend(crate::envelope_parts::encoded_keys(&draft.keys));
    let frame = crate::envelope_parts::seal_frame(1, &schedule.key, (0, 1), b"one order", &[]);
    out.extend(frame);
    out
}

pub(super) fn add(cases: &mut Cases) {
    let mut add = |rule: &str, name: &str, about: &str, context: &[u8]| {
        cases.refused(rule, name, about, message(name, context));
    };
    let longest: Vec<u8> = (0..4).flat_map(|at| pair(&[b'a' + at], &[b'v'; 1019])).collect();
    let one_more = [&longest[..], &pair(b"e", b"")].concat();
    assert_eq!(longest.len(), 4096);
    add(
        "C1",
        "context-over-4096",
        "4101 bytes of encryption context",
        &one_more,
    );
    let many: Vec<u8> = (0..33).flat_map(|at| pair(&[b'0' + at], b"v")).collect();
    add("C2", "33-pairs", "33 pairs", &many);
    add("C3", "empty-key", "a pair with an empty key", &pair(b"", b"v"));
    add("C3", "empty-key-and-value", "a pair of nothing", &pair(b"", b""));
    add(
        "C3",
        "long-key",
        "a key of 1025 bytes",
        &pair(&[b'k'; 1025], b"v"),
    );
    add(
        "C3",
        "long-value",
        "a value of 1025 bytes",
        &pair(b"k", &[b'v'; 1025]),
    );
    add(
        "C3",
        "long-second-value",
        "a value of 1025 bytes in the second pair",
        &[pair(b"a", b"b"), pair(b"k", &[b'v'; 1025])].concat(),
    );
    ends(&mut add);
    encodings(&mut add);
    orders(&mut add);
    let claimed = Draft::plain("context-length");
    let at = 64;
    cases.refused(
        "C1",
        "claimed-65535",
        "an encryption context of 65535 bytes is announced, and not there",
        super::draft::patched(claimed.stream(b"one order"), at, &[0xFF; 2]),
    );
}

fn ends(add: &mut impl FnMut(&str, &str, &str, &[u8])) {
    let whole = pair(b"tenant", b"acme");
    for (name, about, context) in [
        (
            "stray-byte",
            "one byte behind the last pair",
            [&whole[..], &[1]].concat(),
        ),
        (
            "key-beyond",
            "a key that reaches beyond the context",
            b"\x00\x07tenant".to_vec(),
        ),
        (
            "key-alone",
            "a key without a value's length",
            b"\x00\x06tenant".to_vec(),
        ),
        (
            "half-length",
            "one byte of a value's length",
            b"\x00\x06tenant\x00".to_vec(),
        ),
        (
            "value-beyond",
            "a value that reaches beyond the context",
            whole[..whole.len() - 1].to_vec(),
        ),
        (
            "second-beyond",
            "a second pair that reaches beyond the context",
            [&pair(b"a", b"b")[..], &whole[..whole.len() - 1]].concat(),
        ),
    ] {
        add("C4", name, about, &context);
    }
}

fn encodings(add: &mut impl FnMut(&str, &str, &str, &[u8])) {
    let wrong: [(&str, &str, &[u8]); 6] = [
        ("ff", "a byte that UTF-8 never has", b"\xff"),
        ("overlong", "an overlong encoding", b"\xc0\x80"),
        ("surrogate", "half of a surrogate pair", b"\xed\xa0\x80"),
        ("beyond", "a code point above U+10FFFF", b"\xf4\x90\x80\x80"),
        ("cut", "a character cut short", b"a\xe2\x98"),
        (
            "continuation",
            "a continuation byte with nothing before it",
            b"\x83a",
        ),
    ];
    for (name, about, bytes) in wrong {
        add(
            "C5",
            &format!("key-{name}"),
            &format!("in a key: {about}"),
            &pair(bytes, b"v"),
        );
        add(
            "C5",
            &format!("value-{name}"),
            &format!("in a value: {about}"),
            &pair(b"k", bytes),
        );
    }
    let split = [text(b"a\xc3"), text(b"\xa9b")].concat();
    add(
        "C5",
        "split-character",
        "a character divided between key and value",
        &split,
    );
}

fn orders(add: &mut impl FnMut(&str, &str, &str, &[u8])) {
    let keys: [(&str, &str, &[&str]); 6] = [
        ("descending", "keys in descending order", &["tenant", "purpose"]),
        ("twice", "the same pair twice", &["tenant", "tenant"]),
        (
            "prefix-last",
            "a key behind one that it is a prefix of",
            &["ab", "a"],
        ),
        ("third", "the third key is less than the second", &["a", "c", "b"]),
        ("ignoring-case", "keys in an order that ignores case", &["a", "B"]),
        (
            "utf-16",
            "keys in the order of UTF-16, which is not that of bytes",
            &["\u{1f600}", "\u{fffd}"],
        ),
    ];
    for (name, about, keys) in keys {
        let context: Vec<u8> = keys.iter().flat_map(|key| pair(key.as_bytes(), b"v")).collect();
        add("C6", name, about, &context);
    }
    add(
        "C6",
        "key-twice",
        "the same key with two values",
        &[pair(b"tenant", b"acme"), pair(b"tenant", b"evil")].concat(),
    );
}
