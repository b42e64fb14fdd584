//! Streams of bytes, written and read in every way: the same as whole messages, and refused where those are.
use std::io::{self, Read as _, Write as _};

use datakey::{Aad, OpenError, OpenReader, SealedHeader};
use datakey_tests::{
    pipeline::plaintext,
    streams::{
        AAD, FRAME, MOODS,
        Mood::{self, Fail, Pause, Take},
        Moody, inside, lengths, opened, opening, reader, sealed, writer,
    },
};
use proptest::prelude::*;

#[test]
fn what_is_written_opens_as_a_whole() {
    for len in lengths() {
        for moods in MOODS {
            for portion in [1, 100, FRAME, usize::MAX] {
                let text = plaintext(len);
                let mut writer = writer(None, Moody::new([], moods));
                for part in text.chunks(portion) {
                    writer.write_all(part).unwrap();
                }
                let inner = writer.finish().unwrap();
                assert_eq!(opened(&inner.bytes), text);
                assert_eq!(inner.flushed, 1);
            }
        }
    }
}

#[test]
fn what_was_sealed_as_a_whole_is_read() {
    for len in lengths() {
        for moods in MOODS {
            let text = plaintext(len);
            let mut reader = reader(Moody::new(sealed(&text), moods)).unwrap();
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            assert_eq!(read, text);
            assert_eq!(reader.read(&mut [0; 9]).unwrap(), 0, "the end stays the end");
            assert_eq!(reader.read(&mut []).unwrap(), 0);
        }
    }
}

#[test]
fn a_write_error_is_passed_on_and_writing_may_go_on() {
    let text = plaintext(3 * FRAME);
    let mut moods = [Take(10), Take(3000), Fail, Take(5000), Fail].to_vec();
    moods.resize(1000, Take(usize::MAX));
    let mut writer = writer(None, Moody::new([], &moods));
    let mut failed = 0;
    let mut rest = text.as_slice();
    while !rest.is_empty() {
        match writer.write(rest) {
            Ok(taken) => rest = &rest[taken..],
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                failed += 1;
            }
        }
    }
    while let Err(error) = writer.flush() {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        failed += 1;
    }
    assert_eq!(failed, 2);
    assert!(
        reader(Moody::new(writer.get_ref().bytes.clone(), &[Take(usize::MAX)]))
            .unwrap()
            .read_to_end(&mut Vec::new())
            .is_err(),
        "it is not finished"
    );
    assert_eq!(opened(&writer.finish().unwrap().bytes), text);
}

#[test]
fn a_writer_that_is_dropped_leaves_what_does_not_open() {
    for len in lengths() {
        let mut inner = Vec::new();
        let mut writer = writer(None, &mut inner);
        writer.write_all(&plaintext(len)).unwrap();
        writer.flush().unwrap();
        drop(writer);
        let read = reader(inner.as_slice()).and_then(|mut reader| reader.read_to_end(&mut Vec::new()));
        let refused = read.unwrap_err();
        assert!(
            matches!(inside(&refused), OpenError::Format(_) | OpenError::NotAuthentic),
            "{len}: {refused:?}"
        );
    }
}

#[test]
fn a_message_cut_short_anywhere_never_ends_well_and_stays_failed() {
    let text = plaintext(2 * FRAME + 5);
    let message = sealed(&text);
    for len in (0..400).chain((400..message.len()).step_by(97)).chain([
        message.len() - 1,
        message.len() - 16,
        message.len() - 21,
        message.len() - 22,
    ]) {
        for moods in [&[Take(usize::MAX)][..], &[Take(1000)]] {
            let mut reader = match reader(Moody::new(&message[..len], moods)) {
                Ok(reader) => reader,
                Err(error) => {
                    assert!(matches!(inside(&error), OpenError::Format(_)), "{len}: {error:?}");
                    continue;
                }
            };
            let mut read = Vec::new();
            let first = reader.read_to_end(&mut read).unwrap_err();
            assert!(text.starts_with(&read), "{len}: only what is authentic comes out");
            for _ in 0..3 {
                let again = reader.read(&mut [0; 10]).unwrap_err();
                assert_eq!(inside(&again).to_string(), inside(&first).to_string());
            }
        }
    }
}

#[test]
fn an_error_of_the_source_is_passed_on_and_reading_may_go_on() {
    let text = plaintext(3 * FRAME);
    let message = sealed(&text);
    let header = SealedHeader::read(&mut message.as_slice()).unwrap();
    let source = Moody::new(&message[header.header().len()..], &[Take(3000), Fail]);
    let mut reader = OpenReader::new(&opening().into(), &header, Aad::from(AAD), source).unwrap();
    let (mut read, mut failed, mut buffer) = (Vec::new(), 0, [0; 999]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => read.extend_from_slice(&buffer[..len]),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                failed += 1;
            }
        }
    }
    assert!(failed > 0 && read == text);
}

/// A source of zeros without an end of its own.
struct Zeros(u64);

impl io::Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(usize::try_from(self.0).unwrap_or(usize::MAX));
        buffer[..len].fill(0);
        self.0 -= len as u64;
        Ok(len)
    }
}

/// Takes bytes and keeps the length of the longest write.
#[derive(Default)]
struct Longest(usize);

impl io::Write for Longest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.max(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_waits_to_be_written_is_bounded() {
    // One write of 8 MiB: what is sealed ahead of the writer below it is a portion of it, not all.
    let mut writer = writer(None, Longest::default());
    writer.write_all(&vec![0; 8 << 20]).unwrap();
    let longest = writer.finish().unwrap().0;
    assert!(longest <= (256 << 10) + 64 * 1024, "{longest} bytes at once");
    // Copied in the buffer of `io::copy`, likewise.
    let mut writer = self::writer(None, Longest::default());
    io::copy(&mut Zeros(2 << 20), &mut writer).unwrap();
    assert!(writer.finish().unwrap().0 <= 64 << 10);
}

#[test]
fn a_header_that_claims_much_is_not_believed() {
    // The longest claims that a header can make, and nothing behind them.
    let mut bytes = sealed(b"")[..64].to_vec();
    bytes.extend_from_slice(&[0xFF, 0xFF]);
    let refused = SealedHeader::read(&mut bytes.as_slice()).unwrap_err();
    assert!(matches!(inside(&refused), OpenError::Format(_)));
    // Not a byte beyond the header is read.
    let message = sealed(b"body");
    let mut source = Moody::new(message.clone(), &[Take(usize::MAX)]);
    let header = SealedHeader::read(&mut source).unwrap();
    assert_eq!(source.read, header.header().len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_of_either_side_is_the_same(
        len in 0_usize..30_000,
        writes in prop::collection::vec(1_usize..9_000, 1..6),
        below in prop::collection::vec(1_usize..9_000, 1..6),
        reads in prop::collection::vec(1_usize..9_000, 1..6),
    ) {
        let text = plaintext(len);
        let moods: Vec<Mood> = below.iter().map(|most| Take(*most)).chain([Pause]).collect();
        let mut writer = writer(Some(len as u64), Moody::new([], &moods));
        let (mut rest, mut turn) = (text.as_slice(), 0);
        while !rest.is_empty() {
            let part = rest.len().min(writes[turn % writes.len()]);
            writer.write_all(&rest[..part]).unwrap();
            rest = &rest[part..];
            turn += 1;
        }
        let message = writer.finish().unwrap().bytes;
        prop_assert_eq!(&opened(&message), &text);

        let mut reader = reader(Moody::new(message, &moods)).unwrap();
        let (mut read, mut turn) = (Vec::new(), 0);
        loop {
            let mut buffer = vec![0; reads[turn % reads.len()]];
            turn += 1;
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => read.extend_from_slice(&buffer[..len]),
                Err(error) => prop_assert_eq!(error.kind(), io::ErrorKind::Interrupted),
            }
        }
        prop_assert_eq!(read, text);
    }
}
