//! Local keys as a provider: the conformance suite, and what is theirs alone.
use datakey_local::{BLOB_OVERHEAD, BlobError, LocalKeys, LocalKeysError, MAX_KEYS};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider, Rank, SealingProvider,
    WrappedKey, conformance,
};

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap()
}

async fn wrap(keys: &LocalKeys) -> (DataKey, WrappedKey) {
    let (data_key, wrapped) = keys
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap()
        .into_parts();
    (data_key, wrapped.first().clone())
}

fn source_of<E: std::error::Error + Copy + 'static>(error: &datakey_provider::ProviderError) -> E {
    let source = std::error::Error::source(error).expect("has a source");
    *source.downcast_ref().expect("the source's type")
}

#[tokio::test]
async fn conforms() {
    conformance::check(&LocalKeys::generate("dev").unwrap())
        .await
        .unwrap();
    let rotated = LocalKeys::generate("one").unwrap().with_generated("two").unwrap();
    conformance::check(&rotated).await.unwrap();
}

#[tokio::test]
async fn every_flipped_bit_is_refused() {
    let keys = LocalKeys::generate("dev").unwrap();
    let (_, wrapped) = wrap(&keys).await;
    let blob_len = BLOB_OVERHEAD + 32;
    assert_eq!(wrapped.blob().len(), blob_len);
    for bit in 0..blob_len * 8 {
        let mut blob = wrapped.blob().to_vec();
        blob[bit / 8] ^= 1 << (bit % 8);
        let altered = WrappedKey::new(wrapped.key_id(), blob).unwrap();
        let error = keys.decrypt(&context(), &altered).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotAuthentic, "bit {bit}");
        let cause: BlobError = source_of(&error);
        assert_eq!(
            matches!(cause, BlobError::Version(_)),
            bit < 8,
            "bit {bit}: {cause}"
        );
    }
    for len in (1..blob_len).chain([blob_len + 1, 6144]) {
        let mut blob = wrapped.blob().to_vec();
        blob.resize(len, 0);
        let altered = WrappedKey::new(wrapped.key_id(), blob).unwrap();
        let error = keys.decrypt(&context(), &altered).await.unwrap_err();
        // Cut to where a shorter data key would end, it is altered.
        let expected = match len.checked_sub(BLOB_OVERHEAD) {
            Some(16 | 24) => BlobError::NotAuthentic,
            _ => BlobError::Length(len),
        };
        assert_eq!(source_of::<BlobError>(&error), expected, "{len}");
    }
}

#[tokio::test]
async fn data_keys_of_each_length_are_made_and_opened() {
    let keys = LocalKeys::generate("dev").unwrap();
    for length in DataKeyLength::ALL {
        let made = keys.generate_data_key(&context(), length).await.unwrap();
        assert_eq!(made.data_key().length(), length);
        let wrapped = made.wrapped_keys().first();
        assert_eq!(wrapped.blob().len(), BLOB_OVERHEAD + length.bytes());
        let opened = keys.decrypt(&context(), wrapped).await.unwrap();
        assert!(opened.ct_eq(made.data_key()));
    }
}

#[tokio::test]
async fn the_same_name_is_not_the_same_key() {
    let (mine, theirs) = (
        LocalKeys::generate("dev").unwrap(),
        LocalKeys::generate("dev").unwrap(),
    );
    let (_, wrapped) = wrap(&theirs).await;
    let error = mine.decrypt(&context(), &wrapped).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotAuthentic);
    assert_eq!(source_of::<BlobError>(&error), BlobError::NotAuthentic);
}

#[tokio::test]
async fn rotation_keeps_what_was_sealed_readable() {
    let old = LocalKeys::generate("2026").unwrap();
    let (data_key, wrapped) = wrap(&old).await;
    let new = old.with_generated("2027").unwrap();
    assert_eq!(new.active_key_id(), "local:2027");
    assert!(new.decrypt(&context(), &wrapped).await.unwrap().ct_eq(&data_key));

    let (_, wrapped_by_new) = wrap(&new).await;
    assert_eq!(wrapped_by_new.key_id(), "local:2027");
    assert_eq!(old.rank(&wrapped_by_new), None);
    let error = old.decrypt(&context(), &wrapped_by_new).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::InvalidRequest);

    // A key id that names another key of the set is a lie, not a way around the binding.
    let renamed = WrappedKey::new("local:2027", wrapped.blob()).unwrap();
    assert_eq!(new.rank(&renamed), Some(Rank::LOCAL));
    let error = new.decrypt(&context(), &renamed).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotAuthentic);

    let without = new.without("2026").unwrap();
    let error = without.decrypt(&context(), &wrapped).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::InvalidRequest);
}

#[tokio::test]
async fn going_back_to_an_older_key() {
    let keys = LocalKeys::generate("one").unwrap().with_generated("two").unwrap();
    let back = keys.with_active("one").unwrap();
    assert_eq!(wrap(&back).await.1.key_id(), "local:one");
    assert_eq!(wrap(&keys).await.1.key_id(), "local:two");
}

#[test]
fn misuse_of_sets_is_refused() {
    let keys = LocalKeys::generate("one").unwrap();
    assert_eq!(
        keys.with_generated("one").unwrap_err(),
        LocalKeysError::Duplicate("one".into())
    );
    assert_eq!(
        keys.with_active("two").unwrap_err(),
        LocalKeysError::Unknown("two".into())
    );
    assert_eq!(
        keys.without("one").unwrap_err(),
        LocalKeysError::Active("one".into())
    );
    assert_eq!(
        keys.without("two").unwrap_err(),
        LocalKeysError::Unknown("two".into())
    );
    assert!(matches!(LocalKeys::generate("a b"), Err(LocalKeysError::Name(_))));
    assert!(matches!(
        LocalKeys::import("", &[0; 32]),
        Err(LocalKeysError::Name(_))
    ));
}

#[test]
fn a_set_is_bounded() {
    let mut keys = LocalKeys::generate("key-0").unwrap();
    for number in 1..MAX_KEYS {
        keys = keys.with_generated(&format!("key-{number}")).unwrap();
    }
    assert_eq!(keys.names().len(), MAX_KEYS);
    assert_eq!(
        keys.with_generated("one-more").unwrap_err(),
        LocalKeysError::TooMany
    );
}

#[tokio::test]
async fn wraps_of_one_data_key_differ() {
    let keys = LocalKeys::generate("dev").unwrap();
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(1));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        let wrapped = keys.encrypt(&context(), &data_key).await.unwrap();
        assert!(
            seen.insert(wrapped.first().blob()[1..25].to_vec()),
            "a nonce came twice"
        );
    }
}

#[tokio::test]
async fn errors_and_debug_show_no_key() {
    let secret = *b"0123456789abcdefghijklmnopqrstuv";
    let keys = LocalKeys::import("dev", &secret).unwrap();
    let (_, wrapped) = wrap(&keys).await;
    let other = EncryptionContext::empty();
    let error = keys.decrypt(&other, &wrapped).await.unwrap_err();
    for shown in [format!("{keys:?}"), format!("{error:?}"), format!("{error}")] {
        assert!(
            !shown.contains("0123456789") && !shown.contains("[48, 49"),
            "{shown}"
        );
    }
    assert!(format!("{error}").contains("local:dev"));
}
