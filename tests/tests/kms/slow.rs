//! Answers that do not come, or do not end. The SDK whole, on an HTTP client that keeps silent, under a paused clock.
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use aws_sdk_kms::{
    Client,
    config::{http::HttpResponse, timeout::TimeoutConfig},
};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use datakey_kms::{DEFAULT_CONNECT_TIMEOUT, KmsProvider, KmsProviderBuilder, UNRETRIED_TIMEOUT};
use datakey_provider::{DataKeyLength, ErrorClass, OpeningProvider, ProviderError, SealingProvider as _};
use datakey_retry::{Policy, Retry, defaults::ATTEMPT_TIMEOUT};
use datakey_tests::{
    kms::{KEY, config, context, success, wrapped_by},
    kms_memory::Answering,
};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

const PATIENCE: Duration = Duration::from_millis(700);
const LIMIT: Duration = Duration::from_secs(4);

/// A body that yields one byte after each pause, and then ends or does not.
struct Drip {
    rest: Vec<u8>,
    pause: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    ends: bool,
}

impl Body for Drip {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            return if self.ends {
                Poll::Ready(None)
            } else {
                Poll::Pending
            };
        }
        let pause = self.pause;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(pause)));
        std::task::ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        let byte = self.rest.remove(0);
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&[byte])))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn dripping(status: u16, body: String, pause: Duration, ends: bool) -> HttpResponse {
    let drip = Drip {
        rest: body.into_bytes(),
        pause,
        waiting: None,
        ends,
    };
    HttpResponse::new(
        StatusCode::try_from(status).unwrap(),
        SdkBody::from_body_1_x(drip),
    )
}

fn builder(answering: Answering) -> KmsProviderBuilder {
    let config = config("http://slow.invalid").http_client(answering.into_client());
    KmsProvider::from_client(&Client::from_conf(config.build())).key(KEY)
}

/// One that gives up by itself, as it has to where nothing above does.
fn provider(answering: Answering) -> KmsProvider {
    let builder = builder(answering).attempt_timeout(LIMIT);
    builder.build().unwrap()
}

async fn decrypt(kms: &impl OpeningProvider) -> (Result<(), ProviderError>, Duration) {
    let start = Instant::now();
    let opened = kms.decrypt(&context(), &wrapped_by(KEY)).await;
    (opened.map(drop), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn silence_times_out_after_the_limit_that_is_set() {
    let (opened, waited) = decrypt(&provider(Answering::never())).await;
    assert_eq!(opened.unwrap_err().class(), ErrorClass::Timeout);
    assert_eq!(waited, LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_times_out_whole_or_in_part() {
    let whole = success().to_string();
    for body in [String::new(), whole[..whole.len() / 2].to_owned(), whole] {
        for status in [200, 400, 500] {
            let body = body.clone();
            let answering = Answering::with(move || dripping(status, body.clone(), Duration::ZERO, false));
            let (opened, waited) = decrypt(&provider(answering)).await;
            assert_eq!(opened.unwrap_err().class(), ErrorClass::Timeout, "{status}");
            assert_eq!(waited, LIMIT);
        }
    }
}

/// A byte a second is progress to every timeout but the one on the whole attempt.
#[tokio::test(start_paused = true)]
async fn a_body_that_drips_times_out_as_a_whole() {
    let answering = Answering::with(|| dripping(200, success().to_string(), Duration::from_secs(1), true));
    let (opened, waited) = decrypt(&provider(answering)).await;
    assert_eq!(opened.unwrap_err().class(), ErrorClass::Timeout);
    assert_eq!(waited, LIMIT);
}

/// The negative twin: slow is not too slow.
#[tokio::test(start_paused = true)]
async fn a_body_that_drips_in_time_is_an_answer() {
    let pause = Duration::from_millis(2);
    let answering = Answering::with(move || dripping(200, success().to_string(), pause, true));
    let (opened, waited) = decrypt(&provider(answering)).await;
    opened.unwrap();
    let len = u32::try_from(success().to_string().len()).unwrap();
    assert!(waited >= pause * len && waited < LIMIT, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn the_given_client_s_limits_are_kept_and_the_builder_s_win() {
    let limits = TimeoutConfig::builder()
        .operation_attempt_timeout(PATIENCE)
        .build();
    let config = config("http://slow.invalid")
        .http_client(Answering::never().into_client())
        .timeout_config(limits);
    let given = Client::from_conf(config.build());
    let kms = KmsProvider::from_client(&given).key(KEY).build().unwrap();
    let limits = kms.client().config().timeout_config().unwrap();
    assert_eq!(limits.operation_attempt_timeout(), Some(PATIENCE));
    assert_eq!(limits.connect_timeout(), Some(DEFAULT_CONNECT_TIMEOUT));
    assert_eq!(decrypt(&kms).await.1, PATIENCE);
    let kms = KmsProvider::from_client(&given)
        .key(KEY)
        .attempt_timeout(PATIENCE * 2)
        .build();
    let (opened, waited) = decrypt(&kms.unwrap()).await;
    assert_eq!(opened.unwrap_err().class(), ErrorClass::Timeout);
    assert_eq!(waited, PATIENCE * 2);
}

/// An attempt has one owner of its time limit: the layer that makes attempts, where there is one.
#[tokio::test(start_paused = true)]
async fn silence_is_the_retry_layer_s_to_end_unless_a_limit_is_set() {
    let kms = builder(Answering::never()).build().unwrap();
    let limits = kms.client().config().timeout_config().unwrap();
    assert_eq!(limits.operation_attempt_timeout(), None);
    assert_eq!(limits.operation_timeout(), None);
    assert_eq!(limits.connect_timeout(), Some(DEFAULT_CONNECT_TIMEOUT));
    let alone = tokio::time::timeout(ATTEMPT_TIMEOUT * 10, decrypt(&kms)).await;
    assert!(alone.is_err(), "it has no limit of its own");
    let retry = Retry::new(kms, Policy::default().with_max_attempts(1));
    let (opened, waited) = decrypt(&retry).await;
    assert_eq!(opened.unwrap_err().class(), ErrorClass::Timeout);
    assert_eq!(waited, ATTEMPT_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn every_call_has_the_limit_that_is_set() {
    let kms = provider(Answering::never());
    let (context, wrapped, destination) = (context(), wrapped_by(KEY), KEY.parse().unwrap());
    let data_key = datakey_provider::DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(1));
    let start = Instant::now();
    for failed in [
        kms.generate_data_key(&context, DataKeyLength::Bytes32)
            .await
            .map(drop),
        kms.encrypt(&context, &data_key).await.map(drop),
        kms.re_encrypt(&wrapped, &context, &destination, &context)
            .await
            .map(drop),
        kms.warm_up(&context).await,
    ] {
        assert_eq!(failed.unwrap_err().class(), ErrorClass::Timeout);
    }
    assert_eq!(start.elapsed(), LIMIT * 4);
}

/// No retry layer makes these calls, so none can end them.
#[tokio::test(start_paused = true)]
async fn what_goes_through_no_retry_layer_has_a_limit_by_default() {
    let kms = builder(Answering::never()).build().unwrap();
    let (context, wrapped, destination) = (context(), wrapped_by(KEY), KEY.parse().unwrap());
    let start = Instant::now();
    let moved = kms
        .re_encrypt(&wrapped, &context, &destination, &context)
        .await
        .map(drop);
    for failed in [moved, kms.warm_up(&context).await] {
        assert_eq!(failed.unwrap_err().class(), ErrorClass::Timeout);
    }
    assert_eq!(start.elapsed(), UNRETRIED_TIMEOUT * 2);
}
