//! The fake's HTTP server as such: connections, limits, faults on the wire, stopping.
use std::{net::SocketAddr, time::Duration};

use datakey_fake_kms::{
    FakeKms, FakeKmsServer, Fault, FaultRule, KmsErrorCode, Latency, MAX_BODY_LEN, Outcome, SHUTDOWN_GRACE,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

const RANDOM: &str = r#"{"NumberOfBytes":1}"#;

fn request(target: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: kms\r\nx-amz-target: TrentService.{target}\r\ncontent-length: {len}\r\n\r\n{body}"
    )
}

async fn connect(addr: SocketAddr) -> TcpStream {
    TcpStream::connect(addr).await.unwrap()
}

/// Reads one answer: the head in lower case, and the body by its length.
async fn read_answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
            let len = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .unwrap();
            let (start, len): (usize, usize) = (end + 4, len.parse().unwrap());
            if bytes.len() >= start + len {
                return (head, bytes[start..start + len].to_vec());
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&chunk[..read]);
    }
}

async fn ask(stream: &mut TcpStream, target: &str, body: &str) -> (String, Vec<u8>) {
    stream.write_all(request(target, body).as_bytes()).await.unwrap();
    read_answer(stream).await
}

/// Whether the connection closes without another byte.
async fn closes(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest).await {
        Ok(_) => rest.is_empty(),
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[tokio::test]
async fn connections_are_kept() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    assert!(server.addr().ip().is_loopback());
    assert_eq!(server.url(), format!("http://{}", server.addr()));
    let mut stream = connect(server.addr()).await;
    for _ in 0..50 {
        let (head, body) = ask(&mut stream, "GenerateRandom", RANDOM).await;
        assert!(head.starts_with("http/1.1 200 ok"), "{head}");
        assert!(body.starts_with(br#"{"Plaintext":""#));
    }
    // Refusals keep it too.
    let (head, _) = ask(&mut stream, "Nonsense", "{}").await;
    assert!(head.starts_with("http/1.1 400 "), "{head}");
    assert!(
        ask(&mut stream, "GenerateRandom", RANDOM)
            .await
            .0
            .starts_with("http/1.1 200 ok")
    );
    // Two requests at once, answered in order.
    let both = request("GenerateRandom", RANDOM) + &request("Nonsense", "{}");
    stream.write_all(both.as_bytes()).await.unwrap();
    let mut answers = String::new();
    while answers.matches("HTTP/1.1 ").count() < 2 || !answers.ends_with('}') {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        answers.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
    }
    assert!(answers.find("200 OK").unwrap() < answers.find("400 Bad Request").unwrap());
    assert_eq!(fake.ledger().calls(), 52);
}

#[tokio::test]
async fn what_is_no_request_of_kms_is_refused() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    for head in [
        "GET / HTTP/1.1\r\nhost: kms\r\nx-amz-target: TrentService.ListKeys\r\n\r\n",
        "POST /other HTTP/1.1\r\nhost: kms\r\nx-amz-target: TrentService.ListKeys\r\ncontent-length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: kms\r\ncontent-length: 0\r\n\r\n",
    ] {
        let mut stream = connect(server.addr()).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let (told, body) = read_answer(&mut stream).await;
        assert!(told.starts_with("http/1.1 400 "), "{head}: {told}");
        assert_eq!(body, br#"{"__type":"UnknownOperationException"}"#);
    }
    let mut stream = connect(server.addr()).await;
    stream
        .write_all(b"\x16\x03\x01 not HTTP at all\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 "));
    assert_eq!(fake.ledger().calls(), 0);
    // An empty body is one without parameters.
    let (head, body) = ask(&mut connect(server.addr()).await, "ListKeys", "").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert_eq!(body, br#"{"Keys":[],"Truncated":false}"#);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let server = FakeKmsServer::start(FakeKms::new()).await.unwrap();
    let padded = |len: usize| format!("{RANDOM}{}", " ".repeat(len - RANDOM.len()));
    let (head, _) = ask(
        &mut connect(server.addr()).await,
        "GenerateRandom",
        &padded(MAX_BODY_LEN),
    )
    .await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    let (head, _) = ask(
        &mut connect(server.addr()).await,
        "GenerateRandom",
        &padded(MAX_BODY_LEN + 1),
    )
    .await;
    assert!(head.starts_with("http/1.1 413 "), "{head}");

    // A length that is only claimed, and one that is not told at all.
    let mut stream = connect(server.addr()).await;
    let head = "POST / HTTP/1.1\r\nhost: kms\r\nx-amz-target: TrentService.ListKeys\r\n";
    stream
        .write_all(format!("{head}content-length: 1000000000000\r\n\r\n").as_bytes())
        .await
        .unwrap();
    assert!(read_answer(&mut stream).await.0.starts_with("http/1.1 413 "));
    let mut stream = connect(server.addr()).await;
    stream
        .write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    for _ in 0..MAX_BODY_LEN / 0x8000 + 1 {
        // The server may answer and close before all of it is sent.
        let _sent_or_closed = stream.write_all(chunk.as_bytes()).await;
    }
    assert!(read_answer(&mut stream).await.0.starts_with("http/1.1 413 "));
}

#[tokio::test]
async fn faults_reach_the_wire() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();

    fake.inject(FaultRule::new(Fault::DropConnection).times(1));
    let mut stream = connect(server.addr()).await;
    stream
        .write_all(request("GenerateRandom", RANDOM).as_bytes())
        .await
        .unwrap();
    assert!(closes(&mut stream).await);

    fake.inject(FaultRule::new(Fault::Hang(Duration::from_millis(1))).times(1));
    let mut stream = connect(server.addr()).await;
    stream
        .write_all(request("GenerateRandom", RANDOM).as_bytes())
        .await
        .unwrap();
    assert!(closes(&mut stream).await);

    fake.inject(FaultRule::new(Fault::Garbage).times(1));
    let mut stream = connect(server.addr()).await;
    let (head, body) = ask(&mut stream, "GenerateRandom", RANDOM).await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(body.starts_with(b"<html>"));

    fake.inject(FaultRule::new(KmsErrorCode::DependencyTimeout).times(1));
    let (head, _) = ask(&mut stream, "GenerateRandom", RANDOM).await;
    assert!(head.starts_with("http/1.1 500 "), "{head}");
    assert!(
        ask(&mut stream, "GenerateRandom", RANDOM)
            .await
            .0
            .starts_with("http/1.1 200 ")
    );
    let ledger = fake.ledger();
    assert_eq!(ledger.ended(Outcome::ConnectionLost), 1);
    assert_eq!(ledger.ended(Outcome::TimedOut), 1);
    assert_eq!(ledger.ended(Outcome::Garbage), 1);
}

#[tokio::test(start_paused = true)]
async fn latency_is_on_the_paused_clock() {
    let fake = FakeKms::builder()
        .latency(Latency::fixed(Duration::from_secs(3600)))
        .build()
        .unwrap();
    let server = FakeKmsServer::start(fake).await.unwrap();
    let before = Instant::now();
    let (head, _) = ask(&mut connect(server.addr()).await, "GenerateRandom", RANDOM).await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert_eq!(before.elapsed(), Duration::from_secs(3600));
}

#[tokio::test(start_paused = true)]
async fn shutdown_lets_calls_finish_and_refuses_new_ones() {
    let fake = FakeKms::builder()
        .latency(Latency::fixed(Duration::from_secs(2)))
        .build()
        .unwrap();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let addr = server.addr();
    let mut idle = connect(addr).await;
    let mut busy = connect(addr).await;
    busy.write_all(request("GenerateRandom", RANDOM).as_bytes())
        .await
        .unwrap();
    while fake.ledger().calls() == 0 {
        tokio::task::yield_now().await;
    }
    let before = Instant::now();
    server.shutdown().await;
    assert!(
        before.elapsed() <= Duration::from_secs(2),
        "as soon as the call is answered"
    );
    assert!(read_answer(&mut busy).await.0.starts_with("http/1.1 200 "));
    assert!(closes(&mut busy).await);
    assert!(closes(&mut idle).await);
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn shutdown_cuts_off_what_never_ends() {
    let fake = FakeKms::new();
    fake.inject(FaultRule::new(Fault::Hang(Duration::MAX)));
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let mut stream = connect(server.addr()).await;
    stream
        .write_all(request("GenerateRandom", RANDOM).as_bytes())
        .await
        .unwrap();
    while fake.ledger().calls() == 0 {
        tokio::task::yield_now().await;
    }
    let before = Instant::now();
    server.shutdown().await;
    assert!(
        before.elapsed() <= SHUTDOWN_GRACE + Duration::from_millis(1),
        "{:?}",
        before.elapsed()
    );
    assert!(closes(&mut stream).await);
}

#[tokio::test]
async fn dropping_the_server_stops_it_at_once() {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let addr = server.addr();
    let mut idle = connect(addr).await;
    ask(&mut idle, "GenerateRandom", RANDOM).await;
    fake.inject(FaultRule::new(Fault::Hang(Duration::MAX)));
    let mut hanging = connect(addr).await;
    hanging
        .write_all(request("GenerateRandom", RANDOM).as_bytes())
        .await
        .unwrap();
    while fake.ledger().calls() < 2 {
        tokio::task::yield_now().await;
    }
    drop(server);
    assert!(closes(&mut idle).await);
    let closed = timeout(SHUTDOWN_GRACE / 2, closes(&mut hanging)).await;
    assert_eq!(closed, Ok(true));
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_taken_address_is_an_error() {
    let server = FakeKmsServer::start(FakeKms::new()).await.unwrap();
    let error = FakeKmsServer::bind(FakeKms::new(), server.addr())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_connection() {
    let fake = FakeKms::new();
    fake.inject(FaultRule::new(Fault::Hang(Duration::MAX)).times(1));
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let mut stream = connect(server.addr()).await;
    stream
        .write_all(request("GenerateRandom", RANDOM).as_bytes())
        .await
        .unwrap();
    while fake.ledger().calls() == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    // Nothing is left to wait for, so that the hanging call does not use up the grace.
    let stopped = timeout(SHUTDOWN_GRACE / 2, server.shutdown()).await;
    assert!(stopped.is_ok());
}
