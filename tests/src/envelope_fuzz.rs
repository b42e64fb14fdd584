//! What the fuzz targets do with their input, as functions that panic when the crate does what it must not.
//!
//! They run under cargo-fuzz (`tests/fuzz`) and, over the vectors and seeded mutations of them, as an ordinary test.
//! Random bytes would never get past the commitment; so the first byte of an input says which parts of the rest are
//! *mended* before it is opened: its frames are sealed where the structure of the input puts them.
use std::ops::Range;

use datakey_envelope::{
    Aad, EndPlan, FormatError, Header, Kind, MAX_HEADER_LEN, Message, OpenError, OpeningKey, RangePlan,
    RewrapError, check_wrapped_keys,
};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};

use crate::{
    envelope::{Reference, open_with},
    envelope_parts::{Derivation, Schedule, TAG, encoded_keys, seal_frame},
};

/// The data key that mended messages are sealed under.
pub const DATA_KEY: [u8; 32] = [0x42; 32];

/// The associated data of mended messages.
pub const AAD: &[u8] = b"order 17";

/// All parts mended.
pub const MEND_ALL: u8 = 0b1111;

/// A target: takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, and the bytes that a message needs in front to be a seed of it.
pub const TARGETS: &[(&str, &[u8], Target)] = &[
    ("header_decode", &[], header_decode),
    ("message_open", &[MEND_ALL], message_open),
    ("incremental_open", &[MEND_ALL, 7], incremental_open),
    ("rewrap", &[MEND_ALL, 3], rewrap),
    ("random_access", &[MEND_ALL, 100], random_access),
];

/// A header that decodes is encoded as it was; one that does not says truthfully what is missing.
pub fn header_decode(data: &[u8]) {
    let header = match Header::decode(data) {
        Ok(header) => header,
        Err(FormatError::Truncated { missing }) => {
            assert!(missing > 0 && data.len() as u64 + missing <= MAX_HEADER_LEN as u64);
            return;
        }
        Err(malformed) => {
            let longer = [data, &[0; 64]].concat();
            assert_eq!(Header::decode(&longer), Err(malformed), "more bytes mended it");
            return;
        }
    };
    let bytes = header.as_bytes();
    assert_eq!(bytes, &data[..header.len()]);
    assert!(bytes.len() <= MAX_HEADER_LEN);
    let mut encoded = Vec::new();
    header.encode(&mut encoded).unwrap();
    assert_eq!(encoded, bytes);
    assert!(header.has_context(&header.context().unwrap()));
    assert_eq!(
        header.context_pairs().count(),
        header.context().unwrap().iter().count()
    );
    assert_eq!(
        header.wrapped_key_refs().count(),
        header.wrapped_keys().unwrap().iter().count()
    );
    for cut in [0, 4, 8, 63, bytes.len() / 2, bytes.len() - 1] {
        match Header::decode(&bytes[..cut.min(bytes.len() - 1)]) {
            Err(FormatError::Truncated { missing }) => assert!(cut as u64 + missing <= bytes.len() as u64),
            other => panic!("a prefix of a header gave {other:?}"),
        }
    }
    let claimed = data.iter().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(257).wrapping_add(u64::from(*byte))
    });
    let _any = header.plain_len(claimed);
    assert!(!format!("{header:?}").is_empty());
}

/// Whatever opens is what the second writer writes for the same plaintext: there is no second encoding of it.
pub fn message_open(data: &[u8]) {
    let Some((message, opening)) = mended(data) else {
        return;
    };
    let Ok(records) = open_with(&opening, &message, Aad::new(AAD)) else {
        return;
    };
    let header = Header::decode(&message).unwrap();
    let pairs: Vec<_> = header.context_pairs().collect();
    let keys: Vec<_> = header
        .wrapped_key_refs()
        .map(|key| (key.key_id(), key.blob()))
        .collect();
    let reference = Reference {
        suite: header.suite().id(),
        exponent: header.frame_len().exponent(),
        data_key: &DATA_KEY,
        salt: header.salt(),
        context: &pairs,
        keys: &keys,
        aad: AAD,
    };
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let again = match header.kind() {
        Kind::Records => reference.records(&records),
        _ => reference.bytes(records[0]),
    };
    assert!(message == again, "a message opens that no writer writes");
}

/// Opening in any portions gives what opening at once gives, and refuses what it refuses.
pub fn incremental_open(data: &[u8]) {
    let Some((&flags, rest)) = data.split_first() else {
        return;
    };
    let Some((&seed, rest)) = rest.split_first() else {
        return;
    };
    let Some((message, opening)) = mended(&[&[flags], rest].concat()) else {
        return;
    };
    let header = header_in_portions(&message, seed);
    let whole = open_with(&opening, &message, Aad::new(AAD));
    let portions = in_portions(&opening, &header, &message[header.len()..], portions_of(seed));
    let single = in_portions(&opening, &header, &message[header.len()..], portions_of(0));
    assert_eq!(portions, single, "the portions make a difference");
    match (whole, portions) {
        (Ok(whole), Ok(portions)) => assert!(whole == portions),
        (Err(_), Err(_)) => {}
        (whole, portions) => panic!("at once {:?}, in portions {:?}", whole.is_ok(), portions.is_ok()),
    }
}

/// Other wrapped keys in front of the same frames: the message still opens, or still does not.
pub fn rewrap(data: &[u8]) {
    let Some((&flags, rest)) = data.split_first() else {
        return;
    };
    let Some((&choice, rest)) = rest.split_first() else {
        return;
    };
    let Some((message, opening)) = mended(&[&[flags], rest].concat()) else {
        return;
    };
    let header = Header::decode(&message).unwrap();
    let mut keys: Vec<WrappedKey> = header.wrapped_keys().unwrap().iter().cloned().collect();
    match choice % 4 {
        0 => keys.truncate(1),
        1 => keys.reverse(),
        2 => keys.rotate_left(1),
        _ => {
            let blob = vec![choice; usize::from(choice) + 1];
            keys.push(WrappedKey::new("local:further", blob).unwrap());
        }
    }
    let raw: Vec<_> = keys.iter().map(|key| (key.key_id(), key.blob())).collect();
    let shared = header.shared_part().len();
    let context = header.context().unwrap().encoded().len();
    let mut rewrapped = message[..header.len() - shared + 2 + context].to_vec();
    rewrapped.push(raw.len() as u8);
    rewrapped.extend(encoded_keys(&raw));
    let new_len = rewrapped.len();
    rewrapped.extend(&message[header.len()..]);
    let Ok(new_keys) = WrappedKeys::new(keys.clone()) else {
        assert!(Header::decode(&rewrapped).is_err(), "keys that no set can have");
        return;
    };
    let whole = Message::decode(&message).unwrap();
    if let Err(over) = check_wrapped_keys(&new_keys) {
        assert!(Header::decode(&rewrapped).is_err(), "keys that no message holds");
        let mut nothing = Vec::new();
        let refused = whole.rewrapped(&header.context().unwrap(), &new_keys, &mut nothing);
        assert_eq!((refused, nothing.len()), (Err(RewrapError::Limit(over)), 0));
        return;
    }
    let decoded = Header::decode(&rewrapped).unwrap();
    assert_eq!(decoded.len(), new_len);
    let mut by_the_crate = Vec::new();
    whole
        .rewrapped(&header.context().unwrap(), &new_keys, &mut by_the_crate)
        .unwrap();
    assert!(by_the_crate == rewrapped);
    let other = EncryptionContext::new([("another", "context of the keys")]).unwrap();
    if !header.has_context(&other) {
        let refused = whole.rewrapped(&other, &new_keys, &mut by_the_crate);
        assert_eq!(refused, Err(RewrapError::OtherContext));
        assert!(by_the_crate == rewrapped, "a refusal wrote something");
    }
    assert_eq!(decoded.wrapped_keys().unwrap(), new_keys);
    let before = open_with(&opening, &message, Aad::new(AAD));
    assert_eq!(open_with(&opening, &rewrapped, Aad::new(AAD)), before);
}

/// Opening every record by index, or every byte by ranges, gives what opening at once gives, and refuses what it refuses.
pub fn random_access(data: &[u8]) {
    let Some((&flags, rest)) = data.split_first() else {
        return;
    };
    let Some((&border, rest)) = rest.split_first() else {
        return;
    };
    let Some((message, opening)) = mended(&[&[flags], rest].concat()) else {
        return;
    };
    let header = Header::decode(&message).unwrap();
    let parts = match header.kind() {
        Kind::Records => by_index(&opening, &header, &message),
        _ => by_range(&opening, &header, &message, border),
    };
    match (open_with(&opening, &message, Aad::new(AAD)), parts) {
        (Ok(whole), Ok(parts)) => assert!(whole == parts),
        (Err(_), Err(_)) => {}
        (whole, parts) => panic!("at once {:?}, in parts {:?}", whole.is_ok(), parts.is_ok()),
    }
}

fn part(message: &[u8], range: Range<u64>) -> &[u8] {
    &message[range.start as usize..range.end as usize]
}

fn by_index(opening: &OpeningKey, header: &Header<'_>, message: &[u8]) -> Result<Vec<Vec<u8>>, OpenError> {
    let plan = EndPlan::new(header, message.len() as u64)?;
    let count = part(message, plan.count_bytes()).try_into().unwrap();
    let index = opening.open_index(&plan, Aad::new(AAD), part(message, plan.end_bytes(count)?))?;
    let record = |at| {
        let mut record = Vec::new();
        let sealed = part(message, index.record_bytes(at).unwrap());
        index.open_record(at, sealed, &mut record).map(|()| record)
    };
    // The last one first, as order must not matter.
    let mut records = (0..index.len())
        .rev()
        .map(record)
        .collect::<Result<Vec<_>, _>>()?;
    records.reverse();
    Ok(records)
}

fn by_range(
    opening: &OpeningKey,
    header: &Header<'_>,
    message: &[u8],
    border: u8,
) -> Result<Vec<Vec<u8>>, OpenError> {
    let len = header.plain_len(message.len() as u64)?.unwrap();
    let border = len * u64::from(border) / 255;
    let mut out = Vec::new();
    for plain in [0..border, border..len] {
        let plan = RangePlan::new(header, message.len() as u64, plain)?;
        let (frames, last) = (part(message, plan.frames()), part(message, plan.last_frame()));
        let start = out.len();
        opening.open_range(&plan, Aad::new(AAD), frames, last, &mut out)?;
        // Without its last frame, the same bytes.
        let (plan, mut alone) = (plan.danger_any_total_length(), Vec::new());
        opening.open_range(
            &plan,
            Aad::new(AAD),
            part(message, plan.frames()),
            &[],
            &mut alone,
        )?;
        assert!(out[start..] == alone);
    }
    Ok(vec![out])
}

/// Whether the message that the input describes opens.
#[must_use]
pub fn opens_when_mended(data: &[u8]) -> bool {
    mended(data).is_some_and(|(message, opening)| open_with(&opening, &message, Aad::new(AAD)).is_ok())
}

/// The message that the input describes and the key to open it with; `None` if its header does not decode.
fn mended(data: &[u8]) -> Option<(Vec<u8>, OpeningKey)> {
    let (&flags, data) = data.split_first()?;
    let header = Header::decode(data).ok()?;
    let context = header.context().unwrap();
    let schedule = Derivation {
        data_key: &DATA_KEY,
        suite: header.suite().id(),
        kind: header.kind().id(),
        exponent: header.frame_len().exponent(),
        salt: header.salt(),
        context: context.encoded(),
        aad: AAD,
    }
    .schedule();
    let mut message = header.as_bytes().to_vec();
    if flags & 1 != 0 {
        message[32..64].copy_from_slice(&schedule.commitment);
    }
    let body = &data[header.len()..];
    let mend = Mend {
        flags,
        suite: header.suite().id(),
        frame_len: header.frame_len().bytes(),
        schedule: &schedule,
    };
    match header.kind() {
        Kind::Records => mend.records(body, &mut message),
        _ => mend.stream(body, &mut message),
    }
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.copy_from_slice(&DATA_KEY));
    Some((message, OpeningKey::new(&data_key, &context).unwrap()))
}

struct Mend<'a> {
    flags: u8,
    suite: u8,
    frame_len: usize,
    schedule: &'a Schedule,
}

impl Mend<'_> {
    fn frame(&self, number: usize, last: u8, plain: &[u8], aad: &[u8]) -> Vec<u8> {
        seal_frame(self.suite, &self.schedule.key, (number as u64, last), plain, aad)
    }

    /// Each frame's bytes up to the tag are taken for its plaintext.
    fn stream(&self, body: &[u8], out: &mut Vec<u8>) {
        let count = body.len().div_ceil(self.frame_len + TAG);
        for (number, sealed) in body.chunks(self.frame_len + TAG).enumerate() {
            match sealed.split_last_chunk::<TAG>() {
                Some((plain, _)) if self.flags & 2 != 0 => {
                    out.extend(self.frame(number, u8::from(number + 1 == count), plain, &[]));
                }
                _ => out.extend(sealed),
            }
        }
    }

    fn records(&self, mut body: &[u8], out: &mut Vec<u8>) {
        let mut table = Vec::new();
        let mut number = 0;
        while let Some((head, rest)) = body.split_first_chunk::<4>() {
            out.extend(head);
            body = rest;
            if *head == [0xFF; 4] {
                return self.end(number, &table, body, out);
            }
            let len = u32::from_be_bytes(*head) as usize;
            let Some((sealed, rest)) = body.split_at_checked(len + TAG).filter(|_| len <= self.frame_len)
            else {
                break;
            };
            let plain = &sealed[..len];
            match self.flags & 2 {
                0 => out.extend(sealed),
                _ => out.extend(self.frame(number, 0, plain, &[])),
            }
            table.extend(head);
            number += 1;
            body = rest;
        }
        out.extend(body);
    }

    /// The table that is there, or the true one; its tag; and the rest as it is.
    fn end(&self, number: usize, true_table: &[u8], body: &[u8], out: &mut Vec<u8>) {
        let Some((table, rest)) = body.split_at_checked(true_table.len()) else {
            return out.extend(body);
        };
        let table = if self.flags & 8 != 0 { true_table } else { table };
        out.extend(table);
        match rest.split_at_checked(TAG) {
            Some((_, rest)) if self.flags & 4 != 0 => {
                out.extend(self.frame(number, 1, &[], table));
                out.extend(rest);
            }
            _ => out.extend(rest),
        }
    }
}

/// Lengths of portions, without end: all at once for 0.
fn portions_of(seed: u8) -> impl FnMut() -> usize {
    let mut state = u64::from(seed);
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match seed {
            0 => usize::MAX,
            // Short portions for some seeds, up to several of the smallest frames for others.
            _ => (state >> 33) as usize % (2 << (seed % 9)),
        }
    }
}

/// Reads the header as one does who has only part of it, asking for what is missing.
fn header_in_portions(message: &[u8], seed: u8) -> Header<'_> {
    let mut portions = portions_of(seed | 1);
    let mut have = 0;
    loop {
        match Header::decode(&message[..have]) {
            Ok(header) => {
                assert_eq!(header, Header::decode(message).unwrap());
                return header;
            }
            Err(FormatError::Truncated { missing }) => {
                let more = (missing as usize).saturating_add(portions());
                have = have.saturating_add(more).min(message.len());
            }
            Err(malformed) => panic!("a prefix of a sound header is {malformed}"),
        }
    }
}

fn in_portions(
    opening: &OpeningKey,
    header: &Header<'_>,
    mut body: &[u8],
    mut portions: impl FnMut() -> usize,
) -> Result<Vec<Vec<u8>>, OpenError> {
    let mut next = || {
        let (portion, rest) = body.split_at(portions().min(body.len()));
        let ended = body.is_empty();
        body = rest;
        (!ended).then_some(portion)
    };
    let aad = Aad::new(AAD);
    if header.kind() == Kind::Records {
        let mut opener = opening.record_opener(header, aad)?;
        let mut records = Vec::new();
        let mut record = Vec::new();
        while let Some(mut portion) = next() {
            while let Some(index) = opener.next_record(&mut portion, &mut record)? {
                assert_eq!(index as usize, records.len());
                records.push(std::mem::take(&mut record));
            }
            assert!(portion.is_empty());
        }
        assert_eq!(opener.finish()? as usize, records.len());
        return Ok(records);
    }
    let mut opener = opening.stream_opener(header, aad)?;
    let mut out = Vec::new();
    while let Some(portion) = next() {
        opener.push(portion, &mut out)?;
    }
    opener.finish(&mut out)?;
    Ok(vec![out])
}
