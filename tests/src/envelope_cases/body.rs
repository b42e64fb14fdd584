//! Bodies whose structure breaks a rule, with frames and tags that are right for what is there.
use super::draft::{Cases, Draft, bytes, in_record, patched, table};

pub(super) fn add(cases: &mut Cases) {
    for suite in [1, 2] {
        empty_last_frames(cases, suite);
        long_records(cases, suite);
        tables(cases, suite);
        counts(cases, suite);
        after_the_end(cases, suite);
    }
    lengths(cases);
}

fn empty_last_frames(cases: &mut Cases, suite: u8) {
    let full = bytes(64);
    let shapes: [(&str, &str, &[&[u8]]); 2] = [
        ("one", "an empty last frame behind a full one", &[&full, b""]),
        (
            "two",
            "an empty last frame behind two full ones",
            &[&full, &full, b""],
        ),
    ];
    for (name, about, frames) in shapes {
        let name = format!("empty-last-after-{name}-{suite}");
        let draft = Draft::new(&name, suite, 1);
        cases.refused("B3", &name, about, draft.with_body(&draft.frames(frames)));
    }
}

fn long_records(cases: &mut Cases, suite: u8) {
    let long = bytes(65);
    let sets: [(&str, &str, &[&[u8]]); 2] = [
        ("first", "a record of one byte more than allowed", &[&long]),
        (
            "second",
            "a second record of one byte more than allowed",
            &[b"order 1", &long],
        ),
    ];
    for (name, about, records) in sets {
        let name = format!("long-{name}-{suite}");
        let message = Draft::new(&name, suite, 2).records(records);
        cases.refused("R2", &name, about, message);
    }
}

fn lengths(cases: &mut Cases) {
    for (name, head, about) in [
        (
            "claimed-65",
            [0, 0, 0, 65],
            "a record one byte too long is announced, and not there",
        ),
        ("claimed-2-31", [0x80, 0, 0, 0], "a record of 2 GiB is announced"),
        (
            "almost-marker",
            [0xFF, 0xFF, 0xFF, 0xFE],
            "a length one less than the marker",
        ),
        (
            "marker-reversed",
            [0xFF, 0xFF, 0xFF, 0x00],
            "a length of three bytes of the marker",
        ),
    ] {
        let draft = Draft::new(name, 1, 2);
        let message = draft.with_body(&[head.to_vec()]);
        cases.refused("R2", name, about, message);
    }
}

fn tables(cases: &mut Cases, suite: u8) {
    let records: [&[u8]; 3] = [b"order 1", b"", b"order 30"];
    let right = table(&records);
    let wrong = [
        (
            "one-more",
            "a table with one length too great",
            patched(right.clone(), 3, &[8]),
        ),
        ("zeros", "a table of zeros", vec![0; right.len()]),
        (
            "swapped",
            "a table in another order",
            [&right[8..], &right[..8]].concat(),
        ),
        (
            "little-endian",
            "a table of little-endian lengths",
            right
                .chunks(4)
                .flat_map(|len| len.iter().rev().copied())
                .collect(),
        ),
    ];
    for (name, about, table) in wrong {
        let name = format!("table-{name}-{suite}");
        let draft = Draft::new(&name, suite, 2);
        let mut body = draft.sealed_records(&records);
        body.extend(draft.end(records.len(), &table));
        let about = format!("{about}, under a tag that is right for it");
        cases.refused("R5", &name, &about, draft.with_body(&body));
    }
    let name = format!("table-of-another-order-{suite}");
    let draft = Draft::new(&name, suite, 2);
    let mut body = draft.sealed_records(&[records[2], records[1], records[0]]);
    body.extend(draft.end(records.len(), &right));
    cases.refused(
        "R5",
        &name,
        "records in another order than the authentic table says",
        draft.with_body(&body),
    );
}

fn counts(cases: &mut Cases, suite: u8) {
    for (name, count) in [
        ("one-more", 4_u32),
        ("one-less", 2),
        ("zero", 0),
        ("over-2-24", (1 << 24) + 1),
        ("greatest", u32::MAX),
        ("little-endian", 3 << 24),
    ] {
        let name = format!("count-{name}-{suite}");
        let message = Draft::new(&name, suite, 2).records(&[b"order 1", b"", b"order 3"]);
        let at = message.len() - 4;
        let message = patched(message, at, &count.to_be_bytes());
        let about = format!("the count says {count}, and there are 3 records");
        cases.refused("R7", &name, &about, message);
    }
    let name = format!("count-of-none-{suite}");
    let message = Draft::new(&name, suite, 2).records(&[]);
    let at = message.len() - 1;
    cases.refused(
        "R7",
        &name,
        "the count says 1, and there are no records",
        patched(message, at, &[1]),
    );
}

fn after_the_end(cases: &mut Cases, suite: u8) {
    let name = format!("after-end-{suite}");
    let draft = Draft::new(&name, suite, 2);
    let whole = draft.records(&[b"order 1"]);
    let empty = in_record(0, draft.frame(1, 0, &[], &[]));
    for (name, about, after) in [
        ("byte", "one zero byte behind the end", vec![0]),
        ("newline", "a line feed behind the end", b"\n".to_vec()),
        ("record", "a further record behind the end", empty),
        ("message", "a second message behind the first", whole.clone()),
    ] {
        let message = [&whole[..], &after].concat();
        cases.refused("G4", &format!("{name}-{suite}"), about, message);
    }
}
