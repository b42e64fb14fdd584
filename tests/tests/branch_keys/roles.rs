//! The KMS policies that `docs/branch-keys-policies.md` shows, in force: each role can what it is for, and nothing else.
//!
//! The emulator checks signatures, key policies and the policies of principals; the client is the real one. What of DynamoDB each
//! role needs is the business of `tests/dynamodb`.
use aws_sdk_kms::{Client, config::Credentials};
use datakey_branch_keys::{
    AdminError, BranchKeyAdmin, BranchKeyId, BranchKeys, ItemKind, MemoryStore, NewBranchKey,
};
use datakey_fake_kms::{FakeKms, FakeKmsServer, Principal};
use datakey_kms::KmsProvider;
use datakey_provider::{
    DataKeyLength, ErrorClass, OpeningProvider as _, ProviderError, SealingProvider as _, Verdict,
};
use datakey_retry::Policy;
use datakey_tests::kms::{KEY, REGION, config};

use crate::stack::context;

/// The policies of the page, in order, with the emulator's key in place of the example's.
fn policies(key: &str) -> [String; 4] {
    let page = include_str!("../../../docs/branch-keys-policies.md");
    let blocks: Vec<_> = page
        .split("```json")
        .skip(1)
        .map(|after| after.split("```").next().unwrap().replace(KEY, key))
        .filter(|policy| policy.contains("kms:"))
        .collect();
    blocks.try_into().unwrap()
}

struct World {
    fake: FakeKms,
    server: FakeKmsServer,
    key: String,
    store: MemoryStore,
}

impl World {
    async fn start() -> Self {
        let fake = FakeKms::builder().region(REGION).wall_clock().build().unwrap();
        let server = FakeKmsServer::builder(fake.clone()).verify_signatures();
        Self {
            server: server.start().await.unwrap(),
            key: fake.create_key().unwrap().to_string(),
            fake,
            store: MemoryStore::new("branch-keys"),
        }
    }

    /// Lets a role in, with a policy or with all that the account may.
    fn role(&self, name: &str, policy: Option<&str>) -> KmsProvider {
        let id = format!("AKIA{}", name.to_uppercase());
        let arn = format!("arn:aws:iam::111122223333:role/{name}");
        let mut principal = Principal::new(&id, "its secret", &arn).unwrap();
        if let Some(policy) = policy {
            principal = principal.with_policy(policy).unwrap();
        }
        self.fake.add_principal(principal);
        let credentials = Credentials::new(id, "its secret", None, None, "tests");
        let config = config(&self.server.url()).credentials_provider(credentials);
        let client = Client::from_conf(config.build());
        KmsProvider::from_client(&client).key(&*self.key).build().unwrap()
    }

    fn admin(&self, kms: &KmsProvider) -> BranchKeyAdmin<MemoryStore, KmsProvider> {
        admin(&self.store, kms, &self.key)
    }

    /// A branch key of a tenant, made by somebody who may do anything.
    async fn tenant(&self, tenant: &str) -> BranchKeyId {
        let all = self.admin(&self.role("all", None));
        let made = all.create(&new(tenant)).await.unwrap();
        made.into_description().id
    }
}

fn admin(store: &MemoryStore, kms: &KmsProvider, key: &str) -> BranchKeyAdmin<MemoryStore, KmsProvider> {
    let once = || Policy::default().with_max_attempts(1);
    BranchKeyAdmin::new(store.clone(), kms.clone(), key).retry(once(), once())
}

fn new(tenant: &str) -> NewBranchKey {
    let id = format!("tenant-{tenant}").parse().unwrap();
    NewBranchKey::with_id(id).context([("tenant", tenant)])
}

fn keys(store: &MemoryStore, kms: &KmsProvider) -> BranchKeys {
    BranchKeys::builder(store.clone(), kms.clone())
        .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
        .build()
        .unwrap()
}

/// Seals and opens one data key of a tenant, with nothing kept from before.
async fn seals_and_opens(store: &MemoryStore, kms: &KmsProvider, tenant: &str) -> Result<(), ProviderError> {
    let context = context(tenant);
    let made = keys(store, kms)
        .generate_data_key(&context, DataKeyLength::Bytes32)
        .await?;
    let opened = keys(store, kms)
        .decrypt(&context, made.wrapped_keys().first())
        .await?;
    assert!(opened.ct_eq(made.data_key()));
    Ok(())
}

fn is_denied<T: std::fmt::Debug>(result: Result<T, AdminError>, what: &str) {
    let refused = result.expect_err(what);
    assert_eq!(refused.class(), Some(ErrorClass::Denied), "{what}: {refused:?}");
}

fn is_no_use<T: std::fmt::Debug>(result: Result<T, ProviderError>, what: &str) {
    let refused = result.expect_err(what);
    assert_eq!(refused.class(), ErrorClass::Denied, "{what}: {refused:?}");
    assert!(
        matches!(refused.verdict(), Some(Verdict::Message | Verdict::WrappingKey)),
        "{what}"
    );
}

#[tokio::test]
async fn a_role_of_the_data_plane_seals_and_opens_and_can_neither_create_nor_rotate() {
    let world = World::start().await;
    let id = world.tenant("acme").await;
    world.tenant("globex").await;
    let [data_plane, one_tenant, ..] = policies(&world.key);
    for (name, policy, others) in [("host", data_plane, true), ("acmehost", one_tenant, false)] {
        let kms = world.role(name, Some(&policy));
        seals_and_opens(&world.store, &kms, "acme").await.unwrap();
        let other = seals_and_opens(&world.store, &kms, "globex").await;
        if others {
            other.unwrap();
        } else {
            is_no_use(other, "another tenant's branch key");
        }
        let control = world.admin(&kms);
        is_denied(control.create(&new("initech")).await, "creating");
        is_denied(control.rotate(&id).await, "rotating");
        is_denied(control.verify(&id, ItemKind::Active).await, "re-encrypting");
        // Another table under the same KMS key.
        let other = MemoryStore::new("other-branch-keys");
        let all = admin(&other, &world.role("all", None), &world.key);
        all.create(&new("acme")).await.unwrap();
        is_no_use(seals_and_opens(&other, &kms, "acme").await, "another table");
    }
    assert_eq!(
        world
            .admin(&world.role("all", None))
            .versions(&id)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_role_of_the_control_plane_creates_and_rotates_and_opens_nothing() {
    let world = World::start().await;
    world.tenant("globex").await;
    let [.., control_plane, one_tenant] = policies(&world.key);
    for (name, policy, others) in [
        ("operator", control_plane, true),
        ("acmeoperator", one_tenant, false),
    ] {
        let kms = world.role(name, Some(&policy));
        let control = world.admin(&kms);
        let id = control.create(&new("acme")).await.unwrap().into_description().id;
        control.rotate(&id).await.unwrap();
        for kind in [ItemKind::Active, ItemKind::Beacon] {
            control.verify(&id, kind).await.unwrap();
        }
        is_no_use(
            seals_and_opens(&world.store, &kms, "acme").await,
            "reading a branch key",
        );
        let globex = "tenant-globex".parse().unwrap();
        if others {
            control.rotate(&globex).await.unwrap();
        } else {
            is_denied(control.rotate(&globex).await, "another tenant's branch key");
            is_denied(
                control.create(&new("initech")).await,
                "another tenant's branch key",
            );
        }
        let other = admin(&MemoryStore::new("other-branch-keys"), &kms, &world.key);
        is_denied(other.create(&new("acme")).await, "another table");
        let nameless = world.admin(&kms).create(&NewBranchKey::new()).await;
        assert_eq!(nameless.is_ok(), others, "without the tenant's pair");
    }
    // What the operator made serves the hosts.
    let [data_plane, ..] = policies(&world.key);
    let host = world.role("host", Some(&data_plane));
    seals_and_opens(&world.store, &host, "acme").await.unwrap();
}
