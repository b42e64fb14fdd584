//! Messages of version 4.0.0 of the AWS Encryption SDK for .NET, made by hand from what is known of them: the header tag covers
//! two zero bytes too many, and suites that do not commit leave the message id out of the derivation.
use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{Aead as _, Payload},
};
use datakey::{
    Aad, EncryptionContext, Formats, Opener, ProviderError,
    provider::{DataKey, OpeningProvider, Rank, WrappedKey, async_trait},
};
use datakey_esdk::{Message, OpenError as EsdkError, OpenParams, OpeningKey, Suite};
use datakey_tests::esdk::{any_suite, context, data_key};
use hkdf::Hkdf;
use sha2::{Sha256, Sha512};

fn seal(key: &[u8], iv: [u8; 12], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let cipher = Aes256Gcm::new_from_slice(key).unwrap();
    cipher.encrypt(&iv.into(), Payload { msg, aad }).unwrap()
}

/// A message with one frame, whose header tag covers `more` bytes and whose key is derived with or without the message id.
fn message(suite: Suite, more: &[u8], with_id: bool) -> Vec<u8> {
    const PLAINTEXT: &[u8] = b"an order";
    let (id, mut key, mut commitment) = ([9_u8; 32], [0; 32], [0; 32]);
    let suite_id = suite.id().to_be_bytes();
    let id: &[u8] = if suite.is_committing() { &id } else { &id[..16] };
    let mut header = Vec::new();
    if suite.is_committing() {
        let hkdf = Hkdf::<Sha512>::new(Some(id), data_key(suite, 7).expose_secret());
        hkdf.expand_multi_info(&[&suite_id, b"DERIVEKEY"], &mut key)
            .unwrap();
        hkdf.expand(b"COMMITKEY", &mut commitment).unwrap();
        header.push(2);
    } else {
        let hkdf = Hkdf::<Sha256>::new(None, data_key(suite, 7).expose_secret());
        let info: &[&[u8]] = if with_id { &[&suite_id, id] } else { &[&suite_id] };
        hkdf.expand_multi_info(info, &mut key).unwrap();
        header.extend_from_slice(&[1, 0x80]);
    }
    header.extend_from_slice(&suite_id);
    header.extend_from_slice(id);
    header.extend_from_slice(b"\0\0\0\x01\0\x04shop\0\x01n\0\x01w\x02");
    if !suite.is_committing() {
        header.extend_from_slice(&[0, 0, 0, 0, 12]);
    }
    header.extend_from_slice(&4096_u32.to_be_bytes());
    if suite.is_committing() {
        header.extend_from_slice(&commitment);
    }
    let tag = seal(&key, [0; 12], &[&header, more].concat(), b"");
    if !suite.is_committing() {
        header.extend_from_slice(&[0; 12]);
    }
    header.extend_from_slice(&tag);
    let mut iv = [0; 12];
    iv[11] = 1;
    let (number, len) = (1_u32.to_be_bytes(), (PLAINTEXT.len() as u64).to_be_bytes());
    let aad = [id, b"AWSKMSEncryptionClient Final Frame", &number, &len].concat();
    header.extend_from_slice(&[0xFF; 4]);
    header.extend_from_slice(&number);
    header.extend_from_slice(&iv);
    header.extend_from_slice(&(PLAINTEXT.len() as u32).to_be_bytes());
    header.extend_from_slice(&seal(&key, iv, &aad, PLAINTEXT));
    header
}

fn open(suite: Suite, sealed: &[u8], params: &OpenParams) -> Result<Vec<u8>, EsdkError> {
    let opening = OpeningKey::new(&data_key(suite, 7), &context(&[]));
    let mut out = Vec::new();
    let message = Message::decode(sealed).unwrap();
    opening.open(&message, params, &mut out).map(|()| out)
}

#[test]
fn its_messages_open_unless_they_are_refused_by_setting() {
    let strict = any_suite().with_net_4_0_0_messages(false);
    for suite in [Suite::Aes256GcmHkdfSha512CommitKey, Suite::Aes256GcmHkdfSha256] {
        let right = message(suite, &[], true);
        assert_eq!(open(suite, &right, &strict).unwrap(), b"an order");
        let theirs = message(suite, &[0, 0], false);
        assert_eq!(open(suite, &theirs, &any_suite()).unwrap(), b"an order");
        assert_eq!(open(suite, &theirs, &strict), Err(EsdkError::NotAuthentic));
        for other in [&[0][..], &[0, 1], &[0, 0, 0]] {
            let wrong = message(suite, other, false);
            assert_eq!(open(suite, &wrong, &any_suite()), Err(EsdkError::NotAuthentic));
        }
    }
}

#[test]
fn its_two_faults_come_together_or_not_at_all() {
    let suite = Suite::Aes256GcmHkdfSha256;
    for half in [message(suite, &[0, 0], true), message(suite, &[], false)] {
        assert_eq!(open(suite, &half, &any_suite()), Err(EsdkError::NotAuthentic));
    }
}

/// A wrapping key that holds one data key.
struct Holds(Suite);

#[async_trait]
impl OpeningProvider for Holds {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        Ok(data_key(self.0, 7))
    }
}

#[tokio::test]
async fn an_opener_opens_them_unless_it_is_told_not_to() {
    for suite in [Suite::Aes256GcmHkdfSha512CommitKey, Suite::Aes256GcmHkdfSha256] {
        let bytes = message(suite, &[0, 0], suite.is_committing());
        let opener = Opener::new(Holds(suite)).with_formats(Formats::only_esdk(any_suite()));
        let opened = opener.open(&context(&[]), &bytes, Aad::EMPTY).await;
        assert_eq!(opened.unwrap(), b"an order", "{suite}");
        let strict = Formats::only_esdk(any_suite().with_net_4_0_0_messages(false));
        let refused = opener
            .with_formats(strict)
            .open(&context(&[]), &bytes, Aad::EMPTY)
            .await;
        assert!(
            matches!(refused, Err(datakey::OpenError::NotAuthentic)),
            "{suite}"
        );
    }
}
