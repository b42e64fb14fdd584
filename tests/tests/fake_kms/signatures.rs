//! Signatures, made by the signer of the AWS SDK and checked by the fake KMS.
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use datakey_fake_kms::{DEFAULT_UNIX_TIME, FakeKms, FakeKmsServer, Principal};
use datakey_tests::fake_kms::{Client, request};
use http_body_util::Full;
use hyper::{Request, body::Bytes};
use serde_json::json;

const BODY: &str = r#"{"NumberOfBytes":8}"#;

/// How a request is signed.
struct Signing {
    key: &'static str,
    secret: &'static str,
    token: Option<&'static str>,
    region: &'static str,
    service: &'static str,
    at: Duration,
    with_digest: bool,
}

const RIGHT: Signing = Signing {
    key: "AKIASHOP",
    secret: "shop's secret",
    token: None,
    region: "us-east-1",
    service: "kms",
    at: DEFAULT_UNIX_TIME,
    with_digest: false,
};

fn signed(how: &Signing) -> Request<Full<Bytes>> {
    let credentials = Credentials::new(how.key, how.secret, how.token.map(str::to_owned), None, "test");
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    if how.with_digest {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(how.region)
        .name(how.service)
        .time(SystemTime::UNIX_EPOCH + how.at)
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let mut request = request("TrentService.GenerateRandom", BODY);
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(
        "POST",
        "http://kms.test/",
        headers,
        SignableBody::Bytes(BODY.as_bytes()),
    );
    let (instructions, _signature) = sign(signable.unwrap(), &parameters).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request
}

async fn start() -> (FakeKms, FakeKmsServer, Client) {
    let fake = FakeKms::new();
    let shop = |key| Principal::new(key, "shop's secret", "arn:aws:iam::111122223333:role/shop").unwrap();
    fake.add_principal(shop("AKIASHOP"));
    fake.add_principal(shop("ASIASHOP").with_session_token("a token"));
    let server = FakeKmsServer::builder(fake.clone())
        .verify_signatures()
        .start()
        .await
        .unwrap();
    let client = Client::connect(&server).await;
    (fake, server, client)
}

async fn told(client: &mut Client, request: Request<Full<Bytes>>) -> (u16, String, String) {
    let answer = client.send(request).await.unwrap();
    if answer.status == 200 {
        return (200, String::new(), String::new());
    }
    let (status, code) = answer.told();
    (status, code, answer.message())
}

#[tokio::test]
async fn what_was_signed_is_let_in() {
    let (fake, _server, mut client) = start().await;
    for how in [
        RIGHT,
        Signing {
            with_digest: true,
            ..RIGHT
        },
        Signing {
            key: "ASIASHOP",
            token: Some("a token"),
            ..RIGHT
        },
        Signing {
            at: DEFAULT_UNIX_TIME - Duration::from_secs(290),
            ..RIGHT
        },
        Signing {
            at: DEFAULT_UNIX_TIME + Duration::from_secs(290),
            ..RIGHT
        },
    ] {
        assert_eq!(
            told(&mut client, signed(&how)).await.0,
            200,
            "{} {:?}",
            how.key,
            how.at
        );
    }
    assert_eq!(fake.ledger().successes(), 5);
}

#[tokio::test]
async fn who_did_not_sign_is_told_why() {
    let (fake, _server, mut client) = start().await;
    let invalid = "InvalidSignatureException";
    let unknown = "UnrecognizedClientException";
    let long_ago = DEFAULT_UNIX_TIME - Duration::from_secs(20 * 60);
    let ahead = DEFAULT_UNIX_TIME + Duration::from_secs(20 * 60);
    for (how, code, start) in [
        (
            Signing {
                secret: "another",
                ..RIGHT
            },
            invalid,
            "The request signature we calculated does not match",
        ),
        (
            Signing {
                key: "AKIANOBODY",
                ..RIGHT
            },
            unknown,
            "The security token included in the request is invalid.",
        ),
        (
            Signing {
                key: "ASIASHOP",
                ..RIGHT
            },
            unknown,
            "The security token",
        ),
        (
            Signing {
                key: "ASIASHOP",
                token: Some("another"),
                ..RIGHT
            },
            unknown,
            "The security token",
        ),
        (
            Signing {
                token: Some("a token"),
                ..RIGHT
            },
            unknown,
            "The security token",
        ),
        (
            Signing {
                region: "eu-west-1",
                ..RIGHT
            },
            invalid,
            "Credential should be scoped to a valid region.",
        ),
        (
            Signing {
                service: "s3",
                ..RIGHT
            },
            invalid,
            "Credential should be scoped to correct service: 'kms'.",
        ),
        (
            Signing {
                at: long_ago,
                ..RIGHT
            },
            invalid,
            "Signature expired: 20251231T234000Z is now earlier than ",
        ),
        (
            Signing { at: ahead, ..RIGHT },
            invalid,
            "Signature not yet current: 20260101T002000Z is still later than ",
        ),
    ] {
        let (status, told_code, message) = told(&mut client, signed(&how)).await;
        assert_eq!((status, told_code.as_str()), (400, code), "{message}");
        assert!(message.starts_with(start), "{message}");
    }
    assert_eq!(fake.ledger().calls(), 9, "they stand in the ledger");
    assert_eq!(fake.ledger().successes(), 0);
}

#[tokio::test(start_paused = true)]
async fn credentials_expire() {
    let (fake, _server, mut client) = start().await;
    let arn = "arn:aws:iam::111122223333:role/shop";
    let session = Principal::new("ASIASHOP", "shop's secret", arn)
        .unwrap()
        .with_session_token("a token");
    fake.add_principal(session.expires_at(DEFAULT_UNIX_TIME + Duration::from_secs(60)));
    let how = Signing {
        key: "ASIASHOP",
        token: Some("a token"),
        ..RIGHT
    };
    assert_eq!(told(&mut client, signed(&how)).await.0, 200);
    tokio::time::advance(Duration::from_secs(60)).await;
    let (status, code, message) = told(&mut client, signed(&how)).await;
    assert_eq!((status, code.as_str()), (400, "ExpiredTokenException"));
    assert_eq!(message, "The security token included in the request is expired");
    assert_eq!(told(&mut client, signed(&RIGHT)).await.0, 200, "others go on");
}

#[tokio::test]
async fn what_was_altered_does_not_fit() {
    let (_fake, _server, mut client) = start().await;
    let changed = |change: &dyn Fn(&mut Request<Full<Bytes>>)| {
        let mut request = signed(&RIGHT);
        change(&mut request);
        request
    };
    let body = changed(&|request| *request.body_mut() = Full::from(r#"{"NumberOfBytes":9}"#));
    let target = changed(&|request| {
        request
            .headers_mut()
            .insert("x-amz-target", "TrentService.ListKeys".parse().unwrap());
    });
    let query = changed(&|request| *request.uri_mut() = "/?a=b".parse().unwrap());
    let added = changed(&|request| {
        request.headers_mut().insert("x-amz-more", "x".parse().unwrap());
    });
    let dated = changed(&|request| {
        request
            .headers_mut()
            .insert("x-amz-date", "20251231T235959Z".parse().unwrap());
    });
    for request in [body, target, query, added, dated] {
        let (status, code, message) = told(&mut client, request).await;
        assert_eq!(
            (status, code.as_str()),
            (400, "InvalidSignatureException"),
            "{message}"
        );
    }
    // What is not signed may be changed on the way.
    let agent = changed(&|request| {
        request
            .headers_mut()
            .insert("user-agent", "a proxy".parse().unwrap());
    });
    assert_eq!(told(&mut client, agent).await.0, 200);
}

#[tokio::test]
async fn half_a_signature_is_none() {
    let (_fake, _server, mut client) = start().await;
    let whole = signed(&RIGHT).headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    for (header, code) in [
        ("", "IncompleteSignatureException"),
        ("Basic YTpi", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256", "IncompleteSignatureException"),
        (
            "AWS4-HMAC-SHA256 Credential=AKIASHOP/20260101/us-east-1/kms/aws4_request",
            "IncompleteSignatureException",
        ),
        (
            &whole.replace("/aws4_request", ""),
            "IncompleteSignatureException",
        ),
        (
            &whole.replace("SignedHeaders=", "Headers="),
            "IncompleteSignatureException",
        ),
        (
            &whole.replace("aws4_request", "aws5_request"),
            "InvalidSignatureException",
        ),
        (
            &whole.replace("Signature=", "Signature=zz"),
            "InvalidSignatureException",
        ),
        (&whole.replace("host;", ""), "InvalidSignatureException"),
    ] {
        let mut request = signed(&RIGHT);
        request
            .headers_mut()
            .insert("authorization", header.parse().unwrap());
        let (status, told_code, message) = told(&mut client, request).await;
        assert_eq!((status, told_code.as_str()), (400, code), "{header}: {message}");
    }
    let mut dateless = signed(&RIGHT);
    dateless.headers_mut().remove("x-amz-date");
    assert_eq!(
        told(&mut client, dateless).await.1,
        "IncompleteSignatureException"
    );
    let none = request("TrentService.GenerateRandom", BODY);
    let (_, code, message) = told(&mut client, none).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        (
            "MissingAuthenticationTokenException",
            "Missing Authentication Token"
        )
    );
    let fake = FakeKms::new();
    let strict = FakeKmsServer::builder(fake)
        .verify_signatures()
        .start()
        .await
        .unwrap();
    let refused = Client::connect(&strict).await.call("ListKeys", json!({})).await;
    assert_eq!(
        refused.told().1,
        "MissingAuthenticationTokenException",
        "though it has no principals"
    );
}
