//! Sealing and opening into a buffer of the caller's is the same as appending to a vector.
use datakey_envelope::{Aad, Header, Message, OpenError, Salt, SealError, Suite};
use datakey_tests::envelope::{Fixture, SALT, params, plaintext};

const LENS: [usize; 9] = [0, 1, 63, 64, 65, 127, 128, 129, 300];

#[test]
fn a_buffer_gets_what_a_vector_gets() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 6));
        for len in LENS {
            let plain = plaintext(len);
            let whole = fixture.seal(&plain, Aad::EMPTY);
            let mut sealed = vec![0xEE; whole.len() + 7];
            let salt = Salt::danger_from_bytes(SALT);
            let written = fixture
                .sealing
                .seal_into_with_salt(salt, &plain, Aad::EMPTY, &mut sealed);
            assert_eq!(written, Ok(whole.len()));
            assert_eq!(sealed[..whole.len()], whole);
            assert_eq!(
                sealed[whole.len()..],
                [0xEE; 7],
                "nothing is written behind the message"
            );

            let mut opened = vec![0xEE; len + 7];
            let message = Message::decode(&whole).unwrap();
            let written = fixture.opening.open_into(&message, Aad::EMPTY, &mut opened);
            assert_eq!(written, Ok(len));
            assert_eq!(opened[..len], plain);
            assert_eq!(opened[len..], [0xEE; 7]);
        }
    }
}

#[test]
fn a_short_buffer_is_refused_and_told_how_long_it_must_be() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let whole = fixture.seal(&plaintext(200), Aad::EMPTY);
    let mut out = vec![0xEE; whole.len() - 1];
    let refused = fixture
        .sealing
        .seal_into(&plaintext(200), Aad::EMPTY, &mut out)
        .unwrap_err();
    assert_eq!(refused, SealError::BufferTooShort { needed: whole.len() });
    assert!(refused.to_string().contains(&whole.len().to_string()));
    let message = Message::decode(&whole).unwrap();
    let refused = fixture
        .opening
        .open_into(&message, Aad::EMPTY, &mut out[..199])
        .unwrap_err();
    assert_eq!(refused, OpenError::BufferTooShort { needed: 200 });
    assert!(refused.to_string().contains("200"));
    assert!(out.iter().all(|byte| *byte == 0xEE));
}

#[test]
fn a_refused_message_leaves_no_plaintext_in_the_buffer() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 6));
        let mut sealed = fixture.seal(&plaintext(200), Aad::EMPTY);
        let last = sealed.len() - 1;
        sealed[last] ^= 1;
        let message = Message::decode(&sealed).unwrap();
        let mut out = vec![0xEE; 200];
        let refused = fixture.opening.open_into(&message, Aad::EMPTY, &mut out);
        assert_eq!(refused, Err(OpenError::NotAuthentic));
        assert_eq!(out, [0; 200], "the frames that did open are wiped");
        let refused = fixture.opening.open_into(&message, Aad::from("other"), &mut out);
        assert_eq!(refused, Err(OpenError::NotAuthentic));

        // A vector without memory of its own is filled in another way than one that has some.
        let mut fresh = Vec::new();
        let refused = fixture.opening.open(&message, Aad::EMPTY, &mut fresh);
        assert_eq!(refused, Err(OpenError::NotAuthentic));
        assert!(fresh.is_empty());
    }
}

#[test]
fn streams_say_how_much_they_write_and_write_it() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 6));
        for step in [1, 63, 64, 65, 128, 150, 400] {
            let plain = plaintext(300);
            let whole = fixture.seal(&plain, Aad::EMPTY);
            let mut sealed = Vec::new();
            let salt = Salt::danger_from_bytes(SALT);
            let sealing = &fixture.sealing;
            let mut sealer = sealing
                .stream_sealer_with_salt(salt, Aad::EMPTY, &mut sealed)
                .unwrap();
            let mut buffer = [0; 500];
            for portion in plain.chunks(step) {
                let needed = sealer.push_len(portion.len());
                if needed > 0 {
                    let refused = sealer.push_into(portion, &mut buffer[..needed - 1]);
                    assert_eq!(refused, Err(SealError::BufferTooShort { needed }));
                }
                assert_eq!(sealer.push_into(portion, &mut buffer), Ok(needed));
                sealed.extend_from_slice(&buffer[..needed]);
            }
            sealer.finish(&mut sealed).unwrap();
            assert_eq!(sealed, whole, "portions of {step}");

            let header = Header::decode(&whole).unwrap();
            let mut opener = fixture.opening.stream_opener(&header, Aad::EMPTY).unwrap();
            let mut opened = Vec::new();
            for portion in whole[header.len()..].chunks(step) {
                let needed = opener.push_len(portion.len());
                if needed > 0 {
                    let refused = opener.push_into(portion, &mut buffer[..needed - 1]);
                    assert_eq!(refused, Err(OpenError::BufferTooShort { needed }));
                }
                assert_eq!(opener.push_into(portion, &mut buffer), Ok(needed));
                opened.extend_from_slice(&buffer[..needed]);
            }
            opener.finish(&mut opened).unwrap();
            assert_eq!(opened, plain, "portions of {step}");
        }
    }
}

#[test]
fn a_stream_that_fails_into_a_buffer_stays_failed() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let mut sealed = fixture.seal(&plaintext(200), Aad::EMPTY);
    let header_len = Header::decode(&sealed).unwrap().len();
    sealed[header_len + 90] ^= 1;
    let header = Header::decode(&sealed).unwrap();
    let mut opener = fixture.opening.stream_opener(&header, Aad::EMPTY).unwrap();
    let mut out = [0xEE; 200];
    let refused = opener.push_into(&sealed[header_len..], &mut out);
    assert_eq!(refused, Err(OpenError::NotAuthentic));
    assert!(
        out[..192].iter().all(|byte| *byte == 0),
        "the first frame is wiped"
    );
    assert_eq!(opener.push_into(&[0; 80], &mut out), Err(OpenError::NotAuthentic));
}
