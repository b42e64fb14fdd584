//! What is printed for people to debug with: names, lengths and places, and never a key, a salt or plaintext.
use datakey_envelope::{Aad, EndPlan, Header, Kind, Params, Salt, Suite, read_header};
use datakey_tests::envelope::{Fixture, SALT};

fn fixture() -> Fixture {
    Fixture::new(Params::new())
}

#[test]
fn keys_say_what_they_are_for_and_nothing_of_themselves() {
    let fixture = fixture();
    let opening = format!("{:?}", fixture.opening);
    assert!(opening.starts_with("OpeningKey { context: "), "{opening}");
    assert!(opening.ends_with(", .. }"), "{opening}");
    let sealing = format!("{:?}", fixture.sealing);
    assert!(sealing.starts_with("SealingKey { params: Params {"), "{sealing}");
    let len = format!("header_len: {}, .. }}", fixture.sealing.header_len());
    assert!(sealing.ends_with(&len), "{sealing}");
    assert_eq!(format!("{:?}", Salt::danger_from_bytes(SALT)), "Salt(..)");
}

#[test]
fn a_header_prints_its_fields_and_the_lengths_of_wrapped_keys() {
    let fixture = fixture();
    let sealed = fixture.seal(b"order", Aad::EMPTY);
    let header = Header::decode(&sealed).unwrap();
    let keys = format!("{:?}", header.wrapped_key_refs());
    let all: Vec<String> = header.wrapped_key_refs().map(|key| format!("{key:?}")).collect();
    assert_eq!(keys, format!("[{}]", all.join(", ")));
    for (printed, key) in all.iter().zip(header.wrapped_key_refs()) {
        let expected = format!(
            "WrappedKeyRef {{ key_id: {:?}, blob_len: {} }}",
            key.key_id(),
            key.blob().len()
        );
        assert_eq!(*printed, expected);
    }
    let pairs = format!("{:?}", header.context_pairs());
    let expected = format!(
        "Header {{ suite: {:?}, kind: Bytes, frame_len: {:?}, context: {pairs}, wrapped_keys: {keys}, len: {}",
        header.suite(),
        header.frame_len(),
        header.len()
    );
    let printed = format!("{header:?}");
    assert!(printed.starts_with(&expected), "{printed}\n{expected}");
    for (name, value) in header.context_pairs() {
        assert!(pairs.contains(&format!("{name:?}: {value:?}")), "{pairs}");
    }
}

#[test]
fn streams_say_how_far_they_are() {
    let fixture = fixture();
    let mut sealed = Vec::new();
    let mut sealer = fixture.sealing.stream_sealer(Aad::EMPTY, &mut sealed).unwrap();
    assert_eq!(format!("{sealer:?}"), "StreamSealer { total: 0, .. }");
    sealer.push(&[7; 12], &mut sealed).unwrap();
    assert_eq!(format!("{sealer:?}"), "StreamSealer { total: 12, .. }");
    sealer.finish(&mut sealed).unwrap();
    let header = Header::decode(&sealed).unwrap();
    let opener = fixture.opening.stream_opener(&header, Aad::EMPTY).unwrap();
    assert_eq!(format!("{opener:?}"), "StreamOpener { total: 0, .. }");

    let mut sealed = Vec::new();
    let mut sealer = fixture.sealing.record_sealer(Aad::EMPTY, &mut sealed).unwrap();
    sealer.push_record(b"order", &mut sealed).unwrap();
    sealer.push_record(b"other", &mut sealed).unwrap();
    assert_eq!(format!("{sealer:?}"), "RecordSealer { count: 2, total: 10, .. }");
    sealer.finish(&mut sealed).unwrap();
    let header = Header::decode(&sealed).unwrap();
    let mut opener = fixture.opening.record_opener(&header, Aad::EMPTY).unwrap();
    let (mut input, mut out) = (&sealed[header.len()..], Vec::new());
    opener.next_record(&mut input, &mut out).unwrap();
    assert_eq!(format!("{opener:?}"), "RecordOpener { count: 1, total: 5, .. }");
}

#[test]
fn readers_and_writers_say_what_waits_in_them() {
    let fixture = fixture();
    let writer = fixture.sealing.writer(Aad::EMPTY, Vec::new()).unwrap();
    let printed = format!("{writer:?}");
    assert!(printed.starts_with("SealWriter { waiting: "), "{printed}");
    let sealed = fixture.seal(b"order", Aad::EMPTY);
    let mut rest = sealed.as_slice();
    let header = read_header(&mut rest).unwrap();
    let header = Header::decode(&header).unwrap();
    let reader = fixture.opening.reader(&header, Aad::EMPTY, rest).unwrap();
    assert_eq!(
        format!("{reader:?}"),
        "OpenReader { ended: false, waiting: 0, .. }"
    );
}

#[test]
fn pieces_say_which_bytes_they_are() {
    let fixture = fixture();
    let mut sealed = Vec::new();
    let sealer = fixture.sealing.piece_sealer(Aad::EMPTY, &mut sealed).unwrap();
    assert_eq!(format!("{sealer:?}"), "PieceSealer { total: 0, .. }");
    let piece = sealer.last(5).unwrap();
    assert_eq!(format!("{piece:?}"), "UnsealedPiece { plain: 0..5, .. }");
    let sealed = fixture.seal(b"order", Aad::EMPTY);
    let header = Header::decode(&sealed).unwrap();
    let opener = fixture.opening.piece_opener(&header, Aad::EMPTY).unwrap();
    assert_eq!(format!("{opener:?}"), "PieceOpener { total: 0, .. }");
    let piece = opener.last(sealed.len() - header.len()).unwrap();
    assert_eq!(format!("{piece:?}"), "SealedPiece { plain: 0..5, .. }");
}

#[test]
fn an_index_says_how_many_records_there_are() {
    let fixture = fixture();
    let sealed = fixture.seal_records(&[b"a", b"b", b"c"], Aad::EMPTY);
    let header = Header::decode(&sealed).unwrap();
    let plan = EndPlan::new(&header, sealed.len() as u64).unwrap();
    let count = sealed.last_chunk().unwrap();
    let end = usize::try_from(plan.end_bytes(*count).unwrap().start).unwrap();
    let index = fixture
        .opening
        .open_index(&plan, Aad::EMPTY, &sealed[end..])
        .unwrap();
    assert_eq!(format!("{index:?}"), "RecordIndex { len: 3, .. }");
}

#[test]
fn suites_and_kinds_have_the_names_of_the_formats_text() {
    for (suite, name) in [
        (Suite::ChaCha20Poly1305, "ChaCha20-Poly1305 + HKDF-SHA-256"),
        (Suite::Aes256Gcm, "AES-256-GCM + HKDF-SHA-256"),
    ] {
        assert_eq!((suite.as_str(), suite.to_string()), (name, name.to_owned()));
    }
    for (kind, name) in [(Kind::Bytes, "bytes"), (Kind::Records, "records")] {
        assert_eq!((kind.as_str(), kind.to_string()), (name, name.to_owned()));
    }
}
