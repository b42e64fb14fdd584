//! What a fault does to a connection of the fake KMS, and what an operator reads from it.
use std::{io::ErrorKind, time::Duration};

use datakey_fake_kms::{
    CallError, FakeKms, FakeKmsServer, Fault, FaultRule, KmsContext, KmsOperation, Outcome, Quota,
};
use datakey_tests::fake_kms::Client;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

const REQUEST: &str = "POST / HTTP/1.1\r\nhost: kms\r\nx-amz-target: TrentService.GenerateRandom\r\ncontent-length: 23\r\n\r\n\
                       {\"NumberOfBytes\": 1024}";

/// All that comes back on a connection until it ends, and how it ends.
async fn exchange(server: &FakeKmsServer) -> (Vec<u8>, Option<ErrorKind>) {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes).await;
    (bytes, ended.err().map(|error| error.kind()))
}

/// The length that an answer's head says, and the length of the body that came.
fn lengths(answer: &[u8]) -> (usize, usize) {
    let text = String::from_utf8(answer.to_vec()).unwrap().to_lowercase();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let told = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    (told.parse().unwrap(), body.len())
}

#[tokio::test]
async fn connections_are_dropped_and_reset() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    fake.inject(FaultRule::new(Fault::DropConnection).times(1));
    assert_eq!(exchange(&server).await, (vec![], None));
    fake.inject(FaultRule::new(Fault::ResetConnection).times(1));
    assert_eq!(
        exchange(&server).await,
        (vec![], Some(ErrorKind::ConnectionReset))
    );
    assert_eq!(fake.ledger().ended(Outcome::ConnectionLost), 2);
}

#[tokio::test]
async fn answers_break_off_after_the_work_is_done() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    fake.inject(FaultRule::new(Fault::CutBody).times(1));
    let (answer, _how) = exchange(&server).await;
    let (told, came) = lengths(&answer);
    assert!(told > 1024 && came == told.div_ceil(2), "{came} of {told}");
    assert_eq!(fake.ledger().ended(Outcome::CutOff), 1);
    // In process it is as if the connection were lost; the work is done all the same.
    fake.inject(FaultRule::new(Fault::CutBody).times(1));
    assert_eq!(fake.generate_random(1).await.unwrap_err(), CallError::CutOff);
}

#[tokio::test(start_paused = true)]
async fn bodies_trickle_and_answers_are_late() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let mut client = Client::connect(&server).await;
    for (fault, time) in [
        (Fault::SlowBody(Duration::from_secs(32)), 32),
        (Fault::Delay(Duration::from_secs(7)), 7),
    ] {
        fake.inject(FaultRule::new(fault.clone()).times(2));
        let before = Instant::now();
        let answer = client
            .call("GenerateRandom", json!({"NumberOfBytes": 1024}))
            .await
            .ok();
        assert_eq!(
            datakey_tests::fake_kms::decoded(&answer.json()["Plaintext"]).len(),
            1024
        );
        let took = before.elapsed().as_secs_f64();
        assert!((took - f64::from(time)).abs() < 0.1, "{fault:?} took {took}");
        let before = Instant::now();
        fake.generate_random(1).await.unwrap();
        assert_eq!(
            before.elapsed().as_secs(),
            u64::from(time as u32),
            "{fault:?} in process"
        );
    }
    assert_eq!(fake.ledger().successes(), 4);
}

#[tokio::test]
async fn a_proxy_answers_instead() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let mut client = Client::connect(&server).await;
    for status in [502, 503, 504] {
        fake.inject(FaultRule::new(Fault::proxy_page(status)).times(1));
        let answer = client.call("GenerateRandom", json!({"NumberOfBytes": 1})).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["content-type"], "text/html");
        assert!(answer.text().starts_with("<html>"));
    }
    let short = Fault::Answer {
        status: 200,
        content_type: "application/x-amz-json-1.1".into(),
        body: r#"{"Plaintext": "#.into(),
    };
    fake.inject(FaultRule::new(short).times(2));
    let answer = client.call("GenerateRandom", json!({"NumberOfBytes": 1})).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, r#"{"Plaintext": "#)
    );
    assert_eq!(fake.generate_random(1).await.unwrap_err(), CallError::Garbage);
}

#[tokio::test(start_paused = true)]
async fn rules_hold_within_their_window() {
    let fake = FakeKms::new();
    let outage = "page=503,from=10s,until=20s".parse::<FaultRule>().unwrap();
    fake.inject(outage);
    let mut seen = String::new();
    for _ in 0..5 {
        seen.push(if fake.generate_random(1).await.is_ok() {
            '.'
        } else {
            'x'
        });
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    assert_eq!(seen, "..xx.");
}

#[test]
fn rules_are_read_from_text() {
    let half = Fault::Hang(Duration::from_millis(500));
    for (text, rule) in [
        (
            "error=KMSInternalException",
            FaultRule::new(datakey_fake_kms::KmsErrorCode::Internal),
        ),
        ("hang", FaultRule::new(Fault::Hang(Duration::MAX))),
        (
            "hang=500ms, on=Decrypt ,after=2,times=3",
            FaultRule::new(half).on(KmsOperation::Decrypt).after(2).times(3),
        ),
        (
            "drop,key=alias/a",
            FaultRule::new(Fault::DropConnection).for_key("alias/a"),
        ),
        (
            "probability=0.5,reset",
            FaultRule::new(Fault::ResetConnection).with_probability(0.5),
        ),
        ("cut", FaultRule::new(Fault::CutBody)),
        ("garbage", FaultRule::new(Fault::Garbage)),
        ("slow=1s", FaultRule::new(Fault::SlowBody(Duration::from_secs(1)))),
    ] {
        assert_eq!(text.parse(), Ok(rule), "{text}");
    }
    for text in [
        "",
        "on=Decrypt",
        "drop,reset",
        "drop=1",
        "error=Nonsense",
        "error",
        "page=99",
        "slow",
        "drop,on=Fly",
        "drop,times=x",
        "drop,probability=1.5",
        "drop,key=",
        "drop,from=1",
        "drop,,times=1",
        "drop;times=1",
        "drop,times=1,times=2",
        "drop=",
    ] {
        assert!(text.parse::<FaultRule>().is_err(), "{text}");
    }
    for (text, quota) in [
        ("unlimited", Quota::UNLIMITED),
        ("100", Quota::per_second(100)),
        ("bucket:100, 20", Quota::token_bucket(100, 20)),
    ] {
        assert_eq!(text.parse(), Ok(quota), "{text}");
    }
    for text in ["", "-1", "1.5", "bucket:1", "bucket:1,x", "Unlimited"] {
        assert!(text.parse::<Quota>().is_err(), "{text}");
    }
    for text in [
        "",
        "5",
        "1s..",
        "normal:1s",
        "lognormal:1s,2",
        "gamma:1s,2s",
        "5ms..x",
    ] {
        assert!(text.parse::<datakey_fake_kms::Latency>().is_err(), "{text}");
    }
}

#[test]
fn a_rule_that_is_not_right_is_told_which_part_and_what_there_is() {
    for (text, part, told) in [
        (
            "error=Nonsense,on=Decrypt",
            "error=Nonsense",
            "error=CODE with one of ThrottlingException, ",
        ),
        ("on=Decrypt,error", "error", ", KMSInternalException, "),
        (
            "drop,on=Fly",
            "on=Fly",
            "on=OPERATION with one of GenerateDataKey, ",
        ),
        ("drop,on=Fly", "on=Fly", ", RevokeGrant"),
        ("drop,reset", "reset", "one thing happens in a rule"),
        ("drop,times=x", "times=x", "times=N with a whole number"),
        ("drop,times=1,times=2", "times=2", "times is there twice"),
        ("drop,from=1", "from=1", "from=TIME with a time, such as 250us"),
        ("slow=x,times=1", "slow=x", "slow=TIME with a time, such as 250us"),
        ("cut=1,times=1", "cut=1", "cut, which takes no value"),
        (
            "page=99,times=1",
            "page=99",
            "page=STATUS with an HTTP status from 200 to 599",
        ),
        (
            "drop,probability=2",
            "probability=2",
            "probability=CHANCE with a number from 0 to 1",
        ),
        ("drop,key=", "key=", "key=KEY with the id, ARN or alias of a key"),
        ("drop,fly=1", "fly=1", "a part of a fault rule: error=CODE, "),
        ("drop,,times=1", "", "a part of a fault rule: error=CODE, "),
        (
            "on=Decrypt,times=1",
            "on=Decrypt,times=1",
            "nothing happens in it; it needs one of error=CODE, ",
        ),
    ] {
        let error = text.parse::<FaultRule>().unwrap_err().to_string();
        let named = if part == text {
            format!("{part:?} is not ")
        } else {
            format!("{part:?} in {text:?} is not ")
        };
        assert!(error.starts_with(&named) && error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn metrics_and_ledgers_are_read_over_http() {
    let fake = FakeKms::builder()
        .quota(Quota::token_bucket(0, 2))
        .build()
        .unwrap();
    let server = FakeKmsServer::builder(fake.clone())
        .metrics_path("/metrics")
        .ledger_path("/ledger")
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&server).await;
    let key = fake.create_key().unwrap();
    let there = fake.in_region("eu-west-1").unwrap();
    let parameters = json!({"KeyId": *key, "KeySpec": "AES_256", "EncryptionContext": {"tenant": "a\"b"}});
    for _ in 0..3 {
        client.call("GenerateDataKey", parameters.clone()).await;
    }
    there.generate_random(1).await.unwrap();
    let metrics = client.get("/metrics").await.ok();
    assert_eq!(
        metrics.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = metrics.text();
    let here = r#"region="us-east-1",operation="GenerateDataKey""#;
    for line in [
        "# TYPE fake_kms_calls_total counter".to_owned(),
        format!(r#"fake_kms_calls_total{{{here},outcome="success"}} 2"#),
        format!(r#"fake_kms_calls_total{{{here},outcome="ThrottlingException"}} 1"#),
        r#"fake_kms_calls_total{region="eu-west-1",operation="GenerateRandom",outcome="success"} 1"#
            .to_owned(),
        r#"fake_kms_throttled_total{region="us-east-1"} 1"#.to_owned(),
        "# TYPE fake_kms_answer_seconds histogram".to_owned(),
        format!(r#"fake_kms_answer_seconds_bucket{{{here},le="+Inf"}} 3"#),
        format!("fake_kms_answer_seconds_count{{{here}}} 3"),
        r#"fake_kms_keys{region="us-east-1"} 1"#.to_owned(),
        r#"fake_kms_keys{region="eu-west-1"} 0"#.to_owned(),
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    let ledger = client.get("/ledger").await.ok().json();
    let here = &ledger["regions"]["us-east-1"];
    assert_eq!((&here["calls"], &here["throttled"]), (&json!(3), &json!(1)));
    let last = &here["entries"][2];
    assert_eq!(
        (&last["operation"], &last["outcome"]),
        (&json!("GenerateDataKey"), &json!("ThrottlingException"))
    );
    assert_eq!(
        (&last["key"], &last["encryption_context"]),
        (&json!(*key), &json!({"tenant": "a\"b"}))
    );
    assert_eq!(
        ledger["regions"]["eu-west-1"]["entries"][0]["operation"],
        "GenerateRandom"
    );
    for path in ["/", "/metrics/", "/other"] {
        assert_eq!(
            client.get(path).await.told(),
            (400, "UnknownOperationException".into()),
            "{path}"
        );
    }
    let without = FakeKmsServer::start(fake).await.unwrap();
    assert_eq!(Client::connect(&without).await.get("/metrics").await.status, 400);
}

#[tokio::test]
async fn faults_are_set_while_it_runs() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::builder(fake.clone())
        .faults_path("/faults")
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&server).await;
    let rules = "# an outage of Decrypt\n\n error=KMSInternalException,on=Decrypt\npage=503,times=1\r\n";
    let added = client.put("POST", "/faults", rules).await.ok();
    assert_eq!(added.json(), json!({"added": 2}));
    let random = json!({"NumberOfBytes": 1});
    assert_eq!(client.call("GenerateRandom", random.clone()).await.status, 503);
    assert_eq!(client.call("GenerateRandom", random.clone()).await.status, 200);
    assert_eq!(
        client
            .call("Decrypt", json!({"CiphertextBlob": "YQ=="}))
            .await
            .told()
            .0,
        500
    );
    client.put("DELETE", "/faults", "").await.ok();
    assert_eq!(
        client
            .call("Decrypt", json!({"CiphertextBlob": "YQ=="}))
            .await
            .told()
            .0,
        400
    );
    client.put("POST", "/faults?region=eu-west-1", "drop").await.ok();
    assert!(
        fake.in_region("eu-west-1")
            .unwrap()
            .generate_random(1)
            .await
            .is_err()
    );
    assert!(fake.generate_random(1).await.is_ok(), "another Region");
    for (method, path, body) in [
        ("POST", "/faults", "drop\nnonsense"),
        ("POST", "/faults?region=Mars", "drop"),
        ("PUT", "/faults", "drop"),
        ("GET", "/faults", ""),
        ("POST", "/faults", &"drop\n".repeat(1_001)),
    ] {
        let refused = client.put(method, path, body).await;
        assert_eq!(refused.status, 400, "{method} {path}");
        assert!(refused.json()["error"].is_string());
    }
    assert!(
        fake.generate_random(1).await.is_ok(),
        "all rules of a request are added, or none"
    );
    let without = FakeKmsServer::start(fake).await.unwrap();
    let refused = Client::connect(&without)
        .await
        .put("POST", "/faults", "drop")
        .await;
    assert_eq!(refused.told(), (400, "UnknownOperationException".into()));
}

#[tokio::test(start_paused = true)]
async fn who_takes_too_long_is_cut_off() {
    let fake = FakeKms::new();
    let time = Duration::from_secs(30);
    let server = FakeKmsServer::builder(fake.clone())
        .request_timeout(time)
        .start()
        .await
        .unwrap();
    let half_a_head = &REQUEST[..40];
    let half_a_body = &REQUEST[..REQUEST.len() - 5];
    for part in [half_a_head, half_a_body] {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(part.as_bytes()).await.unwrap();
        let before = Instant::now();
        let mut rest = Vec::new();
        let _closed_or_reset = stream.read_to_end(&mut rest).await;
        let took = before.elapsed();
        assert!(
            (time..time * 2 + Duration::from_secs(1)).contains(&took),
            "{took:?}"
        );
    }
    assert_eq!(fake.ledger().calls(), 0);
    let context = KmsContext::default();
    assert!(context.is_empty());
}
