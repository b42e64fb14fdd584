//! Wrapped keys that break a rule.
use super::draft::{Cases, Draft, bytes};

fn message(name: &str, keys: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut draft = Draft::plain(name);
    draft.keys = keys
        .iter()
        .map(|(id, blob)| (id.to_vec(), blob.to_vec()))
        .collect();
    draft.stream(b"one order")
}

pub(super) fn add(cases: &mut Cases) {
    let mut add = |rule: &str, name: &str, about: &str, keys: &[(&[u8], &[u8])]| {
        cases.refused(rule, name, about, message(name, keys));
    };
    let ids: Vec<[u8; 1]> = (0..17).map(|at| [b'a' + at]).collect();
    let many: Vec<(&[u8], &[u8])> = ids.iter().map(|id| (&id[..], &b"blob"[..])).collect();
    add("W1", "no-keys", "no wrapped key", &[]);
    add("W1", "17-keys", "17 wrapped keys", &many);
    add("W2", "empty-id", "an empty key id", &[(b"", b"blob")]);
    add(
        "W2",
        "empty-second-id",
        "an empty key id in the second wrapped key",
        &[(b"a", b"blob"), (b"", b"blob")],
    );
    let ids: [(&str, &str, &[u8]); 12] = [
        ("nul", "U+0000", b"local:\0"),
        ("line-feed", "U+000A", b"local:\na"),
        ("escape", "U+001B", b"\x1b[31mlocal"),
        ("unit-separator", "U+001F", b"local:\x1f"),
        ("delete", "U+007F", b"local:\x7f"),
        ("c1-first", "U+0080", b"local:\xc2\x80"),
        ("c1-next-line", "U+0085", b"local:\xc2\x85"),
        ("c1-last", "U+009F", b"local:\xc2\x9f"),
        ("ff", "a byte that UTF-8 never has", b"local:\xff"),
        ("overlong", "an overlong encoding", b"local:\xc1\xa1"),
        ("surrogate", "half of a surrogate pair", b"local:\xed\xbf\xbf"),
        ("cut", "a character cut short", b"local:\xc3"),
    ];
    for (name, what, id) in ids {
        let about = format!("a key id with {what}");
        add("W3", &format!("id-{name}"), &about, &[(id, b"blob")]);
    }
    add("W4", "empty-blob", "an empty blob", &[(b"a", b"")]);
    add(
        "W4",
        "empty-second-blob",
        "an empty blob in the second wrapped key",
        &[(b"a", b"blob"), (b"b", b"")],
    );
    add("W4", "long-blob", "a blob of 6145 bytes", &[(b"a", &bytes(6145))]);
    add(
        "W5",
        "twice",
        "the same wrapped key twice",
        &[(b"a", b"blob"), (b"a", b"blob")],
    );
    add(
        "W5",
        "first-and-third",
        "the third wrapped key is the first again",
        &[(b"a", b"blob"), (b"a", b"other"), (b"a", b"blob")],
    );
    let draft = Draft::plain("claims");
    let count_at = 66 + draft.context().len();
    let whole = draft.stream(b"one order");
    cases.refused(
        "W1",
        "claimed-255",
        "255 wrapped keys are announced, and not there",
        super::draft::patched(whole.clone(), count_at, &[255]),
    );
    cases.refused(
        "W4",
        "claimed-65535",
        "a blob of 65535 bytes is announced, and not there",
        super::draft::patched(whole, count_at + 1 + 1 + 7, &[0xFF; 2]),
    );
}
