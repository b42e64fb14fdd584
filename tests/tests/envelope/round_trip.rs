//! What is sealed opens to the same, under every suite, kind and size; and only under the same conditions.
use datakey_envelope::{
    Aad, FormatError, FrameLen, Header, Kind, MAX_HEADER_LEN, Message, OpenError, OpeningKey, Params, Rule,
    SealError, SealingKey, Suite, is_datakey_message,
};
use datakey_provider::{EncryptionContext, WrappedKey, WrappedKeys};
use datakey_tests::envelope::{
    Fixture, context, data_key, kms_wrapped, open_with, params, plaintext, short_wrapped,
};

fn sizes(exponent: u8) -> Vec<usize> {
    let frame = 1 << exponent;
    vec![
        0,
        1,
        15,
        16,
        17,
        frame - 1,
        frame,
        frame + 1,
        2 * frame - 1,
        2 * frame,
        2 * frame + 1,
        5 * frame + 7,
    ]
}

#[test]
fn byte_streams_of_all_sizes() {
    for suite in Suite::ALL {
        for exponent in [6, 7, 12, 16] {
            let fixture = Fixture::new(params(suite, exponent));
            for len in sizes(exponent) {
                let plain = plaintext(len);
                let sealed = fixture.seal(&plain, Aad::from("order 17"));
                assert_eq!(Some(sealed.len()), fixture.sealing.sealed_len(len));
                assert_eq!(fixture.open(&sealed, Aad::from("order 17")).unwrap(), [plain]);
            }
        }
    }
}

#[test]
fn batches_of_all_shapes() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 8));
        let long = plaintext(256);
        let batches: [&[&[u8]]; 6] = [
            &[],
            &[b""],
            &[b"", b"", b""],
            &[b"one"],
            &[&long, b"", &long[..255], b"x"],
            &[&[7; 100][..]; 50],
        ];
        for records in batches {
            let sealed = fixture.seal_records(records, Aad::EMPTY);
            let plain: usize = records.iter().map(|record| record.len()).sum();
            assert_eq!(
                Some(sealed.len()),
                fixture.sealing.sealed_records_len(records.len(), plain)
            );
            assert_eq!(fixture.open(&sealed, Aad::EMPTY).unwrap(), records);
        }
    }
}

#[test]
fn contexts_and_wrapped_keys_travel_in_the_header() {
    let long = "v".repeat(1024);
    let contexts = [
        EncryptionContext::empty(),
        context(),
        EncryptionContext::new([("a", &long), ("b", &long), ("c", &long)]).unwrap(),
        EncryptionContext::new((0..32).map(|at| (format!("{at}"), String::new()))).unwrap(),
    ];
    let many: Vec<WrappedKey> = (0..16)
        .map(|at| WrappedKey::new("k".repeat(255), vec![at; 6144]).unwrap())
        .collect();
    for context in contexts {
        for wrapped in [
            short_wrapped(),
            kms_wrapped(),
            WrappedKeys::new(many.clone()).unwrap(),
        ] {
            let fixture = Fixture::of(context.clone(), wrapped.clone(), Params::new());
            let sealed = fixture.seal(b"x", Aad::EMPTY);
            let header = Header::decode(&sealed).unwrap();
            assert_eq!(header.context().unwrap(), context);
            assert!(header.has_context(&context));
            assert_eq!(header.wrapped_keys().unwrap(), wrapped);
            assert_eq!(header.len(), fixture.sealing.header_len());
            assert!(header.len() <= MAX_HEADER_LEN);
            assert_eq!(header.as_bytes(), &sealed[..header.len()]);
            assert_eq!(&header.as_bytes()[64..], header.shared_part());
            assert_eq!(fixture.open(&sealed, Aad::EMPTY).unwrap(), [b"x"]);
        }
    }
}

#[test]
fn a_header_says_what_the_message_is_sealed_with() {
    let fixture = Fixture::new(params(Suite::Aes256Gcm, 12));
    let (bytes, records) = (
        fixture.seal(b"", Aad::EMPTY),
        fixture.seal_records(&[], Aad::EMPTY),
    );
    let (bytes, records) = (Header::decode(&bytes).unwrap(), Header::decode(&records).unwrap());
    assert_eq!((bytes.kind(), records.kind()), (Kind::Bytes, Kind::Records));
    assert_eq!(
        (bytes.suite(), bytes.frame_len()),
        (Suite::Aes256Gcm, FrameLen::from_exponent(12).unwrap())
    );
    assert_ne!(bytes.commitment(), records.commitment());
    assert_eq!(bytes.shared_part(), records.shared_part());
}

#[test]
fn overhead_is_as_promised() {
    let fixture = Fixture::of(EncryptionContext::empty(), kms_wrapped(), Params::new());
    assert_eq!(fixture.seal(&[0; 300], Aad::EMPTY).len() - 300, 345);
    let one = fixture.seal_records(&[&[0; 300]], Aad::EMPTY).len();
    let two = fixture.seal_records(&[&[0; 300], &[0; 300]], Aad::EMPTY).len();
    assert_eq!(two - one - 300, 24);
}

#[test]
fn sealing_appends_and_reuses_the_buffer() {
    let fixture = Fixture::new(Params::new());
    let mut out = Vec::new();
    fixture.sealing.seal(b"first", Aad::EMPTY, &mut out).unwrap();
    let (first, capacity) = (out.clone(), out.capacity());
    assert_eq!(capacity, out.len());
    out.clear();
    fixture.sealing.seal(b"other", Aad::EMPTY, &mut out).unwrap();
    assert_eq!((out.len(), out.capacity()), (first.len(), capacity));
    assert_ne!(out[8..32], first[8..32], "each message has a salt of its own");
    fixture.sealing.seal(b"third", Aad::EMPTY, &mut out).unwrap();
    assert_eq!(fixture.open(&out[..first.len()], Aad::EMPTY).unwrap(), [b"other"]);
    assert_eq!(fixture.open(&out[first.len()..], Aad::EMPTY).unwrap(), [b"third"]);
}

type Seal = fn(&SealingKey, &mut Vec<u8>) -> Result<(), SealError>;

#[test]
fn random_salts_differ_for_every_way_to_seal() {
    let key = Fixture::new(Params::new()).sealing;
    let ways: [Seal; 4] = [
        |key, out| key.seal(b"x", Aad::EMPTY, out),
        |key, out| key.seal_records([b"x"], Aad::EMPTY, out),
        |key, out| key.stream_sealer(Aad::EMPTY, out)?.finish(out),
        |key, out| key.record_sealer(Aad::EMPTY, out)?.finish(out),
    ];
    let mut salts = std::collections::HashSet::new();
    for seal in ways {
        for _ in 0..3 {
            let mut out = Vec::new();
            seal(&key, &mut out).unwrap();
            salts.insert(*Header::decode(&out).unwrap().salt());
        }
    }
    assert_eq!(salts.len(), 12);
}

#[test]
fn nothing_opens_under_other_conditions() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 6));
        let plain = plaintext(200);
        let messages = [
            fixture.seal(&plain, Aad::from("order 17")),
            fixture.seal_records(&[b"a", b"b"], Aad::from("order 17")),
        ];
        let other_context = EncryptionContext::new([("tenant", "acme"), ("purpose", "order")]).unwrap();
        for sealed in messages {
            let aad = Aad::from("order 17");
            assert!(fixture.open(&sealed, aad).is_ok());
            for other in [Aad::EMPTY, Aad::from("order 18"), Aad::from("order 1")] {
                assert_eq!(fixture.open(&sealed, other), Err(OpenError::NotAuthentic));
            }
            let others = [
                OpeningKey::new(&data_key(0x43), &fixture.context).unwrap(),
                OpeningKey::new(&fixture.data_key, &other_context).unwrap(),
                OpeningKey::new(&fixture.data_key, &EncryptionContext::empty()).unwrap(),
            ];
            for other in others {
                assert_eq!(open_with(&other, &sealed, aad), Err(OpenError::NotAuthentic));
            }
        }
    }
}

#[test]
fn a_context_swapped_in_the_header_does_not_open_with_the_data_key_alone() {
    let fixture = Fixture::new(Params::new());
    let sealed = fixture.seal(b"x", Aad::EMPTY);
    let at = sealed.windows(4).position(|part| part == b"acme").unwrap();
    let mut other = sealed.clone();
    other[at..at + 4].copy_from_slice(b"evil");
    let claimed = Header::decode(&other).unwrap().context().unwrap();
    assert_eq!(claimed.get("tenant"), Some("evil"));
    let opening = OpeningKey::new(&fixture.data_key, &claimed).unwrap();
    assert_eq!(
        open_with(&opening, &other, Aad::EMPTY),
        Err(OpenError::NotAuthentic)
    );
}

#[test]
fn wrapped_keys_are_outside_the_commitment() {
    let fixture = Fixture::new(Params::new());
    let sealed = fixture.seal(b"x", Aad::EMPTY);
    let body = &sealed[Header::decode(&sealed).unwrap().len()..];
    let rewrapped = Fixture::of(context(), kms_wrapped(), Params::new()).seal(b"", Aad::EMPTY);
    let header = Header::decode(&rewrapped).unwrap();
    let joined = [&sealed[..64], header.shared_part(), body].concat();
    assert_eq!(fixture.open(&joined, Aad::EMPTY).unwrap(), [b"x"]);
}

#[test]
fn each_kind_has_its_own_call() {
    let fixture = Fixture::new(Params::new());
    let (bytes, records) = (
        fixture.seal(b"x", Aad::EMPTY),
        fixture.seal_records(&[b"x"], Aad::EMPTY),
    );
    let (bytes, records) = (
        Message::decode(&bytes).unwrap(),
        Message::decode(&records).unwrap(),
    );
    let not_bytes = OpenError::OtherKind {
        expected: Kind::Bytes,
        found: Kind::Records,
    };
    let not_records = OpenError::OtherKind {
        expected: Kind::Records,
        found: Kind::Bytes,
    };
    let opening = &fixture.opening;
    assert_eq!(
        opening.open(&records, Aad::EMPTY, &mut Vec::new()),
        Err(not_bytes)
    );
    assert_eq!(
        opening.open_records(&bytes, Aad::EMPTY, &mut Vec::new()),
        Err(not_records)
    );
    assert_eq!(
        opening.stream_opener(records.header(), Aad::EMPTY).unwrap_err(),
        not_bytes
    );
    assert_eq!(
        opening.record_opener(bytes.header(), Aad::EMPTY).unwrap_err(),
        not_records
    );
}

#[test]
fn a_record_over_the_limit_is_not_sealed_and_the_batch_goes_on() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let mut out = b"before".to_vec();
    let failed = fixture
        .sealing
        .seal_records([&[0; 64][..], &[0; 65]], Aad::EMPTY, &mut out);
    assert_eq!(failed, Err(SealError::RecordTooLong { len: 65, limit: 64 }));
    assert_eq!(out, b"before");

    out.clear();
    let mut sealer = fixture.sealing.record_sealer(Aad::EMPTY, &mut out).unwrap();
    sealer.push_record(&[1; 64], &mut out).unwrap();
    sealer.push_record(&[2; 65], &mut out).unwrap_err();
    sealer.push_record(&[3; 2], &mut out).unwrap();
    assert_eq!(sealer.count(), 2);
    sealer.finish(&mut out).unwrap();
    assert_eq!(fixture.open(&out, Aad::EMPTY).unwrap(), [vec![1; 64], vec![3; 2]]);
}

#[test]
fn lengths_over_the_limits_are_none() {
    let key = Fixture::new(Params::new()).sealing;
    let limit = usize::try_from(datakey_envelope::MAX_MESSAGE_LEN).unwrap();
    assert!(key.sealed_len(limit).is_some() && key.sealed_len(limit + 1).is_none());
    assert_eq!(key.sealed_len(usize::MAX), None);
    let count = datakey_envelope::MAX_RECORDS as usize;
    assert!(key.sealed_records_len(count, limit).is_some());
    assert!(key.sealed_records_len(count + 1, 0).is_none() && key.sealed_records_len(0, limit + 1).is_none());
}

#[test]
fn a_header_and_a_length_tell_the_length_of_the_plaintext() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    for len in sizes(6) {
        let sealed = fixture.seal(&plaintext(len), Aad::EMPTY);
        let header = Header::decode(&sealed).unwrap();
        assert_eq!(header.plain_len(sealed.len() as u64), Ok(Some(len as u64)));
    }
    let sealed = fixture.seal(b"", Aad::EMPTY);
    let header = Header::decode(&sealed).unwrap();
    assert_eq!(header.plain_len(0), Err(FormatError::Truncated { missing: 16 }));
    let records = fixture.seal_records(&[b"x"], Aad::EMPTY);
    assert_eq!(
        Header::decode(&records).unwrap().plain_len(records.len() as u64),
        Ok(None)
    );
}

#[test]
fn secrets_and_plaintext_stay_out_of_debug() {
    let fixture = Fixture::new(Params::new());
    let mut out = Vec::new();
    let mut sealer = fixture.sealing.stream_sealer(Aad::EMPTY, &mut out).unwrap();
    sealer.push(b"BBBB", &mut out).unwrap();
    let shown = format!("{:?} {:?} {sealer:?}", fixture.sealing, fixture.opening);
    // 0x42, the data key's every byte, is 66, and the letter B.
    assert!(
        !shown.contains("66") && !shown.contains("42") && !shown.contains("BB"),
        "{shown}"
    );
}

#[test]
fn keys_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<SealingKey>();
    shared::<OpeningKey>();
}

#[test]
fn messages_are_told_from_others_by_four_bytes() {
    let sealed = Fixture::new(Params::new()).seal(b"", Aad::EMPTY);
    assert!(is_datakey_message(&sealed) && is_datakey_message(&sealed[..4]));
    for other in [
        &sealed[..3],
        &sealed[1..],
        b"",
        &[1, 0x80, 0, 0],
        &[2, 5, 0x78, 0],
    ] {
        assert!(!is_datakey_message(other));
    }
    assert_eq!(
        Header::decode(&[2, 5, 0x78, 0]).unwrap_err(),
        FormatError::Malformed { rule: Rule::Magic }
    );
}
