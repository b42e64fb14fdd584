//! What is altered does not open, and says why.
use std::num::NonZeroU32;

use datakey_esdk::{
    CommitmentPolicy, Fault, FormatError, Header, Message, OpenError, OpenParams, OpeningKey, PUBLIC_KEY,
    PublicKeyProblem, Suite,
};
use datakey_provider::EncryptionContext;
use datakey_tests::esdk::{Pair, any_suite, context, data_key, params, sealable};

fn open(pair: &Pair, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut out = Vec::new();
    let message = Message::decode(sealed)?;
    let result = pair.opening.open(&message, &any_suite(), &mut out);
    assert!(result.is_ok() || out.is_empty());
    result.map(|()| out)
}

#[test]
fn no_message_opens_with_a_bit_flipped_cut_short_or_made_longer() {
    let own = context(&[("tenant", "acme"), ("zone", "eu")]);
    for suite in sealable() {
        let pair = Pair::new(&params(suite).with_frame_len(NonZeroU32::new(8).unwrap()), &own).unwrap();
        let sealed = pair.seal(b"an order of two");
        assert!(open(&pair, &sealed).is_ok());
        // A signature takes its time; one bit of each byte will do for what it covers.
        let bits = if suite.is_signed() { 1 } else { 8 };
        for at in 0..sealed.len() {
            for bit in 0..bits {
                let mut altered = sealed.clone();
                altered[at] ^= 1 << ((at + bit) % 8);
                let opened = open(&pair, &altered);
                assert!(
                    opened.is_err(),
                    "{suite}: byte {at}, bit {bit} of {}",
                    sealed.len()
                );
            }
            assert!(open(&pair, &sealed[..at]).is_err(), "{suite}: cut at {at}");
        }
        let longer = open(&pair, &[&sealed[..], b"x"].concat());
        assert_eq!(
            longer,
            Err(FormatError::Malformed {
                fault: Fault::Trailing
            }
            .into())
        );
    }
}

#[test]
fn no_message_opens_with_frames_swapped_repeated_left_out_or_from_another() {
    let own = context(&[]);
    let suite = Suite::Aes256GcmHkdfSha512CommitKey;
    let pair = Pair::new(&params(suite).with_frame_len(NonZeroU32::new(10).unwrap()), &own).unwrap();
    let (sealed, other) = (pair.seal(&[1; 45]), pair.seal(&[1; 45]));
    let start = Header::decode(&sealed).unwrap().len();
    let (header, body) = sealed.split_at(start);
    let frames: Vec<&[u8]> = body[..4 * 42].chunks(42).collect();
    let last = &body[4 * 42..];
    let message = |frames: &[&[u8]]| [header, &frames.concat()].concat();
    assert!(
        open(
            &pair,
            &message(&[frames[0], frames[1], frames[2], frames[3], last])
        )
        .is_ok()
    );
    let sequence = OpenError::Format(FormatError::Malformed {
        fault: Fault::SequenceNumber,
    });
    for wrong in [
        &[frames[1], frames[0], frames[2], frames[3], last][..],
        &[frames[0], frames[0], frames[2], frames[3], last],
        &[frames[1], frames[2], frames[3], last],
        &[frames[0], frames[1], frames[2], last],
        &[last, last],
    ] {
        let expected = if wrong.len() == 2 {
            OpenError::Format(FormatError::Malformed {
                fault: Fault::SequenceNumber,
            })
        } else {
            sequence
        };
        assert_eq!(open(&pair, &message(wrong)), Err(expected));
    }
    // Numbers that are mended do not help.
    let mut second = frames[1].to_vec();
    second[..4].copy_from_slice(&1_u32.to_be_bytes());
    let forged = message(&[&second, frames[1], frames[2], frames[3], last]);
    assert_eq!(open(&pair, &forged), Err(OpenError::NotAuthentic));
    let foreign = &other[start..][..42];
    let forged = message(&[foreign, frames[1], frames[2], frames[3], last]);
    assert_eq!(open(&pair, &forged), Err(OpenError::NotAuthentic));
    let cut = message(&[frames[0], frames[1], frames[2], frames[3]]);
    assert!(matches!(
        open(&pair, &cut),
        Err(OpenError::Format(FormatError::Truncated { .. }))
    ));
}

/// A version 2 header with these sections; its tag is none.
fn header(context: &[u8], keys: &[u8], content: u8, frame_len: u32) -> Vec<u8> {
    [
        &[2, 4, 0x78][..],
        &[9; 32],
        context,
        keys,
        &[content],
        &frame_len.to_be_bytes(),
        &[8; 32],
        &[7; 16],
    ]
    .concat()
}

const ONE_KEY: &[u8] = b"\x00\x01\x00\x03shp\x00\x01n\x00\x01w";

#[test]
fn each_rule_of_a_header_is_named_when_it_is_broken() {
    assert!(Header::decode(&header(b"\0\0", ONE_KEY, 2, 1)).is_ok());
    assert!(Header::decode(&header(b"\0\x08\0\x01\0\x01a\0\x01b", ONE_KEY, 1, 0)).is_ok());
    let unsorted = b"\0\x0e\0\x02\0\x01c\0\x01d\0\x01a\0\x01b";
    assert!(
        Header::decode(&header(unsorted, ONE_KEY, 2, 1)).is_ok(),
        "some writers did not sort"
    );
    let v1 = |type_: u8, reserved: u8, iv_len: u8| {
        let mut bytes = vec![1, type_, 0x01, 0x78];
        bytes.extend_from_slice(&[9; 16]);
        bytes.extend_from_slice(b"\0\0");
        bytes.extend_from_slice(ONE_KEY);
        bytes.extend_from_slice(&[2, 0, 0, 0, reserved, iv_len, 0, 0, 16, 0]);
        bytes.extend_from_slice(&[0; 28]);
        bytes
    };
    assert!(Header::decode(&v1(0x80, 0, 12)).is_ok());
    let rows: &[(Vec<u8>, Fault)] = &[
        (vec![0], Fault::Version),
        (vec![3], Fault::Version),
        (b"\xdaKEY".to_vec(), Fault::Version),
        (vec![1, 0x81], Fault::Type),
        (vec![2, 0, 0], Fault::Suite),
        (vec![2, 0x67, 0x00], Fault::Suite),
        (vec![2, 0x00, 0x70], Fault::Suite),
        (vec![2, 0x01, 0x78], Fault::Suite),
        (vec![1, 0x80, 0x04, 0x78], Fault::Suite),
        (header(b"\0\x02\0\0", ONE_KEY, 2, 1), Fault::ContextLength),
        (header(b"\0\x01\0", ONE_KEY, 2, 1), Fault::ContextLength),
        (
            header(b"\0\x09\0\x01\0\x01a\0\x01bX", ONE_KEY, 2, 1),
            Fault::ContextLength,
        ),
        (
            header(b"\0\x08\0\x02\0\x01a\0\x01b", ONE_KEY, 2, 1),
            Fault::ContextLength,
        ),
        (
            header(b"\0\x08\0\x01\0\x01a\0\x02b", ONE_KEY, 2, 1),
            Fault::ContextLength,
        ),
        (
            header(b"\0\x07\0\x01\0\0\0\x01b", ONE_KEY, 2, 1),
            Fault::ContextKey,
        ),
        (
            header(b"\0\x08\0\x01\0\x01\xff\0\x01b", ONE_KEY, 2, 1),
            Fault::Utf8,
        ),
        (
            header(b"\0\x08\0\x01\0\x01a\0\x01\xff", ONE_KEY, 2, 1),
            Fault::Utf8,
        ),
        (
            header(b"\0\x0e\0\x02\0\x01a\0\x01b\0\x01a\0\x01c", ONE_KEY, 2, 1),
            Fault::ContextDuplicate,
        ),
        (
            header(
                b"\0\x14\0\x03\0\x01c\0\x01b\0\x01a\0\x01c\0\x01c\0\x01c",
                ONE_KEY,
                2,
                1,
            ),
            Fault::ContextDuplicate,
        ),
        (header(b"\0\0", b"\0\0", 2, 1), Fault::DataKeyCount),
        (
            header(b"\0\0", b"\0\x01\0\x01\xff\0\x01n\0\x01w", 2, 1),
            Fault::Utf8,
        ),
        (header(b"\0\0", ONE_KEY, 0, 1), Fault::ContentType),
        (header(b"\0\0", ONE_KEY, 3, 1), Fault::ContentType),
        (header(b"\0\0", ONE_KEY, 2, 0), Fault::FrameLength),
        (header(b"\0\0", ONE_KEY, 1, 1), Fault::FrameLength),
        (v1(0x80, 1, 12), Fault::Reserved),
        (v1(0x80, 0, 16), Fault::IvLength),
    ];
    for (bytes, fault) in rows {
        let error = Header::decode(bytes).unwrap_err();
        assert_eq!(error, FormatError::Malformed { fault: *fault }, "{bytes:?}");
        assert!(error.to_string().contains(fault.as_str()));
    }
}

#[test]
fn a_header_that_ends_early_says_how_many_bytes_are_missing_at_the_least() {
    let whole = header(b"\0\x08\0\x01\0\x01a\0\x01b", ONE_KEY, 2, 4096);
    for cut in 0..whole.len() {
        let Err(FormatError::Truncated { missing }) = Header::decode(&whole[..cut]) else {
            panic!("{cut} bytes are no header");
        };
        assert!(
            missing > 0 && cut + missing as usize <= whole.len(),
            "{cut} {missing}"
        );
    }
}

#[test]
fn more_encrypted_data_keys_than_a_reader_allows_are_not_looked_at() {
    let many = header(b"\0\0", b"\xff\xff", 2, 1);
    let found = Header::decode_within(&many, 1).unwrap_err();
    assert_eq!(
        found,
        FormatError::TooManyDataKeys {
            found: 65_535,
            limit: 1
        }
    );
    assert!(Header::decode_within(&header(b"\0\0", ONE_KEY, 2, 1), 1).is_ok());
}

#[test]
fn the_commitment_policy_decides_what_opens() {
    for suite in sealable() {
        let pair = Pair::new(&params(suite), &context(&[])).unwrap();
        let sealed = pair.seal(b"order");
        let message = Message::decode(&sealed).unwrap();
        for policy in [
            CommitmentPolicy::ForbidEncryptAllowDecrypt,
            CommitmentPolicy::RequireEncryptAllowDecrypt,
            CommitmentPolicy::RequireEncryptRequireDecrypt,
        ] {
            let params = OpenParams::new().with_commitment_policy(policy);
            let opened = pair.opening.open(&message, &params, &mut Vec::new());
            let expected = if policy.allows_opening(suite) {
                Ok(())
            } else {
                Err(OpenError::Policy { suite, policy })
            };
            assert_eq!(opened, expected);
        }
    }
}

#[test]
fn a_public_key_stands_where_the_suite_signs_and_nowhere_else() {
    let sign = Pair::new(&params(Suite::default()), &context(&[])).unwrap();
    let plain = Pair::new(&params(Suite::Aes256GcmHkdfSha512CommitKey), &context(&[])).unwrap();
    let (signed, unsigned) = (sign.seal(b"order"), plain.seal(b"order"));
    let with = |context: &[(&str, &str)]| {
        let context = EncryptionContext::new(context.iter().copied()).unwrap();
        OpeningKey::new(&data_key(Suite::default(), 7), &context)
    };
    let problem = |opening: OpeningKey, sealed: &[u8]| {
        let message = Message::decode(sealed).unwrap();
        match opening.open(&message, &OpenParams::new(), &mut Vec::new()) {
            Err(OpenError::PublicKey { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    };
    let own = sign.context.get(PUBLIC_KEY).unwrap();
    assert_eq!(problem(with(&[]), &signed), PublicKeyProblem::Missing);
    assert_eq!(
        problem(with(&[(PUBLIC_KEY, own)]), &unsigned),
        PublicKeyProblem::Unexpected
    );
    for malformed in ["", "A", "AAAA", &own[..64], &format!("B{}", &own[1..])] {
        assert_eq!(
            problem(with(&[(PUBLIC_KEY, malformed)]), &signed),
            PublicKeyProblem::Malformed
        );
    }
}

#[test]
fn another_key_pair_s_signature_is_refused() {
    let own = context(&[]);
    let (one, other) = (
        Pair::new(&Default::default(), &own).unwrap(),
        Pair::new(&Default::default(), &own).unwrap(),
    );
    let sealed = one.seal(b"order");
    let foreign = other.seal(b"order");
    let layout_end = |sealed: &[u8]| {
        sealed.len()
            - (100..=106)
                .find(|len| {
                    let at = sealed.len() - len;
                    sealed[at..at + 2] == ((len - 2) as u16).to_be_bytes()
                })
                .unwrap()
    };
    let forged = [&sealed[..layout_end(&sealed)], &foreign[layout_end(&foreign)..]].concat();
    assert_eq!(open(&one, &forged), Err(OpenError::Signature));
}
