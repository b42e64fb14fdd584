//! Messages that can be put together wrongly, and the list that the vectors are gathered in.
use sha2::{Digest as _, Sha256};

use crate::{
    envelope_parts::{Derivation, Schedule, encoded_keys, encoded_pairs, seal_frame},
    envelope_vectors::{Expect, Opened, Vector},
};

/// The data key of all vectors.
pub(super) fn data_key() -> [u8; 32] {
    core::array::from_fn(|at| at as u8)
}

/// One of the data keys of other messages.
pub(super) fn other_data_key(which: u8) -> [u8; 32] {
    let mut other = data_key();
    other[31] ^= 1;
    other[0] ^= which;
    other
}

pub(super) const AAD: &[u8] = b"order 17";

pub(super) struct Cases(pub(super) Vec<Vector>);

impl Cases {
    pub(super) fn push(&mut self, name: &str, about: &str, expect: Expect, message: Vec<u8>) -> &mut Vector {
        self.0.push(Vector {
            name: name.to_owned(),
            about: about.to_owned(),
            expect,
            data_keys: vec![Some(data_key())],
            aad: AAD.to_vec(),
            message,
        });
        self.0.last_mut().expect("one was pushed")
    }

    /// A message that breaks a rule; the rule's number starts the name of the file.
    pub(super) fn refused(&mut self, rule: &str, name: &str, about: &str, message: Vec<u8>) -> &mut Vector {
        let name = format!("{}-{name}", rule.to_lowercase());
        self.push(&name, about, Expect::Refused(rule.to_owned()), message)
    }

    pub(super) fn opened(
        &mut self,
        name: &str,
        about: &str,
        draft: &Draft,
        records: &[&[u8]],
    ) -> &mut Vector {
        let is_records = draft.kind == 2;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it is text");
        let expect = Expect::Opened(Box::new(Opened {
            context: draft
                .pairs
                .iter()
                .map(|(key, value)| (text(key), text(value)))
                .collect(),
            wrapped_keys: draft
                .keys
                .iter()
                .map(|(key_id, blob)| (text(key_id), blob.clone()))
                .collect(),
            is_records,
            records: records.iter().map(|record| record.to_vec()).collect(),
        }));
        let message = if is_records {
            draft.records(records)
        } else {
            draft.stream(records[0])
        };
        self.push(&format!("opened-{name}"), about, expect, message)
    }
}

/// A message before it is put together. Every field may be wrong.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) suite: u8,
    pub(super) kind: u8,
    pub(super) exponent: u8,
    pub(super) salt: [u8; 24],
    pub(super) pairs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) keys: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Draft {
    /// With a salt that depends on the name, the usual context and one wrapped key.
    pub(super) fn new(name: &str, suite: u8, kind: u8) -> Self {
        let pair = |key: &str, value: &str| (key.into(), value.into());
        let digest: [u8; 32] = Sha256::digest(format!("{name} {suite} {kind}")).into();
        Self {
            suite,
            kind,
            exponent: 6,
            salt: core::array::from_fn(|at| digest[at]),
            pairs: vec![pair("purpose", "orders"), pair("tenant", "acme")],
            keys: vec![pair("local:a", "blob")],
        }
    }

    /// The header that structural refusals start from: a byte stream under suite 1.
    pub(super) fn plain(name: &str) -> Self {
        Self::new(name, 1, 1)
    }

    pub(super) fn context(&self) -> Vec<u8> {
        encoded_pairs(&self.pairs)
    }

    pub(super) fn schedule(&self) -> Schedule {
        Derivation {
            data_key: &data_key(),
            suite: self.suite,
            kind: self.kind,
            exponent: self.exponent,
            salt: &self.salt,
            context: &self.context(),
            aad: AAD,
        }
        .schedule()
    }

    pub(super) fn header(&self) -> Vec<u8> {
        let mut out = vec![0xDA, 0x4B, 0x45, 0x59, 1, self.suite, self.kind, self.exponent];
        out.extend(self.salt);
        out.extend(self.schedule().commitment);
        out.extend((self.context().len() as u16).to_be_bytes());
        out.extend(self.context());
        out.push(self.keys.len() as u8);
        out.extend(encoded_keys(&self.keys));
        out
    }

    pub(super) fn frame(&self, number: u64, last: u8, plain: &[u8], aad: &[u8]) -> Vec<u8> {
        seal_frame(self.suite, &self.schedule().key, (number, last), plain, aad)
    }

    /// A byte stream of frames as the caller cuts them.
    pub(super) fn frames(&self, frames: &[&[u8]]) -> Vec<Vec<u8>> {
        let last = frames.len() - 1;
        let sealed = frames.iter().enumerate();
        sealed
            .map(|(number, plain)| self.frame(number as u64, u8::from(number == last), plain, &[]))
            .collect()
    }

    /// The header and this body.
    pub(super) fn with_body(&self, body: &[Vec<u8>]) -> Vec<u8> {
        let mut out = self.header();
        out.extend(body.concat());
        out
    }

    pub(super) fn stream(&self, plain: &[u8]) -> Vec<u8> {
        let mut frames: Vec<&[u8]> = plain.chunks(1 << self.exponent).collect();
        if frames.is_empty() {
            frames.push(&[]);
        }
        self.with_body(&self.frames(&frames))
    }

    /// Records with their lengths in front, each one sealed.
    pub(super) fn sealed_records(&self, records: &[&[u8]]) -> Vec<Vec<u8>> {
        let sealed = records.iter().enumerate();
        sealed
            .map(|(number, plain)| in_record(plain.len(), self.frame(number as u64, 0, plain, &[])))
            .collect()
    }

    /// Marker, table, tag and count.
    pub(super) fn end(&self, count: usize, table: &[u8]) -> Vec<Vec<u8>> {
        let tag = self.frame(count as u64, 1, &[], table);
        vec![
            vec![0xFF; 4],
            table.to_vec(),
            tag,
            (count as u32).to_be_bytes().to_vec(),
        ]
    }

    pub(super) fn records(&self, records: &[&[u8]]) -> Vec<u8> {
        let mut body = self.sealed_records(records);
        body.extend(self.end(records.len(), &table(records)));
        self.with_body(&body)
    }
}

pub(super) fn in_record(len: usize, frame: Vec<u8>) -> Vec<u8> {
    [&(len as u32).to_be_bytes()[..], &frame].concat()
}

pub(super) fn table(records: &[&[u8]]) -> Vec<u8> {
    records
        .iter()
        .flat_map(|record| (record.len() as u32).to_be_bytes())
        .collect()
}

/// Bytes that differ from one position to the next.
pub(super) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + 3) as u8).collect()
}

/// A message with some bytes at a place replaced.
pub(super) fn patched(mut message: Vec<u8>, at: usize, with: &[u8]) -> Vec<u8> {
    message[at..at + with.len()].copy_from_slice(with);
    message
}

/// A message with one bit changed; `at` counts from the end if it is negative.
pub(super) fn flipped(mut message: Vec<u8>, at: isize) -> Vec<u8> {
    let at = if at < 0 {
        message.len() - at.unsigned_abs()
    } else {
        at.unsigned_abs()
    };
    message[at] ^= 1;
    message
}
