//! Sealing and opening on several threads is the same as on one.
use std::num::NonZeroUsize;

use datakey_envelope::{Aad, FormatError, Message, OpenError, Salt, Suite};
use datakey_tests::envelope::{Fixture, SALT, params, plaintext};

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

#[test]
fn the_bytes_are_the_same_on_any_number_of_threads() {
    const MIB: usize = 1 << 20;
    for suite in Suite::ALL {
        for (exponent, lens) in [
            (6, [0, 1, 64, 65, 1000, MIB + 65]),
            (16, [65_536, 65_537, MIB - 1, MIB, MIB + 1, 3 * MIB + 77]),
            (21, [0, MIB, 2 * MIB, 2 * MIB + 1, 2 * MIB + 2, 4 * MIB]),
        ] {
            let fixture = Fixture::new(params(suite, exponent));
            for len in lens {
                let plain = plaintext(len);
                let whole = fixture.seal(&plain, Aad::EMPTY);
                for count in [1, 3] {
                    let mut sealed = b"before".to_vec();
                    let salt = Salt::danger_from_bytes(SALT);
                    let sealing = &fixture.sealing;
                    sealing
                        .seal_on_threads_with_salt(threads(count), salt, &plain, Aad::EMPTY, &mut sealed)
                        .unwrap();
                    assert!(sealed[6..] == whole, "{len} bytes on {count} threads");
                    let message = Message::decode(&whole).unwrap();
                    let mut opened = Vec::new();
                    fixture
                        .opening
                        .open_on_threads(threads(count), &message, Aad::EMPTY, &mut opened)
                        .unwrap();
                    assert!(opened == plain, "{len} bytes on {count} threads");
                }
            }
        }
    }
}

#[test]
fn a_salt_of_its_own_makes_each_message_another() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let plain = plaintext(1000);
    let messages = [(); 2].map(|()| {
        let mut sealed = Vec::new();
        let sealing = &fixture.sealing;
        sealing
            .seal_on_threads(threads(2), &plain, Aad::EMPTY, &mut sealed)
            .unwrap();
        assert_eq!(fixture.open(&sealed, Aad::EMPTY).unwrap().concat(), plain);
        sealed
    });
    assert_ne!(messages[0], messages[1]);
}

#[test]
fn all_or_nothing_comes_out_wherever_a_frame_is_wrong() {
    let fixture = Fixture::new(params(Suite::default(), 16));
    let sealed = fixture.seal(&plaintext(3_000_000), Aad::EMPTY);
    let start = Message::decode(&sealed).unwrap().header().len();
    let open = |sealed: &[u8], aad| {
        let mut out = b"before".to_vec();
        let message = Message::decode(sealed).unwrap();
        let opened = fixture
            .opening
            .open_on_threads(threads(3), &message, aad, &mut out);
        assert!(opened.is_ok() || out == b"before");
        opened
    };
    assert_eq!(open(&sealed, Aad::EMPTY), Ok(()));
    for at in [start, start + 1_500_000, sealed.len() - 1] {
        let mut forged = sealed.clone();
        forged[at] ^= 1;
        assert_eq!(
            open(&forged, Aad::EMPTY),
            Err(OpenError::NotAuthentic),
            "byte {at}"
        );
    }
    assert_eq!(open(&sealed, Aad::from("x")), Err(OpenError::NotAuthentic));
    let frame = (1 << 16) + 16;
    assert_eq!(
        open(&sealed[..start + 20 * frame], Aad::EMPTY),
        Err(OpenError::NotAuthentic)
    );
    let mut swapped = sealed.clone();
    swapped[start..start + 2 * frame].rotate_left(frame);
    assert_eq!(open(&swapped, Aad::EMPTY), Err(OpenError::NotAuthentic));
    let cut = open(&sealed[..start + frame + 3], Aad::EMPTY);
    assert_eq!(cut, Err(FormatError::Truncated { missing: 13 }.into()));
    let records = fixture.seal_records(&[b"one"], Aad::EMPTY);
    assert!(matches!(
        open(&records, Aad::EMPTY),
        Err(OpenError::OtherKind { .. })
    ));
}
