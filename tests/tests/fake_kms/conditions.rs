//! Conditions of policies: every key that the emulator evaluates, for the operations that carry it, and every operator.
mod callers;
mod keys;
mod operators;
mod requests;

use datakey_fake_kms::{FakeKms, FakeKmsServer, KmsContext, NewKey, Principal};
use datakey_tests::fake_kms::Client;
use serde_json::{Value, json};

const USER: &str = "arn:aws:iam::111122223333:user/teams/USER";
const GRANTEE: &str = "arn:aws:iam::111122223333:role/grantee";
const RETIRING: &str = "arn:aws:iam::111122223333:role/retiring";
const HERE: &str = "us-east-1";
const THERE: &str = "eu-west-1";

/// Where something is asked, which action of it the condition is about, and what is asked.
#[derive(Clone)]
struct Ask {
    region: &'static str,
    action: &'static str,
    operation: &'static str,
    parameters: Value,
}

fn ask(operation: &'static str, parameters: Value) -> Ask {
    Ask {
        region: HERE,
        action: operation,
        operation,
        parameters,
    }
}

fn half(action: &'static str, parameters: Value) -> Ask {
    Ask {
        action,
        ..ask("ReEncrypt", parameters)
    }
}

/// All that calls are about, made anew for each of them.
struct World {
    fake: FakeKms,
    _server: FakeKmsServer,
    client: Client,
    names: Vec<(&'static str, String)>,
}

impl World {
    async fn new() -> Self {
        let fake = FakeKms::new();
        let of_team = || NewKey::new().tag("Team", "shop");
        let key = fake.create_key_with(&of_team()).unwrap();
        let other = fake.create_key().unwrap();
        for (alias, key) in [
            ("alias/orders", &key),
            ("alias/shop", &key),
            ("alias/other", &other),
        ] {
            fake.create_alias(alias, key).unwrap();
        }
        let lonely = fake.create_key_with(&of_team().multi_region()).unwrap();
        let primary = fake.create_key_with(&of_team().multi_region()).unwrap();
        let replica = fake.replicate_key(&primary, THERE).unwrap();
        let context = KmsContext::new([("tenant", "acme")]).unwrap();
        let made = fake.encrypt(&key, &context, b"hello").await.unwrap();
        let server = FakeKmsServer::builder(fake.clone())
            .regions_by_signature()
            .start()
            .await
            .unwrap();
        let mut client = Client::connect(&server).await;
        let terms = json!({ "KeyId": *key, "GranteePrincipal": GRANTEE, "Operations": ["Decrypt"] });
        let grant = client.call("CreateGrant", terms).await.ok().json();
        let names = vec![
            ("BLOB", base64_of(&made.ciphertext)),
            ("GRANT", grant["GrantId"].as_str().unwrap().to_owned()),
            (
                "ALIAS-ARN",
                format!("arn:aws:kms:{HERE}:111122223333:alias/orders"),
            ),
            ("KEY", key.to_string()),
            ("OTHER", other.to_string()),
            ("LONELY", lonely.to_string()),
            ("PRIMARY", primary.to_string()),
            ("REPLICA", replica.to_string()),
        ];
        Self {
            fake,
            _server: server,
            client,
            names,
        }
    }

    /// One in which the caller has this policy.
    async fn with(policy: &Value) -> Self {
        let world = Self::new().await;
        world.let_in(policy);
        world
    }

    /// Gives the caller another policy.
    fn let_in(&self, policy: &Value) {
        let principal = Principal::new("USER", "secret", USER).unwrap();
        let principal = principal
            .with_tag("Team", "shop")
            .with_policy(&policy.to_string());
        self.fake.add_principal(principal.unwrap());
    }

    /// With what was made in place of its name.
    fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let found = self.names.iter().find(|(name, _)| name == text);
                json!(found.map_or(text, |(_, made)| made))
            }
            Value::Array(all) => all.iter().map(|value| self.fill(value)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), self.fill(value)))
                .collect(),
            other => other.clone(),
        }
    }

    /// Whether it is allowed; what else could be wrong with it, nothing is.
    async fn allows(&mut self, ask: &Ask) -> bool {
        let parameters = self.fill(&ask.parameters);
        let client = &mut self.client;
        let answer = client
            .call_as("USER", ask.region, ask.operation, parameters.clone())
            .await;
        if answer.status == 200 {
            return true;
        }
        let told = answer.told().1;
        assert_eq!(
            told,
            "AccessDeniedException",
            "{} {parameters}: {}",
            ask.operation,
            answer.text()
        );
        false
    }
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

/// Everything is allowed, but for the action itself only by the condition; of an alias it is, as conditions are about keys.
fn allow_if(action: &str, condition: &Value) -> Value {
    let action = format!("kms:{action}");
    json!({ "Statement": [
        { "Effect": "Allow", "NotAction": action, "Resource": "*" },
        { "Effect": "Allow", "Action": action, "Resource": "arn:aws:kms:*:*:alias/*" },
        { "Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition },
    ]})
}

fn deny_if(action: &str, condition: &Value) -> Value {
    json!({ "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": format!("kms:{action}"), "Resource": "*", "Condition": condition },
    ]})
}

/// Operator, key, a value that fits the call, and one that does not.
type Row = (&'static str, &'static str, Value, Value);

/// Of each row an Allow and a Deny that bite, and an Allow and a Deny that do not.
async fn decide(ask: &Ask, rows: &[Row]) {
    let mut world = World::new().await;
    let (mut all_fit, mut statements) = (json!({}), Vec::new());
    // What is denied changes nothing.
    for &(operator, key, ref fits, ref other) in rows {
        let (fitting, unlike) = (
            json!({ operator: { key: fits } }),
            json!({ operator: { key: other } }),
        );
        for denied in [deny_if(ask.action, &fitting), allow_if(ask.action, &unlike)] {
            world.let_in(&denied);
            assert!(!world.allows(ask).await, "{}: {denied}", ask.operation);
        }
        all_fit[operator][key] = fits.clone();
        statements.push(deny_if(ask.action, &unlike)["Statement"][1].clone());
    }
    let mut policy = allow_if(ask.action, &all_fit);
    policy["Statement"].as_array_mut().unwrap().extend(statements);
    world.let_in(&policy);
    assert!(world.allows(ask).await, "{}: {policy}", ask.operation);
}

/// As [`decide`], for a row.
async fn decides(ask: &Ask, operator: &'static str, key: &'static str, fits: &Value, other: &Value) {
    decide(ask, &[(operator, key, fits.clone(), other.clone())]).await;
}

fn acme() -> Value {
    json!({ "tenant": "acme" })
}

fn encrypt(key: &str) -> Ask {
    ask(
        "Encrypt",
        json!({ "KeyId": key, "Plaintext": "aGVsbG8=", "EncryptionContext": acme() }),
    )
}

fn decrypt(key: &str) -> Ask {
    ask(
        "Decrypt",
        json!({ "KeyId": key, "CiphertextBlob": "BLOB", "EncryptionContext": acme() }),
    )
}

fn data_key(operation: &'static str, key: &str) -> Ask {
    ask(
        operation,
        json!({ "KeyId": key, "KeySpec": "AES_256", "EncryptionContext": acme() }),
    )
}

fn re_encrypt(action: &'static str, from: &str, to: &str) -> Ask {
    half(
        action,
        json!({
            "CiphertextBlob": "BLOB", "SourceKeyId": from, "SourceEncryptionContext": acme(),
            "DestinationKeyId": to, "DestinationEncryptionContext": acme(),
        }),
    )
}

/// The cryptographic operations on a key, by that name.
fn cryptographic(key: &str) -> Vec<Ask> {
    vec![
        encrypt(key),
        decrypt(key),
        data_key("GenerateDataKey", key),
        data_key("GenerateDataKeyWithoutPlaintext", key),
        re_encrypt("ReEncryptFrom", key, "OTHER"),
        re_encrypt("ReEncryptTo", "KEY", key),
    ]
}

/// Every operation that is authorized for a certain key.
fn on_a_key() -> Vec<Ask> {
    let on = |operation: &'static str| ask(operation, json!({ "KeyId": "KEY" }));
    let mut all = cryptographic("KEY");
    all.extend([
        on("DescribeKey"),
        on("EnableKey"),
        on("DisableKey"),
        on("ScheduleKeyDeletion"),
        on("RotateKeyOnDemand"),
        on("EnableKeyRotation"),
        on("DisableKeyRotation"),
        on("GetKeyRotationStatus"),
        on("ListKeyRotations"),
        on("ListResourceTags"),
        on("GetKeyPolicy"),
        on("ListKeyPolicies"),
        on("ListGrants"),
        ask(
            "UpdateKeyDescription",
            json!({ "KeyId": "KEY", "Description": "x" }),
        ),
        ask(
            "CreateAlias",
            json!({ "AliasName": "alias/new", "TargetKeyId": "KEY" }),
        ),
        ask(
            "UpdateAlias",
            json!({ "AliasName": "alias/shop", "TargetKeyId": "KEY" }),
        ),
        ask("DeleteAlias", json!({ "AliasName": "alias/shop" })),
        ask(
            "TagResource",
            json!({ "KeyId": "KEY", "Tags": [{ "TagKey": "a", "TagValue": "b" }] }),
        ),
        ask("UntagResource", json!({ "KeyId": "KEY", "TagKeys": ["a"] })),
        ask("RevokeGrant", json!({ "KeyId": "KEY", "GrantId": "GRANT" })),
        ask("RetireGrant", json!({ "KeyId": "KEY", "GrantId": "GRANT" })),
        create_grant(),
        put_policy(json!({})),
    ]);
    all
}

fn create_grant() -> Ask {
    ask(
        "CreateGrant",
        json!({
            "KeyId": "KEY", "GranteePrincipal": GRANTEE, "RetiringPrincipal": RETIRING,
            "Operations": ["Encrypt", "Decrypt"], "Constraints": { "EncryptionContextSubset": acme() },
        }),
    )
}

fn create_key(more: &Value) -> Ask {
    ask("CreateKey", more.clone())
}

fn tagged(ask: Ask) -> Ask {
    let mut parameters = ask.parameters;
    parameters["Tags"] = json!([{ "TagKey": "Team", "TagValue": "shop" }]);
    Ask { parameters, ..ask }
}

fn put_policy(more: Value) -> Ask {
    let policy = json!({ "Statement": {
        "Effect": "Allow", "Principal": { "AWS": "111122223333" }, "Action": "kms:*", "Resource": "*",
    }});
    let mut parameters = json!({ "KeyId": "KEY", "Policy": policy.to_string() });
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    ask("PutKeyPolicy", parameters)
}
