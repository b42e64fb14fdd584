//! Records messages written and read record by record: the same as whole batches, and refused where those are.
use std::io;

use datakey::{
    Aad, OpenError, Opener, Params, RecordReader, RecordWriter, SealError, SealedHeader, Sealer, StreamError,
    envelope::{self, FrameLen, Message, OpeningKey, SealingKey},
    provider::{DataKey, DataKeyLength, WrappedKey},
};
use datakey_tests::{
    pipeline::{in_process, orders, plaintext},
    streams::{
        Mood::{self, Fail, Pause, Take},
        Moody, inside,
    },
};
use proptest::prelude::*;

const AAD: &str = "batch 9";
/// The longest record, in bytes.
const LIMIT: usize = 1 << 12;

fn key() -> DataKey {
    DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x6F))
}

fn sealing() -> SealingKey {
    let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
    let params = Params::new().with_record_limit(FrameLen::from_exponent(12).unwrap());
    SealingKey::new(&key(), &wrapped, &orders(), &params).unwrap()
}

fn opening() -> OpeningKey {
    OpeningKey::new(&key(), &orders()).unwrap()
}

fn batch() -> Vec<Vec<u8>> {
    [0, 1, 0, 100, LIMIT, 7, 3000].map(plaintext).to_vec()
}

fn sealed(records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    sealing().seal_records(records, Aad::from(AAD), &mut out).unwrap();
    out
}

/// Opens a batch as a whole.
fn opened(message: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let message = Message::decode(message).unwrap();
    let ranges = opening()
        .open_records(&message, Aad::from(AAD), &mut out)
        .unwrap();
    ranges.into_iter().map(|range| out[range].to_vec()).collect()
}

fn writer<W>(at_most: Option<u64>, inner: W) -> RecordWriter<W> {
    RecordWriter::new(&sealing().into(), Aad::from(AAD), at_most, inner).unwrap()
}

/// A reader of the rest of a message behind its header.
fn reader(message: &[u8], moods: &[Mood]) -> io::Result<RecordReader<Moody>> {
    let header = SealedHeader::read(&mut &*message)?;
    let rest = Moody::new(&message[header.header().len()..], moods);
    Ok(RecordReader::new(
        &opening().into(),
        &header,
        Aad::from(AAD),
        rest,
    )?)
}

fn all(reader: &mut RecordReader<Moody>) -> io::Result<Vec<Vec<u8>>> {
    let (mut records, mut record) = (Vec::new(), b"what was here before".to_vec());
    while reader.next_record(&mut record)? {
        records.push(record.clone());
    }
    assert!(record.is_empty());
    Ok(records)
}

async fn all_async(reader: &mut RecordReader<Moody>) -> io::Result<Vec<Vec<u8>>> {
    let (mut records, mut record) = (Vec::new(), Vec::new());
    while reader.next_record_async(&mut record).await? {
        records.push(record.clone());
    }
    Ok(records)
}

const MOODS: [&[Mood]; 4] = [
    &[Take(usize::MAX)],
    &[Take(1)],
    &[Pause, Take(7)],
    &[Take(4000), Pause, Take(1), Take(70_000)],
];

#[tokio::test]
async fn pushed_records_open_as_a_batch_and_batches_are_read_by_records() {
    for records in [&batch()[..], &batch()[..1], &[]] {
        for moods in MOODS {
            let mut one = writer(None, Moody::new([], moods));
            let mut other = writer(None, Moody::new([], moods));
            for (index, record) in records.iter().enumerate() {
                assert_eq!(one.count() as usize, index);
                one.push(record).unwrap();
                other.push_async(record).await.unwrap();
            }
            let (one, other) = (one.finish().unwrap(), other.finish_async().await.unwrap());
            assert_eq!((one.flushed, other.flushed), (1, 1));
            assert_eq!(opened(&one.bytes), records);
            assert_eq!(opened(&other.bytes), records);

            let message = sealed(records);
            let mut reader = reader(&message, moods).unwrap();
            assert_eq!(all(&mut reader).unwrap(), records);
            assert!(
                !reader.next_record(&mut Vec::new()).unwrap(),
                "the end stays the end"
            );
            let mut reader = self::reader(&message, moods).unwrap();
            assert_eq!(all_async(&mut reader).await.unwrap(), records);
        }
    }
}

#[tokio::test]
async fn a_batch_cut_short_or_altered_never_ends_well_and_stays_failed() {
    let records = batch();
    let message = sealed(&records);
    let header = SealedHeader::read(&mut message.as_slice())
        .unwrap()
        .header()
        .len();
    for at in (header..message.len()).step_by(61).chain([message.len() - 1]) {
        for cut in [true, false] {
            let mut bytes = message.clone();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 0x10;
            }
            for moods in [&[Take(usize::MAX)][..], &[Take(1000)]] {
                let mut reader = reader(&bytes, moods).unwrap();
                let (mut read, mut record) = (0, Vec::new());
                let first = loop {
                    match reader.next_record(&mut record) {
                        Ok(true) => assert_eq!(record, records[read], "only what is authentic comes out"),
                        Ok(false) => panic!("{at} {cut}: it ended well"),
                        Err(error) => break error,
                    }
                    read += 1;
                };
                assert!(record.is_empty(), "nothing of a record that is refused");
                for _ in 0..2 {
                    let again = reader.next_record(&mut record).unwrap_err();
                    assert_eq!(inside(&again).to_string(), inside(&first).to_string());
                    let again = reader.next_record_async(&mut record).await.unwrap_err();
                    assert_eq!(inside(&again).to_string(), inside(&first).to_string());
                }
            }
        }
    }
}

#[test]
fn an_error_of_the_source_is_passed_on_and_reading_may_go_on() {
    let records = batch();
    let mut reader = reader(&sealed(&records), &[Take(900), Fail]).unwrap();
    let (mut read, mut record, mut failed) = (Vec::new(), Vec::new(), 0);
    loop {
        match reader.next_record(&mut record) {
            Ok(true) => read.push(record.clone()),
            Ok(false) => break,
            Err(error) => {
                assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ConnectionReset);
                failed += 1;
            }
        }
    }
    assert!(failed > 0 && read == records);
}

#[test]
fn a_record_over_a_limit_is_left_out_and_costs_nothing() {
    let mut writer = writer(Some(LIMIT as u64 + 5), Vec::new());
    let long = writer.push(&plaintext(LIMIT + 1)).unwrap_err();
    assert!(
        matches!(
            long,
            StreamError::Seal(SealError::Envelope(envelope::SealError::RecordTooLong { len, limit: LIMIT })) if len == LIMIT + 1
        ),
        "{long:?}"
    );
    writer.push(&plaintext(LIMIT)).unwrap();
    let over = writer.push(b"123456").unwrap_err();
    assert_eq!(io::Error::from(over).kind(), io::ErrorKind::FileTooLarge);
    writer.push(b"12345").unwrap();
    assert_eq!(writer.count(), 2);
    assert_eq!(
        opened(&writer.finish().unwrap()),
        [plaintext(LIMIT), b"12345".to_vec()]
    );
}

#[test]
fn a_record_whose_write_failed_is_in_the_message_once() {
    let mut moods = [Take(500), Fail, Take(1 << 20), Fail].to_vec();
    moods.resize(1000, Take(usize::MAX));
    let mut writer = writer(None, Moody::new([], &moods));
    let failed = batch()
        .iter()
        .filter(|record| writer.push(record).is_err())
        .count();
    assert!(failed > 0, "or this shows nothing");
    writer.push(b"last").unwrap();
    let count = writer.count() as usize;
    let records = opened(&writer.finish().unwrap().bytes);
    assert_eq!(records.len(), count);
    assert_eq!(records[..count - 1], batch());
    assert_eq!(records[count - 1], b"last");
}

#[tokio::test]
async fn a_push_that_is_dropped_is_written_with_the_next() {
    let (near, mut far) = tokio::io::duplex(64);
    let mut writer = writer(None, near);
    {
        let push = writer.push_async(b"first");
        let dropped = futures_poll_once(push).await;
        assert!(dropped.is_none(), "a narrow pipe takes no whole header");
    }
    let reading = async {
        let mut bytes = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut far, &mut bytes)
            .await
            .unwrap();
        bytes
    };
    let writing = async {
        writer.push_async(b"second").await.unwrap();
        drop(writer.finish_async().await.unwrap());
    };
    let (message, ()) = tokio::join!(reading, writing);
    assert_eq!(opened(&message), [b"first".to_vec(), b"second".to_vec()]);
}

/// Polls once: the result if there is one, and the future is dropped.
async fn futures_poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_batch_without_its_end_does_not_open() {
    let mut inner = Vec::new();
    let mut writer = writer(None, &mut inner);
    writer.push(b"first").unwrap();
    drop(writer);
    let mut reader = reader(&inner, &[Take(usize::MAX)]).unwrap();
    let mut record = Vec::new();
    assert!(reader.next_record(&mut record).unwrap(), "it is authentic");
    let refused = reader.next_record(&mut record).unwrap_err();
    assert!(matches!(inside(&refused), OpenError::Format(_)), "{refused:?}");
}

#[tokio::test]
async fn sealer_and_opener_make_them() {
    let provider = in_process();
    let (sealer, opener) = (Sealer::new(provider.clone()), Opener::new(provider));
    let (context, aad) = (orders(), Aad::from(AAD));
    let mut writer = sealer
        .record_writer(&context, aad, Some(1 << 20), Vec::new())
        .await
        .unwrap();
    for record in batch() {
        writer.push(&record).unwrap();
    }
    let message = writer.finish().unwrap();
    assert_eq!(
        opener.open_records(&context, &message, aad).await.unwrap(),
        batch()
    );
    let mut reader = opener
        .record_reader(&context, aad, message.as_slice())
        .await
        .unwrap();
    let (mut record, mut read) = (Vec::new(), Vec::new());
    while reader.next_record_async(&mut record).await.unwrap() {
        read.push(record.clone());
    }
    assert_eq!(read, batch());
    let other = opener
        .record_reader(&context, Aad::EMPTY, message.as_slice())
        .await
        .unwrap_err();
    assert!(matches!(inside(&other), OpenError::NotAuthentic));
    let kind = opener
        .reader(&context, aad, message.as_slice())
        .await
        .unwrap_err();
    assert!(matches!(inside(&kind), OpenError::OtherKind { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_is_the_same(
        lens in prop::collection::vec(0..LIMIT, 0..20),
        below in prop::collection::vec(1_usize..6_000, 1..6),
    ) {
        let records: Vec<Vec<u8>> = lens.into_iter().map(plaintext).collect();
        let moods: Vec<Mood> = below.into_iter().map(Take).chain([Pause]).collect();
        let mut writer = writer(None, Moody::new([], &moods));
        for record in &records {
            writer.push(record).unwrap();
        }
        let message = writer.finish().unwrap().bytes;
        prop_assert_eq!(&opened(&message), &records);
        let mut reader = reader(&message, &moods).unwrap();
        prop_assert_eq!(&all(&mut reader).unwrap(), &records);
    }
}
