//! A fake with one of each thing that an operation may be about, and parameters for each operation.
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey_fake_kms::{FakeKms, FakeKmsServer, KmsContext, KmsOperation, NewKey, Principal};
use datakey_tests::fake_kms::Client;
use serde_json::{Value, json};

const CALLER: &str = "arn:aws:iam::111122223333:user/caller";

/// A fake with one of each thing that an operation may be about.
pub(crate) struct World {
    pub(crate) fake: FakeKms,
    _server: FakeKmsServer,
    pub(crate) client: Client,
    /// What most operations are about.
    pub(crate) key: Arc<str>,
    pub(crate) other: Arc<str>,
    pub(crate) multi_region: Arc<str>,
    pub(crate) pending: Arc<str>,
    pub(crate) ciphertext: String,
    pub(crate) grant: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::about(&NewKey::new()).await
    }

    /// What most operations are about is the primary of a multi-Region key with a replica in eu-west-1.
    pub(crate) async fn with_replica() -> Self {
        let world = Self::about(&NewKey::new().multi_region()).await;
        world.fake.replicate_key(&world.key, "eu-west-1").unwrap();
        world
    }

    pub(crate) async fn about(new: &NewKey) -> Self {
        let fake = FakeKms::new();
        let server = FakeKmsServer::builder(fake.clone())
            .regions_by_signature()
            .metrics_path("/metrics")
            .start()
            .await
            .unwrap();
        let mut client = Client::connect(&server).await;
        let (key, other, pending) = (
            fake.create_key_with(new).unwrap(),
            fake.create_key().unwrap(),
            fake.create_key().unwrap(),
        );
        fake.schedule_key_deletion(&pending, 30).unwrap();
        fake.create_alias("alias/one", &key).unwrap();
        let multi_region = fake.create_key_with(&NewKey::new().multi_region()).unwrap();
        fake.replicate_key(&multi_region, "eu-west-1").unwrap();
        let made = fake.encrypt(&key, &KmsContext::default(), b"x").await.unwrap();
        let terms = json!({
            "KeyId": *key, "GranteePrincipal": "arn:aws:iam::111122223333:user/other", "Operations": ["Decrypt"],
        });
        let grant = client.call("CreateGrant", terms).await.ok().json()["GrantId"].clone();
        fake.ledger().clear();
        Self {
            fake,
            _server: server,
            client,
            key,
            other,
            multi_region,
            pending,
            ciphertext: STANDARD.encode(made.ciphertext),
            grant: grant.as_str().unwrap().to_owned(),
        }
    }

    /// Parameters that an operation succeeds with.
    pub(crate) fn parameters(&self, operation: KmsOperation) -> Value {
        use KmsOperation as Op;
        let key = &*self.key;
        match operation {
            Op::GenerateDataKey | Op::GenerateDataKeyWithoutPlaintext => {
                json!({ "KeyId": key, "KeySpec": "AES_256" })
            }
            Op::Encrypt => json!({ "KeyId": key, "Plaintext": "eA==" }),
            Op::Decrypt => json!({ "CiphertextBlob": self.ciphertext, "KeyId": key }),
            Op::ReEncrypt => {
                json!({ "CiphertextBlob": self.ciphertext, "SourceKeyId": key, "DestinationKeyId": *self.other })
            }
            Op::GenerateRandom => json!({ "NumberOfBytes": 16 }),
            Op::CreateKey | Op::ListKeys | Op::ListAliases => json!({}),
            Op::DescribeKey
            | Op::EnableKey
            | Op::DisableKey
            | Op::ScheduleKeyDeletion
            | Op::RotateKeyOnDemand
            | Op::EnableKeyRotation
            | Op::DisableKeyRotation
            | Op::GetKeyRotationStatus
            | Op::ListKeyRotations
            | Op::ListResourceTags
            | Op::GetKeyPolicy
            | Op::ListKeyPolicies
            | Op::ListGrants => json!({ "KeyId": key }),
            Op::UpdateKeyDescription => json!({ "KeyId": key, "Description": "orders" }),
            Op::CancelKeyDeletion => json!({ "KeyId": *self.pending }),
            Op::CreateAlias => json!({ "AliasName": "alias/two", "TargetKeyId": key }),
            Op::UpdateAlias => json!({ "AliasName": "alias/one", "TargetKeyId": *self.other }),
            Op::DeleteAlias => json!({ "AliasName": "alias/one" }),
            Op::ReplicateKey => json!({ "KeyId": *self.multi_region, "ReplicaRegion": "eu-west-2" }),
            Op::UpdatePrimaryRegion => json!({ "KeyId": *self.multi_region, "PrimaryRegion": "eu-west-1" }),
            Op::TagResource => json!({ "KeyId": key, "Tags": [{ "TagKey": "team", "TagValue": "shop" }] }),
            Op::UntagResource => json!({ "KeyId": key, "TagKeys": ["team"] }),
            Op::PutKeyPolicy => json!({
                "KeyId": key,
                "BypassPolicyLockoutSafetyCheck": true,
                "Policy": r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}}"#,
            }),
            Op::CreateGrant => json!({ "KeyId": key, "GranteePrincipal": CALLER, "Operations": ["Encrypt"] }),
            Op::ListRetirableGrants => json!({ "RetiringPrincipal": CALLER }),
            Op::RetireGrant | Op::RevokeGrant => json!({ "KeyId": key, "GrantId": self.grant }),
            other => panic!("no parameters for {other}"),
        }
    }

    pub(crate) fn let_in(&self, access_key: &str, policy: &Value) {
        let caller = Principal::new(access_key, "secret", CALLER).unwrap();
        self.fake
            .add_principal(caller.with_policy(&policy.to_string()).unwrap());
    }
}
