//! Readers and writers of `std`: they are the streams, whatever the portions; what fails once goes on failing.
use std::io::{self, ErrorKind, Read, Write};

use datakey_envelope::{
    Aad, FormatError, FrameLen, Header, Message, OpenError, OpeningKey, Params, SealingKey, read_header,
};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};

struct Keys {
    sealing: SealingKey,
    opening: OpeningKey,
}

fn keys() -> Keys {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x5C));
    let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
    let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
    let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
    let opening = OpeningKey::new(&data_key, &context).unwrap();
    Keys { sealing, opening }
}

/// Reads and writes little at a time, and is interrupted before each.
struct Slow<T> {
    inner: T,
    most: usize,
    interrupted: bool,
}

impl<T> Slow<T> {
    fn new(inner: T, most: usize) -> Self {
        let interrupted = false;
        Self {
            inner,
            most,
            interrupted,
        }
    }

    fn interrupt(&mut self) -> io::Result<()> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        Ok(())
    }
}

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt()?;
        let len = buffer.len().min(self.most);
        self.inner.read(&mut buffer[..len])
    }
}

impl<W: Write> Write for Slow<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupt()?;
        self.inner.write(&bytes[..bytes.len().min(self.most)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn sealed(keys: &Keys, plaintext: &[u8]) -> Vec<u8> {
    let mut writer = keys.sealing.writer(Aad::from("a"), Vec::new()).unwrap();
    writer.write_all(plaintext).unwrap();
    writer.finish().unwrap()
}

fn open(keys: &Keys, mut sealed: impl Read, aad: Aad<'_>) -> io::Result<Vec<u8>> {
    let header = read_header(&mut sealed)?;
    let header = Header::decode(&header).unwrap();
    let reader = keys.opening.reader(&header, aad, sealed);
    let mut out = Vec::new();
    reader.map_err(io::Error::other)?.read_to_end(&mut out)?;
    Ok(out)
}

#[test]
fn what_is_written_is_a_message_and_is_read_whatever_the_portions() {
    let keys = keys();
    for len in [0, 1, 65_535, 65_536, 65_537, 300_000] {
        let plaintext: Vec<u8> = (0..len).map(|at: u32| at.to_le_bytes()[0]).collect();
        let whole = sealed(&keys, &plaintext);
        let mut out = Vec::new();
        let message = Message::decode(&whole).unwrap();
        keys.opening.open(&message, Aad::from("a"), &mut out).unwrap();
        assert_eq!(out, plaintext);

        let slow = Slow::new(Vec::new(), 1009);
        let mut writer = keys.sealing.writer(Aad::from("a"), slow).unwrap();
        for portion in plaintext.chunks(777) {
            writer.write_all(portion).unwrap();
        }
        let written = writer.finish().unwrap().inner;
        assert_eq!(written.len(), whole.len());
        assert_eq!(
            open(&keys, Slow::new(&*written, 1013), Aad::from("a")).unwrap(),
            plaintext
        );
        assert!(
            open(&keys, &*written, Aad::from("b")).is_err(),
            "{len}: bound to other data"
        );
    }
}

#[test]
fn a_header_is_read_and_not_a_byte_more() {
    let keys = keys();
    let whole = sealed(&keys, b"order 17");
    let mut rest = whole.as_slice();
    let header = read_header(&mut rest).unwrap();
    assert_eq!(header.len() + rest.len(), whole.len());
    assert_eq!(Header::decode(&header).unwrap().len(), header.len());
    for cut in 0..header.len() {
        let error = read_header(&mut &whole[..cut]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{cut}");
        let inner = error.into_inner().unwrap().downcast::<FormatError>().unwrap();
        assert!(matches!(*inner, FormatError::Truncated { .. }), "{cut}");
    }
    let error = read_header(&mut &b"no message of ours at all"[..]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn a_message_that_was_cut_or_altered_ends_in_an_error_and_stays_there() {
    let keys = keys();
    let whole = sealed(&keys, &[7; 100_000]);
    let altered = {
        let mut altered = whole.clone();
        let last = altered.len() - 1;
        altered[last] ^= 1;
        altered
    };
    for bad in [&whole[..whole.len() - 1], &whole[..70_000], &altered] {
        let mut rest = bad;
        let header = read_header(&mut rest).unwrap();
        let header = Header::decode(&header).unwrap();
        let mut reader = keys.opening.reader(&header, Aad::from("a"), rest).unwrap();
        let mut out = Vec::new();
        for _ in 0..2 {
            let error = reader.read_to_end(&mut out).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            let inner = error.into_inner().unwrap().downcast::<OpenError>().unwrap();
            assert_eq!(*inner, OpenError::NotAuthentic);
        }
        assert!(
            out.iter().all(|byte| *byte == 7) && out.len() <= 65_536,
            "what came is authentic"
        );
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_no_message() {
    let keys = keys();
    let mut out = Vec::new();
    let mut writer = keys.sealing.writer(Aad::from("a"), &mut out).unwrap();
    writer.write_all(&[7; 100_000]).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert!(out.len() > 65_536);
    assert!(open(&keys, &*out, Aad::from("a")).is_err());
}

#[test]
fn what_is_authentic_comes_out_before_the_failure_however_little_is_read_at_a_time() {
    let keys = keys();
    let plain = [7; 200_000];
    let mut message = sealed(&keys, &plain);
    *message.last_mut().unwrap() ^= 1;
    let mut rest = message.as_slice();
    let header = read_header(&mut rest).unwrap();
    let header = Header::decode(&header).unwrap();
    let mut reader = keys.opening.reader(&header, Aad::from("a"), rest).unwrap();
    let mut whole = Vec::new();
    let failed = reader.read_to_end(&mut whole).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::InvalidData);
    assert!(!whole.is_empty() && plain.starts_with(&whole));

    let mut reader = keys.opening.reader(&header, Aad::from("a"), rest).unwrap();
    let (mut seen, mut few) = (0, [0; 1000]);
    let failed = loop {
        match reader.read(&mut few) {
            Ok(read) => seen += read,
            Err(error) => break error,
        }
    };
    assert_eq!((failed.kind(), seen), (ErrorKind::InvalidData, whole.len()));
}

#[test]
fn nothing_is_read_of_an_altered_frame_or_behind_it() {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x5C));
    let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
    let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
    let small = FrameLen::from_exponent(12).unwrap();
    let params = Params::new().with_frame_len(small);
    let sealing = SealingKey::new(&data_key, &wrapped, &context, &params).unwrap();
    let opening = OpeningKey::new(&data_key, &context).unwrap();
    let mut message = Vec::new();
    sealing.seal(&[7; 100_000], Aad::EMPTY, &mut message).unwrap();
    let mut rest = message.as_slice();
    let header = read_header(&mut rest).unwrap();
    let header = Header::decode(&header).unwrap();
    for altered in [0_usize, 1, 5, 23] {
        let mut body = rest.to_vec();
        body[altered * (4_096 + 16) + 100] ^= 1;
        let mut reader = opening.reader(&header, Aad::EMPTY, &*body).unwrap();
        let (mut seen, mut few) = (0, [0; 999]);
        let failed = loop {
            match reader.read(&mut few) {
                Ok(read) => seen += read,
                Err(error) => break error,
            }
        };
        assert_eq!(failed.kind(), ErrorKind::InvalidData);
        assert!(seen <= altered * 4_096, "{seen} bytes before frame {altered}");
        assert!(altered < 23 || seen > 0, "what came in earlier portions is read");
    }
}

/// What locks or wipes memory asks for it.
#[test]
fn a_sealing_key_tells_where_the_bytes_of_its_keys_are() {
    let mut ranges = Vec::new();
    keys()
        .sealing
        .secret_memory(&mut |range| ranges.push((range.start.addr(), range.end.addr())));
    let bytes: usize = ranges.iter().map(|(start, end)| end - start).sum();
    assert!(ranges.len() >= 2 && bytes >= 64, "{ranges:?}");
    ranges.sort_unstable();
    assert!(
        ranges.is_sorted_by(|before, after| before.1 <= after.0),
        "{ranges:?}"
    );
}
