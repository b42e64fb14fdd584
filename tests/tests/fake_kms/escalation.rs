//! Attempts to get more than one has, through grants, aliases and policies: all of them must be refused.
use datakey_fake_kms::{FakeKms, KmsErrorCode, Principal, PrincipalError};
use datakey_tests::fake_kms::{Client, start};
use serde_json::{Value, json};
use tokio::time::Duration;

const HERE: &str = "us-east-1";

fn let_in(fake: &FakeKms, name: &str, statements: &Value) -> String {
    let arn = format!("arn:aws:iam::111122223333:user/{name}");
    let principal = Principal::new(name, "secret", &arn).unwrap();
    let policy = json!({ "Statement": statements }).to_string();
    fake.add_principal(principal.with_policy(&policy).unwrap());
    arn
}

/// Leave for nothing that matters here.
fn harmless() -> Value {
    json!([{ "Effect": "Allow", "Action": "kms:GenerateRandom", "Resource": "*" }])
}

async fn refused(client: &mut Client, who: &str, operation: &str, parameters: Value) -> String {
    let shown = parameters.to_string();
    let answer = client.call_as(who, HERE, operation, parameters).await;
    assert_eq!(answer.status, 400, "{operation} {shown}");
    assert_eq!(answer.told().1, "AccessDeniedException", "{operation} {shown}");
    answer.message()
}

async fn allowed(client: &mut Client, who: &str, operation: &str, parameters: Value) {
    let shown = parameters.to_string();
    let answer = client.call_as(who, HERE, operation, parameters).await;
    assert_eq!(answer.status, 200, "{operation} {shown}: {}", answer.text());
}

fn grant(key: &str, grantee: &str, operations: &[&str], constraints: Value) -> Value {
    let mut terms = json!({ "KeyId": key, "GranteePrincipal": grantee, "Operations": operations });
    if !constraints.is_null() {
        terms["Constraints"] = constraints;
    }
    terms
}

#[tokio::test]
async fn who_holds_a_grant_passes_on_what_it_has_and_no_more() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let holder = "arn:aws:iam::111122223333:user/HOLDER";
    let next = "arn:aws:iam::111122223333:user/NEXT";
    let subset = |pairs: Value| json!({ "EncryptionContextSubset": pairs });
    let equals = |pairs: Value| json!({ "EncryptionContextEquals": pairs });
    let acme = json!({ "tenant": "acme" });
    let terms = grant(&key, holder, &["CreateGrant", "Decrypt"], subset(acme.clone()));
    client.call("CreateGrant", terms).await.ok();
    assert_eq!(let_in(&fake, "HOLDER", &harmless()), holder);
    assert_eq!(let_in(&fake, "NEXT", &harmless()), next);

    for (operations, constraints) in [
        (&["Decrypt"][..], Value::Null),
        (&["Encrypt"], subset(acme.clone())),
        (&["Decrypt", "Encrypt"], subset(acme.clone())),
        (&["Decrypt"], subset(json!({}))),
        (&["Decrypt"], subset(json!({ "tenant": "other" }))),
        (&["Decrypt"], subset(json!({ "purpose": "acme" }))),
        (&["Decrypt"], equals(json!({}))),
        (&["Decrypt"], equals(json!({ "tenant": "other" }))),
    ] {
        for grantee in [holder, next] {
            let terms = grant(&key, grantee, operations, constraints.clone());
            let told = refused(&mut client, "HOLDER", "CreateGrant", terms).await;
            assert!(told.contains("kms:CreateGrant"), "{told}");
        }
    }
    let wider = json!({ "tenant": "acme", "purpose": "orders" });
    for constraints in [subset(acme.clone()), subset(wider.clone()), equals(wider.clone())] {
        let terms = grant(&key, next, &["CreateGrant", "Decrypt"], constraints);
        allowed(&mut client, "HOLDER", "CreateGrant", terms).await;
    }
    // The next one is bound by what it was given, too.
    let terms = grant(&key, next, &["Decrypt"], Value::Null);
    refused(&mut client, "NEXT", "CreateGrant", terms).await;
    let terms = grant(&key, next, &["Decrypt"], equals(wider));
    allowed(&mut client, "NEXT", "CreateGrant", terms).await;
}

#[tokio::test]
async fn a_grant_of_one_encryption_context_is_passed_on_for_that_one_only() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let holder = "arn:aws:iam::111122223333:user/HOLDER";
    let acme = json!({ "tenant": "acme" });
    let terms = json!({ "EncryptionContextEquals": acme });
    let terms = grant(&key, holder, &["CreateGrant", "Encrypt"], terms);
    client.call("CreateGrant", terms).await.ok();
    let_in(&fake, "HOLDER", &harmless());
    for constraints in [
        json!({ "EncryptionContextSubset": acme }),
        json!({ "EncryptionContextEquals": { "tenant": "acme", "more": "" } }),
        Value::Null,
    ] {
        let terms = grant(&key, holder, &["Encrypt"], constraints);
        refused(&mut client, "HOLDER", "CreateGrant", terms).await;
    }
    let terms = grant(
        &key,
        holder,
        &["Encrypt"],
        json!({ "EncryptionContextEquals": acme }),
    );
    allowed(&mut client, "HOLDER", "CreateGrant", terms).await;
}

#[tokio::test]
async fn whom_a_policy_lets_make_grants_is_not_bound_by_a_grant() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let holder = "arn:aws:iam::111122223333:user/HOLDER";
    let terms = grant(&key, holder, &["CreateGrant"], Value::Null);
    client.call("CreateGrant", terms).await.ok();
    let_in(
        &fake,
        "HOLDER",
        &json!([{ "Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*" }]),
    );
    let terms = grant(&key, holder, &["Encrypt"], Value::Null);
    allowed(&mut client, "HOLDER", "CreateGrant", terms).await;
}

#[tokio::test]
async fn operations_on_aliases_need_leave_for_the_alias_as_well() {
    let fake = FakeKms::new();
    let (_server, mut client, key) = start(&fake).await;
    let other = fake.create_key().unwrap();
    fake.create_alias("alias/orders", &key).unwrap();
    let_in(
        &fake,
        "KEYS",
        &json!([{ "Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:*:*:key/*" }]),
    );
    let_in(
        &fake,
        "DENIED",
        &json!([
            { "Effect": "Allow", "Action": "kms:*", "Resource": "*" },
            { "Effect": "Deny", "Action": "kms:*Alias", "Resource": "arn:aws:kms:*:*:alias/orders*" },
        ]),
    );
    let_in(
        &fake,
        "ALIASES",
        &json!([{ "Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:*:*:alias/*" }]),
    );
    for (operation, parameters) in [
        (
            "CreateAlias",
            json!({ "AliasName": "alias/orders-2", "TargetKeyId": *key }),
        ),
        (
            "UpdateAlias",
            json!({ "AliasName": "alias/orders", "TargetKeyId": *other }),
        ),
        ("DeleteAlias", json!({ "AliasName": "alias/orders" })),
    ] {
        for who in ["KEYS", "DENIED"] {
            let told = refused(&mut client, who, operation, parameters.clone()).await;
            assert!(told.contains(":alias/orders"), "{told}");
        }
        let told = refused(&mut client, "ALIASES", operation, parameters).await;
        assert!(told.contains(":key/"), "{told}");
    }
    let elsewhere = json!({ "AliasName": "alias/other", "TargetKeyId": *key });
    allowed(&mut client, "DENIED", "CreateAlias", elsewhere).await;
}

#[test]
fn the_name_of_an_alias_is_free_when_its_key_is_gone() {
    let fake = FakeKms::new();
    let (doomed, key) = (fake.create_key().unwrap(), fake.create_key().unwrap());
    fake.create_alias("alias/orders", &doomed).unwrap();
    fake.schedule_key_deletion(&doomed, 7).unwrap();
    let taken = fake.create_alias("alias/orders", &key).unwrap_err();
    assert_eq!(taken.code(), KmsErrorCode::AlreadyExists);
    fake.advance_clock(Duration::from_secs(7 * 24 * 60 * 60));
    fake.create_alias("alias/orders", &key).unwrap();
    assert_eq!(fake.key_metadata("alias/orders").unwrap().arn, key);
}

#[test]
fn a_policy_that_means_something_else_here_than_in_kms_is_refused_with_what_is_wrong() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let statement = |member: &str, value: Value| {
        let mut statement =
            json!({ "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*" });
        statement[member] = value;
        statement
    };
    let mut all_but = statement("NotPrincipal", json!({ "AWS": "111122223333" }));
    all_but.as_object_mut().unwrap().remove("Principal");
    let role = "arn:aws:iam::111122223333:role/*";
    for (statement, told) in [
        (statement("Principal", json!({ "AWS": role })), role),
        (
            statement(
                "Principal",
                json!({ "AWS": ["*", "arn:aws:iam::111122223333:user/a?"] }),
            ),
            "user/a?",
        ),
        (all_but, "allows all but some principals"),
        (statement("Action", json!("kms:Decyrpt")), "kms:Decyrpt"),
        (
            statement("Action", json!(["kms:Decrypt", "kms:Fly*"])),
            "kms:Fly*",
        ),
        (
            statement("Resource", json!("arn:aws:kms:*:*:key/${aws:username}")),
            "${aws:username}",
        ),
        (
            statement(
                "Condition",
                json!({ "StringEquals": { "aws:PrincipalArn": "${aws:userid}" } }),
            ),
            "${aws:userid}",
        ),
    ] {
        let json = json!({ "Statement": statement }).to_string();
        let error = fake.put_key_policy(&key, &json).unwrap_err();
        assert_eq!(error.code(), KmsErrorCode::MalformedPolicy, "{json}");
        assert!(error.message().contains(told), "{error}");
    }
    for action in [
        "kms:*",
        "*",
        "kms:Generate*",
        "KMS:decrypt",
        "kms:Sign",
        "kms:ReEncrypt*",
        "s3:GetObject",
    ] {
        let json = json!({ "Statement": statement("Action", json!(action)) }).to_string();
        fake.put_key_policy(&key, &json).unwrap();
    }
    let misspelt = r#"{"Statement": {"Effect": "Deny", "Action": "kms:Decyrpt", "Resource": "*"}}"#;
    let principal = Principal::new("AKIA", "secret", "arn:aws:iam::111122223333:user/x").unwrap();
    let error = principal.with_policy(misspelt).unwrap_err();
    assert!(matches!(error, PrincipalError::Policy(_)), "{error}");
    assert!(error.to_string().contains("kms:Decyrpt"), "{error}");
}
