//! The crate writes what a second writer, made from the text of the format alone, writes.
use datakey_envelope::{Aad, Params, Suite};
use datakey_provider::{EncryptionContext, WrappedKey, WrappedKeys};
use datakey_tests::envelope::{Fixture, Reference, SALT, params, plaintext};

const KEYS: &[(&str, &[u8])] = &[("local:a", b"blob"), ("arn:aws:kms:x", &[9; 300])];

fn reference<'a>(suite: u8, exponent: u8, context: &'a [(&'a str, &'a str)], aad: &'a [u8]) -> Reference<'a> {
    Reference {
        suite,
        exponent,
        data_key: &[0x42; 32],
        salt: &SALT,
        context,
        keys: KEYS,
        aad,
    }
}

fn fixture(context: &[(&str, &str)], params: Params) -> Fixture {
    let keys: Vec<_> = KEYS
        .iter()
        .map(|(id, blob)| WrappedKey::new(*id, *blob).unwrap())
        .collect();
    let context = EncryptionContext::new(context.iter().copied()).unwrap();
    Fixture::of(context, WrappedKeys::new(keys).unwrap(), params)
}

#[test]
fn byte_for_byte() {
    let contexts: [&[(&str, &str)]; 3] = [
        &[],
        &[("tenant", "acme")],
        &[("a", ""), ("b", "\u{2603}"), ("ba", "x")],
    ];
    for suite in Suite::ALL {
        for exponent in [6, 10] {
            for context in contexts {
                for aad in [&b""[..], b"order 17"] {
                    let reference = reference(suite.id(), exponent, context, aad);
                    let fixture = fixture(context, params(suite, exponent));
                    let frame = 1 << exponent;
                    for len in [0, 1, frame - 1, frame, frame + 1, 3 * frame] {
                        let plain = plaintext(len);
                        assert_eq!(fixture.seal(&plain, Aad::new(aad)), reference.bytes(&plain));
                    }
                    let records: [&[u8]; 4] = [b"one", b"", &plaintext(frame), b"four"];
                    for count in 0..=4 {
                        let records = &records[..count];
                        assert_eq!(
                            fixture.seal_records(records, Aad::new(aad)),
                            reference.records(records)
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_the_second_writer_makes_opens() {
    for suite in Suite::ALL {
        let reference = reference(suite.id(), 6, &[("tenant", "acme")], b"order 17");
        let fixture = fixture(&[("tenant", "acme")], params(suite, 6));
        let plain = plaintext(1000);
        assert_eq!(
            fixture
                .open(&reference.bytes(&plain), Aad::from("order 17"))
                .unwrap(),
            [plain]
        );
        let other = Reference {
            suite: 3 - suite.id(),
            ..reference
        };
        let mut mixed = other.bytes(b"x");
        mixed[5] = suite.id();
        assert!(fixture.open(&mixed, Aad::from("order 17")).is_err());
    }
}
