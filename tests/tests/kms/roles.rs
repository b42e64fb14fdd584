//! The IAM policies that the documentation shows, in force: each role can what it is for, and nothing else.
//!
//! The emulator checks signatures, key policies, the policies of principals, and grants; the client is the real one.
use std::time::{Duration, SystemTime};

use aws_sdk_kms::{
    Client,
    config::{Credentials, Region},
    types::GrantOperation,
};
use datakey_fake_kms::{FakeKms, FakeKmsServer, Principal};
use datakey_kms::{KmsProvider, KmsProviderBuilder};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, ProviderError,
    SealingProvider as _,
};
use datakey_tests::kms::{KEY, REGION, config, context};

/// The policies of a page, in order, with an emulator's key in place of the example's.
fn policies(page: &str, key: &str) -> Vec<String> {
    let text: Vec<&str> = page
        .lines()
        .map(|line| line.strip_prefix("//!").unwrap_or(line))
        .collect();
    let text = text.join("\n");
    text.split("```json")
        .skip(1)
        .map(|after| after.split("```").next().unwrap().replace(KEY, key))
        .collect()
}

struct World {
    fake: FakeKms,
    server: FakeKmsServer,
    key: String,
    other: String,
}

impl World {
    async fn start() -> Self {
        let fake = FakeKms::builder().region(REGION).wall_clock().build().unwrap();
        let server = FakeKmsServer::builder(fake.clone()).verify_signatures();
        let server = server.start().await.unwrap();
        let [key, other] = [(); 2].map(|()| fake.create_key().unwrap().to_string());
        Self {
            fake,
            server,
            key,
            other,
        }
    }

    /// Lets a role in that has a policy of its own, and makes its client.
    fn role(&self, name: &str, policy: Option<&str>) -> Client {
        let (id, arn) = (
            format!("AKIA{}", name.to_uppercase()),
            format!("arn:aws:iam::111122223333:role/{name}"),
        );
        let mut principal = Principal::new(&id, "its secret", &arn).unwrap();
        if let Some(policy) = policy {
            principal = principal.with_policy(policy).unwrap();
        }
        self.fake.add_principal(principal);
        self.client(&id, "its secret")
    }

    fn client(&self, id: &str, secret: &str) -> Client {
        let credentials = Credentials::new(id, secret, None, None, "tests");
        let config = config(&self.server.url()).region(Region::new(REGION));
        Client::from_conf(config.credentials_provider(credentials).build())
    }

    /// What each of the four calls comes to, made by a client: generating, wrapping, opening, moving.
    async fn tries(&self, client: &Client, context: &EncryptionContext) -> [Option<ErrorClass>; 4] {
        let admin = build(&self.role("admin", None), |builder| builder.key(&self.key));
        let made = admin
            .generate_data_key(context, DataKeyLength::Bytes32)
            .await
            .unwrap();
        let wrapped = made.wrapped_keys().first();
        let kms = build(client, |builder| builder.key(&self.key));
        let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
        let destination = self.other.parse().unwrap();
        [
            class(kms.generate_data_key(context, DataKeyLength::Bytes32).await),
            class(kms.encrypt(context, &data_key).await),
            class(kms.decrypt(context, wrapped).await),
            class(kms.re_encrypt(wrapped, context, &destination, context).await),
        ]
    }
}

fn build(client: &Client, with: impl FnOnce(KmsProviderBuilder) -> KmsProviderBuilder) -> KmsProvider {
    with(KmsProvider::from_client(client)).build().unwrap()
}

fn class<T>(result: Result<T, ProviderError>) -> Option<ErrorClass> {
    result.err().map(|error| error.class())
}

const NO: Option<ErrorClass> = Some(ErrorClass::Denied);
const YES: Option<ErrorClass> = None;

fn refunds() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme"), ("purpose", "refunds")]).unwrap()
}

#[tokio::test]
async fn the_documented_policies_allow_what_they_are_for_and_nothing_else() {
    let world = World::start().await;
    let crate_docs = policies(include_str!("../../../crates/kms/src/lib.rs"), &world.key);
    let [sealer, opener] = &crate_docs[..] else {
        panic!("{} policies", crate_docs.len())
    };
    let page = policies(include_str!("../../../docs/kms.md"), &world.key);
    let [page_sealer, page_several, page_opener, page_mover] = &page[..] else {
        panic!("{} policies", page.len())
    };
    for (name, policy, expected) in [
        ("sealer", sealer, [YES, NO, NO, NO]),
        ("opener", opener, [NO, NO, YES, NO]),
        ("pagesealer", page_sealer, [YES, NO, NO, NO]),
        ("pageseveral", page_several, [YES, YES, NO, NO]),
        ("pageopener", page_opener, [NO, NO, YES, NO]),
        (
            "pagemover",
            &page_mover.replace(OTHER_IN_DOCS, &world.other),
            [NO, NO, NO, YES],
        ),
    ] {
        let client = world.role(name, Some(policy));
        assert_eq!(world.tries(&client, &context()).await, expected, "{name}");
        // Each names a purpose, and is of no use for another.
        assert_eq!(world.tries(&client, &refunds()).await, [NO; 4], "{name}");
    }
}

const OTHER_IN_DOCS: &str = datakey_tests::kms::OTHER_KEY;

#[tokio::test]
async fn warm_up_needs_no_more_than_the_role_has() {
    let world = World::start().await;
    let docs = policies(include_str!("../../../crates/kms/src/lib.rs"), &world.key);
    let (sealer, opener) = (
        world.role("sealer", Some(&docs[0])),
        world.role("opener", Some(&docs[1])),
    );
    let seals = |client: &Client| build(client, |builder| builder.wrapping_key(&world.key));
    seals(&sealer).warm_up(&context()).await.unwrap();
    for (kms, context) in [(seals(&opener), context()), (seals(&sealer), refunds())] {
        assert_eq!(class(kms.warm_up(&context).await), NO);
    }
    let opens = |client: &Client| build(client, |builder| builder.opening_key(&world.key));
    opens(&opener).warm_up(&context()).await.unwrap();
    for (kms, context) in [(opens(&sealer), context()), (opens(&opener), refunds())] {
        assert_eq!(class(kms.warm_up(&context).await), NO);
    }
}

/// A role that has no policy at all, and a grant; the token makes it count at once.
#[tokio::test]
async fn a_grant_and_its_token_let_a_role_open() {
    let world = World::start().await;
    let nothing = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}]}"#;
    let client = world.role("granted", Some(nothing));
    assert_eq!(world.tries(&client, &context()).await, [NO; 4]);
    let grant = world.role("admin", None).create_grant().key_id(&world.key);
    let grant = grant
        .grantee_principal("arn:aws:iam::111122223333:role/granted")
        .operations(GrantOperation::Decrypt)
        .send()
        .await
        .unwrap();
    let admin = build(&world.role("admin", None), |builder| builder.key(&world.key));
    let made = admin
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let opener = build(&client, |builder| {
        builder.opening_key(&world.key).grant_tokens(grant.grant_token)
    });
    let opened = opener
        .decrypt(&context(), made.wrapped_keys().first())
        .await
        .unwrap();
    assert!(opened.ct_eq(made.data_key()));
    assert_eq!(
        world.tries(&client, &context()).await,
        [NO, NO, YES, NO],
        "nothing but what was granted"
    );
}

#[tokio::test]
async fn wrong_credentials_and_a_wrong_clock_are_the_caller_s() {
    let world = World::start().await;
    world.role("known", None);
    // A fake of its own time of day, which is not that of the client.
    let skewed = FakeKms::builder().region(REGION).build().unwrap();
    skewed.add_principal(
        Principal::new("AKIAKNOWN", "its secret", "arn:aws:iam::111122223333:role/known").unwrap(),
    );
    let key = skewed.create_key().unwrap();
    let server = FakeKmsServer::builder(skewed)
        .verify_signatures()
        .start()
        .await
        .unwrap();
    let credentials = Credentials::new("AKIAKNOWN", "its secret", None, None, "tests");
    let skewed = Client::from_conf(config(&server.url()).credentials_provider(credentials).build());
    for (client, key, code) in [
        (
            world.client("AKIAKNOWN", "another secret"),
            &*world.key,
            "InvalidSignatureException",
        ),
        (
            world.client("AKIANOBODY", "its secret"),
            &*world.key,
            "UnrecognizedClientException",
        ),
        (skewed, &*key, "InvalidSignatureException"),
    ] {
        let error = build(&client, |builder| builder.key(key))
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap_err();
        assert_eq!(
            (error.class(), error.code(), error.verdict()),
            (ErrorClass::Unauthenticated, Some(code), None)
        );
    }
}

/// A session that ended, and one that goes on: the SDK does not know when either does, and asks KMS once.
#[tokio::test]
async fn an_expired_session_is_the_caller_s() {
    let world = World::start().await;
    let arn = "arn:aws:iam::111122223333:role/session";
    let day = Duration::from_secs(86_400);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let over = Some(ErrorClass::Unauthenticated);
    for (id, expires, expected) in [("AKIAOVER", now - day, over), ("AKIAGOING", now + day, YES)] {
        let session = Principal::new(id, "its secret", arn).unwrap();
        let session = session.with_session_token("its token").expires_at(expires);
        world.fake.add_principal(session);
        let credentials = Credentials::new(id, "its secret", Some("its token".into()), None, "tests");
        let config = config(&world.server.url()).credentials_provider(credentials);
        let kms = build(&Client::from_conf(config.build()), |builder| {
            builder.key(&world.key)
        });
        let before = world.fake.ledger().calls();
        let made = kms.generate_data_key(&context(), DataKeyLength::Bytes32).await;
        let code = made
            .as_ref()
            .err()
            .and_then(|error| error.code().map(str::to_owned));
        assert_eq!(class(made), expected, "{id}");
        assert_eq!(code.as_deref(), expected.map(|_| "ExpiredTokenException"));
        assert!(
            world.fake.ledger().calls() <= before + 1,
            "one request for one call"
        );
    }
}
