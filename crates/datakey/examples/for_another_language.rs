//! An order for a service in Python, and its receipt: messages of the AWS Encryption SDK, both ways.
//!
//! ```sh
//! python3 -m venv venv && venv/bin/pip install aws-encryption-sdk
//! ESDK_PYTHON=venv/bin/python cargo run -p datakey --example for_another_language --features esdk,fake-kms-http
//! ```
//!
//! Both have one KMS key, here of the emulator: in process for this side, over HTTP for Python. Without Python, it is opened here.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
use std::{env, error::Error, process::Stdio};

use datakey::{
    Aad, EncryptionContext, Opener, Sealer,
    esdk::{Params, Suite},
    fake_kms::{DEFAULT_REGION, FakeKms, FakeKmsServer},
};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// Has Python book the order; answers the receipt.
async fn book(python: &str, kms_url: &str, key: &str, order: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut command = Command::new(python);
    command.args([
        concat!(env!("CARGO_MANIFEST_DIR"), "/examples/book_orders.py"),
        key,
    ]);
    command.envs([
        ("AWS_ENDPOINT_URL", kms_url),
        ("AWS_REGION", DEFAULT_REGION),
        ("NO_PROXY", "127.0.0.1"),
    ]);
    command.envs([
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
    ]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    input.write_all(order).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    assert!(output.status.success(), "Python refused the order");
    Ok(output.stdout)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let fake = FakeKms::new();
    let server = FakeKmsServer::start(fake.clone()).await?;
    let key = fake.create_key()?;
    let kms = fake.provider(&key);

    // 0x0478 commits to its data key, and does not sign: both sides may seal and open alike.
    let params = Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey);
    let sealer = Sealer::builder(kms.clone()).format(params).build()?;
    let opener = Opener::new(kms);
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;

    let sealed = sealer.seal(&context, b"two CDs, 24.98 USD", Aad::EMPTY).await?;
    println!(
        "an order for any AWS Encryption SDK: {} bytes under {key}",
        sealed.len()
    );

    match env::var("ESDK_PYTHON") {
        Ok(python) => {
            let answer = book(&python, &server.url(), &key, &sealed).await?;
            let receipt = opener.open(&context, &answer, Aad::EMPTY).await?;
            assert_eq!(receipt, b"booked: two CDs, 24.98 USD");
            println!("Python's receipt: {}", String::from_utf8(receipt)?);
        }
        Err(_) => {
            let order = opener.open(&context, &sealed, Aad::EMPTY).await?;
            println!(
                "ESDK_PYTHON names no interpreter, so it was opened here: {}",
                String::from_utf8(order)?
            );
        }
    }
    Ok(())
}
