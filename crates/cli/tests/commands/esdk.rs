//! Messages of the AWS Encryption SDK: sealed when that is asked for, and opened and shown without being told.
use datakey::{
    Aad, EncryptionContext, Sealer,
    esdk::{CommitmentPolicy, Params, Suite, is_esdk_message},
    fake_kms::KmsOperation,
};
use serde_json::json;

use crate::kms::Kms;

/// Seals with the library what the command does not write.
fn sealed_with(kms: &Kms, params: Params) -> Vec<u8> {
    let sealer = Sealer::builder(kms.fake.provider(&kms.keys[0]))
        .format(params)
        .build()
        .unwrap();
    let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(sealer.seal(&context, b"order", Aad::EMPTY))
        .unwrap()
}

#[test]
fn a_file_is_sealed_in_each_suite_and_opened_without_being_told_with_one_call_each_way() {
    for (suite, id) in [
        (None, 0x0578_u16),
        (Some("commit-key"), 0x0478),
        (Some("commit-key-ecdsa-p384"), 0x0578),
    ] {
        let kms = Kms::new();
        let key = kms.keys[0].as_str();
        let order: Vec<u8> = (0..10_000_u32).flat_map(u32::to_be_bytes).collect();
        kms.shell.write("orders.csv", &order);
        let mut seal = kms.with("seal", &[key]);
        seal.extend(["--format", "esdk", "orders.csv"]);
        if let Some(suite) = suite {
            seal.extend(["--suite", suite]);
        }
        kms.shell.run(seal).ends(0);
        let sealed = kms.shell.read("orders.csv.encrypted");
        assert!(is_esdk_message(&sealed));
        assert_eq!(&sealed[1..3], id.to_be_bytes());
        let mut open = kms.with("open", &[key]);
        open.extend(["-o", "again", "orders.csv.encrypted"]);
        let said = kms.shell.run(open).ends(0).json();
        assert_eq!(said["encryption_context"], json!({"tenant": "acme"}));
        assert_eq!(kms.shell.read("again"), order);
        let ledger = kms.fake.ledger();
        assert_eq!(ledger.calls_of(KmsOperation::GenerateDataKey), 1);
        assert_eq!((ledger.calls_of(KmsOperation::Decrypt), ledger.calls()), (1, 2));
    }
}

#[test]
fn what_the_format_has_no_place_for_is_a_usage_error_before_any_call() {
    let kms = Kms::new();
    let key = kms.keys[0].as_str();
    kms.shell.run(["keygen", "key"]).ends(0);
    let refused = |more: &[&str], why: &str| {
        let mut seal = kms.with("seal", &[key]);
        seal.extend(["--format", "esdk"]);
        seal.extend(more);
        let (kind, message) = kms.shell.run_with(b"order", seal).ends(2).error();
        assert_eq!(kind, "usage");
        assert!(message.contains(why), "{message}");
    };
    refused(&["--aad", "order 17"], "no associated data");
    refused(&["--lines"], "no records");
    refused(&["--suite", "aes-256-gcm"], "commit-key");
    let own_file = ["seal", "--json", "--format", "esdk", "-k", "key"];
    let (_, message) = kms.shell.run_with(b"order", own_file).ends(2).error();
    assert!(message.contains("--key aws-kms"), "{message}");
    let other_suite = ["seal", "--json", "-k", "key", "--suite", "commit-key"];
    let (_, message) = kms.shell.run_with(b"order", other_suite).ends(2).error();
    assert!(message.contains("--format esdk"), "{message}");

    let sealed = sealed_with(
        &kms,
        Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey),
    );
    let calls = kms.fake.ledger().calls();
    for (more, why) in [
        (["--aad", "order 17"], "no associated data"),
        (["--record", "0"], "no records"),
    ] {
        let mut open = kms.with("open", &[key]);
        open.extend(more);
        let (_, message) = kms.shell.run_with(&sealed, open).ends(2).error();
        assert!(message.contains(why), "{message}");
    }
    assert_eq!(kms.fake.ledger().calls(), calls);
}

#[test]
fn a_signed_message_goes_to_a_file_only_and_one_with_another_signature_to_none() {
    let kms = Kms::new();
    let key = kms.keys[0].as_str();
    let mut sealed = sealed_with(&kms, Params::new());
    let (_, message) = kms
        .shell
        .run_with(&sealed, kms.with("open", &[key]))
        .ends(2)
        .error();
    assert!(
        message.contains("signed") && message.contains("--output"),
        "{message}"
    );
    let mut open = kms.with("open", &[key]);
    open.extend(["-o", "order"]);
    kms.shell.run_with(&sealed, open.clone()).ends(0);
    assert_eq!(kms.shell.read("order"), b"order");
    let last = sealed.len() - 1;
    sealed[last] ^= 1;
    open.push("--force");
    kms.shell.run_with(&sealed, open).ends(4);
    assert_eq!(kms.shell.read("order"), b"order", "what stood there stays");
    let unsigned = sealed_with(
        &kms,
        Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey),
    );
    let opened = kms.shell.run_with(&unsigned, kms.with("open", &[key])).ends(0);
    assert_eq!(opened.stdout, b"order");
}

#[test]
fn the_commitment_policy_and_the_limit_of_data_keys_are_options() {
    let kms = Kms::new();
    let key = kms.keys[0].as_str();
    let old = Params::new()
        .with_suite(Suite::Aes256GcmHkdfSha256)
        .with_commitment_policy(CommitmentPolicy::ForbidEncryptAllowDecrypt);
    let sealed = sealed_with(&kms, old);
    let refused = kms
        .shell
        .run_with(&sealed, kms.with("open", &[key]))
        .ends(2)
        .stderr;
    assert!(refused.contains("REQUIRE_ENCRYPT_REQUIRE_DECRYPT"), "{refused}");
    assert!(refused.contains("--commitment-policy"), "{refused}");
    let mut open = kms.with("open", &[key]);
    open.extend(["--commitment-policy", "require-encrypt-allow-decrypt"]);
    assert_eq!(kms.shell.run_with(&sealed, open).ends(0).stdout, b"order");

    let mut seal = kms.with("seal", &[key, &kms.keys[1]]);
    seal.extend(["--format", "esdk", "--suite", "commit-key"]);
    let two = kms.shell.run_with(b"order", seal).ends(0).stdout;
    let mut open = kms.with("open", &[&kms.keys[1]]);
    assert_eq!(kms.shell.run_with(&two, open.clone()).ends(0).stdout, b"order");
    open.extend(["--max-encrypted-data-keys", "1"]);
    kms.shell.run_with(&two, open).ends(3);
}

#[test]
fn inspect_says_what_stands_in_the_header() {
    let kms = Kms::new();
    let sealed = sealed_with(
        &kms,
        Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey),
    );
    let said = kms.shell.run_with(&sealed, ["inspect", "--json"]).ends(0).json();
    let header = datakey::esdk::Header::decode(&sealed).unwrap();
    let id: String = header
        .message_id()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let blob = header.encrypted_data_keys().next().unwrap().ciphertext().len();
    assert_eq!(
        said,
        json!({
            "authenticated": false,
            "format": "esdk",
            "format_version": 2,
            "suite": "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY",
            "suite_id": "0x0478",
            "commits": true,
            "signed": false,
            "message_id": id,
            "frame_bytes": 4096,
            "encryption_context": {"tenant": "acme"},
            "encrypted_data_keys": [
                {"provider_id": "aws-kms", "provider_info": kms.keys[0], "ciphertext_bytes": blob}
            ],
            "header_bytes": header.len(),
            "body_bytes": sealed.len() - header.len(),
        })
    );
    let text = kms.shell.run_with(&sealed, ["inspect"]).ends(0).text();
    for part in [
        "AWS Encryption SDK",
        "0x0478",
        "\"tenant\" = \"acme\"",
        &kms.keys[0],
        &id,
    ] {
        assert!(text.contains(part), "{text}");
    }
    let signed = sealed_with(&kms, Params::new());
    let said = kms.shell.run_with(&signed, ["inspect", "--json"]).ends(0).json();
    assert_eq!(
        (&said["signed"], said["suite_id"].as_str()),
        (&true.into(), Some("0x0578"))
    );
    kms.shell.run_with(&sealed[..50], ["inspect"]).ends(3);
}

#[test]
fn what_is_altered_cut_short_or_for_somebody_else_is_told_apart() {
    let kms = Kms::new();
    let [key, other] = [kms.keys[0].as_str(), kms.keys[1].as_str()];
    let sealed = sealed_with(
        &kms,
        Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey),
    );
    let mut altered = sealed.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    kms.shell.run_with(&altered, kms.with("open", &[key])).ends(4);
    kms.shell
        .run_with(&sealed[..last], kms.with("open", &[key]))
        .ends(3);
    kms.shell.run_with(&sealed, kms.with("open", &[other])).ends(6);
    let mut elsewhere = kms.with("open", &[key]);
    elsewhere[3] = "tenant=other";
    kms.shell.run_with(&sealed, elsewhere).ends(5);
}
