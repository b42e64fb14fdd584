//! What the format has no place for is refused before anything is sealed, each limit at its edge.
use datakey_envelope::{
    Header, LimitError, MAX_BLOB_LEN, MAX_CONTEXT_LEN, MAX_CONTEXT_PAIRS, MAX_CONTEXT_TEXT_LEN,
    MAX_KEY_ID_LEN, MAX_WRAPPED_KEYS, OpeningKey, Params, RewrapError, SealingKey, check_context,
    check_wrapped_keys,
};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};

fn key(length: DataKeyLength) -> DataKey {
    DataKey::init(length, |bytes| bytes.fill(7))
}

fn one() -> WrappedKeys {
    WrappedKey::new("local:dev", *b"opaque").unwrap().into()
}

fn sealing(wrapped: &WrappedKeys, context: &EncryptionContext) -> Result<SealingKey, LimitError> {
    SealingKey::new(&key(DataKeyLength::Bytes32), wrapped, context, &Params::new())
}

fn contexts() -> Vec<(EncryptionContext, Result<(), LimitError>)> {
    let numbered =
        |count: usize| EncryptionContext::new((0..count).map(|n| (format!("{n:02}"), ""))).unwrap();
    let long = |len: usize| EncryptionContext::new([("k", "v".repeat(len))]).unwrap();
    let long_key = |len: usize| EncryptionContext::new([("k".repeat(len), "")]).unwrap();
    // Four pairs of 1,024 bytes each, lengths included, fill the whole exactly.
    let filled = |last: usize| {
        let value = |n| "v".repeat(if n == 3 { last } else { MAX_CONTEXT_LEN / 4 - 6 });
        EncryptionContext::new((0..4).map(|n| (format!("{n:02}"), value(n)))).unwrap()
    };
    vec![
        (EncryptionContext::empty(), Ok(())),
        (numbered(MAX_CONTEXT_PAIRS), Ok(())),
        (
            numbered(MAX_CONTEXT_PAIRS + 1),
            Err(LimitError::ContextPairs(MAX_CONTEXT_PAIRS + 1)),
        ),
        (long(MAX_CONTEXT_TEXT_LEN), Ok(())),
        (long_key(MAX_CONTEXT_TEXT_LEN), Ok(())),
        (
            long(MAX_CONTEXT_TEXT_LEN + 1),
            Err(LimitError::ContextText(MAX_CONTEXT_TEXT_LEN + 1)),
        ),
        (
            long_key(MAX_CONTEXT_TEXT_LEN + 1),
            Err(LimitError::ContextText(MAX_CONTEXT_TEXT_LEN + 1)),
        ),
        (filled(MAX_CONTEXT_LEN / 4 - 6), Ok(())),
        (
            filled(MAX_CONTEXT_LEN / 4 - 5),
            Err(LimitError::ContextLength(MAX_CONTEXT_LEN + 1)),
        ),
    ]
}

#[test]
fn a_context_is_sealed_under_up_to_each_limit_and_refused_over_it() {
    for (context, expected) in contexts() {
        assert_eq!(check_context(&context), expected);
        assert_eq!(sealing(&one(), &context).map(drop), expected);
        if expected.is_ok() {
            let mut out = Vec::new();
            let sealing = sealing(&one(), &context).unwrap();
            sealing
                .seal(b"order", datakey_envelope::Aad::EMPTY, &mut out)
                .unwrap();
            assert!(
                Header::decode(&out).unwrap().has_context(&context),
                "and is read again"
            );
        }
    }
}

#[test]
fn wrapped_keys_are_sealed_with_up_to_each_limit_and_refused_over_it() {
    let keys = |count: usize| {
        let keys: Vec<_> = (0..count)
            .map(|n| WrappedKey::new(format!("k{n}"), *b"blob").unwrap())
            .collect();
        WrappedKeys::new(keys).unwrap()
    };
    let id = |len: usize| WrappedKeys::from(WrappedKey::new("i".repeat(len), *b"blob").unwrap());
    let blob = |len: usize| WrappedKeys::from(WrappedKey::new("id", vec![7; len]).unwrap());
    let cases = [
        (keys(MAX_WRAPPED_KEYS), Ok(())),
        (
            keys(MAX_WRAPPED_KEYS + 1),
            Err(LimitError::WrappedKeys(MAX_WRAPPED_KEYS + 1)),
        ),
        (id(MAX_KEY_ID_LEN), Ok(())),
        (id(MAX_KEY_ID_LEN + 1), Err(LimitError::KeyId(MAX_KEY_ID_LEN + 1))),
        (blob(MAX_BLOB_LEN), Ok(())),
        (blob(MAX_BLOB_LEN + 1), Err(LimitError::Blob(MAX_BLOB_LEN + 1))),
    ];
    let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
    let mut message = Vec::new();
    let whole = sealing(&one(), &context).unwrap();
    whole
        .seal(b"order", datakey_envelope::Aad::EMPTY, &mut message)
        .unwrap();
    let header = Header::decode(&message).unwrap();
    for (wrapped, expected) in cases {
        assert_eq!(check_wrapped_keys(&wrapped), expected);
        assert_eq!(sealing(&wrapped, &context).map(drop), expected);
        let mut out = b"before".to_vec();
        let again = header.rewrapped(&context, &wrapped, &mut out);
        assert_eq!(again, expected.map_err(RewrapError::Limit));
        if expected.is_ok() {
            assert_eq!(
                Header::decode(&out[6..]).unwrap().wrapped_keys().unwrap(),
                wrapped
            );
        } else {
            assert_eq!(out, b"before", "nothing was written");
        }
    }
}

#[test]
fn a_data_key_of_another_length_seals_and_opens_nothing() {
    let context = EncryptionContext::empty();
    for length in [DataKeyLength::Bytes16, DataKeyLength::Bytes24] {
        let refused = Err(LimitError::DataKeyLength(length));
        let sealing = SealingKey::new(&key(length), &one(), &context, &Params::new());
        assert_eq!(sealing.map(drop), refused);
        assert_eq!(OpeningKey::new(&key(length), &context).map(drop), refused);
    }
}

/// What `docs/architecture.md` says that a message costs: without an encryption context, in one frame.
#[test]
fn a_small_message_under_a_kms_key_takes_at_most_350_bytes_more() {
    const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    assert_eq!(ARN.len(), 75);
    let wrapped = WrappedKey::new(ARN, vec![7; 184]).unwrap().into();
    let sealing = sealing(&wrapped, &EncryptionContext::empty()).unwrap();
    for len in [0, 300, 65_536] {
        let over = sealing.sealed_len(len).unwrap() - len;
        assert!((300..=350).contains(&over), "{over}");
    }
    assert!(
        sealing.sealed_len(65_537).unwrap() - 65_537 > 350,
        "a second frame"
    );
}
