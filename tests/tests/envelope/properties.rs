//! Properties of the format over random messages.
use datakey_envelope::{Aad, Header, Kind, Message, OpenError, OpeningKey, Suite};
use datakey_provider::{EncryptionContext, WrappedKey, WrappedKeys};
use datakey_tests::envelope::{Fixture, data_key, open_with, params};
use proptest::{collection::vec, prelude::*};

/// A sealed message with all that is needed to open it.
#[derive(Debug)]
struct Sealed {
    fixture: Fixture,
    aad: Vec<u8>,
    records: Vec<Vec<u8>>,
    bytes: Vec<u8>,
}

impl Sealed {
    fn opens(&self, bytes: &[u8]) -> bool {
        self.fixture.open(bytes, Aad::new(&self.aad)).is_ok()
    }

    fn header_len(&self) -> usize {
        Header::decode(&self.bytes).unwrap().len()
    }
}

fn contexts() -> impl Strategy<Value = EncryptionContext> {
    proptest::collection::btree_map("[a-z\u{e9}\u{2603}]{1,6}", "[ -~]{0,8}", 0..4)
        .prop_map(|pairs| EncryptionContext::new(pairs).unwrap())
}

fn wrapped() -> impl Strategy<Value = WrappedKeys> {
    proptest::collection::btree_map("[a-z:/-]{1,12}", vec(any::<u8>(), 1..20), 1..4).prop_map(|keys| {
        let keys: Vec<_> = keys
            .into_iter()
            .map(|(id, blob)| WrappedKey::new(id, blob).unwrap())
            .collect();
        WrappedKeys::new(keys).unwrap()
    })
}

fn sealed(records: impl Strategy<Value = Vec<Vec<u8>>>, kind: Kind) -> impl Strategy<Value = Sealed> {
    let suites = prop_oneof![Just(Suite::ChaCha20Poly1305), Just(Suite::Aes256Gcm)];
    (contexts(), wrapped(), suites, vec(any::<u8>(), 0..10), records).prop_map(
        move |(context, wrapped, suite, aad, records)| {
            let fixture = Fixture::of(context, wrapped, params(suite, 6));
            let bytes = match kind {
                Kind::Bytes => fixture.seal(&records[0], Aad::new(&aad)),
                _ => {
                    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
                    fixture.seal_records(&records, Aad::new(&aad))
                }
            };
            Sealed {
                fixture,
                aad,
                records,
                bytes,
            }
        },
    )
}

fn byte_streams() -> impl Strategy<Value = Sealed> {
    sealed(vec(vec(any::<u8>(), 0..300), 1), Kind::Bytes)
}

fn batches() -> impl Strategy<Value = Sealed> {
    sealed(vec(vec(any::<u8>(), 0..=64), 0..6), Kind::Records)
}

fn messages() -> impl Strategy<Value = Sealed> {
    prop_oneof![byte_streams(), batches()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sealed_opens(sealed in messages()) {
        let opened = sealed.fixture.open(&sealed.bytes, Aad::new(&sealed.aad));
        prop_assert_eq!(opened, Ok(sealed.records));
    }

    #[test]
    fn decoding_then_encoding_gives_the_same_bytes(sealed in messages()) {
        let header = Header::decode(&sealed.bytes).unwrap();
        let mut encoded = Vec::new();
        header.encode(&mut encoded).unwrap();
        prop_assert_eq!(&encoded, header.as_bytes());
        encoded.extend(Message::decode(&sealed.bytes).unwrap().body());
        prop_assert_eq!(encoded, sealed.bytes);
    }

    /// Most alterations break a rule; those that do not must still be canonical.
    #[test]
    fn whatever_decodes_is_canonical(sealed in messages(), at in any::<prop::sample::Index>(), value: u8) {
        let mut bytes = sealed.bytes[..sealed.header_len()].to_vec();
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(header) = Header::decode(&bytes) {
            let mut encoded = Vec::new();
            header.encode(&mut encoded).unwrap();
            prop_assert_eq!(&encoded, header.as_bytes());
        }
    }

    #[test]
    fn noise_is_refused_in_peace(noise in vec(any::<u8>(), 0..400), from in 0_usize..8) {
        let fixed = [0xDA, 0x4B, 0x45, 0x59, 1, 1, 1, 6];
        let bytes = [&fixed[..from], &noise].concat();
        if let Ok(message) = Message::decode(&bytes) {
            let context = message.header().context().unwrap();
            let opening = OpeningKey::new(&data_key(1), &context).unwrap();
            prop_assert!(open_with(&opening, &bytes, Aad::EMPTY).is_err());
        }
    }

    #[test]
    fn another_data_key_suite_or_aad_is_refused(sealed in messages(), key in 0_u8..0x42) {
        let other = OpeningKey::new(&data_key(key), &sealed.fixture.context).unwrap();
        prop_assert!(open_with(&other, &sealed.bytes, Aad::new(&sealed.aad)).is_err());
        let mut aad = sealed.aad.clone();
        aad.push(0);
        prop_assert!(sealed.fixture.open(&sealed.bytes, Aad::new(&aad)).is_err());
        for (at, values) in [(5, 1..=2), (6, 1..=2), (7, 6..=24)] {
            for value in values {
                let mut bytes = sealed.bytes.clone();
                bytes[at] = value;
                prop_assert!(bytes == sealed.bytes || !sealed.opens(&bytes));
            }
        }
    }

    /// Whether the reader has another context or the header was given another, with the data key as it was.
    #[test]
    fn another_context_is_refused(sealed in messages(), other in contexts()) {
        prop_assume!(other != sealed.fixture.context);
        let opening = OpeningKey::new(&sealed.fixture.data_key, &other).unwrap();
        prop_assert!(open_with(&opening, &sealed.bytes, Aad::new(&sealed.aad)).is_err());
        let own = sealed.fixture.context.encoded().len();
        let mut replaced = sealed.bytes[..64].to_vec();
        replaced.extend((other.encoded().len() as u16).to_be_bytes());
        replaced.extend(other.encoded());
        replaced.extend(&sealed.bytes[66 + own..]);
        prop_assert!(Header::decode(&replaced).unwrap().has_context(&other));
        prop_assert_eq!(
            open_with(&opening, &replaced, Aad::new(&sealed.aad)),
            Err(OpenError::NotAuthentic)
        );
        prop_assert!(!sealed.opens(&replaced));
    }

    #[test]
    fn frames_out_of_place_are_refused(sealed in byte_streams()) {
        let (header, body) = sealed.bytes.split_at(sealed.header_len());
        let frames: Vec<&[u8]> = body.chunks(64 + 16).collect();
        for first in 0..frames.len() {
            let mut dropped = frames.clone();
            dropped.remove(first);
            prop_assert!(!sealed.opens(&[header, &dropped.concat()].concat()));
            let mut repeated = frames.clone();
            repeated.insert(first, frames[first]);
            prop_assert!(!sealed.opens(&[header, &repeated.concat()].concat()));
            for second in 0..first {
                let mut swapped = frames.clone();
                swapped.swap(first, second);
                prop_assert!(!sealed.opens(&[header, &swapped.concat()].concat()));
            }
        }
    }

    #[test]
    fn records_out_of_place_are_refused(sealed in batches()) {
        let start = sealed.header_len();
        let mut at = start;
        let mut records = Vec::new();
        for record in &sealed.records {
            let end = at + 4 + record.len() + 16;
            records.push(&sealed.bytes[at..end]);
            at = end;
        }
        let rebuilt = |records: &[&[u8]]| {
            // The table and the count follow along, as a forger would have them.
            let table: Vec<u8> = records.iter().flat_map(|record| record[..4].to_vec()).collect();
            let tag = &sealed.bytes[sealed.bytes.len() - 20..sealed.bytes.len() - 4];
            let count = (records.len() as u32).to_be_bytes();
            [&sealed.bytes[..start], &records.concat(), &[0xFF; 4], &table, tag, &count].concat()
        };
        prop_assert_eq!(&rebuilt(&records), &sealed.bytes);
        for first in 0..records.len() {
            let mut dropped = records.clone();
            dropped.remove(first);
            prop_assert!(!sealed.opens(&rebuilt(&dropped)));
            let mut repeated = records.clone();
            repeated.insert(first, records[first]);
            prop_assert!(!sealed.opens(&rebuilt(&repeated)));
            for second in 0..first {
                let mut swapped = records.clone();
                swapped.swap(first, second);
                prop_assert!(!sealed.opens(&rebuilt(&swapped)));
            }
        }
    }
}

/// The blobs and key ids of wrapped keys are authenticated by the provider, and not by the message.
fn outside_the_commitment(sealed: &Sealed) -> std::ops::Range<usize> {
    sealed.header_len() - wrapped_len(sealed)..sealed.header_len()
}

fn wrapped_len(sealed: &Sealed) -> usize {
    sealed
        .fixture
        .wrapped
        .iter()
        .map(|key| 3 + key.key_id().len() + key.blob().len())
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every bit outside the wrapped keys; a flip inside them leaves the message to the provider, which refuses it.
    #[test]
    fn every_flipped_bit_is_refused(sealed in messages()) {
        let outside = outside_the_commitment(&sealed);
        let mut bytes = sealed.bytes.clone();
        for at in (0..bytes.len()).filter(|at| !outside.contains(at)) {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                prop_assert!(!sealed.opens(&bytes), "bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
            }
        }
        prop_assert!(sealed.opens(&bytes));
        for at in outside {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                let changed = match Header::decode(&bytes) {
                    Ok(header) => header.wrapped_keys().unwrap() != sealed.fixture.wrapped,
                    Err(_) => true,
                };
                prop_assert!(changed, "bit {bit} of byte {at} goes unseen by the provider");
                bytes[at] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn every_truncation_and_extension_is_refused(sealed in messages(), more in vec(any::<u8>(), 1..100)) {
        for len in 0..sealed.bytes.len() {
            prop_assert!(!sealed.opens(&sealed.bytes[..len]), "cut to {len}");
        }
        for len in 1..=more.len() {
            let bytes = [&sealed.bytes[..], &more[..len]].concat();
            prop_assert!(!sealed.opens(&bytes), "{len} bytes more");
        }
    }
}
