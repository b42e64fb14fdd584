//! Wrapped keys replaced, added and removed, and nothing else of the message touched.
use datakey_envelope::{Aad, Header, Message, OpenError, OpeningKey, RewrapError, Suite};
use datakey_provider::{EncryptionContext, WrappedKey, WrappedKeys};
use datakey_tests::envelope::{Fixture, data_key, kms_wrapped, open_with, params, plaintext};

fn messages(fixture: &Fixture) -> [Vec<u8>; 2] {
    [
        fixture.seal(&plaintext(200), Aad::from("order 17")),
        fixture.seal_records(&[b"one", b"two"], Aad::from("order 17")),
    ]
}

fn rewrapped(fixture: &Fixture, sealed: &[u8], keys: &WrappedKeys) -> Vec<u8> {
    let mut out = b"before".to_vec();
    let message = Message::decode(sealed).unwrap();
    message.rewrapped(&fixture.context, keys, &mut out).unwrap();
    assert!(out.starts_with(b"before"));
    out.split_off(6)
}

#[test]
fn a_message_opens_with_its_new_wrapped_keys_and_its_body_is_the_same() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 6));
        for sealed in messages(&fixture) {
            let old = fixture.open(&sealed, Aad::from("order 17")).unwrap();
            let added = fixture.wrapped.join(&kms_wrapped()).unwrap();
            for keys in [&added, &kms_wrapped()] {
                let other = rewrapped(&fixture, &sealed, keys);
                let (before, after) = (
                    Message::decode(&sealed).unwrap(),
                    Message::decode(&other).unwrap(),
                );
                assert_eq!(after.body(), before.body());
                assert_eq!(other[..64], sealed[..64], "salt and commitment are the same");
                assert_eq!(&after.header().wrapped_keys().unwrap(), keys);
                assert_eq!(fixture.open(&other, Aad::from("order 17")).as_ref(), Ok(&old));
                // And back again: a message has one encoding.
                assert_eq!(rewrapped(&fixture, &other, &fixture.wrapped), sealed);
            }
        }
    }
}

#[test]
fn a_header_alone_is_enough_for_a_message_of_any_length() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let [sealed, _] = messages(&fixture);
    let header = Header::decode(&sealed).unwrap();
    let mut out = Vec::new();
    header
        .rewrapped(&fixture.context, &kms_wrapped(), &mut out)
        .unwrap();
    let new = Header::decode(&out).unwrap();
    assert_eq!(new.len(), out.len());
    assert_eq!(new.commitment(), header.commitment());
    out.extend_from_slice(&sealed[header.len()..]);
    assert_eq!(out, rewrapped(&fixture, &sealed, &kms_wrapped()));
}

#[test]
fn keys_of_another_context_are_refused() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let [sealed, _] = messages(&fixture);
    let message = Message::decode(&sealed).unwrap();
    let mut out = b"before".to_vec();
    let fewer = EncryptionContext::new([("tenant", "acme")]).unwrap();
    for context in [EncryptionContext::empty(), fewer] {
        let refused = message.rewrapped(&context, &kms_wrapped(), &mut out).unwrap_err();
        assert_eq!(refused, RewrapError::OtherContext);
        assert!(refused.to_string().contains("encryption context"));
    }
    assert_eq!(out, b"before");
}

#[test]
fn a_wrapped_key_of_another_data_key_is_caught_by_the_commitment() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 6));
        for sealed in messages(&fixture) {
            // What whoever unwraps the foreign blob gets.
            let foreign = OpeningKey::new(&data_key(0x43), &fixture.context).unwrap();
            let blob = WrappedKey::new("local:a", b"of another data key".to_vec()).unwrap();
            let mixed = rewrapped(&fixture, &sealed, &fixture.wrapped.join(&blob.into()).unwrap());
            let aad = Aad::from("order 17");
            assert_eq!(open_with(&foreign, &mixed, aad), Err(OpenError::NotAuthentic));
            let header = Header::decode(&mixed).unwrap();
            assert_eq!(foreign.check_header(&header, aad), Err(OpenError::NotAuthentic));
            assert_eq!(fixture.opening.check_header(&header, aad), Ok(()));
            let other = fixture.opening.check_header(&header, Aad::EMPTY);
            assert_eq!(other, Err(OpenError::NotAuthentic));
            assert!(fixture.open(&mixed, aad).is_ok());
        }
    }
}
