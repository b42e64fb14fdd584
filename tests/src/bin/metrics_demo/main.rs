//! Demo traffic against the emulator of KMS, with everything published as a service would: for `cargo xtask operate`, and to look at.
//!
//! ```text
//! metrics_demo [SECONDS]
//! ```
//!
//! Prints one line of JSON with its address and process id when it is ready, and serves on loopback:
//!
//! | path | what |
//! |---|---|
//! | `/metrics` | what Prometheus scrapes |
//! | `/ledger` | what the emulator counted, as JSON, and whether the traffic is over |
//!
//! Each scenario takes so many seconds, four by default. Then the process goes on to answer until its standard input ends.
#![forbid(unsafe_code)]

mod failed;
mod serve;
mod traffic;

use std::{
    env,
    io::{self, Read as _, Write as _},
    process,
    sync::Arc,
    thread,
    time::Duration,
};

use datakey::{Publisher, describe_metrics, retry::DURATION_BUCKETS};
use failed::Failed;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use tokio::net::TcpListener;
use traffic::Traffic;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let seconds = env::args().nth(1).map_or(Ok(4), |text| text.parse())?;
    let exporter = PrometheusBuilder::new()
        .with_recommended_naming(true)
        .set_buckets(&DURATION_BUCKETS)?
        .install_recorder()?;
    describe_metrics();
    let publisher = Publisher::new();
    let traffic = Arc::new(Traffic::new(&publisher)?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let ready = json!({ "address": listener.local_addr()?.to_string(), "pid": process::id() });
    writeln!(io::stdout(), "{ready}")?;
    io::stdout().flush()?;
    end_with_standard_input();
    let running = Arc::clone(&traffic);
    let ran = tokio::spawn(async move { running.run(Duration::from_secs(seconds)).await });
    let answers = serve::answer(&listener, |path| match path {
        "/metrics" => {
            // Before each scrape, so that it is of this moment.
            publisher.publish();
            Some(("text/plain; version=0.0.4", exporter.render()))
        }
        "/ledger" => Some(("application/json", traffic.ledger().to_string())),
        _ => None,
    });
    tokio::select! {
        failed = answers => Err(failed),
        // Traffic that fails ends the demo; traffic that is over does not.
        failed = async { if let Err(failed) = ran.await.map_err(Failed::from).flatten() { failed } else { std::future::pending().await } } => Err(failed),
    }
}

/// Whoever started this need not know its process id to end it.
fn end_with_standard_input() {
    thread::spawn(|| {
        let _ended = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
}
