//! Who may do what with the fake KMS: key policies and the policies of principals.
use datakey_fake_kms::{
    CallError, FakeKms, FakeKmsServer, KmsContext, KmsErrorCode, NewKey, Principal, PrincipalError,
};
use datakey_tests::fake_kms::Client;
use serde_json::{Value, json};

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const STRANGER: &str = "arn:aws:iam::444455556666:role/stranger";

fn policy(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn allow(principal: &str, actions: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Resource": "*"})
}

/// What Alice is told when she encrypts under a key with this policy, with this policy of her own.
async fn alice(
    key_policy: Option<&Value>,
    own: Option<&Value>,
    context: &[(&str, &str)],
) -> Result<(), CallError> {
    let fake = FakeKms::new();
    let mut principal = Principal::new("AKIAALICE", "s", ALICE).unwrap();
    if let Some(own) = own {
        principal = principal.with_policy(&policy(own)).unwrap();
    }
    fake.add_principal(principal);
    let key = fake.create_key().unwrap();
    if let Some(key_policy) = key_policy {
        fake.put_key_policy(&key, &policy(key_policy)).unwrap();
    }
    let context = KmsContext::new(context.iter().copied()).unwrap();
    let called = fake
        .acting_as("AKIAALICE")
        .unwrap()
        .encrypt(&key, &context, b"x")
        .await;
    if let Err(CallError::Refused(error)) = &called {
        let arn = key.as_ref();
        let start = format!("User: {ALICE} is not authorized to perform: kms:Encrypt on resource: {arn} ");
        assert!(error.message().starts_with(&start), "{error}");
    }
    called.map(drop)
}

fn denied(called: Result<(), CallError>, why: &str) {
    let Err(CallError::Refused(error)) = called else {
        panic!("{called:?}");
    };
    assert_eq!(error.code(), KmsErrorCode::AccessDenied);
    assert!(error.message().ends_with(why), "{error}");
}

const NOT_BY_KEY: &str = "because no resource-based policy allows the kms:Encrypt action";
const NOT_BY_SELF: &str = "because no identity-based policy allows the kms:Encrypt action";
const DENIED_BY_KEY: &str = "with an explicit deny in a resource-based policy";
const DENIED_BY_SELF: &str = "with an explicit deny in an identity-based policy";

#[tokio::test]
async fn the_usual_policy_leaves_it_to_the_principals_own() {
    alice(None, None, &[]).await.unwrap();
    let sealer =
        json!([{"Effect": "Allow", "Action": ["kms:Encrypt", "kms:GenerateDataKey"], "Resource": "*"}]);
    alice(None, Some(&sealer), &[]).await.unwrap();
    let opener = json!([{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}]);
    denied(alice(None, Some(&opener), &[]).await, NOT_BY_SELF);
    let elsewhere =
        json!([{"Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:*:111122223333:key/0000*"}]);
    denied(alice(None, Some(&elsewhere), &[]).await, NOT_BY_SELF);
    let all_but = json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kms:Enc*", "Resource": "*"},
    ]);
    denied(alice(None, Some(&all_but), &[]).await, DENIED_BY_SELF);
    let not_action = json!([{"Effect": "Allow", "NotAction": "kms:Encrypt", "Resource": "*"}]);
    denied(alice(None, Some(&not_action), &[]).await, NOT_BY_SELF);
}

#[tokio::test]
async fn a_key_policy_lets_and_denies_by_principal_and_action() {
    let nothing = json!([]);
    let by_name = json!([allow(ALICE, &json!("kms:Encrypt"))]);
    alice(Some(&by_name), Some(&nothing), &[]).await.unwrap();
    alice(Some(&json!([allow("*", &json!("kms:*"))])), Some(&nothing), &[])
        .await
        .unwrap();
    alice(
        Some(&json!([allow("111122223333", &json!(["kms:encrypt"]))])),
        None,
        &[],
    )
    .await
    .unwrap();
    let bob = json!([allow("arn:aws:iam::111122223333:user/bob", &json!("kms:*"))]);
    denied(alice(Some(&bob), None, &[]).await, NOT_BY_KEY);
    denied(
        alice(Some(&json!([allow(ALICE, &json!("kms:Decrypt"))])), None, &[]).await,
        NOT_BY_KEY,
    );
    denied(alice(Some(&nothing), None, &[]).await, NOT_BY_KEY);
    let deny = |principal: &Value| {
        json!([
            allow("*", &json!("kms:*")),
            {"Effect": "Deny", "Principal": principal, "Action": "kms:Encrypt", "Resource": "*"},
        ])
    };
    denied(alice(Some(&deny(&json!("*"))), None, &[]).await, DENIED_BY_KEY);
    denied(
        alice(Some(&deny(&json!({"AWS": [ALICE]}))), None, &[]).await,
        DENIED_BY_KEY,
    );
    alice(Some(&deny(&json!({"Service": "s3.amazonaws.com"}))), None, &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn conditions_are_weighed() {
    let when = |condition: Value| {
        let mut statement = allow(ALICE, &json!("kms:*"));
        statement["Condition"] = condition;
        json!([statement])
    };
    let acme: &[(&str, &str)] = &[("tenant", "acme")];
    let both: &[(&str, &str)] = &[("tenant", "acme"), ("purpose", "orders")];
    for (condition, context, allowed) in [
        (
            json!({"StringEquals": {"kms:EncryptionContext:tenant": "acme"}}),
            acme,
            true,
        ),
        (
            json!({"StringEquals": {"kms:EncryptionContext:tenant": ["x", "acme"]}}),
            acme,
            true,
        ),
        (
            json!({"StringEquals": {"kms:encryptioncontext:Tenant": "acme"}}),
            acme,
            true,
        ),
        (
            json!({"StringEquals": {"kms:EncryptionContext:tenant": "Acme"}}),
            acme,
            false,
        ),
        (
            json!({"StringEquals": {"kms:EncryptionContext:tenant": "acme"}}),
            &[],
            false,
        ),
        (
            json!({"StringEqualsIfExists": {"kms:EncryptionContext:tenant": "acme"}}),
            &[],
            true,
        ),
        (
            json!({"StringEqualsIgnoreCase": {"kms:EncryptionContext:tenant": "ACME"}}),
            acme,
            true,
        ),
        (
            json!({"StringNotEquals": {"kms:EncryptionContext:tenant": "acme"}}),
            acme,
            false,
        ),
        (
            json!({"StringNotEquals": {"kms:EncryptionContext:tenant": "acme"}}),
            &[],
            true,
        ),
        (
            json!({"StringLike": {"kms:EncryptionContext:tenant": "ac*"}}),
            acme,
            true,
        ),
        (
            json!({"StringNotLike": {"kms:EncryptionContext:tenant": "ac*"}}),
            acme,
            false,
        ),
        (
            json!({"Null": {"kms:EncryptionContext:tenant": "false"}}),
            acme,
            true,
        ),
        (
            json!({"Null": {"kms:EncryptionContext:tenant": true}}),
            acme,
            false,
        ),
        (
            json!({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["tenant"]}}),
            acme,
            true,
        ),
        (
            json!({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["tenant"]}}),
            both,
            false,
        ),
        (
            json!({"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": ["tenant"]}}),
            both,
            true,
        ),
        (
            json!({"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": ["tenant"]}}),
            &[],
            false,
        ),
        (
            json!({"StringEquals": {"kms:CallerAccount": "111122223333"}}),
            &[],
            true,
        ),
        (
            json!({"StringEquals": {"kms:CallerAccount": 444_455_556_666_u64}}),
            &[],
            false,
        ),
        (
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/alice"}}),
            &[],
            true,
        ),
        (
            json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
            &[],
            false,
        ),
        (
            json!({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
            &[],
            false,
        ),
        (
            json!({"StringEquals": {"kms:EncryptionContext:tenant": "acme", "kms:EncryptionContext:purpose": "orders"}}),
            acme,
            false,
        ),
    ] {
        let called = alice(Some(&when(condition.clone())), None, context).await;
        assert_eq!(called.is_ok(), allowed, "{condition} {context:?}");
    }
}

#[tokio::test]
async fn other_accounts_need_leave_from_both_sides() {
    let fake = FakeKms::new();
    let everything = policy(&json!([{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]));
    let stranger = |id, own: &str| {
        Principal::new(id, "s", STRANGER)
            .unwrap()
            .with_policy(own)
            .unwrap()
    };
    fake.add_principal(stranger("AKIALET", &everything));
    fake.add_principal(stranger("AKIANOT", &policy(&json!([]))));
    let key = fake.create_key().unwrap();
    let none = KmsContext::default();
    let as_let = fake.acting_as("AKIALET").unwrap();
    assert!(
        as_let.encrypt(&key, &none, b"x").await.is_err(),
        "the key's policy names its own account only"
    );
    fake.put_key_policy(&key, &policy(&json!([allow(STRANGER, &json!("kms:Encrypt"))])))
        .unwrap();
    as_let.encrypt(&key, &none, b"x").await.unwrap();
    assert!(
        fake.acting_as("AKIANOT")
            .unwrap()
            .encrypt(&key, &none, b"x")
            .await
            .is_err()
    );
    assert!(fake.acting_as("AKIANOBODY").is_err());
}

#[tokio::test]
async fn each_half_of_re_encrypt_is_asked_for() {
    let fake = FakeKms::new();
    let may = json!([
        {"Effect": "Allow", "Action": ["kms:ReEncryptFrom", "kms:Encrypt"], "Resource": "*"},
    ]);
    fake.add_principal(
        Principal::new("AKIAFROM", "s", ALICE)
            .unwrap()
            .with_policy(&policy(&may))
            .unwrap(),
    );
    let (one, two) = (fake.create_key().unwrap(), fake.create_key().unwrap());
    let none = KmsContext::default();
    let as_alice = fake.acting_as("AKIAFROM").unwrap();
    let made = as_alice.encrypt(&one, &none, b"x").await.unwrap();
    let refused = as_alice
        .re_encrypt(&made.ciphertext, (None, &none), (&two, &none))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("kms:ReEncryptTo"), "{refused}");
    fake.put_key_policy(&two, &policy(&json!([allow(ALICE, &json!("kms:ReEncryptTo"))])))
        .unwrap();
    as_alice
        .re_encrypt(&made.ciphertext, (None, &none), (&two, &none))
        .await
        .unwrap();
    // Without a pin, whether the key exists is not told; with one, what is missing is.
    let refused = as_alice.decrypt(None, &none, &made.ciphertext).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("does not exist, does not exist in this region"),
        "{refused}"
    );
    let refused = as_alice
        .decrypt(Some(&one), &none, &made.ciphertext)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("kms:Decrypt"), "{refused}");
    let refused = as_alice.generate_random(1).await.unwrap_err();
    assert!(
        refused.to_string().contains("kms:GenerateRandom on resource: *"),
        "{refused}"
    );
}

#[tokio::test]
async fn replication_needs_leave_in_both_regions() {
    let fake = FakeKms::new();
    let key = fake.create_key_with(&NewKey::new().multi_region()).unwrap();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let mut client = Client::connect(&server).await;
    for (id, actions, allowed) in [
        ("AKIAONE", json!(["kms:ReplicateKey"]), false),
        ("AKIATWO", json!(["kms:CreateKey"]), false),
        ("AKIABOTH", json!(["kms:ReplicateKey", "kms:CreateKey"]), true),
    ] {
        let own = policy(&json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}]));
        fake.add_principal(Principal::new(id, "s", ALICE).unwrap().with_policy(&own).unwrap());
        let parameters = json!({"KeyId": *key, "ReplicaRegion": "eu-west-1"});
        let answer = client.call_as(id, "us-east-1", "ReplicateKey", parameters).await;
        assert_eq!(answer.status == 200, allowed, "{id}: {:?}", answer.body);
    }
}

#[tokio::test]
async fn policies_are_put_and_got_over_http() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let mut client = Client::connect(&server).await;
    let key = fake.create_key().unwrap();
    let usual = client
        .call("GetKeyPolicy", json!({"KeyId": *key}))
        .await
        .ok()
        .json();
    assert_eq!(usual["PolicyName"], "default");
    let document: Value = serde_json::from_str(usual["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(document["Id"], "key-default-1");
    assert_eq!(
        document["Statement"][0]["Principal"]["AWS"],
        "arn:aws:iam::111122223333:root"
    );
    let names = client
        .call("ListKeyPolicies", json!({"KeyId": *key}))
        .await
        .ok()
        .json();
    assert_eq!(names, json!({"PolicyNames": ["default"], "Truncated": false}));

    let mine = policy(&json!([
        allow("arn:aws:iam::111122223333:root", &json!("kms:*")),
        allow(ALICE, &json!("kms:Decrypt"))
    ]));
    let put = client
        .call(
            "PutKeyPolicy",
            json!({"KeyId": *key, "PolicyName": "default", "Policy": mine}),
        )
        .await;
    assert_eq!((put.status, put.body.len()), (200, 0));
    let got = client
        .call("GetKeyPolicy", json!({"KeyId": *key, "PolicyName": "default"}))
        .await
        .ok()
        .json();
    assert_eq!(got["Policy"], mine, "to the letter");

    let mut by_arn = allow("arn:aws:iam::111122223333:root", &json!("kms:*"));
    by_arn["Resource"] = json!(*key);
    client
        .call(
            "PutKeyPolicy",
            json!({"KeyId": *key, "Policy": policy(&json!([by_arn]))}),
        )
        .await
        .ok();
    let locked = policy(&json!([allow(ALICE, &json!("kms:*"))]));
    let refused = client
        .call("PutKeyPolicy", json!({"KeyId": *key, "Policy": locked}))
        .await;
    assert_eq!(refused.told(), (400, "MalformedPolicyDocumentException".into()));
    assert_eq!(
        refused.message(),
        "The new key policy will not allow you to update the key policy in the future."
    );
    let refused = client.call("CreateKey", json!({"Policy": locked})).await;
    assert_eq!(refused.told(), (400, "MalformedPolicyDocumentException".into()));
    let forced = json!({"KeyId": *key, "Policy": locked, "BypassPolicyLockoutSafetyCheck": true});
    client.call("PutKeyPolicy", forced).await.ok();
    let other = client
        .call("GetKeyPolicy", json!({"KeyId": *key, "PolicyName": "other"}))
        .await;
    assert_eq!(other.told(), (400, "NotFoundException".into()));
    let principal =
        json!({"Effect": "Allow", "Principal": {"AWS": "alice"}, "Action": "kms:*", "Resource": "*"});
    let condition = json!({"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*",
        "Condition": {"DateGreaterThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}}});
    for bad in [
        "{".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        policy(&json!([{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}])),
        policy(&json!([{"Effect": "Maybe", "Principal": "*", "Action": "kms:*", "Resource": "*"}])),
        policy(&json!([{"Effect": "Allow", "Principal": "*", "Action": [], "Resource": "*"}])),
        policy(&json!([principal])),
        policy(&json!([condition])),
        format!("{}{}", policy(&json!([])), " ".repeat(32_768)),
    ] {
        let refused = client
            .call("PutKeyPolicy", json!({"KeyId": *key, "Policy": bad}))
            .await;
        assert_eq!(
            refused.told(),
            (400, "MalformedPolicyDocumentException".into()),
            "{bad:.100}"
        );
    }
}

#[tokio::test]
async fn over_http_only_principals_are_let_in() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let mut client = Client::connect(&server).await;
    let key = fake.create_key_with(&NewKey::new()).unwrap();
    let describe = json!({"KeyId": *key});
    client.call("DescribeKey", describe.clone()).await.ok();
    let own = policy(&json!([{"Effect": "Allow", "Action": "kms:DescribeKey", "Resource": "*"}]));
    let alice = Principal::new("AKIAALICE", "s", ALICE)
        .unwrap()
        .with_policy(&own)
        .unwrap();
    fake.add_principal(alice.clone().with_session_token("token"));
    let unsigned = client.call("DescribeKey", describe.clone()).await;
    assert_eq!(
        unsigned.told(),
        (400, "MissingAuthenticationTokenException".into())
    );
    let unknown = client
        .call_as("AKIABOB", "us-east-1", "DescribeKey", describe.clone())
        .await;
    assert_eq!(unknown.told(), (400, "UnrecognizedClientException".into()));
    assert_eq!(
        unknown.message(),
        "The security token included in the request is invalid."
    );
    let tokenless = client
        .call_as("AKIAALICE", "us-east-1", "DescribeKey", describe.clone())
        .await;
    assert_eq!(tokenless.told(), (400, "UnrecognizedClientException".into()));
    fake.add_principal(alice);
    client
        .call_as("AKIAALICE", "us-east-1", "DescribeKey", describe.clone())
        .await
        .ok();
    let denied = client
        .call_as("AKIAALICE", "us-east-1", "DisableKey", describe)
        .await;
    assert_eq!(denied.told(), (400, "AccessDeniedException".into()));
    let listed = client
        .call_as("AKIAALICE", "us-east-1", "ListKeys", json!({}))
        .await;
    assert_eq!(listed.told(), (400, "AccessDeniedException".into()));
}

#[test]
fn policies_of_principals_have_no_principal() {
    let principal = Principal::new("AKIAALICE", "s", ALICE).unwrap();
    let error = principal
        .with_policy(&policy(&json!([allow(ALICE, &json!("kms:*"))])))
        .unwrap_err();
    assert!(matches!(error, PrincipalError::Policy(_)), "{error}");
}
