//! The keyring alone, over a provider of one's own: here a safe that keeps data keys and hands out tickets for them.
//!
//! ```sh
//! cargo run -p datakey-keyring --example own_provider
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
use std::error::Error;

use datakey_keyring::{OpeningKeyring, SealingKeyring, Usage};
use datakey_provider::{EncryptionContext, conformance};

mod safe;

use safe::Safe;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // What every provider must do, tried: what is bound to a context opens with no other, what was altered does not open, and so on.
    conformance::check(&Safe::default()).await?;

    let safe = Safe::default();
    let (sealing, opening) = (
        SealingKeyring::new(safe.clone()),
        OpeningKeyring::new(safe.clone()),
    );
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    for order in 0..10_000_u32 {
        let text = format!("order {order}");
        let key = sealing
            .key(&context, Usage::message(u64::try_from(text.len())?))
            .await?;
        // Seal with `key.data_key()`, in a format of one's own, and store `key.wrapped_keys()` with it. Whoever reads it asks:
        let again = opening.key(&context, key.wrapped_keys()).await?;
        assert!(again.ct_eq(key.data_key()));
    }
    let (made, avoided) = (sealing.stats().calls_made, sealing.stats().calls_avoided);
    println!(
        "10,000 orders under {} data key: {made} call made, {avoided} avoided",
        safe.len().await
    );
    assert_eq!((made, avoided), (1, 9_999));
    Ok(())
}
