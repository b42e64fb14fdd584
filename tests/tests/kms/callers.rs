//! What is about the caller or the way to KMS is an outage: credentials, clocks, proxies, pages, key stores that fail. Sealers and
//! openers as services have them, over real HTTP.
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
};

use datakey::{Aad, Opener, Sealer};
use datakey_fake_kms::{Fault, FaultRule, KmsError, KmsErrorCode};
use datakey_keyring::Usage;
use datakey_kms::KmsProvider;
use datakey_provider::{DataKeyLength, ErrorClass, ProviderError, SealingProvider, Verdict};
use datakey_tests::{
    kms::{context, provider, success},
    pipeline::Loopback,
};
use tokio::sync::oneshot;

async fn seal(sealer: &Sealer) -> Vec<u8> {
    sealer.seal(&context(), b"an order", Aad::EMPTY).await.unwrap()
}

async fn opens(opener: &Opener, message: &[u8]) -> bool {
    opener.open(&context(), message, Aad::EMPTY).await.is_ok()
}

/// A service on an emulator, and messages that it has not seen yet.
struct Service {
    loopback: Loopback,
    opener: Opener,
    /// Whether a call goes on after a failure is for a layer above.
    hasty: Opener,
    hasty_sealer: Sealer,
}

impl Service {
    async fn start() -> Self {
        let loopback = Loopback::start().await;
        let kms = loopback.provider();
        Self {
            opener: Opener::new(kms.clone()),
            hasty: Opener::builder(kms.clone()).without_retry().build().unwrap(),
            hasty_sealer: Sealer::builder(kms).without_retry().build().unwrap(),
            loopback,
        }
    }

    /// A message under a data key of its own.
    async fn message(&self) -> Vec<u8> {
        seal(&Sealer::new(self.loopback.provider())).await
    }

    fn once(&self, fault: &Fault) {
        self.loopback.fake.inject(FaultRule::new(fault.clone()).times(1));
    }

    /// A load for one caller alone, which learns of whatever is wrong.
    async fn learns(&self) -> Option<ErrorClass> {
        let keyring = self.hasty_sealer.keyring();
        let alone = keyring.key(&context(), Usage::unknown_length()).await;
        alone.err().and_then(|error| error.class())
    }
}

/// One such answer is tried again, and if it is not, nothing is dropped or remembered because of it.
async fn is_an_outage(service: &Service, fault: Fault, class: ErrorClass) {
    let new = service.message().await;
    service.once(&fault);
    assert!(opens(&service.opener, &new).await, "{fault:?} is tried again");
    seal(&service.hasty_sealer).await;
    service.once(&fault);
    assert_eq!(service.learns().await, Some(class), "{fault:?}");
    let live = service
        .hasty_sealer
        .keyring()
        .try_key(&context(), Usage::message(1));
    assert!(live.is_some(), "{fault:?} drops no key");
    service.once(&fault);
    assert!(!opens(&service.hasty, &new).await, "{fault:?}");
    assert!(opens(&service.hasty, &new).await, "{fault:?} is not remembered");
    let stats = service.hasty.keyring().stats();
    assert_eq!((stats.revoked, stats.refused_from_memory), (0, 0), "{fault:?}");
}

#[tokio::test]
async fn failures_of_a_key_store_are_tried_again_and_drop_nothing() {
    let service = Service::start().await;
    let said = |message| Fault::Error(KmsError::with_message(KmsErrorCode::InvalidState, message));
    for fault in [
        KmsErrorCode::InvalidState.into(),
        said(""),
        said(
            "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue.",
        ),
        said("AWS KMS rejected the request due to a very high request rate."),
        said("The external key store proxy is in an unhealthy state."),
    ] {
        is_an_outage(&service, fault, ErrorClass::Transient).await;
    }
}

/// The negative twin: a key that is out of use is not served from a cache.
#[tokio::test]
async fn a_key_that_is_to_be_deleted_is_told_from_a_key_store_that_fails() {
    let service = Service::start().await;
    let message = service.message().await;
    assert!(opens(&service.hasty, &message).await);
    seal(&service.hasty_sealer).await;
    let (fake, arn) = (&service.loopback.fake, &service.loopback.arn);
    fake.schedule_key_deletion(arn, 7).unwrap();
    assert_eq!(service.learns().await, Some(ErrorClass::UnavailableKey));
    let live = service
        .hasty_sealer
        .keyring()
        .try_key(&context(), Usage::message(1));
    assert!(live.is_none());
    let calls = fake.ledger().calls();
    let refused = service
        .opener
        .open(&context(), &message, Aad::EMPTY)
        .await
        .unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::UnavailableKey));
    assert!(!opens(&service.opener, &message).await);
    assert_eq!(fake.ledger().calls(), calls + 1, "asked once, and remembered");
}

#[tokio::test]
async fn callers_that_are_not_accepted_are_an_outage() {
    let service = Service::start().await;
    for code in [
        KmsErrorCode::ExpiredToken,
        KmsErrorCode::InvalidSignature,
        KmsErrorCode::UnrecognizedClient,
        KmsErrorCode::IncompleteSignature,
        KmsErrorCode::MissingAuthenticationToken,
    ] {
        is_an_outage(&service, code.into(), ErrorClass::Unauthenticated).await;
    }
}

#[tokio::test]
async fn pages_of_whoever_stands_on_the_way_are_an_outage() {
    let service = Service::start().await;
    let empty = |status| Fault::Answer {
        status,
        content_type: "text/plain".into(),
        body: "".into(),
    };
    for (status, class) in [
        (302, ErrorClass::Transient),
        (400, ErrorClass::Transient),
        (401, ErrorClass::Unauthenticated),
        (403, ErrorClass::Unauthenticated),
        (404, ErrorClass::Transient),
        (407, ErrorClass::Unauthenticated),
        (413, ErrorClass::Transient),
        (503, ErrorClass::Transient),
    ] {
        is_an_outage(&service, Fault::proxy_page(status), class).await;
        is_an_outage(&service, empty(status), class).await;
    }
    // A gateway that borrows a code of AWS does not know what a key policy says.
    let borrowed = Fault::Answer {
        status: 403,
        content_type: "application/json".into(),
        body: r#"{"__type":"AccessDeniedException","message":"Forbidden"}"#.into(),
    };
    is_an_outage(&service, borrowed, ErrorClass::Unauthenticated).await;
}

/// The negative twin: what KMS itself denies is a verdict.
#[tokio::test]
async fn a_denial_of_kms_drops_the_key_and_is_remembered() {
    let service = Service::start().await;
    let message = service.message().await;
    seal(&service.hasty_sealer).await;
    let denied = Fault::from(KmsErrorCode::AccessDenied);
    service.once(&denied);
    assert_eq!(service.learns().await, Some(ErrorClass::Denied));
    let live = service
        .hasty_sealer
        .keyring()
        .try_key(&context(), Usage::message(1));
    assert!(live.is_none());
    service.once(&denied);
    assert!(!opens(&service.opener, &message).await, "not tried again");
    assert!(!opens(&service.opener, &message).await, "but remembered");
}

async fn generates(kms: &impl SealingProvider) -> Result<(), ProviderError> {
    let made = kms.generate_data_key(&context(), DataKeyLength::Bytes32).await;
    made.map(drop)
}

/// A server that answers the first request of a connection, says when the second has come, and then keeps silent.
fn answers_once() -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (came, comes) = channel();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            read_request(&mut stream);
            let body = success().to_string();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
            if silent.is_empty() {
                read_request(&mut stream);
                came.send(()).unwrap();
            }
            silent.push(stream);
        }
    });
    (address, comes)
}

fn read_request(stream: &mut TcpStream) {
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"}") {
        let len = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..len]);
    }
}

/// A provider that lives longer than the runtime that made its connections: a static in a suite of small tests.
#[test]
fn a_connection_whose_runtime_has_ended_is_transient() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (address, second_came) = answers_once();
    let kms = provider(&address);
    let ((idle, is_idle), (end, ends)) = (oneshot::channel(), oneshot::channel());
    let first = std::thread::spawn({
        let kms = kms.clone();
        move || {
            runtime().block_on(async {
                generates(&kms).await.unwrap();
                idle.send(()).unwrap();
                ends.await.unwrap();
            });
        }
    });
    let failed = runtime().block_on(async {
        is_idle.await.unwrap();
        let mut call = std::pin::pin!(generates(&kms));
        while second_came.try_recv().is_err() {
            tokio::select! {
                biased;
                early = &mut call => return early,
                () = tokio::task::yield_now() => {}
            }
        }
        end.send(()).unwrap();
        call.await
    });
    first.join().unwrap();
    let failed = failed.unwrap_err();
    assert_eq!(
        (failed.class(), failed.verdict(), failed.was_sent()),
        (ErrorClass::Transient, None, true),
        "{failed:?}"
    );
    runtime().block_on(generates(&kms)).unwrap();
}

#[tokio::test]
async fn what_a_refusal_says_about_the_wrapping_key_names_it_by_its_arn() {
    let loopback = Loopback::start().await;
    loopback.fake.create_alias("alias/orders", &loopback.arn).unwrap();
    let client = datakey_tests::kms::client(&loopback.server.url());
    let kms = KmsProvider::from_client(&client)
        .key("alias/orders")
        .build()
        .unwrap();
    loopback.fake.disable_key(&loopback.arn).unwrap();
    let refused = generates(&kms).await.unwrap_err();
    assert_eq!(
        (refused.verdict(), refused.key_id()),
        (Some(Verdict::WrappingKey), Some(&*loopback.arn))
    );
}

/// A suite of small tests with a runtime each and one opener for all: connections end with the runtime that made them.
#[test]
fn an_opener_outlives_the_runtimes_of_those_who_use_it() {
    const THREADS: usize = 4;
    const TESTS: usize = 30;
    let server = tokio::runtime::Runtime::new().unwrap();
    let loopback = server.block_on(Loopback::start());
    let opener = Opener::new(loopback.provider());
    let messages: Vec<Vec<u8>> = server.block_on(async {
        let sealer = Sealer::builder(loopback.provider())
            .without_cache()
            .build()
            .unwrap();
        let mut messages = Vec::new();
        for _ in 0..THREADS * TESTS {
            messages.push(seal(&sealer).await);
        }
        messages
    });
    let failed = std::thread::scope(|threads| {
        let suites = messages.chunks(TESTS).map(|own| {
            let opener = &opener;
            threads.spawn(move || {
                let each = own.iter().filter(|message| {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    !runtime.block_on(opens(opener, message))
                });
                each.count()
            })
        });
        let suites: Vec<_> = suites.collect();
        suites
            .into_iter()
            .map(|suite| suite.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(failed, 0, "of {}", messages.len());
}

/// The button of an incident: it takes whatever the operator has at hand, or says that it found nothing.
#[tokio::test]
async fn keys_are_invalidated_by_every_name_that_kms_knows_them_by() {
    let loopback = Loopback::start().await;
    let key = datakey_fake_kms::NewKey::new().multi_region();
    let arn = loopback.fake.create_key_with(&key).unwrap();
    loopback.fake.create_alias("alias/orders", &arn).unwrap();
    let client = datakey_tests::kms::client(&loopback.server.url());
    let kms = KmsProvider::from_client(&client)
        .key("alias/orders")
        .build()
        .unwrap();
    let id = arn.rsplit_once('/').unwrap().1;
    let (region, account) = (loopback.fake.region(), loopback.fake.account());
    for name in [
        "alias/orders",
        &format!("arn:aws:kms:{region}:{account}:alias/orders"),
        &arn,
        id,
        &arn.replace(region, "ap-south-1"),
    ] {
        let (sealer, opener) = datakey::both(kms.clone());
        let message = seal(&sealer).await;
        assert!(opens(&opener, &message).await);
        for other in [
            "alias/refunds",
            "orders",
            &arn.replace(id, "mrk-0987dcba09fe87dc65baab0987654321"),
        ] {
            assert!(sealer.keyring().invalidate_key(other).is_err(), "{other}");
            assert!(opener.keyring().invalidate_key(other).is_err(), "{other}");
        }
        assert_eq!(sealer.keyring().invalidate_key(name), Ok(1), "{name}");
        assert_eq!(opener.keyring().invalidate_key(name), Ok(1), "{name}");
    }
}
