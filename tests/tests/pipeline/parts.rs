//! Parts of stored messages, and messages under another wrapping key, through the facade.
use std::{
    cell::RefCell,
    io::{self, ErrorKind},
    ops::Range,
};

use datakey::{
    Aad, EncryptionContext, OpenError, Opener, RewrapError, Sealer, StreamError, Unsupported, both, esdk,
    local::LocalKeys, provider::ErrorClass,
};
use datakey_tests::pipeline::{in_process, orders};

/// An object in a store, and the ranges of it that were fetched.
struct Object {
    bytes: Vec<u8>,
    fetched: RefCell<Vec<Range<u64>>>,
}

impl Object {
    fn new(bytes: Vec<u8>) -> Self {
        let fetched = RefCell::default();
        Self { bytes, fetched }
    }

    fn get(&self, range: Range<u64>) -> io::Result<&[u8]> {
        self.fetched.borrow_mut().push(range.clone());
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        self.bytes
            .get(range)
            .ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    async fn open(&self, opener: &Opener, range: Range<u64>, aad: Aad<'_>) -> Result<Vec<u8>, StreamError> {
        let len = self.bytes.len() as u64;
        opener
            .open_range(&orders(), aad, len, range, async |range| self.get(range))
            .await
    }
}

fn plaintext(len: u32) -> Vec<u8> {
    (0..len)
        .map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1])
        .collect()
}

#[tokio::test]
async fn a_range_opens_from_the_frames_that_hold_it() {
    let (sealer, opener) = both(in_process());
    let plain = plaintext(300_000);
    let sealed = sealer.seal(&orders(), &plain, Aad::from("a")).await.unwrap();
    let object = Object::new(sealed);
    for range in [
        0..0,
        0..1,
        65_535..65_537,
        70_000..70_100,
        131_072..300_000,
        299_999..300_000,
        0..300_000,
    ] {
        object.fetched.borrow_mut().clear();
        let opened = object.open(&opener, range.clone(), Aad::from("a")).await.unwrap();
        let expected = &plain[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
        assert_eq!(opened, expected, "{range:?}");
        let fetched = object.fetched.borrow();
        let bytes: u64 = fetched.iter().map(|range| range.end - range.start).sum();
        let frames = range.end.div_ceil(65_536) - range.start / 65_536 + 1;
        assert!(fetched.len() <= 3, "{fetched:?}");
        assert!(bytes <= 4096 + frames * (65_536 + 16), "{range:?}: {bytes}");
    }
}

#[tokio::test]
async fn a_range_of_another_message_or_length_is_refused() {
    let (sealer, opener) = both(in_process());
    let sealed = sealer
        .seal(&orders(), &plaintext(200_000), Aad::from("a"))
        .await
        .unwrap();
    let whole = Object::new(sealed.clone());
    let refused = |opened: Result<Vec<u8>, StreamError>| opened.unwrap_err();
    assert!(matches!(
        refused(whole.open(&opener, 0..10, Aad::from("b")).await),
        StreamError::Open(OpenError::NotAuthentic)
    ));
    assert!(matches!(
        refused(whole.open(&opener, 199_999..200_001, Aad::from("a")).await),
        StreamError::Open(OpenError::OutOfRange {
            end: 200_001,
            len: 200_000
        })
    ));
    // Cut at a frame: what is left is a message of another length.
    let cut = Object::new(sealed[..sealed.len() - 3_392 - 16].to_vec());
    assert!(matches!(
        refused(cut.open(&opener, 0..10, Aad::from("a")).await),
        StreamError::Open(OpenError::NotAuthentic)
    ));
    let other = EncryptionContext::new([("tenant", "other")]).unwrap();
    let len = sealed.len() as u64;
    let opened = opener.open_range(&other, Aad::from("a"), len, 0..10, async |range| whole.get(range));
    assert!(matches!(
        refused(opened.await),
        StreamError::Open(OpenError::Context(_))
    ));
    let short = async |range: Range<u64>| whole.get(range.start..range.end - 1);
    let own = orders();
    let opened = opener.open_range(&own, Aad::from("a"), len, 0..10, short);
    assert!(
        matches!(refused(opened.await), StreamError::Io(error) if error.kind() == ErrorKind::UnexpectedEof)
    );
    let no_message =
        Object::new(b"no message of ours, and long enough to look like one in its length at least".to_vec());
    assert!(matches!(
        refused(no_message.open(&opener, 0..1, Aad::EMPTY).await),
        StreamError::Open(OpenError::Format(_))
    ));
    let front = Object::new(sealed[..40].to_vec());
    assert!(matches!(
        refused(front.open(&opener, 0..1, Aad::EMPTY).await),
        StreamError::Open(OpenError::Format(_))
    ));
}

/// A header that is longer than what is fetched at first.
#[tokio::test]
async fn a_long_header_is_fetched_to_its_end() {
    let (sealer, opener) = both(in_process());
    let long = "v".repeat(1024);
    let pairs = ["a", "b", "c"].map(|key| (key, long.as_str()));
    let more = [("d", &long[..900]), ("tenant", "acme")];
    let context = EncryptionContext::new(pairs.into_iter().chain(more)).unwrap();
    let sealed = sealer.seal(&context, b"order 17", Aad::EMPTY).await.unwrap();
    assert!(sealed.len() > 4096 + 100);
    let object = Object::new(sealed);
    let len = object.bytes.len() as u64;
    let expected = EncryptionContext::new([("tenant", "acme")]).unwrap();
    let opened = opener.open_range(&expected, Aad::EMPTY, len, 6..8, async |range| object.get(range));
    assert_eq!(opened.await.unwrap(), b"17");
}

#[tokio::test]
async fn a_message_gets_other_wrapped_keys_and_nothing_else_changes() {
    let (old, new) = (
        LocalKeys::generate("old").unwrap(),
        LocalKeys::generate("new").unwrap(),
    );
    let (sealer, opener) = both(old.clone());
    let sealed = sealer.seal(&orders(), b"order 17", Aad::from("a")).await.unwrap();
    let moved = opener
        .rewrap(&orders(), &sealed, Aad::from("a"), &new)
        .await
        .unwrap();
    let opened = Opener::new(new.clone())
        .open(&orders(), &moved, Aad::from("a"))
        .await;
    assert_eq!(opened.unwrap(), b"order 17");
    let refused = Opener::new(old).open(&orders(), &moved, Aad::from("a")).await;
    assert!(
        matches!(refused, Err(OpenError::Keyring(_))),
        "the old wrapped key is gone"
    );
    assert_eq!(
        moved[moved.len() - 24..],
        sealed[sealed.len() - 24..],
        "the frames are as they were"
    );

    let refused = opener
        .rewrap(&orders(), &sealed, Aad::from("b"), &new)
        .await
        .unwrap_err();
    assert!(matches!(refused, RewrapError::Open(OpenError::NotAuthentic)));
    let other = EncryptionContext::new([("tenant", "other")]).unwrap();
    let refused = opener
        .rewrap(&other, &sealed, Aad::from("a"), &new)
        .await
        .unwrap_err();
    assert!(matches!(refused, RewrapError::Open(OpenError::Context(_))));
}

#[tokio::test]
async fn a_provider_that_fails_to_wrap_says_so() {
    let (sealer, opener) = both(in_process());
    let sealed = sealer.seal(&orders(), b"order 17", Aad::EMPTY).await.unwrap();
    let to = in_process();
    to.fake().disable_key(to.key_arn()).unwrap();
    let refused = opener
        .rewrap(&orders(), &sealed, Aad::EMPTY, &to)
        .await
        .unwrap_err();
    assert!(matches!(refused, RewrapError::Wrap(_)));
    assert_eq!(
        (refused.class(), refused.is_retryable()),
        (Some(ErrorClass::UnavailableKey), false)
    );
}

#[tokio::test]
async fn messages_of_the_aws_encryption_sdk_have_neither() {
    let keys = LocalKeys::generate("dev").unwrap();
    let provider = in_process();
    let params = esdk::Params::new().with_suite(esdk::Suite::Aes256GcmHkdfSha512CommitKey);
    let sealer = Sealer::builder(provider.clone()).format(params).build().unwrap();
    let opener = Opener::new(provider);
    let object = Object::new(sealer.seal(&orders(), b"order 17", Aad::EMPTY).await.unwrap());
    let refused = object.open(&opener, 0..1, Aad::EMPTY).await.unwrap_err();
    assert!(matches!(
        refused,
        StreamError::Open(OpenError::Unsupported(Unsupported::Parts))
    ));
    let refused = opener
        .rewrap(&orders(), &object.bytes, Aad::EMPTY, &keys)
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        RewrapError::Open(OpenError::Unsupported(Unsupported::OtherKeys))
    ));
}
