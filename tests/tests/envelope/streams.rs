//! Sealing and opening in portions is the same as sealing and opening at once.
use datakey_envelope::{
    Aad, FormatError, Header, OpenError, RecordOpener, Rule, Salt, SealError, StreamOpener, Suite,
};
use datakey_tests::envelope::{Fixture, SALT, params, plaintext};
use proptest::{collection::vec, prelude::*};

fn portions<'a>(mut bytes: &'a [u8], lens: &[usize]) -> Vec<&'a [u8]> {
    let mut portions = Vec::new();
    for len in lens {
        let (portion, rest) = bytes.split_at((*len).min(bytes.len()));
        portions.push(portion);
        bytes = rest;
    }
    portions.push(bytes);
    portions
}

fn stream_opener(fixture: &Fixture, sealed: &[u8]) -> (StreamOpener, usize) {
    let header = Header::decode(sealed).unwrap();
    (
        fixture.opening.stream_opener(&header, Aad::EMPTY).unwrap(),
        header.len(),
    )
}

fn record_opener(fixture: &Fixture, sealed: &[u8]) -> (RecordOpener, usize) {
    let header = Header::decode(sealed).unwrap();
    (
        fixture.opening.record_opener(&header, Aad::EMPTY).unwrap(),
        header.len(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn byte_streams(len in 0_usize..600, lens in vec(0_usize..200, 0..12), opens in vec(0_usize..200, 0..12)) {
        for suite in Suite::ALL {
            let fixture = Fixture::new(params(suite, 6));
            let plain = plaintext(len);
            let whole = fixture.seal(&plain, Aad::EMPTY);
            let mut sealed = Vec::new();
            let salt = Salt::danger_from_bytes(SALT);
            let mut sealer = fixture.sealing.stream_sealer_with_salt(salt, Aad::EMPTY, &mut sealed).unwrap();
            for portion in portions(&plain, &lens) {
                sealer.push(portion, &mut sealed).unwrap();
            }
            sealer.finish(&mut sealed).unwrap();
            prop_assert_eq!(&sealed, &whole);

            let (mut opener, start) = stream_opener(&fixture, &sealed);
            let mut opened = Vec::new();
            for portion in portions(&sealed[start..], &opens) {
                opener.push(portion, &mut opened).unwrap();
                prop_assert!(plain.starts_with(&opened));
            }
            opener.finish(&mut opened).unwrap();
            prop_assert_eq!(opened, plain);
        }
    }

    #[test]
    fn batches(records in vec(vec(any::<u8>(), 0..=64), 0..8), lens in vec(0_usize..90, 0..12)) {
        for suite in Suite::ALL {
            let fixture = Fixture::new(params(suite, 6));
            let borrowed: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            let sealed = fixture.seal_records(&borrowed, Aad::EMPTY);
            let (mut opener, start) = record_opener(&fixture, &sealed);
            let mut opened: Vec<Vec<u8>> = Vec::new();
            for mut portion in portions(&sealed[start..], &lens) {
                let mut out = Vec::new();
                while let Some(index) = opener.next_record(&mut portion, &mut out).unwrap() {
                    prop_assert_eq!(index as usize, opened.len());
                    opened.push(std::mem::take(&mut out));
                }
                prop_assert!(portion.is_empty());
            }
            prop_assert_eq!(opener.finish().unwrap() as usize, records.len());
            prop_assert_eq!(&opened, &records);
        }
    }

    /// Opening in portions and opening at once agree on what they refuse.
    #[test]
    fn refusals(len in 0_usize..200, at: prop::sample::Index, mask in 1_u8..=255, step in 1_usize..100) {
        let fixture = Fixture::new(params(Suite::default(), 6));
        let mut sealed = fixture.seal(&plaintext(len), Aad::EMPTY);
        let (mut opener, start) = stream_opener(&fixture, &sealed);
        let at = start + at.index(sealed.len() - start);
        sealed[at] ^= mask;
        prop_assert!(fixture.open(&sealed, Aad::EMPTY).is_err());
        let mut out = Vec::new();
        let pushed = sealed[start..].chunks(step).try_for_each(|portion| opener.push(portion, &mut out));
        prop_assert!(plaintext(len).starts_with(&out));
        prop_assert_eq!(pushed.and_then(|()| opener.finish(&mut out)), Err(OpenError::NotAuthentic));
        prop_assert!(out.len() <= (at - start) / 80 * 64);
    }
}

#[test]
fn a_cut_stream_gives_its_whole_frames_and_then_an_error() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let sealed = fixture.seal(&plaintext(200), Aad::EMPTY);
    let (_, start) = stream_opener(&fixture, &sealed);
    for len in 0..sealed.len() - start {
        let (mut opener, _) = stream_opener(&fixture, &sealed);
        let mut out = Vec::new();
        opener.push(&sealed[start..start + len], &mut out).unwrap();
        let released = out.len();
        assert!(plaintext(200).starts_with(&out));
        let error = opener.finish(&mut out).unwrap_err();
        let empty_last = FormatError::Malformed {
            rule: Rule::EmptyLastFrame,
        };
        match error {
            OpenError::NotAuthentic | OpenError::Format(FormatError::Truncated { .. }) => {}
            // Cut right behind sixteen bytes of a frame, which look like a tag with nothing before it.
            other => assert!(other == empty_last.into() && len % 80 == 16),
        }
        assert_eq!(out.len(), released);
    }
}

#[test]
fn a_cut_batch_says_how_much_is_missing_at_least() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let sealed = fixture.seal_records(&[b"one", b"", b"three"], Aad::EMPTY);
    let (_, start) = record_opener(&fixture, &sealed);
    for len in start..sealed.len() {
        let (mut opener, _) = record_opener(&fixture, &sealed);
        let mut out = Vec::new();
        let mut input = &sealed[start..len];
        while opener.next_record(&mut input, &mut out).unwrap().is_some() {}
        match opener.finish() {
            Err(OpenError::Format(FormatError::Truncated { missing })) => {
                assert!(
                    missing > 0 && len as u64 + missing <= sealed.len() as u64,
                    "{len} and {missing}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_failed_opener_stays_failed() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let mut sealed = fixture.seal(&plaintext(200), Aad::EMPTY);
    let (mut opener, start) = stream_opener(&fixture, &sealed);
    let good = sealed[start..].to_vec();
    sealed[start + 80] ^= 1;
    let mut out = Vec::new();
    assert_eq!(
        opener.push(&sealed[start..], &mut out),
        Err(OpenError::NotAuthentic)
    );
    assert!(out.is_empty(), "the first frame of the failed call is taken back");
    assert_eq!(opener.push(&good, &mut out), Err(OpenError::NotAuthentic));
    assert_eq!(opener.finish(&mut out), Err(OpenError::NotAuthentic));
    assert!(out.is_empty());

    let mut sealed = fixture.seal_records(&[b"one", b"two"], Aad::EMPTY);
    let (mut opener, start) = record_opener(&fixture, &sealed);
    sealed[start + 4] ^= 1;
    let mut input = &sealed[start..];
    assert_eq!(
        opener.next_record(&mut input, &mut out),
        Err(OpenError::NotAuthentic)
    );
    assert_eq!(
        opener.next_record(&mut &good[..], &mut out),
        Err(OpenError::NotAuthentic)
    );
    assert_eq!(opener.finish(), Err(OpenError::NotAuthentic));
    assert!(out.is_empty());
}

#[test]
fn nothing_is_taken_after_the_end_of_a_batch() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let sealed = fixture.seal_records(&[b"one"], Aad::EMPTY);
    let (mut opener, start) = record_opener(&fixture, &sealed);
    let mut out = Vec::new();
    let mut input = &sealed[start..];
    while opener.next_record(&mut input, &mut out).unwrap().is_some() {}
    assert_eq!(opener.next_record(&mut &b""[..], &mut out), Ok(None));
    let after = FormatError::Malformed {
        rule: Rule::NothingAfter,
    };
    assert_eq!(opener.next_record(&mut &b"x"[..], &mut out), Err(after.into()));
    assert_eq!(opener.finish(), Err(after.into()));
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let fixture = Fixture::new(params(Suite::default(), 24));
    let sealed = fixture.seal_records(&[b"one"], Aad::EMPTY);
    let (mut opener, start) = record_opener(&fixture, &sealed);
    let mut out = Vec::new();
    // A record of 16 MiB is claimed, and three bytes of it arrive.
    let mut input = &[1, 0, 0, 0, 7, 7, 7][..];
    assert_eq!(opener.next_record(&mut input, &mut out), Ok(None));
    assert_eq!(out.capacity(), 0);
    assert!(start > 0 && format!("{opener:?}").contains("total: 16777216"));
}

#[test]
fn an_unfinished_message_does_not_open() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let mut sealed = Vec::new();
    let mut sealer = fixture.sealing.stream_sealer(Aad::EMPTY, &mut sealed).unwrap();
    sealer.push(&plaintext(200), &mut sealed).unwrap();
    drop(sealer);
    assert_eq!(fixture.open(&sealed, Aad::EMPTY), Err(OpenError::NotAuthentic));
    sealed.clear();
    let mut sealer = fixture.sealing.record_sealer(Aad::EMPTY, &mut sealed).unwrap();
    sealer.push_record(b"one", &mut sealed).unwrap();
    drop(sealer);
    let cut = FormatError::Truncated { missing: 4 };
    assert_eq!(fixture.open(&sealed, Aad::EMPTY), Err(cut.into()));
    assert_ne!(SealError::Abandoned.to_string(), SealError::Cipher.to_string());
}
