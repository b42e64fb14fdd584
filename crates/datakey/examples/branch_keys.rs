//! A fleet on one KMS quota: every message has a data key of its own, and each host makes one call an hour.
//!
//! ```sh
//! cargo run -p datakey --example branch_keys --features branch-keys,fake-kms
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
use std::error::Error;

use datakey::{
    Aad, ConfigError, EncryptionContext, OpenError, Opener, Sealer,
    branch_keys::{BranchKeyAdmin, BranchKeys, MemoryStore, NewBranchKey},
    fake_kms::FakeKms,
};

const HOSTS: usize = 10;
const ORDERS: u32 = 100;

/// What a host makes when it starts. Retries are beneath, around the table and KMS each.
fn host(keys: BranchKeys) -> Result<(Sealer, Opener), ConfigError> {
    let sealer = Sealer::builder(keys.clone())
        .without_retry()
        .without_cache()
        .build()?;
    let opener = Opener::builder(keys).without_retry().build()?;
    Ok((sealer, opener))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let fake = FakeKms::new(); // with AWS: a KmsProvider
    let key = fake.create_key()?;
    let table = MemoryStore::new("branch-keys"); // with AWS: a DynamoDbStore, of the feature `dynamodb`

    // The operator's tool, once for each tenant.
    let admin = BranchKeyAdmin::new(table.clone(), fake.provider(&key), &key);
    let new = NewBranchKey::with_id("tenant-acme".parse()?).context([("tenant", "acme")]);
    admin.create(&new).await?;
    let to_create = fake.ledger().calls();

    // The fleet. The branch key follows from the encryption context, which an opener is told, not from the message.
    let mut hosts = Vec::new();
    for _ in 0..HOSTS {
        let keys = BranchKeys::builder(table.clone(), fake.provider(&key))
            .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
            .build()?;
        hosts.push(host(keys)?);
    }
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    let mut posted = Vec::new();
    for (sealer, _) in &hosts {
        for number in 0..ORDERS {
            let order = format!("order {number}");
            posted.push(sealer.seal(&context, order.as_bytes(), Aad::EMPTY).await?);
        }
    }
    // Every host opens what all of them sealed.
    for (_, opener) in &hosts {
        for message in &posted {
            opener.open(&context, message, Aad::EMPTY).await?;
        }
    }
    let calls = fake.ledger().calls().saturating_sub(to_create);
    println!(
        "{HOSTS} hosts opened {} messages, each under a data key of its own, with {calls} calls to KMS",
        posted.len()
    );
    // One for each host: under the branch key that it seals with, it opens as well.
    assert_eq!(calls, 10);

    // Under another tenant's context they are refused, without a call.
    let other = EncryptionContext::new([("tenant", "other"), ("purpose", "orders")])?;
    for ((_, opener), message) in hosts.iter().zip(&posted) {
        let refused = opener.open(&other, message, Aad::EMPTY).await;
        assert!(matches!(refused, Err(OpenError::Context(_))), "{refused:?}");
    }
    Ok(())
}
