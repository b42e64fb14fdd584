//! A program that links the module.
#![cfg(feature = "module")]
use std::{
    fs,
    sync::{Arc, Mutex},
};

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{Aead as _, Payload},
};
use datakey::{
    Aad, ConfigError, EncryptionContext, OpenError, Opener, Sealer, Suite,
    branch_keys::{BranchKeyAdmin, BranchKeyId, BranchKeys, Created, MemoryStore, NewBranchKey},
    envelope::{self, Header, Message, OpeningKey, Params},
    esdk::{self, CommitmentPolicy, OpenParams, RawAesKey, RawRsaKeyError, RawRsaPublicKey, RsaPadding},
    fake_kms::FakeKms,
    local::{KeyFile, KeyFileError, LocalKeys, LocalKeysError},
    provider::{
        DataKey, DataKeyLength, OpeningProvider, ProviderError, Rank, SealingProvider as _, WrappedKey,
        async_trait,
    },
};
use datakey_fips_tests::envelope_vectors::{Expect, Vector};
use hmac::{Hmac, Mac as _};

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn acme() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn the_module_is_linked_and_in_its_approved_mode() {
    assert_eq!(aws_lc_rs::try_fips_mode(), Ok(()));
    assert!(datakey::is_fips() && envelope::is_fips() && esdk::is_fips() && datakey::branch_keys::is_fips());
}

#[tokio::test(start_paused = true)]
async fn both_formats_seal_and_open_with_aes_256_gcm() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let opener = Opener::builder(fake.provider(&key)).build().unwrap();
    let native = Sealer::builder(fake.provider(&key))
        .suite(Suite::Aes256Gcm)
        .build()
        .unwrap();
    let signed = Sealer::builder(fake.provider(&key))
        .format(esdk::Params::new())
        .build()
        .unwrap();
    for sealer in [native, signed] {
        for len in [0, 1, 100, 300_000] {
            let plaintext = vec![7; len];
            let aad = Aad::EMPTY;
            let message = sealer.seal(&acme(), &plaintext, aad).await.unwrap();
            assert_eq!(opener.open(&acme(), &message, aad).await.unwrap(), plaintext);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_approved_is_refused_when_a_sealer_is_built() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let refused = Sealer::builder(fake.provider(&key)).build();
    assert!(
        matches!(refused, Err(ConfigError::NotApproved(_))),
        "the default is ChaCha20-Poly1305"
    );
    let params = esdk::Params::new()
        .with_suite(esdk::Suite::Aes256GcmHkdfSha256)
        .with_commitment_policy(CommitmentPolicy::ForbidEncryptAllowDecrypt);
    let refused = Sealer::builder(fake.provider(&key)).format(params).build();
    assert!(matches!(refused, Err(ConfigError::NotApproved(_))));
    // Without `build` to refuse, nothing is sealed, and nothing is asked of KMS.
    let error = Sealer::new(fake.provider(&key))
        .seal(&acme(), b"one order", Aad::EMPTY)
        .await
        .unwrap_err();
    assert!(format!("{error:?}").contains("NotApproved"), "{error:?}");
    assert_eq!(fake.ledger().calls(), 0);
}

#[test]
fn keys_that_wrap_with_what_is_not_approved_are_refused() {
    assert!(matches!(
        LocalKeys::generate("dev"),
        Err(LocalKeysError::NotApproved)
    ));
    let file = KeyFile::open(format!("{TESTS}/vectors/corpus/keys-2.key"));
    assert!(matches!(file, Err(KeyFileError::NotApproved { .. })));
    let pem = fs::read_dir(format!("{TESTS}/vectors/esdk/rsa")).unwrap();
    let pem = pem
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .find(|text| text.starts_with(b"-----BEGIN PUBLIC KEY"))
        .unwrap();
    for padding in RsaPadding::ALL {
        let key = RawRsaPublicKey::from_pem("shop", "2026", padding, &pem);
        match padding {
            RsaPadding::DangerPkcs1V15 | RsaPadding::OaepSha1Mgf1 => {
                assert_eq!(key.err(), Some(RawRsaKeyError::NotApproved));
            }
            _ => assert!(key.is_ok(), "{padding:?}"),
        }
    }
}

#[test]
fn vectors_of_the_native_format_open_and_those_of_chacha20_are_refused_by_name() {
    let (mut opened, mut refused) = (0, 0);
    for vector in Vector::all_in(format!("{TESTS}/vectors/envelope").into()).unwrap() {
        let Expect::Opened(expect) = &vector.expect else {
            continue;
        };
        let message = Message::decode(&vector.message).unwrap();
        let header = message.header();
        let context = header.context().unwrap();
        let aad = Aad::new(&vector.aad);
        let keys = vector.data_keys.iter().flatten();
        let keys = keys.map(|bytes| DataKey::from_slice(bytes).unwrap());
        let key = OpeningKey::for_message(keys, &context, header, aad);
        if header.suite() == Suite::ChaCha20Poly1305 {
            let expected = envelope::OpenError::NotApproved {
                suite: Suite::ChaCha20Poly1305,
            };
            assert_eq!(key.err(), Some(expected), "{}", vector.name);
            refused += 1;
            continue;
        }
        let key = key.unwrap();
        let records = if expect.is_records {
            let mut opener = key.record_opener(header, aad).unwrap();
            let (mut body, mut records, mut record) = (message.body(), Vec::new(), Vec::new());
            while opener.next_record(&mut body, &mut record).unwrap().is_some() {
                records.push(std::mem::take(&mut record));
            }
            opener.finish().unwrap();
            records
        } else {
            let mut plain = Vec::new();
            key.open(&message, aad, &mut plain).unwrap();
            vec![plain]
        };
        assert_eq!(records, expect.records, "{}", vector.name);
        opened += 1;
    }
    assert!(opened > 10 && refused > 10, "{opened} opened, {refused} refused");
}

#[tokio::test]
async fn a_message_of_a_refused_suite_is_told_by_name_and_not_as_forged() {
    let text = fs::read_to_string(format!("{TESTS}/vectors/corpus/datakey-1-chacha20-short.txt")).unwrap();
    let message = unhex(text.split_once("\n\n").unwrap().1);
    let _decodes = Header::decode(&message).unwrap();
    let error = Opener::new(AnyKey).open_any_context(&message).await;
    assert!(error.to_string().contains("not approved by FIPS 140"), "{error}");
    assert!(matches!(error, OpenError::NotApproved(_)), "{error:?}");
}

/// Opens every wrapped key to the same data key.
struct AnyKey;

#[async_trait]
impl OpeningProvider for AnyKey {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        Ok(DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7)))
    }
}

trait OpenAny {
    async fn open_any_context(&self, message: &[u8]) -> OpenError;
}

impl OpenAny for Opener {
    async fn open_any_context(&self, message: &[u8]) -> OpenError {
        self.open(&acme(), message, Aad::new(b"order 17"))
            .await
            .unwrap_err()
    }
}

#[tokio::test]
async fn messages_of_the_aws_encryption_sdk_open_where_they_commit() {
    let key: Vec<u8> = (0..32).collect();
    for (name, is_opened) in [
        ("esdk-2-committing-short", true),
        ("esdk-2-committing-frames", true),
        ("esdk-2-signed-short", true),
        ("esdk-2-signed-frames", true),
        ("esdk-1-aes-256-short", false),
        ("esdk-1-aes-128-short", false),
        ("esdk-1-signed-short", false),
    ] {
        let text = fs::read_to_string(format!("{TESTS}/vectors/corpus/{name}.txt")).unwrap();
        let (head, body) = text.split_once("\n\n").unwrap();
        let plain = head
            .lines()
            .find_map(|line| line.strip_prefix("plaintext:"))
            .unwrap();
        let params = OpenParams::new().with_commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt);
        let opener = Opener::builder(RawAesKey::new("shop", "2026", &key).unwrap())
            .formats(datakey::Formats::both(params))
            .build()
            .unwrap();
        let opened = opener.open(&acme(), &unhex(body), Aad::EMPTY).await;
        if is_opened {
            assert_eq!(opened.unwrap(), unhex(plain), "{name}");
        } else {
            let error = opened.unwrap_err();
            assert!(
                matches!(error, OpenError::Esdk(esdk::OpenError::NotApproved { .. })),
                "{name}: {error:?}"
            );
        }
    }
}

/// Remembers what KMS opened last.
struct Spy<P>(P, Arc<Mutex<Vec<u8>>>);

#[async_trait]
impl<P: OpeningProvider> OpeningProvider for Spy<P> {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.0.rank(wrapped)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let key = self.0.decrypt(context, wrapped).await?;
        *self.1.lock().unwrap() = key.expose_secret().to_vec();
        Ok(key)
    }
}

#[tokio::test(start_paused = true)]
async fn branch_keys_wrap_as_another_implementation_of_the_same_primitives_does() {
    let fake = FakeKms::new();
    let kms = fake.create_key().unwrap();
    let store = MemoryStore::new("branch-keys");
    let provider = fake.provider(&kms);
    let id: BranchKeyId = "tenant-acme".parse().unwrap();
    let admin = BranchKeyAdmin::new(store.clone(), provider.clone(), provider.key_arn());
    let created = admin
        .create(&NewBranchKey::with_id(id.clone()).context([("tenant", "acme")]))
        .await
        .unwrap();
    assert!(matches!(created, Created::Made(_)));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keys = BranchKeys::builder(store, Spy(provider, Arc::clone(&seen)))
        .branch_key(id)
        .build()
        .unwrap();
    let context = EncryptionContext::empty();
    let made = keys
        .generate_data_key(&context, DataKeyLength::Bytes32)
        .await
        .unwrap();
    let blob = made.wrapped_keys().first().blob().to_vec();
    let (salt, iv, version) = (&blob[..16], &blob[16..28], &blob[28..44]);
    let mut mac = <Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(&seen.lock().unwrap()).unwrap();
    for part in [
        &1_u32.to_be_bytes()[..],
        b"aws-kms-hierarchy",
        &[0],
        salt,
        &256_u32.to_be_bytes(),
    ] {
        mac.update(part);
    }
    let cipher = Aes256Gcm::new_from_slice(&mac.finalize().into_bytes()).unwrap();
    let aad = [b"aws-kms-hierarchy", &b"tenant-acme"[..], version].concat();
    let opened = cipher.decrypt(
        &<[u8; 12]>::try_from(iv).unwrap().into(),
        Payload {
            msg: &blob[44..],
            aad: &aad,
        },
    );
    assert_eq!(opened.unwrap(), made.data_key().expose_secret());
    let again = keys.decrypt(&context, made.wrapped_keys().first()).await.unwrap();
    assert!(again.ct_eq(made.data_key()));
}

#[test]
fn a_sealing_key_of_chacha20_is_refused_by_the_format_itself() {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let wrapped = WrappedKey::new("kms:1", vec![1]).unwrap().into();
    let refused = envelope::SealingKey::new(&data_key, &wrapped, &acme(), &Params::new());
    assert_eq!(
        refused.err(),
        Some(envelope::LimitError::NotApproved(Suite::ChaCha20Poly1305))
    );
}
