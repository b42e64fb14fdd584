//! Makes one call with a provider from the environment: a test runs it with an environment of its own, since that of a
//! running process cannot be changed safely.
#![forbid(unsafe_code)]

use datakey_kms::KmsProvider;
use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let key = arguments.next().ok_or("the key id is missing")?;
    let region = arguments.next().ok_or("the region is missing")?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let kms = KmsProvider::from_env().await.key(&key).build()?;
            if kms.region() != region {
                return Err(format!("the region is {}", kms.region()).into());
            }
            drop(
                kms.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32)
                    .await?,
            );
            Ok(())
        })
}
