//! Limits that no vector reaches, as messages that break them have hundreds of megabytes and more: met by construction, by a reader by
//! index, which sees the end of a message and its length alone.
use std::ops::Range;

use datakey_envelope::{
    Aad, EndPlan, FormatError, Header, MAX_MESSAGE_LEN, MAX_RECORDS, OpenError, OpeningKey, RangePlan,
    RecordIndex, Rule,
};
use datakey_provider::EncryptionContext;
use datakey_tests::{
    envelope::{Reference, SALT, data_key},
    envelope_parts::seal_frame,
};

const LONGEST: u32 = 1 << 24;

fn malformed(rule: Rule) -> FormatError {
    FormatError::Malformed { rule }
}

/// A writer of messages of the longest frames, right in all but what it is told.
struct Writer {
    suite: u8,
    data_key: [u8; 32],
}

impl Writer {
    fn new(suite: u8) -> Self {
        let data_key = data_key(0x42).expose_secret().try_into().unwrap();
        Self { suite, data_key }
    }

    fn reference(&self) -> Reference<'_> {
        Reference {
            suite: self.suite,
            exponent: 24,
            data_key: &self.data_key,
            salt: &SALT,
            context: &[],
            keys: &[("local:dev", b"opaque")],
            aad: b"",
        }
    }

    /// The end of a message of records that have all one length: marker, table, tag and count.
    fn end(&self, count: u32, len: u32) -> Vec<u8> {
        let table = len.to_be_bytes().repeat(count as usize);
        let key = self.reference().schedule(2).key;
        let tag = seal_frame(self.suite, &key, (u64::from(count), 1), &[], &table);
        [&[0xFF; 4], &*table, &tag, &count.to_be_bytes()].concat()
    }

    /// The index of such a message, of which nothing but header and end is there.
    fn index(&self, count: u32, len: u32, end: &[u8]) -> Result<RecordIndex, OpenError> {
        let header = self.reference().records(&[]);
        let header = Header::decode(&header).unwrap();
        let records = u64::from(count) * (20 + u64::from(len));
        let whole = header.len() as u64 + records + end.len() as u64;
        let plan = EndPlan::new(&header, whole)?;
        let planned = plan.end_bytes(count.to_be_bytes())?;
        assert_eq!(planned, whole - end.len() as u64..whole);
        let opening = OpeningKey::new(&data_key(0x42), &EncryptionContext::empty()).unwrap();
        opening.open_index(&plan, Aad::EMPTY, end)
    }
}

/// R3: by the count, before anything of its size is fetched.
#[test]
fn more_records_than_2_to_the_24_are_refused() {
    let header = Writer::new(1).reference().records(&[]);
    let header = Header::decode(&header).unwrap();
    let plan = EndPlan::new(&header, 1 << 40).unwrap();
    let most: Range<u64> = plan.end_bytes(MAX_RECORDS.to_be_bytes()).unwrap();
    assert_eq!(most.end - most.start, 24 + 4 * u64::from(MAX_RECORDS));
    assert_eq!(
        plan.end_bytes((MAX_RECORDS + 1).to_be_bytes()),
        Err(malformed(Rule::RecordCount))
    );
}

/// R4: where no marker stands in front of the table, the table is not where the records end.
#[test]
fn an_end_without_its_marker_is_refused() {
    for suite in [1, 2] {
        let writer = Writer::new(suite);
        let mut end = writer.end(3, 7);
        assert_eq!(writer.index(3, 7, &end).unwrap().len(), 3);
        end[..4].copy_from_slice(&7_u32.to_be_bytes());
        assert_eq!(
            writer.index(3, 7, &end).unwrap_err(),
            malformed(Rule::RecordTable).into()
        );
    }
}

/// L1: records that are longer together than a message may be, under a tag that is right for their lengths.
#[test]
fn records_of_more_than_2_to_the_43_bytes_are_refused() {
    let writer = Writer::new(2);
    let most = u32::try_from(MAX_MESSAGE_LEN / u64::from(LONGEST)).unwrap();
    let index = writer.index(most, LONGEST, &writer.end(most, LONGEST)).unwrap();
    assert_eq!(index.len(), most);
    let last = index.record_bytes(most - 1).unwrap();
    assert_eq!(last.end - last.start, 20 + u64::from(LONGEST));
    let over = writer.index(most + 1, LONGEST, &writer.end(most + 1, LONGEST));
    assert_eq!(over.unwrap_err(), malformed(Rule::MessageLength).into());
}

/// L1, of a byte stream: by the length of the whole.
#[test]
fn a_byte_stream_of_more_than_2_to_the_43_bytes_is_refused() {
    let header = Writer::new(1).reference().bytes(b"");
    let header = Header::decode(&header).unwrap();
    let frames = MAX_MESSAGE_LEN / u64::from(LONGEST);
    let longest = header.len() as u64 + MAX_MESSAGE_LEN + 16 * frames;
    let plan = RangePlan::new(&header, longest, MAX_MESSAGE_LEN - 1..MAX_MESSAGE_LEN).unwrap();
    assert_eq!(plan.frames().end, longest);
    assert_eq!(
        RangePlan::new(&header, longest + 17, 0..1),
        Err(malformed(Rule::MessageLength).into())
    );
}
