//! What the cache saves, for Prometheus: the statistics of sealer and opener through the `metrics` facade.
//!
//! ```sh
//! cargo run -p datakey --example prometheus --features fake-kms,metrics
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
use std::error::Error;

use datakey::{Aad, EncryptionContext, Opener, Sealer, fake_kms::FakeKms};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// What the service answers to `GET /metrics`: the statistics are as of the moment they are asked for.
fn page(exporter: &PrometheusHandle, sealer: &Sealer, opener: &Opener) -> String {
    sealer.keyring().stats().publish();
    opener.keyring().stats().publish();
    exporter.render()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let exporter = PrometheusBuilder::new().install_recorder()?;

    let fake = FakeKms::new();
    let kms = fake.provider(&fake.create_key()?);
    let (sealer, opener) = (Sealer::new(kms.clone()), Opener::new(kms));
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    for number in 0..1_000_u32 {
        let order = format!("order {number}");
        let message = sealer.seal(&context, order.as_bytes(), Aad::EMPTY).await?;
        assert_eq!(
            opener.open(&context, &message, Aad::EMPTY).await?,
            order.as_bytes()
        );
    }

    let page = page(&exporter, &sealer, &opener);
    for line in page
        .lines()
        .filter(|line| line.starts_with("datakey_keyring_calls"))
    {
        println!("{line}");
    }
    for half in ["sealing", "opening"] {
        let made = format!("datakey_keyring_calls{{half=\"{half}\"}} 1\n");
        let avoided = format!("datakey_keyring_calls_avoided{{half=\"{half}\"}} 999\n");
        assert!(page.contains(&made) && page.contains(&avoided), "{page}");
    }
    Ok(())
}
