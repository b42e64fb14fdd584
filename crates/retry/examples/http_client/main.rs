//! Three hundred requests to an HTTP service with a quota, none of which fails: the retry crate alone, around hyper's client.
//!
//! ```sh
//! cargo run -p datakey-retry --example http_client
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
use std::error::Error;

use datakey_retry::{Classify, ErrorClass, Policy, retry};
use http_body_util::Empty;
use hyper::{StatusCode, Uri, body::Bytes};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, time::Instant};

mod service;

type Client = legacy::Client<HttpConnector, Empty<Bytes>>;

/// The status of an answer that is no success; none where there was no answer.
#[derive(Debug)]
struct Failed(Option<StatusCode>);

/// All that retrying looks at. Around another client, only this is another.
impl Classify for Failed {
    fn class(&self) -> ErrorClass {
        match self.0 {
            Some(StatusCode::TOO_MANY_REQUESTS) => ErrorClass::Throttled,
            Some(status) if !status.is_server_error() => ErrorClass::InvalidRequest,
            _ => ErrorClass::Transient,
        }
    }
}

async fn get(client: &Client, uri: &Uri) -> Result<(), Failed> {
    match client.get(uri.clone()).await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(Failed(Some(answer.status()))),
        Err(_) => Err(Failed(None)),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(service::serve(listener));
    let orders: Uri = format!("http://{address}/orders").parse()?;
    let nowhere: Uri = format!("http://{address}/nowhere").parse()?;
    let client: Client = legacy::Client::builder(TokioExecutor::new()).build_http();

    let policy = Policy::default(); // one for each quota: its clones share budget and rate
    let began = Instant::now();
    let requests = (0..300).map(|_| {
        let (policy, client, orders) = (policy.clone(), client.clone(), orders.clone());
        tokio::spawn(async move { retry(&policy, || get(&client, &orders)).await })
    });
    for request in requests.collect::<Vec<_>>() {
        let answered = request.await?;
        assert!(answered.is_ok(), "{answered:?}"); // what was refused came again
    }
    println!(
        "300 requests at 100 a second took {:.1?}, and none failed",
        began.elapsed()
    );

    // What no later attempt mends is not tried again.
    let refused = retry(&policy, || get(&client, &nowhere)).await;
    let gave_up = refused.err().ok_or("it was found")?;
    println!("GET /nowhere: {:?}, {:?}", gave_up.reason(), gave_up.failure());
    assert_eq!(gave_up.attempts(), 1);
    Ok(())
}
