//! Each structural rule, broken alone, is refused under its number; and what has the structure but is not authentic
//! is refused without saying why.
use datakey_envelope::{Aad, FormatError, Header, OpenError, Params, Rule, Suite};
use datakey_tests::envelope::{Fixture, Reference, SALT, params, plaintext};

fn malformed(rule: Rule) -> FormatError {
    FormatError::Malformed { rule }
}

/// A header with this context and these wrapped keys as they stand on the wire.
fn header(context: &[u8], count: u8, keys: &[u8]) -> Vec<u8> {
    let mut out = vec![0xDA, 0x4B, 0x45, 0x59, 1, 1, 1, 16];
    out.extend([0; 56]);
    out.extend((context.len() as u16).to_be_bytes());
    out.extend(context);
    out.push(count);
    out.extend(keys);
    out
}

fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text].concat()
}

fn pairs(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
    pairs
        .iter()
        .flat_map(|(key, value)| [text(key), text(value)].concat())
        .collect()
}

fn key(key_id: &[u8], blob: &[u8]) -> Vec<u8> {
    [&[key_id.len() as u8], key_id, &text(blob)].concat()
}

#[track_caller]
fn decodes_to(bytes: &[u8], expected: Result<(), FormatError>) {
    assert_eq!(Header::decode(bytes).map(drop), expected);
}

fn with_context(context: &[u8]) -> Vec<u8> {
    header(context, 1, &key(b"k", b"b"))
}

#[test]
fn fixed_fields() {
    let good = with_context(&[]);
    decodes_to(&good, Ok(()));
    let cases = [
        (0, 0xDB, Rule::Magic),
        (3, b'y', Rule::Magic),
        (4, 0, Rule::Version),
        (4, 2, Rule::Version),
        (5, 0, Rule::Suite),
        (5, 3, Rule::Suite),
        (6, 0, Rule::Kind),
        (6, 3, Rule::Kind),
        (7, 5, Rule::FrameExponent),
        (7, 25, Rule::FrameExponent),
        (7, 255, Rule::FrameExponent),
    ];
    for (at, value, rule) in cases {
        let mut bad = good.clone();
        bad[at] = value;
        decodes_to(&bad, Err(malformed(rule)));
        // Said as soon as the byte is there, and not before.
        decodes_to(&bad[..=at], Err(malformed(rule)));
        assert!(matches!(
            Header::decode(&bad[..at]),
            Err(FormatError::Truncated { .. })
        ));
    }
    for (at, value) in [(5, 2), (6, 2), (7, 6), (7, 24)] {
        let mut other = good.clone();
        other[at] = value;
        decodes_to(&other, Ok(()));
    }
}

#[test]
fn encryption_context() {
    let long = vec![b'v'; 1024];
    let mut longer = long.clone();
    longer.push(b'v');
    let many: Vec<(Vec<u8>, &[u8])> = (0..33_u8).map(|at| (vec![b'A' + at], &b""[..])).collect();
    let many: Vec<(&[u8], &[u8])> = many.iter().map(|(key, value)| (&key[..], *value)).collect();
    decodes_to(&with_context(&pairs(&[(&long, &long)])), Ok(()));
    decodes_to(
        &with_context(&pairs(&[(b"a", b""), (b"aa", b""), (b"b", b"")])),
        Ok(()),
    );
    decodes_to(&with_context(&pairs(&many[..32])), Ok(()));

    let cases = [
        (pairs(&many), Rule::ContextPairs),
        (pairs(&[(b"", b"v")]), Rule::ContextText),
        (pairs(&[(&longer, b"v")]), Rule::ContextText),
        (pairs(&[(b"k", &longer)]), Rule::ContextText),
        (pairs(&[(b"b", b""), (b"a", b"")]), Rule::ContextOrder),
        (pairs(&[(b"a", b"1"), (b"a", b"2")]), Rule::ContextOrder),
        (pairs(&[(b"aa", b""), (b"a", b"")]), Rule::ContextOrder),
        (pairs(&[(b"\xFF", b"")]), Rule::ContextUtf8),
        (pairs(&[(b"a", b"\xC0\x80")]), Rule::ContextUtf8),
        (text(b"key without value"), Rule::ContextEnd),
        (vec![0], Rule::ContextEnd),
        (vec![0, 2, b'a'], Rule::ContextEnd),
        ([pairs(&[(b"a", b"1")]), vec![0]].concat(), Rule::ContextEnd),
    ];
    for (context, rule) in cases {
        decodes_to(&with_context(&context), Err(malformed(rule)));
    }
    decodes_to(&with_context(&vec![0; 4097]), Err(malformed(Rule::ContextLength)));
    // The length alone is enough to refuse.
    decodes_to(
        &with_context(&vec![0; 4097])[..66],
        Err(malformed(Rule::ContextLength)),
    );
    let four = [
        (&b"a"[..], &long[..]),
        (b"b", &long),
        (b"c", &long),
        (b"d", &long[..1004]),
    ];
    assert_eq!(pairs(&four).len(), 4096);
    decodes_to(&with_context(&pairs(&four)), Ok(()));
}

#[test]
fn wrapped_keys() {
    let one = key(b"k", b"b");
    let all: Vec<u8> = (0..17).flat_map(|at| key(b"k", &[at])).collect();
    decodes_to(&header(&[], 16, &all[..16 * 5]), Ok(()));
    decodes_to(&header(&[], 1, &key(&[b'k'; 255], &[7; 6144])), Ok(()));
    let cases = [
        (0, vec![], Rule::WrappedKeyCount),
        (17, all, Rule::WrappedKeyCount),
        (1, key(b"", b"b"), Rule::KeyIdLength),
        (1, key(b"\xFF", b"b"), Rule::KeyIdText),
        (1, key(b"a\nb", b"b"), Rule::KeyIdText),
        (1, key(b"a\x7F", b"b"), Rule::KeyIdText),
        (1, key("\u{85}".as_bytes(), b"b"), Rule::KeyIdText),
        (1, key(b"k", b""), Rule::BlobLength),
        (1, key(b"k", &[7; 6145]), Rule::BlobLength),
        (2, [one.clone(), one.clone()].concat(), Rule::WrappedKeyTwice),
        (
            3,
            [one.clone(), key(b"l", b"b"), one].concat(),
            Rule::WrappedKeyTwice,
        ),
    ];
    for (count, keys, rule) in cases {
        decodes_to(&header(&[], count, &keys), Err(malformed(rule)));
    }
}

#[test]
fn what_is_missing_is_never_more_than_what_is() {
    let fixture = Fixture::new(Params::new());
    let sealed = fixture.seal(b"", Aad::EMPTY);
    let whole = Header::decode(&sealed).unwrap().len();
    let mut have = 0;
    let mut steps = 0;
    while have < whole {
        let Err(FormatError::Truncated { missing }) = Header::decode(&sealed[..have]) else {
            panic!("{have} of {whole} bytes are not a header")
        };
        assert!(missing > 0 && have + missing as usize <= whole);
        have += missing as usize;
        steps += 1;
    }
    assert_eq!(have, whole);
    assert!(steps < 10, "a reader asks in few steps, not {steps}");
}

#[test]
fn bodies_of_byte_streams() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let empty = fixture.seal(b"", Aad::EMPTY);
    let full = fixture.seal(&plaintext(64), Aad::EMPTY);
    let truncated = |missing| OpenError::Format(FormatError::Truncated { missing });
    assert_eq!(
        fixture.open(&empty[..empty.len() - 16], Aad::EMPTY),
        Err(truncated(16))
    );
    assert_eq!(
        fixture.open(&empty[..empty.len() - 1], Aad::EMPTY),
        Err(truncated(1))
    );
    // An empty frame after a full one: authentic or not, it is not how the format writes 64 bytes.
    let two = [&full[..], &[0; 16]].concat();
    assert_eq!(
        fixture.open(&two, Aad::EMPTY),
        Err(malformed(Rule::EmptyLastFrame).into())
    );
    let mut opener = fixture
        .opening
        .stream_opener(&Header::decode(&full).unwrap(), Aad::EMPTY)
        .unwrap();
    let body = &two[Header::decode(&two).unwrap().len()..];
    // The full frame was sealed as the last one, so it does not open as an inner one.
    assert_eq!(opener.push(body, &mut Vec::new()), Err(OpenError::NotAuthentic));
}

#[test]
fn an_authentic_empty_last_frame_is_refused_too() {
    let reference = Reference {
        suite: 1,
        exponent: 6,
        data_key: &[0x42; 32],
        salt: &SALT,
        context: &[("purpose", "orders"), ("tenant", "acme")],
        keys: &[("local:a", b"blob")],
        aad: b"",
    };
    let fixture = Fixture::new(params(Suite::default(), 6));
    let message = reference.bytes_in_frames(&[&plaintext(64), b""]);
    assert_eq!(
        fixture.open(&message, Aad::EMPTY),
        Err(malformed(Rule::EmptyLastFrame).into())
    );
    let header = Header::decode(&message).unwrap();
    let mut opener = fixture.opening.stream_opener(&header, Aad::EMPTY).unwrap();
    let mut out = Vec::new();
    opener.push(&message[header.len()..], &mut out).unwrap();
    assert_eq!(out.len(), 64);
    assert_eq!(
        opener.finish(&mut out),
        Err(malformed(Rule::EmptyLastFrame).into())
    );
    // The same writer, told to frame as the format does, is understood.
    let message = reference.bytes_in_frames(&[&plaintext(64), b"x"]);
    assert!(fixture.open(&message, Aad::EMPTY).is_ok());
    let message = reference.bytes_in_frames(&[&plaintext(63), b"xy"]);
    assert_eq!(fixture.open(&message, Aad::EMPTY), Err(OpenError::NotAuthentic));
}

#[test]
fn bodies_of_records() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let sealed = fixture.seal_records(&[b"one", b"two!"], Aad::EMPTY);
    let start = Header::decode(&sealed).unwrap().len();
    let (second, end) = (start + 4 + 3 + 16, sealed.len() - 4 - 16 - 8 - 4);
    let refused = |at: usize, value: [u8; 4]| {
        let mut other = sealed.clone();
        other[at..at + 4].copy_from_slice(&value);
        fixture.open(&other, Aad::EMPTY).unwrap_err()
    };
    assert_eq!(
        refused(start, [0, 0, 0, 65]),
        malformed(Rule::RecordLength).into()
    );
    assert_eq!(
        refused(start, [0xFF, 0xFF, 0xFF, 0xFE]),
        malformed(Rule::RecordLength).into()
    );
    assert_eq!(refused(start, [0, 0, 0, 2]), OpenError::NotAuthentic);
    assert_eq!(
        refused(second, [0, 0, 0, 64]),
        FormatError::Truncated {
            missing: 64 + 16 - (4 + 16 + 32)
        }
        .into()
    );
    assert_eq!(
        refused(end + 4, [0, 0, 0, 4]),
        malformed(Rule::RecordTable).into()
    );
    assert_eq!(refused(end + 12, [0; 4]), OpenError::NotAuthentic);
    assert_eq!(
        refused(sealed.len() - 4, [0, 0, 0, 1]),
        malformed(Rule::RecordTotal).into()
    );
    let longer = [&sealed[..], &[0]].concat();
    assert_eq!(
        fixture.open(&longer, Aad::EMPTY),
        Err(malformed(Rule::NothingAfter).into())
    );
    // The end moved forward: fewer records than were sealed, so that the count is not where it is looked for.
    let fewer = [&sealed[..second], &sealed[end..]].concat();
    assert_eq!(
        fixture.open(&fewer, Aad::EMPTY),
        Err(malformed(Rule::RecordTotal).into())
    );
}

#[test]
fn a_forged_end_with_a_true_table_is_not_authentic() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let two = fixture.seal_records(&[b"one", b"two"], Aad::EMPTY);
    let start = Header::decode(&two).unwrap().len();
    let first = &two[..start + 4 + 3 + 16];
    let forged = [first, &[0xFF; 4], &[0, 0, 0, 3], &[0; 16], &[0, 0, 0, 1]].concat();
    assert_eq!(fixture.open(&forged, Aad::EMPTY), Err(OpenError::NotAuthentic));
    let none = [
        &two[..start],
        &[0xFF; 4],
        &two[two.len() - 20..two.len() - 4],
        &[0; 4],
    ]
    .concat();
    assert_eq!(fixture.open(&none, Aad::EMPTY), Err(OpenError::NotAuthentic));
}

#[test]
fn errors_say_what_to_do() {
    for rule in Rule::ALL {
        let error = malformed(*rule).to_string();
        assert!(
            error.contains(&format!("rule {}:", rule.number())) && error.contains(rule.advice()),
            "{error}"
        );
    }
    let truncated = FormatError::Truncated { missing: 5 };
    assert_eq!(truncated.rule(), Rule::Complete);
    assert!(truncated.to_string().contains("at least 5 more bytes"));
    assert!(OpenError::NotAuthentic.to_string().contains("encryption context"));
}
