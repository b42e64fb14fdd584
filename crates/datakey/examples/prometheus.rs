//! What the cache saves and how calls go, for Prometheus: everything that is published through the `metrics` facade.
//!
//! ```sh
//! cargo run -p datakey --example prometheus --features fake-kms,metrics
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
use std::error::Error;

use datakey::{
    Aad, EncryptionContext, Opener, Publisher, Sealer, describe_metrics, fake_kms::FakeKms,
    retry::DURATION_BUCKETS,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// What the service answers to `GET /metrics`: of the moment it is asked for.
fn page(exporter: &PrometheusHandle, publisher: &Publisher) -> String {
    publisher.publish();
    exporter.render()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let exporter = PrometheusBuilder::new()
        .with_recommended_naming(true)
        .set_buckets(&DURATION_BUCKETS)?
        .install_recorder()?;
    describe_metrics();

    let fake = FakeKms::new();
    let kms = fake.provider(&fake.create_key()?);
    let publisher = Publisher::new();
    let sealer = Sealer::builder(kms.clone()).metrics(&publisher).build()?;
    let opener = Opener::builder(kms).metrics(&publisher).build()?;
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    for number in 0..1_000_u32 {
        let order = format!("order {number}");
        let message = sealer.seal(&context, order.as_bytes(), Aad::EMPTY).await?;
        assert_eq!(
            opener.open(&context, &message, Aad::EMPTY).await?,
            order.as_bytes()
        );
    }

    let page = page(&exporter, &publisher);
    for line in page
        .lines()
        .filter(|line| line.starts_with("datakey_keyring_calls"))
    {
        println!("{line}");
    }
    for half in ["sealing", "opening"] {
        let made = format!("datakey_keyring_calls_total{{half=\"{half}\"}} 1\n");
        let avoided = format!("datakey_keyring_calls_avoided{{half=\"{half}\"}} 999\n");
        assert!(page.contains(&made) && page.contains(&avoided), "{page}");
    }
    Ok(())
}
