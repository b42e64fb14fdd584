//! The keyrings of the AWS Encryption SDK by their names, through the SDK of AWS on emulators in the process: what each of them seals
//! and opens, what it refuses without a call, and what it tells when none of several opens.
use std::sync::Arc;

use datakey::{
    Aad, EncryptionContext, OpenError, Opener, Sealer,
    esdk::{EncryptedDataKey, Header, Params, RawAesKey, SealingKey, Suite},
    keyring::KeyringError,
    several,
};
use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode, NewKey};
use datakey_kms::{DiscoveryFilter, KmsProvider};
use datakey_provider::{
    DataKey, DataKeyLength, ErrorClass, KeyProvider, OpeningProvider, SealingProvider as _,
};
use datakey_tests::{esdk::context, esdk_mend, kms_memory::provider_of};

const ACCOUNT: &str = "111122223333";

fn region(name: &str) -> FakeKms {
    FakeKms::builder().account(ACCOUNT).region(name).build().unwrap()
}

fn params() -> Params {
    Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey)
}

fn orders() -> EncryptionContext {
    context(&[("purpose", "orders")])
}

async fn seal(provider: impl datakey_provider::SealingProvider + 'static) -> Vec<u8> {
    let sealer = Sealer::builder(provider)
        .format(params())
        .without_retry()
        .build()
        .unwrap();
    sealer.seal(&orders(), b"an order", Aad::EMPTY).await.unwrap()
}

async fn open(provider: impl OpeningProvider + 'static, message: &[u8]) -> Result<Vec<u8>, OpenError> {
    let opener = Opener::builder(provider).without_retry().build().unwrap();
    opener.open(&orders(), message, Aad::EMPTY).await
}

fn infos(message: &[u8]) -> Vec<String> {
    let header = Header::decode(message).unwrap();
    let keys = header.encrypted_data_keys();
    keys.map(|key| String::from_utf8(key.provider_info().to_vec()).unwrap())
        .collect()
}

fn is_not_recognised<T: std::fmt::Debug>(opened: &Result<T, OpenError>) -> bool {
    matches!(
        opened,
        Err(OpenError::Keyring(KeyringError::NotRecognised { .. }))
    )
}

#[tokio::test]
async fn a_strict_keyring_opens_what_its_own_keys_wrapped_and_asks_for_nothing_else() {
    let kms = region("eu-central-1");
    let (own, other) = (kms.create_key().unwrap(), kms.create_key().unwrap());
    kms.create_alias("alias/orders", &own).unwrap();
    // By an alias too, as KMS answers with the key that it names.
    for name in [&*own, "alias/orders"] {
        let sealed = seal(provider_of(&kms).wrapping_key(name).build().unwrap()).await;
        assert_eq!(infos(&sealed), [&*own]);
        let strict = |key: &str| provider_of(&kms).opening_key(key).build().unwrap();
        assert_eq!(open(strict(&own), &sealed).await.unwrap(), b"an order");
        let before = kms.ledger().calls();
        assert!(is_not_recognised(&open(strict(&other), &sealed).await));
        assert_eq!(kms.ledger().calls(), before);
    }
}

#[tokio::test]
async fn a_discovery_keyring_opens_what_any_key_of_its_accounts_wrapped_and_seals_nothing() {
    let kms = region("eu-central-1");
    let elsewhere = FakeKms::builder().account("444455556666").region("eu-central-1");
    let elsewhere = elsewhere.build().unwrap();
    let keyring = |kms: &FakeKms, partition: &str, accounts: &[&str]| {
        let filter = DiscoveryFilter::new(partition, accounts).unwrap();
        provider_of(kms).danger_discovery(filter).build().unwrap()
    };
    for _ in 0..2 {
        let key = kms.create_key().unwrap();
        let sealed = seal(provider_of(&kms).wrapping_key(&*key).build().unwrap()).await;
        let opened = open(keyring(&kms, "aws", &[ACCOUNT, "444455556666"]), &sealed).await;
        assert_eq!(opened.unwrap(), b"an order");
        let before = kms.ledger().calls();
        for other in [
            keyring(&kms, "aws", &["444455556666"]),
            keyring(&kms, "aws-cn", &[ACCOUNT]),
            keyring(&region("us-east-1"), "aws", &[ACCOUNT]),
        ] {
            assert!(is_not_recognised(&open(other, &sealed).await));
        }
        assert_eq!(kms.ledger().calls(), before);
    }
    let key = elsewhere.create_key().unwrap();
    let sealed = seal(provider_of(&elsewhere).wrapping_key(&*key).build().unwrap()).await;
    assert!(is_not_recognised(
        &open(keyring(&elsewhere, "aws", &[ACCOUNT]), &sealed).await
    ));
    let made = keyring(&kms, "aws", &[ACCOUNT])
        .generate_data_key(&orders(), DataKeyLength::Bytes32)
        .await;
    assert_eq!(made.unwrap_err().class(), ErrorClass::InvalidRequest);
}

#[tokio::test]
async fn a_multi_region_aware_keyring_takes_a_replica_for_its_primary_and_nothing_else() {
    let home = region("eu-central-1");
    let away = home.in_region("us-east-1").unwrap();
    let primary = home.create_key_with(&NewKey::new().multi_region()).unwrap();
    let replica = home.replicate_key(&primary, "us-east-1").unwrap();
    let single = home.create_key().unwrap();
    let sealed = seal(provider_of(&home).wrapping_key(&*primary).build().unwrap()).await;
    let of_single = seal(provider_of(&home).wrapping_key(&*single).build().unwrap()).await;
    let filter = || DiscoveryFilter::new("aws", [ACCOUNT]).unwrap();
    let strict = provider_of(&away).opening_key(&*replica);
    let discovery = provider_of(&away).danger_discovery(filter());
    for keyring in [strict, discovery] {
        // Without being told, neither looks beyond the ARN; the calls are those of its own Region.
        let unaware = keyring.clone().build().unwrap();
        assert!(is_not_recognised(&open(unaware, &sealed).await));
        let aware = keyring.allow_multi_region_replicas().build().unwrap();
        let (at_home, there) = (home.ledger().calls(), away.ledger().calls());
        assert_eq!(open(aware.clone(), &sealed).await.unwrap(), b"an order");
        assert!(is_not_recognised(&open(aware, &of_single).await));
        assert_eq!(
            (home.ledger().calls(), away.ledger().calls()),
            (at_home, there + 1)
        );
    }
    let other = home.create_key_with(&NewKey::new().multi_region()).unwrap();
    let of_other = seal(provider_of(&home).wrapping_key(&*other).build().unwrap()).await;
    let strict = provider_of(&away)
        .opening_key(&*replica)
        .allow_multi_region_replicas();
    assert!(is_not_recognised(&open(strict.build().unwrap(), &of_other).await));
}

/// A generator and two children: two Regions and a key of one's own.
struct Multi {
    kms: [FakeKms; 2],
    keys: [Arc<str>; 2],
}

impl Multi {
    fn new() -> Self {
        let kms = ["eu-central-1", "us-east-1"].map(region);
        let keys = [0, 1].map(|at: usize| kms[at].create_key().unwrap());
        Self { kms, keys }
    }

    fn of_kms(&self, at: usize) -> KmsProvider {
        provider_of(&self.kms[at]).key(&*self.keys[at]).build().unwrap()
    }

    fn raw() -> RawAesKey {
        RawAesKey::new("shop", "2026", &[9; 32]).unwrap()
    }

    fn keyring(&self) -> impl KeyProvider + use<> {
        let all: [Arc<dyn KeyProvider>; 3] = [
            Arc::new(self.of_kms(0)),
            Arc::new(self.of_kms(1)),
            Arc::new(Self::raw()),
        ];
        several(all).unwrap()
    }
}

#[tokio::test]
async fn a_multi_keyring_wraps_by_its_generator_and_then_all_of_its_children() {
    let multi = Multi::new();
    let sealed = seal(multi.keyring()).await;
    let header = Header::decode(&sealed).unwrap();
    let ids: Vec<_> = header
        .encrypted_data_keys()
        .map(|key| key.provider_id())
        .collect();
    assert_eq!(ids, ["aws-kms", "aws-kms", "shop"]);
    let arns: Vec<_> = header
        .encrypted_data_keys()
        .filter_map(|key| key.kms_key_arn())
        .collect();
    assert_eq!(arns, [&*multi.keys[0], &*multi.keys[1]]);
    for at in [0, 1] {
        assert_eq!(open(multi.of_kms(at), &sealed).await.unwrap(), b"an order");
    }
    assert_eq!(open(Multi::raw(), &sealed).await.unwrap(), b"an order");
    // A child that fails leaves nothing sealed.
    multi.kms[1].inject(FaultRule::new(KmsErrorCode::Disabled));
    let sealer = Sealer::builder(multi.keyring()).format(params()).without_retry();
    let refused = sealer
        .build()
        .unwrap()
        .seal(&orders(), b"an order", Aad::EMPTY)
        .await;
    assert_eq!(refused.unwrap_err().class(), Some(ErrorClass::UnavailableKey));
}

#[tokio::test]
async fn a_multi_keyring_opens_with_the_first_that_can_and_else_tells_what_each_said() {
    let multi = Multi::new();
    let sealed = seal(multi.keyring()).await;
    for kms in &multi.kms {
        kms.inject(FaultRule::new(KmsErrorCode::Disabled));
    }
    assert_eq!(open(multi.keyring(), &sealed).await.unwrap(), b"an order");
    let regions = several([multi.of_kms(0), multi.of_kms(1)]).unwrap();
    let refused = open(regions, &sealed).await.unwrap_err();
    let OpenError::Keyring(KeyringError::NoneOpened { failures }) = &refused else {
        panic!("{refused:?}");
    };
    let named = |failure: &KeyringError| {
        failure
            .provider_error()
            .and_then(|error| error.key_id())
            .map(String::from)
    };
    let named: Vec<_> = failures.iter().filter_map(named).collect();
    assert_eq!(named, [&*multi.keys[0], &*multi.keys[1]]);
    assert_eq!(refused.class(), Some(ErrorClass::UnavailableKey));
}

/// A message whose encrypted data keys are those of a KMS key, of a raw key, and one more that is given.
async fn with_further_data_key(kms: &KmsProvider, provider_id: &str, info: &[u8]) -> Vec<u8> {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(esdk_mend::DATA_KEY));
    let wrapped = kms.encrypt(&orders(), &data_key).await.unwrap();
    let wrapped = wrapped.join(&Multi::raw().encrypt(&orders(), &data_key).await.unwrap());
    let sealing = SealingKey::new(&data_key, &wrapped.unwrap(), &orders(), None, &params()).unwrap();
    let mut message = Vec::new();
    sealing.seal(b"an order", &mut message).unwrap();
    // Version, suite, message id, and the section of the encryption context are in front.
    let context_len = usize::from(u16::from_be_bytes([message[35], message[36]]));
    let count = 37 + context_len;
    assert_eq!(message[count..count + 2], [0, 2]);
    message[count + 1] = 3;
    let mut further = Vec::new();
    for part in [provider_id.as_bytes(), info, b"ciphertext"] {
        further.extend((part.len() as u16).to_be_bytes());
        further.extend(part);
    }
    message.splice(count + 2..count + 2, further);
    // The header's tag is over the data keys too.
    esdk_mend::mended(esdk_mend::HEADER, &message).unwrap().message
}

#[tokio::test]
async fn a_data_key_of_kms_that_names_no_key_has_kms_keyrings_refuse_the_message_and_others_open_it() {
    let kms = region("eu-central-1");
    let key = kms.create_key().unwrap();
    let keyring = provider_of(&kms).key(&*key).build().unwrap();
    let sound = [
        ("aws-kms", "arn:aws:kms:us-east-1:444455556666:key/mrk-1"),
        ("aws-kms", "arn:aws-cn:kms:cn-north-1:444455556666:key/a/b"),
        ("aws-kms-hierarchy", "branch"),
        ("shop", "alias/orders"),
    ];
    for (id, info) in sound {
        let message = with_further_data_key(&keyring, id, info.as_bytes()).await;
        assert_eq!(
            open(keyring.clone(), &message).await.unwrap(),
            b"an order",
            "{info}"
        );
    }
    let misnamed: [&[u8]; 11] = [
        b"",
        b"alias/orders",
        b"1234abcd-12ab-34cd-56ef-1234567890ab",
        b"arn:aws:kms:eu-central-1:111122223333:alias/orders",
        b"arn:aws:kms:eu-central-1:111122223333:key/",
        b"arn:aws:kms:eu-central-1:111122223333:key",
        b"arn:aws:kms:eu-central-1:111122223333:key/a:b",
        b"arn:aws:kms:eu-central-1::key/1234abcd",
        b"arn:aws:s3:eu-central-1:111122223333:key/1234abcd",
        b"ARN:aws:kms:eu-central-1:111122223333:key/1234abcd",
        b"arn:aws:kms:eu-central-1:111122223333:key/\xff",
    ];
    for info in misnamed {
        let message = with_further_data_key(&keyring, "aws-kms", info).await;
        let before = kms.ledger().calls();
        let refused = open(keyring.clone(), &message).await;
        assert!(is_not_recognised(&refused), "{refused:?}");
        assert_eq!(kms.ledger().calls(), before, "a call was made");
        assert_eq!(open(Multi::raw(), &message).await.unwrap(), b"an order");
    }
}

#[tokio::test]
async fn a_message_of_kms_keys_alone_says_which_of_them_names_no_key() {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(esdk_mend::DATA_KEY));
    let kms = region("eu-central-1");
    let key = kms.create_key().unwrap();
    let keyring = provider_of(&kms).key(&*key).build().unwrap();
    let wrapped = keyring.encrypt(&orders(), &data_key).await.unwrap();
    let sealing = SealingKey::new(&data_key, &wrapped, &orders(), None, &params()).unwrap();
    let mut message = Vec::new();
    sealing.seal(b"an order", &mut message).unwrap();
    let at = message.windows(4).position(|bytes| bytes == b"key/").unwrap();
    message[at..at + 4].copy_from_slice(b"kez/");
    let refused = open(keyring, &message).await.unwrap_err();
    assert!(
        refused.to_string().contains("is not the ARN of a key"),
        "{refused}"
    );
    assert!(refused.to_string().contains("kez/"), "{refused}");
    assert_eq!(refused.class(), Some(ErrorClass::InvalidRequest));
}

#[test]
fn only_key_arns_and_other_keyrings_are_written() {
    for (id, fits) in [
        ("arn:aws:kms:eu-central-1:111122223333:key/1", true),
        ("arn:aws:kms:eu-central-1:111122223333:alias/orders", false),
        ("arn:aws:s3:::bucket", false),
        ("local:one", false),
        ("alias/orders", false),
    ] {
        let wrapped = datakey_provider::WrappedKey::new(id, b"opaque".to_vec()).unwrap();
        assert_eq!(EncryptedDataKey::of(&wrapped).is_ok(), fits, "{id}");
    }
}

#[test]
fn a_data_key_under_a_branch_key_names_it_and_one_without_a_name_has_no_place() {
    let wrapped = |id: &str| datakey_provider::WrappedKey::new(id, vec![7; 92]).unwrap();
    let under = wrapped("branch-key:tenant-acme");
    let key = EncryptedDataKey::of(&under).unwrap();
    assert_eq!(
        (key.provider_id(), key.provider_info()),
        ("aws-kms-hierarchy", &b"tenant-acme"[..])
    );
    let nameless = wrapped("branch-key:");
    assert_eq!(
        EncryptedDataKey::of(&nameless).map(|_| ()),
        Err(datakey_esdk::LimitError::KeyId)
    );
}
