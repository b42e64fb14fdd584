//! Grants of the fake KMS, over HTTP.
use datakey_fake_kms::{FakeKms, FakeKmsServer, Principal};
use datakey_tests::fake_kms::{Answer, Client};
use serde_json::{Value, json};

const ADMIN: &str = "AKIAADMIN";
const CLERK: &str = "AKIACLERK";
const CLERK_ARN: &str = "arn:aws:iam::111122223333:role/clerk";
const NOTHING: &str = r#"{"Version": "2012-10-17", "Statement": []}"#;

struct Desk {
    client: Client,
    key: String,
    _server: FakeKmsServer,
}

impl Desk {
    /// A key, an administrator who may do everything, and a clerk whom only grants let do anything.
    async fn open() -> Self {
        let fake = FakeKms::new();
        let root = Principal::new(ADMIN, "s", "arn:aws:iam::111122223333:user/admin").unwrap();
        fake.add_principal(root);
        fake.add_principal(
            Principal::new(CLERK, "s", CLERK_ARN)
                .unwrap()
                .with_policy(NOTHING)
                .unwrap(),
        );
        let key = fake.create_key().unwrap().to_string();
        let server = FakeKmsServer::start(fake).await.unwrap();
        Self {
            client: Client::connect(&server).await,
            key,
            _server: server,
        }
    }

    async fn ask(&mut self, who: &str, operation: &str, mut parameters: Value) -> Answer {
        if parameters.get("KeyId").is_none() && parameters.get("GrantToken").is_none() {
            parameters["KeyId"] = self.key.as_str().into();
        }
        self.client.call_as(who, "us-east-1", operation, parameters).await
    }

    async fn grant(&mut self, terms: Value) -> Value {
        let mut terms = terms;
        if terms.get("GranteePrincipal").is_none() {
            terms["GranteePrincipal"] = CLERK_ARN.into();
        }
        self.ask(ADMIN, "CreateGrant", terms).await.ok().json()
    }

    /// Whether the clerk may encrypt with this context.
    async fn may_encrypt(&mut self, context: Value) -> bool {
        let answer = self
            .ask(
                CLERK,
                "Encrypt",
                json!({"Plaintext": "YQ==", "EncryptionContext": context}),
            )
            .await;
        if answer.status != 200 {
            assert_eq!(answer.told(), (400, "AccessDeniedException".into()));
        }
        answer.status == 200
    }
}

#[tokio::test]
async fn a_grant_lets_its_grantee_do_its_operations_until_it_ends() {
    let mut desk = Desk::open().await;
    assert!(!desk.may_encrypt(json!({})).await);
    let made = desk
        .grant(json!({"Operations": ["Encrypt", "DescribeKey"], "Name": "desk"}))
        .await;
    assert!(desk.may_encrypt(json!({})).await);
    desk.ask(CLERK, "DescribeKey", json!({})).await.ok();
    let other = desk
        .ask(CLERK, "GenerateDataKey", json!({"KeySpec": "AES_256"}))
        .await;
    assert_eq!(other.told(), (400, "AccessDeniedException".into()));

    let listed = desk.ask(ADMIN, "ListGrants", json!({})).await.ok().json();
    let grant = &listed["Grants"][0];
    assert_eq!(
        (&grant["GrantId"], &grant["KeyId"]),
        (&made["GrantId"], &json!(desk.key))
    );
    assert_eq!(
        (&grant["Name"], &grant["GranteePrincipal"]),
        (&json!("desk"), &json!(CLERK_ARN))
    );
    assert_eq!(grant["Operations"], json!(["Encrypt", "DescribeKey"]));
    assert_eq!(grant["IssuingAccount"], "arn:aws:iam::111122223333:user/admin");
    assert!(grant.get("Constraints").is_none() && grant.get("RetiringPrincipal").is_none());

    // The same again under the same name is the same grant; under none it is another.
    let again = desk
        .grant(json!({"Operations": ["Encrypt", "DescribeKey"], "Name": "desk"}))
        .await;
    assert_eq!(again["GrantId"], made["GrantId"]);
    let another = desk.grant(json!({"Operations": ["Encrypt"]})).await;
    assert_ne!(another["GrantId"], made["GrantId"]);

    for grant in [&made, &another] {
        desk.ask(ADMIN, "RevokeGrant", json!({"GrantId": grant["GrantId"]}))
            .await
            .ok();
    }
    assert!(!desk.may_encrypt(json!({})).await);
    let gone = desk
        .ask(ADMIN, "RevokeGrant", json!({"GrantId": made["GrantId"]}))
        .await;
    assert_eq!(gone.told(), (400, "NotFoundException".into()));
    let listed = desk.ask(ADMIN, "ListGrants", json!({})).await.ok().json();
    assert_eq!(listed, json!({"Grants": [], "Truncated": false}));
}

#[tokio::test]
async fn constraints_are_kept() {
    let mut desk = Desk::open().await;
    let subset = json!({"EncryptionContextSubset": {"tenant": "acme"}});
    let made = desk
        .grant(json!({"Operations": ["Encrypt"], "Constraints": subset}))
        .await;
    assert!(desk.may_encrypt(json!({"tenant": "acme"})).await);
    assert!(desk.may_encrypt(json!({"tenant": "acme", "more": "x"})).await);
    assert!(!desk.may_encrypt(json!({})).await);
    assert!(!desk.may_encrypt(json!({"tenant": "Acme"})).await);
    let listed = desk
        .ask(ADMIN, "ListGrants", json!({"GrantId": made["GrantId"]}))
        .await
        .ok()
        .json();
    assert_eq!(listed["Grants"][0]["Constraints"], subset);
    desk.ask(ADMIN, "RevokeGrant", json!({"GrantId": made["GrantId"]}))
        .await
        .ok();

    let equals = json!({"EncryptionContextEquals": {"tenant": "acme"}});
    desk.grant(json!({"Operations": ["Encrypt"], "Constraints": equals}))
        .await;
    assert!(desk.may_encrypt(json!({"tenant": "acme"})).await);
    assert!(!desk.may_encrypt(json!({"tenant": "acme", "more": "x"})).await);
    assert!(!desk.may_encrypt(json!({})).await);
}

#[tokio::test]
async fn grants_are_retired_by_token_and_by_id() {
    let mut desk = Desk::open().await;
    let made = desk
        .grant(json!({"Operations": ["Encrypt", "RetireGrant"]}))
        .await;
    let token = made["GrantToken"].clone();
    // A token is taken along, and must be one.
    desk.ask(
        CLERK,
        "Encrypt",
        json!({"Plaintext": "YQ==", "GrantTokens": [token]}),
    )
    .await
    .ok();
    let refused = desk
        .ask(
            CLERK,
            "Encrypt",
            json!({"Plaintext": "YQ==", "GrantTokens": ["AAAA"]}),
        )
        .await;
    assert_eq!(refused.told(), (400, "InvalidGrantTokenException".into()));
    desk.ask(CLERK, "RetireGrant", json!({"GrantToken": token, "DryRun": true}))
        .await
        .told();
    assert!(desk.may_encrypt(json!({})).await, "a dry run retires nothing");
    desk.ask(CLERK, "RetireGrant", json!({"GrantToken": token}))
        .await
        .ok();
    assert!(!desk.may_encrypt(json!({})).await);
    let refused = desk.ask(CLERK, "RetireGrant", json!({"GrantToken": token})).await;
    assert_eq!(refused.told().0, 400);

    let terms = json!({"Operations": ["Encrypt"], "RetiringPrincipal": CLERK_ARN});
    let made = desk.grant(terms).await;
    let listed = desk
        .client
        .call_as(
            ADMIN,
            "us-east-1",
            "ListRetirableGrants",
            json!({"RetiringPrincipal": CLERK_ARN}),
        )
        .await;
    assert_eq!(listed.ok().json()["Grants"][0]["GrantId"], made["GrantId"]);
    desk.ask(CLERK, "RetireGrant", json!({"GrantId": made["GrantId"]}))
        .await
        .ok();
    // Whoever is neither grantee nor retiring principal needs leave by policy.
    let made = desk.grant(json!({"Operations": ["Encrypt"]})).await;
    let refused = desk
        .ask(CLERK, "RetireGrant", json!({"GrantId": made["GrantId"]}))
        .await;
    assert_eq!(refused.told(), (400, "AccessDeniedException".into()));
    desk.ask(ADMIN, "RetireGrant", json!({"GrantId": made["GrantId"]}))
        .await
        .ok();
}

#[tokio::test]
async fn what_is_no_grant_is_refused() {
    let mut desk = Desk::open().await;
    let id = "0".repeat(64);
    for (operation, parameters, code) in [
        (
            "CreateGrant",
            json!({"GranteePrincipal": CLERK_ARN}),
            "ValidationException",
        ),
        (
            "CreateGrant",
            json!({"GranteePrincipal": CLERK_ARN, "Operations": []}),
            "ValidationException",
        ),
        (
            "CreateGrant",
            json!({"GranteePrincipal": CLERK_ARN, "Operations": ["Fly"]}),
            "ValidationException",
        ),
        (
            "CreateGrant",
            json!({"GranteePrincipal": CLERK_ARN, "Operations": ["Sign"]}),
            "ValidationException",
        ),
        (
            "CreateGrant",
            json!({"Operations": ["Encrypt"]}),
            "ValidationException",
        ),
        (
            "CreateGrant",
            json!({"GranteePrincipal": "clerk", "Operations": ["Encrypt"]}),
            "InvalidArnException",
        ),
        ("ListGrants", json!({"GrantId": "x"}), "InvalidGrantIdException"),
        ("RevokeGrant", json!({"GrantId": "x"}), "InvalidGrantIdException"),
        ("RevokeGrant", json!({"GrantId": id}), "NotFoundException"),
        ("RevokeGrant", json!({}), "ValidationException"),
        ("RetireGrant", json!({}), "ValidationException"),
        (
            "RetireGrant",
            json!({"GrantToken": "x"}),
            "InvalidGrantTokenException",
        ),
        ("RetireGrant", json!({"GrantId": id}), "NotFoundException"),
    ] {
        let refused = desk.ask(ADMIN, operation, parameters.clone()).await;
        assert_eq!(refused.told(), (400, code.into()), "{operation} {parameters}");
    }
    let dry = json!({"GranteePrincipal": CLERK_ARN, "Operations": ["Encrypt"], "DryRun": true});
    let told = desk.ask(ADMIN, "CreateGrant", dry).await.told();
    assert_eq!(told, (400, "DryRunOperationException".into()));
    assert!(!desk.may_encrypt(json!({})).await, "a dry run grants nothing");
    desk.ask(ADMIN, "DisableKey", json!({})).await.ok();
    let refused = desk
        .ask(
            ADMIN,
            "CreateGrant",
            json!({"GranteePrincipal": CLERK_ARN, "Operations": ["Encrypt"]}),
        )
        .await;
    assert_eq!(refused.told(), (400, "DisabledException".into()));
}
