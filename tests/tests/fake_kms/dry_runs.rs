//! A dry run of `Decrypt` that asks about permissions alone.
use datakey_fake_kms::FakeKms;
use datakey_tests::fake_kms::start;
use serde_json::{Value, json};

#[tokio::test]
async fn a_dry_run_without_a_ciphertext_asks_about_the_key_alone() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let mut told = async |parameters: Value| client.call("Decrypt", parameters).await.told();
    let modifier = json!(["IGNORE_CIPHERTEXT"]);
    let asked = json!({"KeyId": *key, "DryRun": true, "DryRunModifiers": modifier});
    assert_eq!(
        told(asked.clone()).await,
        (400, "DryRunOperationException".into())
    );
    let junk =
        json!({"KeyId": *key, "DryRun": true, "DryRunModifiers": modifier, "CiphertextBlob": "anVuaw=="});
    assert_eq!(
        told(junk).await.1,
        "DryRunOperationException",
        "it is not looked at"
    );
    let looked_at = json!({"KeyId": *key, "DryRun": true, "CiphertextBlob": "anVuaw=="});
    assert_eq!(told(looked_at).await.1, "InvalidCiphertextException");
    for refused in [
        json!({"DryRun": true, "DryRunModifiers": modifier}),
        json!({"KeyId": *key, "DryRun": false, "DryRunModifiers": modifier}),
        json!({"KeyId": *key, "DryRun": true}),
        json!({"KeyId": *key, "DryRun": true, "DryRunModifiers": ["IGNORE_EVERYTHING"]}),
    ] {
        assert_eq!(
            told(refused.clone()).await,
            (400, "ValidationException".into()),
            "{refused}"
        );
    }
    fake.disable_key(&key).unwrap();
    assert_eq!(told(asked).await.1, "DisabledException");
}
