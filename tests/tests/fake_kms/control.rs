//! What an operator changes over HTTP while the fake runs: the ledger is emptied, the clock moved.
use datakey_fake_kms::{FakeKms, KmsErrorCode, KmsOperation, Principal};
use datakey_tests::fake_kms::start_watched;
use serde_json::json;
use tokio::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn ledgers_are_emptied_all_of_them_or_that_of_a_region() {
    let fake = FakeKms::new();
    let (_server, mut client) = start_watched(&fake).await;
    let there = fake.in_region("eu-west-1").unwrap();
    let call = async || {
        fake.generate_random(1).await.unwrap();
        there.generate_random(1).await.unwrap();
    };
    call().await;
    client.put("DELETE", "/ledger?region=eu-west-1", "").await.ok();
    assert_eq!((fake.ledger().calls(), there.ledger().calls()), (1, 0));
    call().await;
    client.put("DELETE", "/ledger", "").await.ok();
    assert_eq!((fake.ledger().calls(), there.ledger().calls()), (0, 0));
    let emptied = client.get("/ledger").await.ok().json();
    assert_eq!(emptied["regions"]["us-east-1"]["entries"], json!([]));
    for (method, path) in [("PUT", "/ledger"), ("DELETE", "/ledger?region=Mars")] {
        assert_eq!(client.put(method, path, "").await.status, 400, "{method} {path}");
    }
}

#[tokio::test]
async fn the_ledger_has_who_called() {
    let fake = FakeKms::new();
    let (_server, mut client) = start_watched(&fake).await;
    let random = json!({ "NumberOfBytes": 1 });
    client.call("GenerateRandom", random.clone()).await.ok();
    let arn = "arn:aws:iam::111122223333:role/shop";
    fake.add_principal(Principal::new("AKIASHOP", "secret", arn).unwrap());
    client
        .call_as("AKIASHOP", "us-east-1", "GenerateRandom", random.clone())
        .await
        .ok();
    let unknown = client
        .call_as("AKIANOBODY", "us-east-1", "GenerateRandom", random)
        .await;
    assert_eq!(unknown.told().1, "UnrecognizedClientException");
    fake.acting_as("AKIASHOP")
        .unwrap()
        .generate_random(1)
        .await
        .unwrap();
    let callers: Vec<Option<String>> = fake
        .ledger()
        .entries()
        .iter()
        .map(|entry| entry.caller.as_deref().map(str::to_owned))
        .collect();
    let shop = || Some(arn.to_owned());
    assert_eq!(callers, [None, shop(), None, shop()]);
    let told = client.get("/ledger").await.ok().json();
    let entries = &told["regions"]["us-east-1"]["entries"];
    assert_eq!(
        (&entries[0]["caller"], &entries[1]["caller"]),
        (&json!(null), &json!(arn))
    );
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_moved_on_for_deletions_and_rotations_and_not_for_quotas() {
    let fake = FakeKms::new();
    let (_server, mut client) = start_watched(&fake).await;
    let (doomed, rotated) = (fake.create_key().unwrap(), fake.create_key().unwrap());
    fake.schedule_key_deletion(&doomed, 7).unwrap();
    let by_period = json!({ "KeyId": *rotated, "RotationPeriodInDays": 90 });
    client.call("EnableKeyRotation", by_period).await.ok();
    let before = client.get("/clock").await.ok().json()["seconds_since_1970"]
        .as_f64()
        .unwrap();

    client.put("POST", "/clock", "6.5d\n").await.ok();
    assert!(fake.describe_key(&doomed).await.is_ok());
    let after = client.put("POST", "/clock", "12h").await.ok().json()["seconds_since_1970"].as_f64();
    assert!(
        (after.unwrap() - before - 7.0 * DAY.as_secs_f64()).abs() < 1.0,
        "{before} {after:?}"
    );
    let gone = fake.describe_key(&doomed).await.unwrap_err();
    assert_eq!(gone.code(), Some(KmsErrorCode::NotFound));
    let there = fake.in_region("eu-west-1").unwrap();
    let created = there.key_metadata(&there.create_key().unwrap()).unwrap().created;
    assert!(
        created.as_secs_f64() >= after.unwrap(),
        "it is one clock in all Regions"
    );

    let rotations = json!({ "KeyId": *rotated });
    client.put("POST", "/clock", "83d").await.ok();
    let told = client.call("ListKeyRotations", rotations).await.ok().json();
    assert_eq!(told["Rotations"].as_array().unwrap().len(), 1);
    let sent = fake.ledger().entries().last().unwrap().at;
    assert!(sent < DAY, "calls are recorded by the time that passed: {sent:?}");

    for body in ["", "-1d", "soon", "7"] {
        assert_eq!(client.put("POST", "/clock", body).await.status, 400, "{body}");
    }
    assert_eq!(client.put("DELETE", "/clock", "").await.status, 400);
    assert_eq!(fake.ledger().calls_of(KmsOperation::ListKeyRotations), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_moved_to_its_end_stays_there() {
    let fake = FakeKms::new();
    let (_server, mut client) = start_watched(&fake).await;
    let key = fake.create_key().unwrap();
    for _ in 0..3 {
        fake.advance_clock(Duration::MAX);
    }
    assert!(fake.describe_key(&key).await.is_ok());
    assert_eq!(client.get("/clock").await.status, 200);
}
