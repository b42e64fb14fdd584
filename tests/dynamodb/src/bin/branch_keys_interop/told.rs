//! What a process can be told to do, each with a branch key's own types.
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey::{
    Aad, EncryptionContext, OpenError, Opener, ProviderError, SealError, Sealer,
    branch_keys::{
        AdminError, BranchKeyAdmin, BranchKeyId, BranchKeys, Created, Description, DynamoDbStore, ItemKind,
        KEY_ID_SCHEME, NewBranchKey, ReadingStore as _, Rotated,
    },
    esdk,
    kms::KmsProvider,
    provider::{DataKeyLength, OpeningProvider as _, SealingProvider as _, WrappedKey},
};
use datakey_dynamodb_tests::{REGION, config};
use serde_json::{Map, Value, json};

use crate::Anything;

/// Over one table and one KMS key. Branch keys are kept from one line to the next.
pub struct Told {
    store: DynamoDbStore,
    admin: BranchKeyAdmin<DynamoDbStore, KmsProvider>,
    keys: BranchKeys,
}

fn kms(address: &str, key: &str) -> KmsProvider {
    let credentials = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "tests");
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .endpoint_url(address);
    let client = aws_sdk_kms::Client::from_conf(config.build());
    KmsProvider::from_client(&client)
        .key(key)
        .build()
        .expect("a key ARN")
}

/// The branch key that an encryption context names.
fn chosen(context: &EncryptionContext) -> Option<BranchKeyId> {
    context.get("branch key")?.parse().ok()
}

fn keys(store: &DynamoDbStore, kms: &KmsProvider) -> BranchKeys {
    let builder = BranchKeys::builder(store.clone(), kms.clone()).choose(chosen);
    builder.build().expect("a choice is all it needs")
}

impl Told {
    pub fn new(kms_url: &str, dynamodb: &str, (table, logical_name): (&str, &str), key: &str) -> Self {
        let kms = kms(kms_url, key);
        let client = aws_sdk_dynamodb::Client::from_conf(config(dynamodb).build());
        let store = DynamoDbStore::from_client(&client, table).with_logical_name(logical_name);
        Self {
            keys: keys(&store, &kms),
            admin: BranchKeyAdmin::new(store.clone(), kms, key),
            store,
        }
    }

    /// What it came to, or the error with its class and all that caused it.
    pub async fn answer(&self, line: &Value) -> Value {
        match self.act(line).await {
            Ok(answer) => answer,
            Err(error) => {
                let mut told = vec![error.to_string()];
                let mut next = error.source();
                while let Some(cause) = next {
                    told.push(cause.to_string());
                    next = cause.source();
                }
                json!({"error": told.join(": "), "class": class(&*error)})
            }
        }
    }

    async fn act(&self, line: &Value) -> Anything<Value> {
        let text = |field: &str| line[field].as_str().ok_or_else(|| format!("no {field}"));
        let id = || -> Anything<BranchKeyId> { Ok(text("id")?.parse()?) };
        let bytes = |field: &str| -> Anything<Vec<u8>> { Ok(STANDARD.decode(text(field)?)?) };
        match text("do")? {
            "create" => {
                self.create(line.get("id").and_then(Value::as_str), &line["context"])
                    .await
            }
            "rotate" => Ok(match self.admin.rotate(&id()?).await? {
                Rotated::Made(made) => json!({"made": made.version.to_string()}),
                Rotated::ByAnother(active) => json!({"by another": active.version.to_string()}),
            }),
            // One attempt, and no more.
            "read" => Ok(json!({"found": self.store.get(&id()?, ItemKind::Active).await?.is_some()})),
            "active" => Ok(described(&self.admin.active(&id()?).await?)),
            "versions" => {
                let found = self.admin.versions(&id()?).await?;
                Ok(found.iter().map(described).collect())
            }
            "verify" => {
                let id = id()?;
                self.admin.verify(&id, ItemKind::Active).await?;
                for version in self.admin.versions(&id).await? {
                    self.admin.verify(&id, ItemKind::Version(version.version)).await?;
                }
                self.admin.verify(&id, ItemKind::Beacon).await?;
                Ok(json!({}))
            }
            // Whatever was kept is forgotten: what follows reads table and KMS anew.
            "forget" => {
                self.keys.sealing().invalidate(&id()?);
                self.keys.opening().invalidate(&id()?);
                Ok(json!({}))
            }
            "wrap" => self.wrap(&context(&line["context"])?).await,
            "unwrap" => {
                let wrapped = WrappedKey::new(format!("{KEY_ID_SCHEME}{}", text("id")?), bytes("blob")?)?;
                let opened = self.keys.decrypt(&context(&line["context"])?, &wrapped).await?;
                Ok(json!({"data key": STANDARD.encode(opened.expose_secret())}))
            }
            "seal" => {
                self.seal(text("suite")?, &context(&line["context"])?, &bytes("plaintext")?)
                    .await
            }
            "open" => self.open(&context(&line["context"])?, &bytes("message")?).await,
            "calls" => Ok(json!({
                "sealing": self.keys.sealing().stats().calls_made,
                "opening": self.keys.opening().stats().calls_made,
            })),
            other => Err(format!("{other:?} is not known").into()),
        }
    }

    async fn create(&self, id: Option<&str>, context: &Value) -> Anything<Value> {
        let new = match id {
            Some(id) => NewBranchKey::with_id(id.parse()?),
            None => NewBranchKey::new(),
        };
        let made = self.admin.create(&new.context(pairs(context))).await?;
        let was_made = matches!(made, Created::Made(_));
        let mut told = described(&made.into_description());
        told["made"] = was_made.into();
        Ok(told)
    }

    async fn wrap(&self, context: &EncryptionContext) -> Anything<Value> {
        let made = self
            .keys
            .generate_data_key(context, DataKeyLength::Bytes32)
            .await?;
        let wrapped = made.wrapped_keys().first();
        Ok(json!({
            "data key": STANDARD.encode(made.data_key().expose_secret()),
            "blob": STANDARD.encode(wrapped.blob()),
            "key id": wrapped.key_id(),
        }))
    }

    async fn seal(&self, suite: &str, context: &EncryptionContext, plaintext: &[u8]) -> Anything<Value> {
        let builder = Sealer::builder(self.keys.clone()).without_retry().without_cache();
        let sealer = match suite {
            "0478" => builder.format(params(esdk::Suite::Aes256GcmHkdfSha512CommitKey)),
            "0578" => builder.format(params(esdk::Suite::Aes256GcmHkdfSha512CommitKeyEcdsaP384)),
            "datakey" => builder,
            other => return Err(format!("no suite {other}").into()),
        };
        let message = sealer.build()?.seal(context, plaintext, Aad::EMPTY).await?;
        Ok(json!({"message": STANDARD.encode(message)}))
    }

    async fn open(&self, context: &EncryptionContext, message: &[u8]) -> Anything<Value> {
        let builder = Opener::builder(self.keys.clone()).without_retry().without_cache();
        let plaintext = builder.build()?.open(context, message, Aad::EMPTY).await?;
        Ok(json!({"plaintext": STANDARD.encode(plaintext)}))
    }
}

fn params(suite: esdk::Suite) -> esdk::Params {
    esdk::Params::new().with_suite(suite)
}

fn pairs(context: &Value) -> Vec<(String, String)> {
    let pairs = context.as_object().into_iter().flat_map(Map::iter);
    pairs
        .map(|(name, text)| (name.clone(), text.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn context(value: &Value) -> Anything<EncryptionContext> {
    let pairs = pairs(value);
    let pairs = pairs.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    Ok(EncryptionContext::new(pairs)?)
}

fn described(of: &Description) -> Value {
    json!({
        "id": of.id.as_str(),
        "version": of.version.to_string(),
        "create time": &*of.create_time,
        "kms key": &*of.kms_key,
        "context": of.context.iter().map(|(name, text)| (name.to_string(), Value::from(&**text))).collect::<Map<_, _>>(),
    })
}

/// The class of the failure, where one of ours says it.
fn class(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let class = if let Some(error) = error.downcast_ref::<ProviderError>() {
        Some(error.class())
    } else if let Some(error) = error.downcast_ref::<AdminError>() {
        error.class()
    } else if let Some(error) = error.downcast_ref::<SealError>() {
        error.class()
    } else {
        error.downcast_ref::<OpenError>()?.class()
    };
    class.map(|class| format!("{class:?}"))
}
