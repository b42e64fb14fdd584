//! What is printed for people: names, lengths and places, and never a key, plaintext or a message id.
use datakey_esdk::{
    CommitmentPolicy, Fault, FormatError, Header, MessageId, OpenParams, Params, PublicKeyProblem, RawAesKey,
    RawRsaPublicKey, RsaPadding, SigningKey, Suite,
};
use datakey_tests::esdk::{Pair, context};

#[test]
fn suites_and_policies_have_the_names_of_the_aws_encryption_sdk() {
    let names = [
        (0x0014, "ALG_AES_128_GCM_IV12_TAG16_NO_KDF"),
        (0x0046, "ALG_AES_192_GCM_IV12_TAG16_NO_KDF"),
        (0x0078, "ALG_AES_256_GCM_IV12_TAG16_NO_KDF"),
        (0x0114, "ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256"),
        (0x0146, "ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256"),
        (0x0178, "ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256"),
        (0x0214, "ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256"),
        (0x0346, "ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384"),
        (0x0378, "ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384"),
        (0x0478, "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY"),
        (0x0578, "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384"),
    ];
    for (id, name) in names {
        let suite = Suite::from_id(id).unwrap();
        assert_eq!((suite.as_str(), suite.to_string().as_str()), (name, name));
    }
    for (policy, name) in [
        (
            CommitmentPolicy::ForbidEncryptAllowDecrypt,
            "FORBID_ENCRYPT_ALLOW_DECRYPT",
        ),
        (
            CommitmentPolicy::RequireEncryptAllowDecrypt,
            "REQUIRE_ENCRYPT_ALLOW_DECRYPT",
        ),
        (
            CommitmentPolicy::RequireEncryptRequireDecrypt,
            "REQUIRE_ENCRYPT_REQUIRE_DECRYPT",
        ),
    ] {
        assert_eq!((policy.as_str(), policy.to_string().as_str()), (name, name));
    }
}

#[test]
fn each_fault_is_told_in_words_of_its_own() {
    let all = [
        Fault::Version,
        Fault::Type,
        Fault::Suite,
        Fault::ContextLength,
        Fault::Utf8,
        Fault::ContextDuplicate,
        Fault::ContextKey,
        Fault::DataKeyCount,
        Fault::ContentType,
        Fault::Reserved,
        Fault::IvLength,
        Fault::FrameLength,
        Fault::SequenceNumber,
        Fault::FinalFrameLength,
        Fault::ContentLength,
        Fault::Trailing,
    ];
    let words: std::collections::BTreeSet<_> = all.iter().map(|fault| fault.as_str()).collect();
    assert_eq!(words.len(), all.len());
    for fault in all {
        assert!(fault.as_str().split(' ').count() > 3, "{fault:?}");
        let error = FormatError::Malformed { fault }.to_string();
        assert!(error.contains(fault.as_str()), "{error}");
    }
}

#[test]
fn a_sealing_key_says_what_it_seals_with_and_a_wrapping_key_its_names_only() {
    let params = Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey);
    let pair = Pair::new(&params, &context(&[])).unwrap();
    assert_eq!(pair.sealing.params(), &params);
    assert_ne!(pair.sealing.params(), &Params::new());
    let key = format!("{:?}", RawAesKey::new("shop", "2026", &[0xA5; 32]).unwrap());
    assert_eq!(key, "RawAesKey { namespace: \"shop\", name: \"2026\", .. }");
}

#[test]
fn what_is_wrong_with_a_public_key_is_told_in_words_of_its_own() {
    let all = [
        PublicKeyProblem::Missing,
        PublicKeyProblem::Unexpected,
        PublicKeyProblem::Malformed,
    ];
    let words: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), all.len());
    assert!(
        words.iter().all(|words| words.split(' ').count() >= 3),
        "{words:?}"
    );
}

#[test]
fn keys_and_streams_print_what_they_are_for_and_no_more() {
    let own = context(&[("tenant", "acme")]);
    let pair = Pair::new(&Params::new(), &own).unwrap();
    let sealing = format!("{:?}", pair.sealing);
    assert!(sealing.starts_with("SealingKey { params: Params {"), "{sealing}");
    let len = format!("header_len: {}, .. }}", pair.sealing.header_len());
    assert!(sealing.ends_with(&len), "{sealing}");
    assert_eq!(
        format!("{:?}", pair.sealing.params()),
        format!("{:?}", Params::new())
    );
    assert!(format!("{:?}", pair.opening).starts_with("OpeningKey { context: "));

    let mut sealed = Vec::new();
    let mut sealer = pair.sealing.stream_sealer(&mut sealed).unwrap();
    sealer.push(&[7; 12], &mut sealed).unwrap();
    assert_eq!(format!("{sealer:?}"), "StreamSealer { pending_len: 12, .. }");
    sealer.finish(&mut sealed).unwrap();
    let header = Header::decode(&sealed).unwrap();
    let params = OpenParams::new().danger_release_before_signature();
    let opener = pair.opening.stream_opener(&header, &params).unwrap();
    assert_eq!(format!("{opener:?}"), "StreamOpener { frames: 0, .. }");

    assert_eq!(format!("{:?}", MessageId::random().unwrap()), "MessageId");
    let signing = SigningKey::generate(Suite::default()).unwrap().unwrap();
    let signing = format!("{signing:?}");
    assert!(
        signing.starts_with("SigningKey { public_key: ") && signing.ends_with(", .. }"),
        "{signing}"
    );
    let pem = include_bytes!("../../vectors/esdk/rsa/public-spki.pem");
    let rsa = RawRsaPublicKey::from_pem("shop", "one", RsaPadding::OaepSha256Mgf1, pem).unwrap();
    assert_eq!(
        format!("{rsa:?}"),
        r#"RawRsaPublicKey { namespace: "shop", name: "one", padding: OaepSha256Mgf1, .. }"#
    );
}

#[test]
fn a_header_prints_its_pairs_and_its_encrypted_data_keys() {
    let pair = Pair::new(&Params::new(), &context(&[("tenant", "acme")])).unwrap();
    let sealed = pair.seal(b"one order");
    let header = Header::decode(&sealed).unwrap();
    let pairs = format!("{:?}", header.context_pairs());
    assert!(pairs.contains(r#""tenant": "acme""#), "{pairs}");
    let keys = format!("{:?}", header.encrypted_data_keys());
    assert!(
        keys.starts_with("[EncryptedDataKey { provider_id: ") && keys.ends_with(" }]"),
        "{keys}"
    );
}
