//! Messages of which a part is missing at the end, and nothing else is wrong.
use super::draft::{Cases, Draft, bytes};

pub(super) fn add(cases: &mut Cases) {
    header(cases);
    for suite in [1, 2] {
        streams(cases, suite);
        records(cases, suite);
    }
}

fn header(cases: &mut Cases) {
    let draft = Draft::plain("cut header");
    let whole = draft.header();
    let count_at = 66 + draft.context().len();
    for (name, len, about) in [
        ("nothing", 0, "no bytes at all"),
        ("magic", 3, "cut in the magic"),
        ("version", 4, "cut behind the magic"),
        ("suite", 5, "cut behind the version"),
        ("salt", 20, "cut in the salt"),
        ("commitment", 63, "cut in the commitment"),
        ("fixed-part", 64, "cut behind the fixed part"),
        ("context-length", 65, "cut in the length of the context"),
        ("context", 66, "cut behind the length of the context"),
        ("in-context", count_at - 1, "cut in the context"),
        ("count", count_at, "cut behind the context"),
        ("keys", count_at + 1, "cut behind the number of wrapped keys"),
        ("key-id", count_at + 5, "cut in a key id"),
        ("blob-length", count_at + 10, "cut in the length of a blob"),
        ("blob", whole.len() - 1, "cut in a blob"),
        ("body", whole.len(), "cut behind the header"),
    ] {
        let message = whole[..len].to_vec();
        cases.refused("G3", &format!("header-{name}"), about, message);
    }
    let mut two = Draft::plain("cut second key");
    two.keys.push((b"local:b".to_vec(), b"blob".to_vec()));
    let mut message = two.header();
    message.truncate(message.len() - 14);
    cases.refused(
        "G3",
        "header-second-key",
        "two wrapped keys are announced, and one is there",
        message,
    );
}

fn streams(cases: &mut Cases, suite: u8) {
    let draft = Draft::new("cut stream", suite, 1);
    let whole = draft.stream(&bytes(100));
    let body = draft.header().len();
    for (left, about) in [
        (1, "one byte of the first frame"),
        (15, "one byte less than a tag"),
        (81, "the first frame and one byte"),
        (95, "the first frame and one byte less than a tag"),
    ] {
        let message = whole[..body + left].to_vec();
        cases.refused("G3", &format!("stream-{left}-{suite}"), about, message);
    }
}

fn records(cases: &mut Cases, suite: u8) {
    let draft = Draft::new("cut records", suite, 2);
    let whole = draft.records(&[b"order 1", b"", b"order 3"]);
    let start = draft.header().len();
    let marker = start + 3 * 20 + 14;
    for (name, len, about) in [
        ("body", start, "cut behind the header"),
        ("length", start + 2, "cut in the length of a record"),
        ("after-length", start + 4, "cut behind the length of a record"),
        ("record", start + 10, "cut in a record"),
        ("record-tag", start + 26, "cut in the tag of a record"),
        ("between", start + 27, "cut between two records"),
        ("before-marker", marker, "cut behind the last record"),
        ("marker", marker + 3, "cut in the marker"),
        ("table", marker + 4, "cut behind the marker"),
        ("in-table", marker + 10, "cut in the table"),
        ("end-tag", marker + 16, "cut behind the table"),
        ("in-end-tag", marker + 30, "cut in the tag of the end"),
        ("count", marker + 32, "cut behind the tag of the end"),
        ("in-count", whole.len() - 1, "cut in the count"),
    ] {
        let message = whole[..len].to_vec();
        cases.refused("G3", &format!("records-{name}-{suite}"), about, message);
    }
}
