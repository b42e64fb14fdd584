//! A service that stores orders sealed: the facade behind axum, with KMS, and on the emulator in its tests.
//!
//! ```sh
//! cargo run -p datakey --example orders_service --features fake-kms -- alias/orders   # on 127.0.0.1:3000
//! cargo run -p datakey --example orders_service --features fake-kms                   # on the emulator: a thousand orders
//! cargo test -p datakey --example orders_service --features fake-kms
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
use std::{env, error::Error};

use datakey::{fake_kms::FakeKms, kms::KmsProvider};
use tokio::net::TcpListener;

mod orders;
mod routes;
#[cfg(test)]
mod tests;

use orders::Orders;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if let Some(key) = env::args().nth(1) {
        let kms = KmsProvider::from_env().await.key(key).build()?;
        let listener = TcpListener::bind("127.0.0.1:3000").await?;
        return Ok(axum::serve(listener, routes::router(Orders::new(kms)?)).await?);
    }
    let fake = FakeKms::new();
    let orders = Orders::new(fake.provider(&fake.create_key()?))?;
    for number in 0..1_000 {
        orders.store(number, b"two CDs, 24.98 USD").await?;
    }
    let order = orders.load(17).await?.ok_or("order 17 is missing")?;
    assert_eq!(order, b"two CDs, 24.98 USD");
    // What a process sealed it opens without a call.
    println!("1,000 orders stored, calls to KMS: {}", fake.ledger().calls());
    assert_eq!(fake.ledger().calls(), 1);
    Ok(())
}
