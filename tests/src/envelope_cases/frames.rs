//! Frames and ends that do not open: altered, moved, or sealed in another way than the rules say.
use super::draft::{AAD, Cases, Draft, bytes, flipped, in_record, patched, table};
use crate::envelope_parts::seal_frame;

pub(super) fn add(cases: &mut Cases) {
    for suite in [1, 2] {
        altered(cases, suite);
        moved(cases, suite);
        sealed_wrongly(cases, suite);
        records(cases, suite);
        ends(cases, suite);
    }
}

fn altered(cases: &mut Cases, suite: u8) {
    let body = Draft::plain("").header().len() as isize;
    for (name, at, about) in [
        ("first-bit", body, "the first byte of the first frame differs"),
        ("first-tag-bit", body + 64, "the tag of the first frame differs"),
        ("last-frame-bit", -17, "the last byte of ciphertext differs"),
        ("tag-bit", -1, "the last byte of the last tag differs"),
    ] {
        let name = format!("{name}-{suite}");
        let message = Draft::new(&name, suite, 1).stream(&bytes(100));
        cases.refused("F3", &name, about, flipped(message, at));
    }
    let name = format!("tag-of-empty-{suite}");
    let message = Draft::new(&name, suite, 1).stream(&[]);
    cases.refused(
        "F3",
        &name,
        "the tag of an empty message differs",
        flipped(message, -1),
    );
    let name = format!("bytes-after-{suite}");
    let message = [Draft::new(&name, suite, 1).stream(b"one order"), vec![0]].concat();
    cases.refused("F3", &name, "one byte behind the last frame", message);
}

fn moved(cases: &mut Cases, suite: u8) {
    let name = format!("moved-{suite}");
    let draft = Draft::new(&name, suite, 1);
    let plain = bytes(200);
    let frames = draft.frames(&plain.chunks(64).collect::<Vec<_>>());
    let mut other = draft.clone();
    other.salt[0] ^= 1;
    let foreign = other.frames(&plain.chunks(64).collect::<Vec<_>>());
    for (name, about, order) in [
        ("swapped", "two frames are swapped", &[1, 0, 2, 3][..]),
        ("repeated", "a frame stands twice", &[0, 0, 1, 2, 3]),
        ("first-dropped", "the first frame is missing", &[1, 2, 3]),
        ("inner-dropped", "an inner frame is missing", &[0, 2, 3]),
        ("last-dropped", "the last frame is missing", &[0, 1, 2]),
        ("last-first", "the last frame alone", &[3]),
        ("last-twice", "an inner frame behind the last", &[0, 1, 2, 2]),
    ] {
        let body: Vec<_> = order.iter().map(|at| frames[*at].clone()).collect();
        cases.refused("F3", &format!("{name}-{suite}"), about, draft.with_body(&body));
    }
    let spliced = [&frames[..1], &foreign[1..2], &frames[2..]].concat();
    cases.refused(
        "F3",
        &format!("spliced-{suite}"),
        "a frame of another message of the same data key",
        draft.with_body(&spliced),
    );
}

fn sealed_wrongly(cases: &mut Cases, suite: u8) {
    let name = format!("sealed-wrongly-{suite}");
    let draft = Draft::new(&name, suite, 1);
    let plain = bytes(64);
    let key = draft.schedule().key;
    let last = draft.frame(1, 1, b"end", &[]);
    let first = draft.frame(0, 0, &plain, &[]);
    for (name, about, body) in [
        (
            "last-unflagged",
            "the last frame is sealed without its flag",
            vec![first.clone(), draft.frame(1, 0, b"end", &[])],
        ),
        (
            "inner-flagged",
            "an inner frame is sealed with the flag",
            vec![draft.frame(0, 1, &plain, &[]), last.clone()],
        ),
        (
            "flag-2",
            "the last frame is sealed with the flag 2",
            vec![first.clone(), draft.frame(1, 2, b"end", &[])],
        ),
        (
            "from-one",
            "frames are numbered from 1",
            vec![draft.frame(1, 0, &plain, &[]), draft.frame(2, 1, b"end", &[])],
        ),
        (
            "little-endian",
            "the number in the nonce is little-endian",
            vec![first.clone(), draft.frame(1 << 56, 1, b"end", &[])],
        ),
        (
            "with-aad",
            "a frame is sealed with the message's associated data",
            vec![first.clone(), draft.frame(1, 1, b"end", AAD)],
        ),
        (
            "under-data-key",
            "frames are sealed under the data key itself",
            vec![seal_frame(suite, &super::draft::data_key(), (0, 1), &plain, &[])],
        ),
        (
            "other-cipher",
            "frames are sealed with the cipher of the other suite",
            vec![seal_frame(3 - suite, &key, (0, 1), &plain, &[])],
        ),
    ] {
        cases.refused("F3", &format!("{name}-{suite}"), about, draft.with_body(&body));
    }
}

fn records(cases: &mut Cases, suite: u8) {
    let name = format!("records-{suite}");
    let draft = Draft::new(&name, suite, 2);
    let records: [&[u8]; 3] = [b"order 1", b"order 2", b"order 3"];
    let sealed = draft.sealed_records(&records);
    let end = draft.end(3, &table(&records));
    let with = |order: &[usize]| {
        let mut body: Vec<_> = order.iter().map(|at| sealed[*at].clone()).collect();
        body.extend(end.clone());
        draft.with_body(&body)
    };
    let mut refused = |name: &str, about: &str, message: Vec<u8>| {
        cases.refused("F3", &format!("record-{name}-{suite}"), about, message);
    };
    refused(
        "swapped",
        "two records of one length are swapped",
        with(&[0, 2, 1]),
    );
    refused("repeated", "a record stands twice", with(&[0, 0, 1]));
    refused("dropped", "the first record is missing", with(&[1, 2]));
    let whole = draft.records(&records);
    let start = draft.header().len();
    refused(
        "bit",
        "a byte of a record differs",
        flipped(whole.clone(), start as isize + 4),
    );
    refused(
        "shorter",
        "the length in front of a record is one less",
        patched(whole.clone(), start + 3, &[6]),
    );
    refused(
        "longer",
        "the length in front of a record is one more",
        patched(whole, start + 3, &[8]),
    );
    let mut body = sealed.clone();
    body[2] = in_record(7, draft.frame(2, 1, records[2], &[]));
    body.extend(end.clone());
    refused(
        "flagged",
        "the last record is sealed with the flag, which is for the end",
        draft.with_body(&body),
    );
    let mut body = sealed.clone();
    body[1] = in_record(7, draft.frame(1, 0, records[1], &7_u32.to_be_bytes()));
    body.extend(end);
    refused(
        "with-length",
        "a record is sealed with its length as associated data",
        draft.with_body(&body),
    );
}

fn ends(cases: &mut Cases, suite: u8) {
    let name = format!("end-{suite}");
    let draft = Draft::new(&name, suite, 2);
    let records: [&[u8]; 2] = [b"order 1", b"order 2"];
    let table = table(&records);
    let with_tag = |tag: Vec<u8>| {
        let mut body = draft.sealed_records(&records);
        body.extend(draft.end(2, &table));
        let at = body.len() - 2;
        body[at] = tag;
        draft.with_body(&body)
    };
    let mut refused = |name: &str, about: &str, message: Vec<u8>| {
        cases.refused("R6", &format!("{name}-{suite}"), about, message);
    };
    let whole = draft.records(&records);
    refused("tag-bit", "the tag of the end differs", flipped(whole, -5));
    refused(
        "unflagged",
        "the end is sealed without the flag",
        with_tag(draft.frame(2, 0, &[], &table)),
    );
    refused(
        "next-number",
        "the end is sealed under the number after its own",
        with_tag(draft.frame(3, 1, &[], &table)),
    );
    refused(
        "without-table",
        "the end is sealed without the table",
        with_tag(draft.frame(2, 1, &[], &[])),
    );
    refused(
        "with-aad",
        "the end is sealed with the message's associated data",
        with_tag(draft.frame(2, 1, &[], AAD)),
    );
    let mut body = draft.sealed_records(&records[..1]);
    body.push(vec![0xFF; 4]);
    body.push(table[..4].to_vec());
    body.push(draft.frame(2, 1, &[], &table));
    body.push(vec![0, 0, 0, 1]);
    refused(
        "of-longer",
        "the last record is cut off, and the tag is that of the longer batch",
        draft.with_body(&body),
    );
    let none = Draft::new(&name, suite, 2).records(&[]);
    refused(
        "tag-of-none",
        "the tag of a batch without records differs",
        flipped(none, -5),
    );
}
