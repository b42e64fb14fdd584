//! Operations that the fake lacks: the answer says which, and what there is; they are counted; and how answers are written.
use datakey_fake_kms::{FakeKms, KmsOperation};
use datakey_tests::fake_kms::start_watched;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

#[tokio::test]
async fn an_operation_that_it_lacks_is_named_with_the_reason_and_with_all_that_there_is() {
    let fake = FakeKms::new();
    let (_server, mut client) = start_watched(&fake).await;
    for (operation, why) in [
        ("Sign", "asymmetric keys and MACs are out of its scope"),
        ("Verify", "asymmetric keys and MACs are out of its scope"),
        ("GetPublicKey", "asymmetric keys and MACs are out of its scope"),
        (
            "GenerateDataKeyPair",
            "asymmetric keys and MACs are out of its scope",
        ),
        ("GenerateMac", "asymmetric keys and MACs are out of its scope"),
        ("VerifyMac", "asymmetric keys and MACs are out of its scope"),
        (
            "DeriveSharedSecret",
            "asymmetric keys and MACs are out of its scope",
        ),
        ("ImportKeyMaterial", "none is imported"),
        ("GetParametersForImport", "none is imported"),
        ("CreateCustomKeyStore", "no custom key stores"),
    ] {
        let answer = client.call(operation, json!({})).await;
        assert_eq!(answer.told(), (400, "UnknownOperationException".into()));
        let message = answer.message();
        let start = format!("This emulator lacks the operation {operation}: ");
        assert!(message.starts_with(&start) && message.contains(why), "{message}");
        for had in KmsOperation::ALL {
            assert!(message.contains(had.as_str()), "{had}: {message}");
        }
    }
    for name in ["decrypt", "Decrypt2", "", "a\"b", &"X".repeat(10_000)] {
        let answer = client.call(name, json!({})).await;
        assert_eq!(answer.told(), (400, "UnknownOperationException".into()));
        let message = answer.message();
        assert!(
            message.starts_with("This emulator knows no operation \""),
            "{message}"
        );
        assert!(message.len() < 1_500, "{message}");
    }
}

#[tokio::test]
async fn operations_that_it_lacks_are_counted_in_the_region_that_they_were_for() {
    let fake = FakeKms::new();
    let (_server, mut client) = start_watched(&fake).await;
    let there = fake.in_region("eu-west-1").unwrap();
    for _ in 0..2 {
        client.call("Sign", json!({})).await;
    }
    client
        .call_as("AKIA", "eu-west-1", "GenerateMac", json!({}))
        .await;
    for number in 0..50 {
        client.call(&format!("Made{number}\"up"), json!({})).await;
    }
    let here = fake.ledger().lacking();
    assert_eq!(here.into_iter().collect::<Vec<_>>(), [("Sign", 2), ("other", 50)]);
    let told = there.ledger().lacking();
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [("GenerateMac", 1)]);
    assert_eq!((fake.ledger().calls(), fake.ledger().entries().len()), (0, 0));

    let metrics = client.get("/metrics").await.ok().text();
    for line in [
        r#"fake_kms_calls_total{region="us-east-1",operation="Sign",outcome="UnknownOperationException"} 2"#,
        r#"fake_kms_calls_total{region="us-east-1",operation="other",outcome="UnknownOperationException"} 50"#,
        r#"fake_kms_calls_total{region="eu-west-1",operation="GenerateMac",outcome="UnknownOperationException"} 1"#,
    ] {
        assert!(metrics.lines().any(|own| own == line), "{line}\n{metrics}");
    }
    let ledger = client.get("/ledger").await.ok().json();
    assert_eq!(
        ledger["regions"]["us-east-1"]["lacking"],
        json!({"Sign": 2, "other": 50})
    );
    fake.ledger().clear();
    assert!(fake.ledger().lacking().is_empty());
}

#[tokio::test]
async fn headers_of_answers_are_written_with_capitals() {
    let fake = FakeKms::new();
    let (server, _client) = start_watched(&fake).await;
    let requests = [
        "POST / HTTP/1.1\r\nhost: kms\r\nx-amz-target: TrentService.ListKeys\r\ncontent-length: 2\r\n\r\n{}",
        "POST / HTTP/1.1\r\nhost: kms\r\nx-amz-target: TrentService.Sign\r\ncontent-length: 2\r\n\r\n{}",
        "POST / HTTP/1.1\r\nhost: kms\r\nx-amz-target: TrentService.Encrypt\r\ncontent-length: 2\r\n\r\n{}",
        "GET /metrics HTTP/1.1\r\nhost: kms\r\n\r\n",
    ];
    for request in requests {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read_buf(&mut answer).await.unwrap();
            assert!(read > 0, "it ended in the head");
        }
        let text = String::from_utf8_lossy(&answer);
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        for name in ["Content-Type: ", "Content-Length: "] {
            assert!(
                head.lines().any(|line| line.starts_with(name)),
                "{request}\n{head}"
            );
        }
    }
}
