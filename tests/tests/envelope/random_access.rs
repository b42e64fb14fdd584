//! Parts of a message opened without the rest of it: byte ranges, and records by index.
use std::ops::Range;

use datakey_envelope::{
    Aad, EndPlan, FormatError, Header, OpenError, RangePlan, RecordIndex, Rule, SALT_LEN, Suite,
};
use datakey_tests::envelope::{Fixture, params, plaintext};
use proptest::prelude::*;

const RECORDS: [&[u8]; 4] = [b"order 1", b"", b"order 3, which is longer", b"4"];

fn part(object: &[u8], range: &Range<u64>) -> Vec<u8> {
    object[range.start as usize..range.end as usize].to_vec()
}

fn open_range(
    fixture: &Fixture,
    object: &[u8],
    range: Range<u64>,
    whole: bool,
) -> Result<Vec<u8>, OpenError> {
    let header = Header::decode(object)?;
    let mut plan = RangePlan::new(&header, object.len() as u64, range)?;
    if !whole {
        plan = plan.danger_any_total_length();
    }
    let (frames, last) = (part(object, &plan.frames()), part(object, &plan.last_frame()));
    let mut out = b"before".to_vec();
    let opened = fixture
        .opening
        .open_range(&plan, Aad::EMPTY, &frames, &last, &mut out);
    assert!(out.starts_with(b"before"));
    if opened.is_err() {
        assert_eq!(out.len(), 6, "output although the range did not open");
    }
    opened.map(|()| out.split_off(6))
}

#[test]
fn every_range_is_the_slice() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 6));
        for len in [0, 1, 63, 64, 65, 128, 130] {
            let plain = plaintext(len);
            let object = fixture.seal(&plain, Aad::EMPTY);
            for start in 0..=len {
                for end in start..=len {
                    for whole in [true, false] {
                        let opened = open_range(&fixture, &object, start as u64..end as u64, whole);
                        assert_eq!(
                            opened.as_deref(),
                            Ok(&plain[start..end]),
                            "{start}..{end} of {len}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn only_the_frames_of_the_range_and_the_last_are_fetched() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let object = fixture.seal(&plaintext(1000), Aad::EMPTY);
    let header = Header::decode(&object).unwrap();
    let (len, start) = (object.len() as u64, header.len() as u64);
    let plan = RangePlan::new(&header, len, 130..192).unwrap();
    assert_eq!(plan.frames(), start + 160..start + 240);
    assert_eq!(plan.last_frame(), start + 15 * 80..len);
    let plan = RangePlan::new(&header, len, 130..193).unwrap();
    assert_eq!(plan.frames(), start + 160..start + 320);
    let plan = RangePlan::new(&header, len, 990..1000).unwrap();
    assert_eq!(plan.frames(), start + 15 * 80..len);
    assert!(plan.last_frame().is_empty());
    let plan = RangePlan::new(&header, len, 0..1)
        .unwrap()
        .danger_any_total_length();
    assert!(plan.last_frame().is_empty());
}

#[test]
fn another_total_length_is_refused_unless_it_may_be_any() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let object = fixture.seal(&plaintext(300), Aad::EMPTY);
    let header_len = Header::decode(&object).unwrap().len();
    // Cut after the second frame: each frame that is left is authentic, and none is the last.
    let cut = &object[..header_len + 160];
    assert_eq!(
        open_range(&fixture, cut, 0..10, true),
        Err(OpenError::NotAuthentic)
    );
    assert_eq!(
        open_range(&fixture, cut, 0..10, false).as_deref(),
        Ok(&plaintext(300)[..10])
    );
    // The frame that is taken for the last does not open even so.
    assert_eq!(
        open_range(&fixture, cut, 70..80, false),
        Err(OpenError::NotAuthentic)
    );
    let longer = [&object[..], &[7; 80]].concat();
    assert_eq!(
        open_range(&fixture, &longer, 0..10, true),
        Err(OpenError::NotAuthentic)
    );
}

#[test]
fn a_changed_frame_is_refused_where_it_is_read_and_not_seen_elsewhere() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let mut object = fixture.seal(&plaintext(300), Aad::EMPTY);
    let header_len = Header::decode(&object).unwrap().len();
    object[header_len + 100] ^= 1;
    assert_eq!(
        open_range(&fixture, &object, 60..70, true),
        Err(OpenError::NotAuthentic)
    );
    assert_eq!(
        open_range(&fixture, &object, 130..299, true).as_deref(),
        Ok(&plaintext(300)[130..299])
    );
    let mut other = object.clone();
    other[8 + SALT_LEN] ^= 1;
    assert_eq!(
        open_range(&fixture, &other, 130..140, true),
        Err(OpenError::NotAuthentic)
    );
}

#[test]
fn what_is_not_planned_or_not_there_is_refused() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let object = fixture.seal(&plaintext(300), Aad::EMPTY);
    let header = Header::decode(&object).unwrap();
    let len = object.len() as u64;
    let beyond = RangePlan::new(&header, len, 299..301).unwrap_err();
    assert_eq!(beyond, OpenError::OutOfRange { end: 301, len: 300 });
    assert!(beyond.to_string().contains("301"));
    let backwards = Range { start: 9, end: 8 };
    assert!(matches!(
        RangePlan::new(&header, len, backwards),
        Err(OpenError::OutOfRange { .. })
    ));
    let plan = RangePlan::new(&header, len, 0..10).unwrap();
    let (frames, last) = (part(&object, &plan.frames()), part(&object, &plan.last_frame()));
    let mut out = Vec::new();
    for (frames, last) in [(&frames[1..], &last[..]), (&frames, &[]), (&[], &last)] {
        let refused = fixture
            .opening
            .open_range(&plan, Aad::EMPTY, frames, last, &mut out);
        assert!(
            matches!(refused, Err(OpenError::NotAsPlanned { .. })),
            "{refused:?}"
        );
    }
    let batch = fixture.seal_records(&RECORDS, Aad::EMPTY);
    let header = Header::decode(&batch).unwrap();
    assert!(matches!(
        RangePlan::new(&header, batch.len() as u64, 0..0),
        Err(OpenError::OtherKind { .. })
    ));
}

fn index(fixture: &Fixture, object: &[u8]) -> Result<RecordIndex, OpenError> {
    let header = Header::decode(object)?;
    let plan = EndPlan::new(&header, object.len() as u64)?;
    let count = part(object, &plan.count_bytes()).try_into().unwrap();
    let end = part(object, &plan.end_bytes(count)?);
    fixture.opening.open_index(&plan, Aad::EMPTY, &end)
}

#[test]
fn each_record_opens_by_itself() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 6));
        for records in [&RECORDS[..], &[]] {
            let object = fixture.seal_records(records, Aad::EMPTY);
            let index = index(&fixture, &object).unwrap();
            assert_eq!(index.len() as usize, records.len());
            assert_eq!(index.is_empty(), records.is_empty());
            for (at, record) in records.iter().enumerate().rev() {
                let sealed = part(&object, &index.record_bytes(at as u32).unwrap());
                let mut out = b"before".to_vec();
                index.open_record(at as u32, &sealed, &mut out).unwrap();
                assert_eq!(&out[6..], *record);
            }
            assert_eq!(index.record_bytes(records.len() as u32), None);
            assert_eq!(index.record_bytes(u32::MAX), None);
        }
    }
}

#[test]
fn no_record_opens_in_the_place_of_another() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let object = fixture.seal_records(&[b"order 1", b"order 2"], Aad::EMPTY);
    let index = index(&fixture, &object).unwrap();
    let sealed = part(&object, &index.record_bytes(1).unwrap());
    let mut out = b"before".to_vec();
    assert_eq!(
        index.open_record(0, &sealed, &mut out),
        Err(OpenError::NotAuthentic)
    );
    let beyond = OpenError::OutOfRange { end: 3, len: 2 };
    assert_eq!(index.open_record(2, &sealed, &mut out), Err(beyond));
    let short = OpenError::NotAsPlanned {
        expected: 27,
        found: 26,
    };
    assert_eq!(index.open_record(1, &sealed[1..], &mut out), Err(short));
    let mut other_len = sealed.clone();
    other_len[3] ^= 1;
    let table = FormatError::Malformed {
        rule: Rule::RecordTable,
    };
    assert_eq!(index.open_record(1, &other_len, &mut out), Err(table.into()));
    assert_eq!(out, b"before");
}

#[test]
fn every_bit_of_the_end_counts() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let object = fixture.seal_records(&RECORDS, Aad::EMPTY);
    let end_len = 24 + 4 * RECORDS.len();
    for at in object.len() - end_len..object.len() {
        for bit in 0..8 {
            let mut forged = object.clone();
            forged[at] ^= 1 << bit;
            assert!(index(&fixture, &forged).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn an_end_of_another_total_length_is_refused() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let object = fixture.seal_records(&RECORDS, Aad::EMPTY);
    let header_len = Header::decode(&object).unwrap().len();
    // Bytes more or fewer in front of an end that is authentic.
    let mut longer = object.clone();
    longer.insert(header_len, 0);
    let total = FormatError::Malformed {
        rule: Rule::RecordTotal,
    };
    assert_eq!(index(&fixture, &longer).unwrap_err(), total.into());
    let mut shorter = object.clone();
    shorter.remove(header_len);
    assert_eq!(index(&fixture, &shorter).unwrap_err(), total.into());
    assert!(index(&fixture, &object[..object.len() - 1]).is_err());
    let bytes = fixture.seal(b"x", Aad::EMPTY);
    assert!(matches!(
        index(&fixture, &bytes),
        Err(OpenError::OtherKind { .. })
    ));
    assert!(matches!(
        index(&fixture, &object[..header_len + 23]),
        Err(OpenError::Format(FormatError::Truncated { missing: 1 }))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever lengths are claimed, a plan stays within the object, and nothing overflows.
    #[test]
    fn plans_never_leave_the_object(exponent in 6_u8..=24, len: u64, start: u64, size: u64, count: u32) {
        let fixture = Fixture::new(params(Suite::default(), exponent));
        for len in [len, len >> 20, len >> 40, len >> 52] {
            let object = fixture.seal(b"", Aad::EMPTY);
            let header = Header::decode(&object).unwrap();
            let header_len = header.len() as u64;
            let plain_len = header.plain_len(len).ok().flatten().unwrap_or_default();
            for start in [start, start % (plain_len + 1)] {
                let range = start..start.saturating_add(size % (plain_len + 1));
                let Ok(plan) = RangePlan::new(&header, len, range.clone()) else { continue };
                for fetched in [plan.frames(), plan.last_frame()] {
                    prop_assert!(header_len <= fetched.start && fetched.start <= fetched.end);
                    prop_assert!(fetched.is_empty() || fetched.end <= len);
                }
                let fetched = plan.frames();
                prop_assert!(fetched.end - fetched.start >= range.end - range.start);
            }
            let batch = fixture.seal_records(&[], Aad::EMPTY);
            let header = Header::decode(&batch).unwrap();
            if let Ok(plan) = EndPlan::new(&header, len) {
                prop_assert_eq!(plan.count_bytes(), len - 4..len);
                for count in [count, count >> 8, count >> 24] {
                    if let Ok(end) = plan.end_bytes(count.to_be_bytes()) {
                        prop_assert!(header_len <= end.start && end.start < end.end && end.end == len);
                    }
                }
            }
        }
    }
}
