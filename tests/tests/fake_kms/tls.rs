//! The emulator over TLS: real clients, bad ones, and none at all.
use std::sync::Arc;

use aws_sdk_kms::{
    Client as Sdk,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    primitives::Blob,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use datakey_fake_kms::{FakeKms, FakeKmsServer, FaultRule, Principal, TlsError, TlsIdentity};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Duration, Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

const HERE: [&str; 2] = ["localhost", "127.0.0.1"];

async fn start(fake: &FakeKms) -> (FakeKmsServer, String) {
    let identity = TlsIdentity::made_for(HERE).unwrap();
    let trusted = identity.ca_pem().unwrap().to_owned();
    let server = FakeKmsServer::builder(fake.clone())
        .tls(identity)
        .request_timeout(Duration::from_secs(10))
        .start()
        .await
        .unwrap();
    (server, trusted)
}

/// The AWS SDK's client, which trusts this authority only.
fn sdk(url: &str, trusted: &str) -> Sdk {
    let store = TrustStore::empty().with_pem_certificate(trusted.as_bytes());
    let context = TlsContext::builder().with_trust_store(store).build().unwrap();
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build_https();
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("AKIA", "secret", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Sdk::from_conf(config)
}

/// A bare connection, with what it offers to speak.
async fn shake(
    server: &FakeKmsServer,
    trusted: &str,
    offers: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = offers.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(server.addr()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn the_sdk_calls_it_and_trusts_nobody_else() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let (server, trusted) = start(&fake).await;
    assert!(server.url().starts_with("https://127.0.0.1:"), "{}", server.url());
    let by_name = format!("https://localhost:{}", server.addr().port());
    for url in [server.url(), by_name] {
        let kms = sdk(&url, &trusted);
        let made = kms
            .encrypt()
            .key_id(&*key)
            .plaintext(Blob::new("hello"))
            .send()
            .await
            .unwrap();
        let opened = kms
            .decrypt()
            .ciphertext_blob(made.ciphertext_blob.unwrap())
            .send()
            .await
            .unwrap();
        assert_eq!(opened.plaintext.unwrap().as_ref(), b"hello", "{url}");
    }
    assert_eq!(fake.ledger().calls(), 4);

    let other = TlsIdentity::made_for(HERE).unwrap();
    let refused = sdk(&server.url(), other.ca_pem().unwrap())
        .list_keys()
        .send()
        .await;
    assert!(refused.unwrap_err().as_service_error().is_none(), "not an answer");
    let elsewhere = TlsIdentity::made_for(["kms.example.com"]).unwrap();
    let trusted = elsewhere.ca_pem().unwrap().to_owned();
    let server = FakeKmsServer::builder(fake.clone())
        .tls(elsewhere)
        .start()
        .await
        .unwrap();
    let refused = sdk(&server.url(), &trusted).list_keys().send().await;
    assert!(refused.unwrap_err().as_service_error().is_none(), "another name");
    assert_eq!(fake.ledger().calls(), 4);
}

#[tokio::test]
async fn http_1_1_is_what_is_spoken() {
    let (server, trusted) = start(&FakeKms::new()).await;
    for (offers, spoken) in [
        (&["h2", "http/1.1"][..], Some("http/1.1")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let mut stream = shake(&server, &trusted, offers).await.unwrap();
        let chosen = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(chosen.as_deref(), spoken.map(str::as_bytes), "{offers:?}");
        let request = b"POST / HTTP/1.1\r\nhost: kms\r\nx-amz-target: TrentService.ListKeys\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    assert!(
        shake(&server, &trusted, &["h2"]).await.is_err(),
        "there is nothing in common"
    );
}

#[tokio::test]
async fn what_is_no_handshake_ends_its_own_connection_only() {
    let fake = FakeKms::new();
    let (server, trusted) = start(&fake).await;
    let kms = sdk(&server.url(), &trusted);
    for sent in [&b"\x16\x03\x01\x00\x05hello"[..], b"\x00", b"\x16\x03\x01", b""] {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // What is answered, if anything, is an alert.
        if stream.read_to_end(&mut answer).await.is_ok() {
            assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
        }
        kms.list_keys().send().await.unwrap();
    }
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: kms\r\ncontent-length: 2\r\n\r\n{}")
        .await
        .unwrap();
    let mut answer = String::new();
    let told = timeout(Duration::from_secs(5), async {
        let mut byte = [0];
        while stream.read(&mut byte).await.unwrap() > 0 {
            answer.push(char::from(byte[0]));
        }
    });
    told.await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.0 400 ") && answer.contains("https"),
        "{answer}"
    );
    kms.list_keys().send().await.unwrap();
    assert_eq!(fake.ledger().calls(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_takes_no_longer_than_a_head_may() {
    let (server, _) = start(&FakeKms::new()).await;
    for sent in [&b""[..], b"\x16\x03\x01\x02\x00\x01", b"GET / HT"] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        let _reset_or_closed = stream.read_to_end(&mut answer).await;
        let mut last = [0];
        let end = stream.read(&mut last).await;
        assert!(!matches!(end, Ok(1..)), "{end:?}");
        assert!(
            begun.elapsed() <= Duration::from_secs(11),
            "{sent:?}: {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_holds_up_no_shutdown() {
    let (server, trusted) = start(&FakeKms::new()).await;
    let mut idle = TcpStream::connect(server.addr()).await.unwrap();
    idle.write_all(b"\x16").await.unwrap();
    let open = shake(&server, &trusted, &[]).await.unwrap();
    timeout(Duration::from_secs(4), server.shutdown()).await.unwrap();
    drop(open);
}

#[tokio::test]
async fn faults_of_connections_are_those_of_plain_ones() {
    let fake = FakeKms::new();
    let (server, trusted) = start(&fake).await;
    let kms = sdk(&server.url(), &trusted);
    for fault in ["drop,times=1", "reset,times=1", "cut,times=1"] {
        fake.inject(fault.parse::<FaultRule>().unwrap());
        let error = kms.list_keys().send().await.unwrap_err();
        assert!(error.as_service_error().is_none(), "{fault}: {error:?}");
        kms.list_keys().send().await.unwrap();
    }
}

#[tokio::test]
async fn policies_are_told_that_the_transport_is_secure() {
    let fake = FakeKms::new();
    let policy = json!({ "Statement": [
        { "Effect": "Allow", "Action": "kms:*", "Resource": "*" },
        { "Effect": "Deny", "Action": "kms:*", "Resource": "*",
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
    ]});
    let principal = Principal::new("AKIA", "secret", "arn:aws:iam::111122223333:user/x").unwrap();
    fake.add_principal(principal.with_policy(&policy.to_string()).unwrap());
    let (server, trusted) = start(&fake).await;
    sdk(&server.url(), &trusted).list_keys().send().await.unwrap();
    let plain = FakeKmsServer::start(fake.clone()).await.unwrap();
    let refused = sdk(&plain.url(), &trusted).list_keys().send().await.unwrap_err();
    assert_eq!(
        refused.into_service_error().meta().code(),
        Some("AccessDeniedException")
    );
}

#[tokio::test]
async fn a_certificate_that_is_given_is_the_one_that_is_shown() {
    let given = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (given.cert.pem(), given.signing_key.serialize_pem());
    let identity = TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(identity.ca_pem(), None);
    let server = FakeKmsServer::builder(FakeKms::new())
        .tls(identity)
        .start()
        .await
        .unwrap();
    let url = format!("https://localhost:{}", server.addr().port());
    sdk(&url, &certificate).list_keys().send().await.unwrap();

    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let refusal = |certificate: &str, key: &str| {
        TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes())
            .map(drop)
            .unwrap_err()
    };
    assert!(matches!(refusal(&certificate, &other), TlsError::Unusable(_)));
    assert!(matches!(refusal("", &key), TlsError::Certificates(_)));
    assert!(matches!(refusal(&key, &key), TlsError::Certificates(_)));
    assert_eq!(refusal(&certificate, &certificate), TlsError::PrivateKey);
    assert_eq!(refusal(&certificate, ""), TlsError::PrivateKey);
    for name in ["", "no name", "b\u{fc}cher.example", "127.0.0.256", "*"] {
        let error = TlsIdentity::made_for([name]).unwrap_err();
        assert!(matches!(error, TlsError::Made(_)), "{error}");
    }
    TlsIdentity::made_for(["*.kms.example", "::1", "kms.example"]).unwrap();
}
