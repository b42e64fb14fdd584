//! Fixtures for the message format, and a second writer of it.
//!
//! The writer follows `docs/format.md` step by step with the plainest means (the `hkdf` crate, whole buffers, AEADs
//! that append their tag) and shares no code with the crate under test.
use datakey_envelope::{
    Aad, FrameLen, Header, Kind, Message, OpenError, OpeningKey, Params, Salt, SealingKey, Suite,
};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};

use crate::{
    envelope_parts::{Derivation, Schedule, encoded_keys, encoded_pairs, seal_frame},
    envelope_vectors::Vector,
};

/// The salt of fixtures that need a fixed one.
pub const SALT: [u8; 24] = *b"salt of twenty-four byte";

/// A data key of one byte repeated.
#[must_use]
pub fn data_key(byte: u8) -> DataKey {
    DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(byte))
}

/// A wrapped key with the lengths that KMS has: an ARN of 75 bytes and a blob of 184.
#[must_use]
pub fn kms_wrapped() -> WrappedKeys {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    assert_eq!(arn.len(), 75);
    WrappedKey::new(arn, vec![0xB1; 184]).unwrap().into()
}

/// The key of a vector's message, of those that its wrapped keys open to.
///
/// # Errors
/// As opening: where the header is malformed, or none of them has the commitment.
pub fn opening_key_of(vector: &Vector) -> Result<OpeningKey, OpenError> {
    let header = Header::decode(&vector.message)?;
    let unwrap = |place| {
        let bytes = vector.data_key(place)?;
        let data_key = DataKey::init(DataKeyLength::Bytes32, |own| own.copy_from_slice(&bytes));
        Some(data_key)
    };
    let data_keys = (0..header.wrapped_key_refs().count()).filter_map(unwrap);
    OpeningKey::for_message(data_keys, &header.context()?, &header, Aad::new(&vector.aad))
}

/// A short wrapped key.
#[must_use]
pub fn short_wrapped() -> WrappedKeys {
    WrappedKey::new("local:a", b"blob".to_vec()).unwrap().into()
}

/// `tenant=acme, purpose=orders`.
#[must_use]
pub fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap()
}

/// Bytes that differ from one position to the next.
#[must_use]
pub fn plaintext(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at.wrapping_mul(31) ^ (at >> 8)) as u8)
        .collect()
}

/// Parameters of a suite with both frame lengths at an exponent.
pub fn params(suite: Suite, exponent: u8) -> Params {
    let frame_len = FrameLen::from_exponent(exponent).unwrap();
    Params::new()
        .with_suite(suite)
        .with_frame_len(frame_len)
        .with_record_limit(frame_len)
}

/// A data key in all the forms that tests need.
#[derive(Debug)]
pub struct Fixture {
    /// The data key.
    pub data_key: DataKey,
    /// Its context.
    pub context: EncryptionContext,
    /// Its wrapped forms.
    pub wrapped: WrappedKeys,
    /// Prepared for sealing.
    pub sealing: SealingKey,
    /// Prepared for opening.
    pub opening: OpeningKey,
}

impl Fixture {
    /// With a short wrapped key and the usual context.
    #[must_use]
    pub fn new(params: Params) -> Self {
        Self::of(context(), short_wrapped(), params)
    }

    /// With everything given.
    #[must_use]
    pub fn of(context: EncryptionContext, wrapped: WrappedKeys, params: Params) -> Self {
        let data_key = data_key(0x42);
        let sealing = SealingKey::new(&data_key, &wrapped, &context, &params).unwrap();
        let opening = OpeningKey::new(&data_key, &context).unwrap();
        Self {
            data_key,
            context,
            wrapped,
            sealing,
            opening,
        }
    }

    /// A sealed byte stream, under [`SALT`].
    #[must_use]
    pub fn seal(&self, plaintext: &[u8], aad: Aad<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let salt = Salt::danger_from_bytes(SALT);
        self.sealing
            .seal_with_salt(salt, plaintext, aad, &mut out)
            .unwrap();
        out
    }

    /// A sealed batch, under [`SALT`].
    #[must_use]
    pub fn seal_records(&self, records: &[&[u8]], aad: Aad<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let salt = Salt::danger_from_bytes(SALT);
        self.sealing
            .seal_records_with_salt(salt, records, aad, &mut out)
            .unwrap();
        out
    }

    /// Opens a message of either kind to its records; a byte stream is one. Checks that a failure leaves no output.
    ///
    /// # Errors
    /// As opening.
    pub fn open(&self, sealed: &[u8], aad: Aad<'_>) -> Result<Vec<Vec<u8>>, OpenError> {
        open_with(&self.opening, sealed, aad)
    }
}

/// Opens a message of either kind to its records; a byte stream is one. Checks that a failure leaves no output.
///
/// # Errors
/// As opening.
pub fn open_with(opening: &OpeningKey, sealed: &[u8], aad: Aad<'_>) -> Result<Vec<Vec<u8>>, OpenError> {
    let message = Message::decode(sealed)?;
    let mut out = b"before".to_vec();
    let opened = match message.header().kind() {
        Kind::Records => opening
            .open_records(&message, aad, &mut out)
            .map(|ranges| ranges.into_iter().map(|range| out[range].to_vec()).collect()),
        _ => opening
            .open(&message, aad, &mut out)
            .map(|()| vec![out[6..].to_vec()]),
    };
    assert_eq!(&out[..6], b"before");
    if opened.is_err() {
        assert_eq!(out.len(), 6, "output although the message did not open");
    }
    opened
}

/// What the second writer is told.
#[derive(Debug, Clone, Copy)]
pub struct Reference<'a> {
    /// The suite's id.
    pub suite: u8,
    /// The frame exponent.
    pub exponent: u8,
    /// The data key.
    pub data_key: &'a [u8; 32],
    /// The salt.
    pub salt: &'a [u8; 24],
    /// The context's pairs, sorted.
    pub context: &'a [(&'a str, &'a str)],
    /// The wrapped keys.
    pub keys: &'a [(&'a str, &'a [u8])],
    /// The associated data.
    pub aad: &'a [u8],
}

impl Reference<'_> {
    fn encoded_context(&self) -> Vec<u8> {
        encoded_pairs(self.context)
    }

    /// The key schedule of a message of a kind.
    #[must_use]
    pub fn schedule(&self, kind: u8) -> Schedule {
        Derivation {
            data_key: self.data_key,
            suite: self.suite,
            kind,
            exponent: self.exponent,
            salt: self.salt,
            context: &self.encoded_context(),
            aad: self.aad,
        }
        .schedule()
    }

    fn header(&self, kind: u8) -> Vec<u8> {
        let mut out = vec![0xDA, 0x4B, 0x45, 0x59, 1, self.suite, kind, self.exponent];
        out.extend(self.salt);
        out.extend(self.schedule(kind).commitment);
        let context = self.encoded_context();
        out.extend((context.len() as u16).to_be_bytes());
        out.extend(context);
        out.push(self.keys.len() as u8);
        out.extend(encoded_keys(self.keys));
        out
    }

    fn frame(&self, kind: u8, counter: u64, last: u8, msg: &[u8], aad: &[u8]) -> Vec<u8> {
        seal_frame(self.suite, &self.schedule(kind).key, (counter, last), msg, aad)
    }

    /// A whole byte stream message.
    #[must_use]
    pub fn bytes(&self, plaintext: &[u8]) -> Vec<u8> {
        let frames: Vec<&[u8]> = match plaintext {
            [] => vec![&[]],
            _ => plaintext.chunks(1 << self.exponent).collect(),
        };
        self.bytes_in_frames(&frames)
    }

    /// A byte stream message of frames cut by the caller, rightly or wrongly.
    #[must_use]
    pub fn bytes_in_frames(&self, frames: &[&[u8]]) -> Vec<u8> {
        let mut out = self.header(1);
        for (counter, frame) in frames.iter().enumerate() {
            let last = u8::from(counter + 1 == frames.len());
            out.extend(self.frame(1, counter as u64, last, frame, &[]));
        }
        out
    }

    /// A whole records message.
    #[must_use]
    pub fn records(&self, records: &[&[u8]]) -> Vec<u8> {
        let mut out = self.header(2);
        let mut table = Vec::new();
        for (counter, record) in records.iter().enumerate() {
            let len = (record.len() as u32).to_be_bytes();
            table.extend(len);
            out.extend(len);
            out.extend(self.frame(2, counter as u64, 0, record, &[]));
        }
        out.extend([0xFF; 4]);
        out.extend(&table);
        out.extend(self.frame(2, records.len() as u64, 1, &[], &table));
        out.extend((records.len() as u32).to_be_bytes());
        out
    }
}
