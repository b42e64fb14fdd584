//! The encryption context: one form for each set of pairs, every limit at its edge, digests that cannot be confused.
use datakey_provider::{
    ContextError, ContextMismatch, EncryptionContext, MAX_CONTEXT_TEXT_LEN, WrappedKey, WrappedKeyError,
    WrappedKeys, WrappedKeysError,
};
use proptest::prelude::*;

fn context<const N: usize>(pairs: [(&str, &str); N]) -> Result<EncryptionContext, ContextError> {
    EncryptionContext::new(pairs)
}

#[test]
fn keys_sort_by_bytes_and_not_by_any_locale() {
    let context = context([("\u{e9}", "1"), ("z", "2"), ("Z", "3"), ("a", "4")]).unwrap();
    let keys: Vec<&str> = context.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["Z", "a", "z", "\u{e9}"]);
}

#[test]
fn moving_bytes_between_key_and_value_changes_encoding_and_digest() {
    let (one, two) = (context([("ab", "c")]).unwrap(), context([("a", "bc")]).unwrap());
    assert_ne!(one.encoded(), two.encoded());
    assert_ne!(one.digest(), two.digest());
    let (one, two) = (
        context([("a", "b"), ("c", "d")]).unwrap(),
        context([("a", "b\0c\0d")]).unwrap(),
    );
    assert_ne!(one.digest(), two.digest());
}

#[test]
fn the_encoding_is_lengths_and_bytes() {
    assert_eq!(context([("k", "vw")]).unwrap().encoded(), b"\0\x01k\0\x02vw");
    assert_eq!(EncryptionContext::empty().encoded(), b"");
    assert_eq!(EncryptionContext::default(), context([]).unwrap());
}

#[test]
fn what_no_encoding_could_hold_is_no_context_and_how_much_of_it_a_message_holds_is_not_asked_here() {
    let long = |len: usize| EncryptionContext::new([("k", "v".repeat(len))]);
    assert_eq!(
        long(MAX_CONTEXT_TEXT_LEN).unwrap().encoded().len(),
        5 + MAX_CONTEXT_TEXT_LEN
    );
    assert_eq!(
        long(MAX_CONTEXT_TEXT_LEN + 1).unwrap_err(),
        ContextError::TextTooLong(MAX_CONTEXT_TEXT_LEN + 1)
    );
    let many = EncryptionContext::new((0..1_000).map(|n| (format!("{n}"), ""))).unwrap();
    assert_eq!(many.len(), 1_000);

    assert_eq!(context([("", "v")]).unwrap_err(), ContextError::EmptyKey);
    assert_eq!(
        context([("k", "1"), ("k", "2")]).unwrap_err(),
        ContextError::DuplicateKey("k".into())
    );
    assert!(context([("k", "")]).is_ok());
}

#[test]
fn an_expectation_is_met_or_the_difference_is_named() {
    let sealed = context([("tenant", "acme"), ("purpose", "orders")]).unwrap();
    assert_eq!(sealed.check_expected(&sealed), Ok(()));
    assert_eq!(
        sealed.check_expected(&context([("purpose", "orders")]).unwrap()),
        Ok(())
    );
    assert_eq!(
        EncryptionContext::empty().check_expected(&EncryptionContext::empty()),
        Ok(())
    );
    let other = context([("tenant", "other")]).unwrap();
    assert_eq!(
        sealed.check_expected(&other),
        Err(ContextMismatch::OtherValue { key: "tenant".into() })
    );
    let more = context([("region", "eu")]).unwrap();
    assert_eq!(
        sealed.check_expected(&more),
        Err(ContextMismatch::Missing { key: "region".into() })
    );
    let nothing = EncryptionContext::empty();
    assert_eq!(
        sealed.check_expected(&nothing),
        Err(ContextMismatch::NothingExpected { pairs: 2 })
    );
}

#[test]
fn wrapped_keys_are_not_empty_and_each_stands_once() {
    assert_eq!(WrappedKey::new("id", []).unwrap_err(), WrappedKeyError::EmptyBlob);
    assert_eq!(
        WrappedKey::new("", *b"blob").unwrap_err(),
        WrappedKeyError::EmptyKeyId
    );
    assert!(WrappedKey::new("i".repeat(1_000), vec![7; 100_000]).is_ok());
    assert_eq!(
        WrappedKey::new("a\nb", *b"blob").unwrap_err(),
        WrappedKeyError::KeyIdCharacter
    );

    let numbered = |count: usize| -> Vec<WrappedKey> {
        (0..count)
            .map(|n| WrappedKey::new(format!("k{n}"), *b"blob").unwrap())
            .collect()
    };
    let keys = |count: usize| WrappedKeys::new(numbered(count));
    assert_eq!(keys(0).unwrap_err(), WrappedKeysError::Empty);
    for count in [1, 2, 16, 17, 1_000] {
        assert_eq!(keys(count).unwrap().as_slice().len(), count);
        let mut twice = numbered(count);
        twice.push(twice[count / 2].clone());
        assert_eq!(
            WrappedKeys::new(twice).unwrap_err(),
            WrappedKeysError::Duplicate(count)
        );
    }
    let twice = keys(2).unwrap();
    assert_eq!(
        twice.join(&keys(1).unwrap()).unwrap_err(),
        WrappedKeysError::Duplicate(2)
    );
}

#[test]
fn the_digest_of_a_wrapped_key_separates_id_and_blob() {
    let digest = |id: &str, blob: &[u8]| WrappedKey::new(id, blob).unwrap().digest();
    assert_eq!(digest("a", b"b"), digest("a", b"b"));
    assert_ne!(digest("ab", b"c"), digest("a", b"bc"));
}

proptest! {
    #[test]
    fn the_order_of_pairs_never_matters(mut pairs in proptest::collection::btree_map("\\PC{1,8}", "\\PC{0,8}", 0..8)
        .prop_map(|pairs| pairs.into_iter().collect::<Vec<_>>()), seed in any::<u64>())
    {
        let sorted = EncryptionContext::new(pairs.clone()).unwrap();
        let len = pairs.len().max(1);
        pairs.rotate_left(usize::try_from(seed).unwrap_or(0) % len);
        pairs.reverse();
        let other = EncryptionContext::new(pairs).unwrap();
        prop_assert_eq!(sorted.encoded(), other.encoded());
        prop_assert_eq!(sorted.digest(), other.digest());
    }

    #[test]
    fn different_pairs_have_different_encodings(
        one in proptest::collection::btree_map("[ab]{1,3}", "[ab]{0,3}", 0..4),
        two in proptest::collection::btree_map("[ab]{1,3}", "[ab]{0,3}", 0..4),
    ) {
        let (left, right) = (EncryptionContext::new(&one).unwrap(), EncryptionContext::new(&two).unwrap());
        prop_assert_eq!(one == two, left.encoded() == right.encoded());
        prop_assert_eq!(one == two, left == right);
    }
}
