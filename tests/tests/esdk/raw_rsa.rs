//! The raw RSA keyring.
use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey::{Aad, Formats, OpenError, Opener, Sealer};
use datakey_esdk::{
    EncryptedDataKey, RawKeyError, RawRsaKeyError, RawRsaPrivateKey, RawRsaPublicKey, RsaPadding, Suite,
};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait, conformance,
};
use datakey_tests::esdk::{any_suite, context, params};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const PRIVATE: &[u8] = include_bytes!("../../vectors/esdk/rsa/private-pkcs8.pem");
const PRIVATE_PKCS1: &[u8] = include_bytes!("../../vectors/esdk/rsa/private-pkcs1.pem");
const PUBLIC: &[u8] = include_bytes!("../../vectors/esdk/rsa/public-spki.pem");
const PUBLIC_PKCS1: &[u8] = include_bytes!("../../vectors/esdk/rsa/public-pkcs1.pem");
const OTHER: &[u8] = include_bytes!("../../vectors/esdk/rsa/other-pkcs8.pem");

fn private(name: &str, padding: RsaPadding, pem: &[u8]) -> RawRsaPrivateKey {
    RawRsaPrivateKey::from_pem("shop", name, padding, pem).unwrap()
}

fn public(padding: RsaPadding) -> RawRsaPublicKey {
    RawRsaPublicKey::from_pem("shop", "one", padding, PUBLIC).unwrap()
}

/// Both halves of a key. With `bound`, what RSA has no place for stands behind each blob: a digest of the encryption context.
struct Pair {
    public: RawRsaPublicKey,
    private: RawRsaPrivateKey,
    bound: bool,
}

impl Pair {
    fn new(padding: RsaPadding, bound: bool) -> Self {
        let private = private("one", padding, PRIVATE);
        Self {
            public: private.public_key(),
            private,
            bound,
        }
    }

    fn digest(&self, context: &EncryptionContext) -> Vec<u8> {
        let mut hash = Sha256::new();
        for part in context.iter().flat_map(|(key, value)| [key, value]) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize().to_vec();
        if self.bound { digest } else { Vec::new() }
    }

    fn bind(&self, context: &EncryptionContext, wrapped: &WrappedKeys) -> WrappedKeys {
        let wrapped = wrapped.first();
        let blob = [wrapped.blob(), &self.digest(context)].concat();
        WrappedKey::new(wrapped.key_id(), blob).unwrap().into()
    }

    /// The wrapped key without the digest, and the digest.
    fn split(&self, wrapped: &WrappedKey) -> Option<(WrappedKey, Vec<u8>)> {
        let len = if self.bound { 32 } else { 0 };
        let (blob, digest) = wrapped
            .blob()
            .split_at_checked(wrapped.blob().len().checked_sub(len)?)?;
        Some((WrappedKey::new(wrapped.key_id(), blob).ok()?, digest.to_vec()))
    }
}

#[async_trait]
impl SealingProvider for Pair {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let made = self.public.generate_data_key(context, length).await?;
        let (data_key, wrapped) = made.into_parts();
        Ok(GeneratedDataKey::new(data_key, self.bind(context, &wrapped)))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let wrapped = self.public.encrypt(context, data_key).await?;
        Ok(self.bind(context, &wrapped))
    }
}

#[async_trait]
impl OpeningProvider for Pair {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        let (inner, _digest) = self.split(wrapped)?;
        self.private.rank(&inner)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let not_authentic = || ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt);
        let Some((inner, digest)) = self.split(wrapped) else {
            return self.private.decrypt(context, wrapped).await;
        };
        let data_key = self.private.decrypt(context, &inner).await?;
        if digest == self.digest(context) {
            Ok(data_key)
        } else {
            Err(not_authentic())
        }
    }
}

#[tokio::test]
async fn all_of_the_contract_but_the_context_holds_with_each_padding() {
    for padding in RsaPadding::ALL {
        let bound = conformance::check(&Pair::new(padding, true)).await;
        if padding == RsaPadding::DangerPkcs1V15 {
            // What is altered opens to a data key of no message, so that nobody learns of its padding.
            let unlike = bound.unwrap_err();
            assert!(unlike.rule.contains("alter"), "{unlike}");
            continue;
        }
        assert!(bound.is_ok(), "{padding:?}: {bound:?}");
        let unbound = conformance::check(&Pair::new(padding, false)).await.unwrap_err();
        assert!(unbound.rule.contains("context"), "{padding:?}: {unbound}");
    }
}

/// Refused, or with PKCS#1 v1.5 another data key, where the wrapped key names this one and is as long as any.
async fn is_not_the_data_key(key: &RawRsaPrivateKey, data_key: &DataKey, wrapped: &WrappedKey) {
    let opened = key.decrypt(&context(&[("tenant", "acme")]), wrapped).await;
    let of_its_length = EncryptedDataKey::of(wrapped)
        .is_ok_and(|wrapped| wrapped.provider_info() == b"one" && wrapped.ciphertext().len() == 256);
    match opened {
        Ok(other) => {
            assert_eq!(key.padding(), RsaPadding::DangerPkcs1V15, "{key:?}");
            assert!(of_its_length && !other.ct_eq(data_key));
        }
        Err(refused) => {
            assert_eq!(refused.class(), ErrorClass::NotAuthentic, "{key:?}");
            assert!(
                !of_its_length || key.padding() != RsaPadding::DangerPkcs1V15,
                "its padding is told"
            );
        }
    }
}

#[tokio::test]
async fn a_data_key_opens_under_its_own_namespace_name_key_and_padding_only() {
    let acme = context(&[("tenant", "acme")]);
    for (padding, length) in RsaPadding::ALL
        .into_iter()
        .flat_map(|padding| DataKeyLength::ALL.map(|length| (padding, length)))
    {
        let made = public(padding).generate_data_key(&acme, length).await.unwrap();
        let wrapped = made.wrapped_keys().first();
        let own = private("one", padding, PRIVATE);
        let behind = u16::from(padding == RsaPadding::DangerPkcs1V15);
        assert_eq!(own.rank(wrapped).map(|rank| rank.0), Some(Rank::LOCAL.0 + behind));
        let opened = own.decrypt(&acme, wrapped).await.unwrap();
        assert!(opened.ct_eq(made.data_key()));
        let key = EncryptedDataKey::of(wrapped).unwrap();
        assert_eq!((key.provider_id(), key.provider_info()), ("shop", &b"one"[..]));
        assert_eq!(key.ciphertext().len(), 256);

        let store = RawRsaPrivateKey::from_pem("store", "one", padding, PRIVATE).unwrap();
        for (foreign, class) in [
            (private("two", padding, PRIVATE), ErrorClass::NotAuthentic),
            (private("on", padding, PRIVATE), ErrorClass::NotAuthentic),
            (private("one ", padding, PRIVATE), ErrorClass::NotAuthentic),
            (store, ErrorClass::InvalidRequest),
        ] {
            assert_eq!(foreign.rank(wrapped), None);
            let refused = foreign.decrypt(&acme, wrapped).await.unwrap_err();
            assert_eq!(refused.class(), class);
        }
        let others = RsaPadding::ALL.into_iter().filter(|other| *other != padding);
        for foreign in others
            .map(|other| private("one", other, PRIVATE))
            .chain([private("one", padding, OTHER)])
        {
            is_not_the_data_key(&foreign, made.data_key(), wrapped).await;
        }
    }
}

#[tokio::test]
async fn no_altered_cut_or_longer_data_key_opens() {
    let acme = context(&[("tenant", "acme")]);
    for padding in RsaPadding::ALL {
        let own = private("one", padding, PRIVATE);
        let made = public(padding)
            .generate_data_key(&acme, DataKeyLength::Bytes32)
            .await;
        let (data_key, wrapped) = made.unwrap().into_parts();
        let blob = wrapped.first().blob();
        let mut altered: Vec<Vec<u8>> = Vec::new();
        for at in (0..blob.len()).step_by(3) {
            let mut flipped = blob.to_vec();
            flipped[at] ^= 1 << (at % 8);
            altered.push(flipped);
        }
        altered.extend([0, 1, 4, 5, 6, blob.len() - 1].map(|len| blob[..len].to_vec()));
        altered.push([blob, &[0]].concat());
        // The same number, written longer, and shorter by its first byte.
        altered.push([&blob[..5], &[0], &blob[5..]].concat());
        altered.push([&blob[..5], &blob[6..]].concat());
        altered.push([&blob[..5], &[0xff; 256]].concat());
        altered.push([&blob[..5], &[0; 256]].concat());
        for blob in altered.iter().filter(|blob| !blob.is_empty()) {
            let altered = WrappedKey::new("esdk:shop", blob.clone()).unwrap();
            is_not_the_data_key(&own, &data_key, &altered).await;
        }
    }
}

#[tokio::test]
async fn what_is_no_data_key_does_not_open_though_it_was_encrypted_for_the_key() {
    use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
    let der: Vec<u8> = {
        let text = std::str::from_utf8(PUBLIC).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
    };
    let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&der).unwrap()).unwrap();
    let own = private("one", RsaPadding::OaepSha256Mgf1, PRIVATE);
    for (len, opens) in [(0, false), (15, false), (16, true), (31, false), (33, false)] {
        let mut sealed = [0; 256];
        key.encrypt(&OAEP_SHA256_MGF1SHA256, &vec![7; len], &mut sealed, None)
            .unwrap();
        let wrapped = WrappedKey::new("esdk:shop", [b"\0\x03one", &sealed[..]].concat()).unwrap();
        let opened = own.decrypt(&context(&[]), &wrapped).await;
        assert_eq!(opened.is_ok(), opens, "{len}");
        if let Err(refused) = opened {
            assert_eq!(refused.class(), ErrorClass::NotAuthentic);
        }
    }
}

/// A message whose data key was encrypted with PKCS#1 v1.5 by the means of the test.
fn of_pkcs1(suite: Suite, plaintext: &[u8], broken: bool) -> Vec<u8> {
    use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
    let lines = std::str::from_utf8(PUBLIC).unwrap().lines();
    let der: String = lines.filter(|line| !line.starts_with("-----")).collect();
    let key = PublicEncryptingKey::from_der(&BASE64_STANDARD.decode(der).unwrap()).unwrap();
    let mut sealed = vec![0; 256];
    Pkcs1PublicEncryptingKey::new(key)
        .unwrap()
        .encrypt(plaintext, &mut sealed)
        .unwrap();
    if broken {
        sealed[200] ^= 1;
    }
    let wrapped = WrappedKey::new("esdk:shop", [b"\0\x03rsa", &sealed[..]].concat()).unwrap();
    let own = datakey_tests::esdk::data_key(suite, 7);
    let sealing = datakey_esdk::SealingKey::new(&own, &wrapped.into(), &context(&[]), None, &params(suite));
    let mut message = Vec::new();
    sealing.unwrap().seal(b"an order", &mut message).unwrap();
    message
}

#[tokio::test]
async fn a_broken_padding_of_pkcs1_is_refused_as_a_sound_one_around_another_data_key_is() {
    for suite in [
        Suite::Aes256GcmHkdfSha512CommitKey,
        Suite::Aes128GcmHkdfSha256,
        Suite::Aes192GcmHkdfSha256,
    ] {
        let len = suite.data_key_length().bytes();
        let opener = opener(RsaPadding::DangerPkcs1V15);
        let sound = of_pkcs1(suite, &vec![7; len], false);
        let opened = opener.open(&context(&[]), &sound, Aad::EMPTY).await;
        assert_eq!(opened.unwrap(), b"an order");
        let mut told = Vec::new();
        for (plaintext, broken) in [
            (vec![8; len], false),
            (vec![7; len], true),
            (vec![7; 15], false),
            (vec![7; 33], false),
            (Vec::new(), false),
        ] {
            let message = of_pkcs1(suite, &plaintext, broken);
            // The second time from what is kept.
            for _ in 0..2 {
                let refused = opener
                    .open(&context(&[]), &message, Aad::EMPTY)
                    .await
                    .unwrap_err();
                assert!(matches!(refused, OpenError::NotAuthentic), "{suite}: {refused:?}");
                told.push(format!("{refused:?} {refused}"));
            }
        }
        assert!(told.windows(2).all(|two| two[0] == two[1]), "{told:?}");
    }
}

#[tokio::test]
async fn of_two_keys_under_the_same_names_the_one_that_refuses_is_asked_first() {
    let padding = RsaPadding::OaepSha256Mgf1;
    let key = RawRsaPublicKey::from_pem("shop", "rsa", padding, PUBLIC).unwrap();
    let sealer = Sealer::builder(key).format(params(Suite::Aes256GcmHkdfSha512CommitKey));
    let sealer = sealer.build().unwrap();
    let sealed = sealer.seal(&context(&[]), b"an order", Aad::EMPTY).await.unwrap();
    let old = RawRsaPrivateKey::from_pem("shop", "rsa", RsaPadding::DangerPkcs1V15, PRIVATE).unwrap();
    let new = RawRsaPrivateKey::from_pem("shop", "rsa", padding, PRIVATE).unwrap();
    let opener = Opener::new(datakey_provider::Several::new([old, new]).unwrap());
    let opened = opener.open(&context(&[]), &sealed, Aad::EMPTY).await;
    assert_eq!(opened.unwrap(), b"an order");
}

#[tokio::test]
async fn keys_of_pkcs1_are_those_of_pkcs8_and_spki() {
    let padding = RsaPadding::OaepSha384Mgf1;
    let none = context(&[]);
    let sealing = RawRsaPublicKey::from_pem("shop", "one", padding, PUBLIC_PKCS1).unwrap();
    for sealing in [
        sealing,
        public(padding),
        private("one", padding, PRIVATE_PKCS1).public_key(),
    ] {
        assert_eq!(sealing.padding(), padding);
        let made = sealing
            .generate_data_key(&none, DataKeyLength::Bytes24)
            .await
            .unwrap();
        for pem in [PRIVATE, PRIVATE_PKCS1] {
            let opened = private("one", padding, pem)
                .decrypt(&none, made.wrapped_keys().first())
                .await;
            assert!(opened.unwrap().ct_eq(made.data_key()));
        }
    }
}

#[test]
fn what_is_no_rsa_key_is_refused_by_its_reason() {
    let padding = RsaPadding::OaepSha512Mgf1;
    let opening = |pem: &[u8]| RawRsaPrivateKey::from_pem("shop", "one", padding, pem).map(|_key| ());
    let sealing = |pem: &[u8]| RawRsaPublicKey::from_pem("shop", "one", padding, pem).map(|_key| ());
    let label = |label: &str| Err(RawRsaKeyError::Label(label.into()));
    assert_eq!(opening(PUBLIC), label("PUBLIC KEY"));
    assert_eq!(opening(PUBLIC_PKCS1), label("RSA PUBLIC KEY"));
    assert_eq!(sealing(PRIVATE), label("PRIVATE KEY"));
    assert_eq!(sealing(PRIVATE_PKCS1), label("RSA PRIVATE KEY"));
    let relabelled = |pem: &[u8], from: &str, to: &str| {
        let text = std::str::from_utf8(pem).unwrap();
        text.replace(from, to).into_bytes()
    };
    assert_eq!(
        opening(&relabelled(PRIVATE, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")),
        label("ENCRYPTED PRIVATE KEY")
    );
    for (one, other) in [("PRIVATE", "RSA PRIVATE"), ("RSA PRIVATE", "PRIVATE")] {
        let pem = if one == "PRIVATE" { PRIVATE } else { PRIVATE_PKCS1 };
        assert_eq!(
            opening(&relabelled(pem, one, other)),
            Err(RawRsaKeyError::Rejected)
        );
    }
    for (one, other) in [("PUBLIC", "RSA PUBLIC"), ("RSA PUBLIC", "PUBLIC")] {
        let pem = if one == "PUBLIC" { PUBLIC } else { PUBLIC_PKCS1 };
        assert_eq!(
            sealing(&relabelled(pem, one, other)),
            Err(RawRsaKeyError::Rejected)
        );
    }
    assert_eq!(opening(b""), Err(RawRsaKeyError::Pem));
    assert_eq!(opening(&PRIVATE[..PRIVATE.len() / 2]), Err(RawRsaKeyError::Pem));
    assert_eq!(sealing(&relabelled(PUBLIC, "A", "*")), Err(RawRsaKeyError::Pem));
    let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    assert_eq!(sealing(ed25519.as_bytes()), Err(RawRsaKeyError::Rejected));
    for namespace in ["", "aws-kms", "a\nb"] {
        let refused = RawRsaPublicKey::from_pem(namespace, "one", padding, PUBLIC).map(|_key| ());
        assert_eq!(refused, Err(RawRsaKeyError::Names(RawKeyError::Namespace)));
    }
    let long = "x".repeat(60_001);
    let refused = RawRsaPrivateKey::from_pem("shop", &long, padding, PRIVATE).map(|_key| ());
    assert_eq!(refused, Err(RawRsaKeyError::Names(RawKeyError::TooLong(60_001))));
    let shown = format!("{:?}", private("one", padding, PRIVATE));
    assert_eq!(
        shown,
        "RawRsaPrivateKey { namespace: \"shop\", name: \"one\", padding: OaepSha512Mgf1, .. }"
    );
}

fn opener(padding: RsaPadding) -> Opener {
    let key = RawRsaPrivateKey::from_pem("shop", "rsa", padding, PRIVATE).unwrap();
    Opener::builder(key)
        .formats(Formats::only_esdk(any_suite()))
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_message_binds_the_context_that_the_wrapped_key_does_not() {
    let acme = context(&[("tenant", "acme")]);
    let padding = RsaPadding::OaepSha512Mgf1;
    for suite in [Suite::Aes256GcmHkdfSha512CommitKey, Suite::Aes128GcmHkdfSha256] {
        let key = RawRsaPublicKey::from_pem("shop", "rsa", padding, PUBLIC).unwrap();
        let sealer = Sealer::builder(key).format(params(suite)).build().unwrap();
        let sealed = sealer.seal(&acme, b"an order", Aad::EMPTY).await.unwrap();
        let opened = opener(padding).open(&acme, &sealed, Aad::EMPTY).await.unwrap();
        assert_eq!(opened, b"an order");
        // In the message itself, and as a pair that is required and was not there when it was sealed.
        let at = sealed.windows(4).position(|bytes| bytes == b"acme").unwrap();
        let mut altered = sealed.clone();
        altered[at..at + 4].copy_from_slice(b"evil");
        let evil = context(&[("tenant", "evil")]);
        let required = context(&[("tenant", "acme"), ("purpose", "orders")]);
        for (expected, message) in [(&evil, &altered), (&required, &sealed)] {
            let refused = opener(padding)
                .open(expected, message, Aad::EMPTY)
                .await
                .unwrap_err();
            assert!(matches!(refused, OpenError::NotAuthentic), "{suite}: {refused:?}");
        }
    }
}

fn padding(name: &str) -> RsaPadding {
    match name {
        "RSA_PKCS1" => RsaPadding::DangerPkcs1V15,
        "RSA_OAEP_SHA1_MGF1" => RsaPadding::OaepSha1Mgf1,
        "RSA_OAEP_SHA256_MGF1" => RsaPadding::OaepSha256Mgf1,
        "RSA_OAEP_SHA384_MGF1" => RsaPadding::OaepSha384Mgf1,
        "RSA_OAEP_SHA512_MGF1" => RsaPadding::OaepSha512Mgf1,
        other => panic!("{other} is no padding"),
    }
}

#[tokio::test]
async fn messages_of_the_sdks_open_with_their_own_padding_and_no_other() {
    let mut tests = Vec::new();
    for text in [
        include_str!("../../vectors/esdk/python-rsa.json"),
        include_str!("../../vectors/esdk/javascript-rsa.json"),
        include_str!("../../vectors/esdk/rust-rsa.json"),
    ] {
        let file: Value = serde_json::from_str(text).unwrap();
        tests.extend(file["tests"].as_array().unwrap().clone());
    }
    assert_eq!(tests.len(), 45);
    for test in &tests {
        let message = BASE64_STANDARD.decode(test["message"].as_str().unwrap()).unwrap();
        let len = test["plaintext-length"].as_u64().unwrap();
        let plaintext: Vec<u8> = (0..len).map(|at| ((7 * at + len) % 256) as u8).collect();
        let pairs = test["context"].as_object().unwrap().iter();
        let expected = EncryptionContext::new(pairs.map(|(key, value)| (key, value.as_str().unwrap())));
        let expected = expected.unwrap();
        let own = padding(test["padding"].as_str().unwrap());
        for padding in RsaPadding::ALL {
            let opened = opener(padding).open(&expected, &message, Aad::EMPTY).await;
            match opened {
                Ok(opened) => assert_eq!((opened, padding), (plaintext.clone(), own)),
                Err(refused) => {
                    let opaque = padding == RsaPadding::DangerPkcs1V15;
                    assert_eq!(matches!(refused, OpenError::NotAuthentic), opaque, "{refused:?}");
                    let told = refused.class() == Some(ErrorClass::NotAuthentic);
                    assert_eq!(told, !opaque, "{refused:?}");
                    assert_ne!(padding, own);
                }
            }
        }
    }
}
