//! The whole stack on loopback: KMS behind its protocol, and the contexts that the pipeline's tests seal under.
use std::sync::Arc;

use datakey_fake_kms::{FakeKms, FakeKmsProvider, FakeKmsServer};
use datakey_kms::KmsProvider;
use datakey_provider::EncryptionContext;

use crate::kms;

/// An emulator behind its HTTP server, with one key.
#[derive(Debug)]
pub struct Loopback {
    /// The emulator.
    pub fake: FakeKms,
    /// Its server.
    pub server: FakeKmsServer,
    /// The ARN of its key.
    pub arn: Arc<str>,
}

impl Loopback {
    /// Starts one.
    ///
    /// # Panics
    /// When there is no port on loopback.
    pub async fn start() -> Self {
        let fake = fake();
        let server = FakeKmsServer::start(fake.clone()).await.expect("loopback");
        let arn = fake.create_key().expect("no fault is set");
        Self { fake, server, arn }
    }

    /// A provider of the real AWS client for its key.
    ///
    /// # Panics
    /// Never; the ARN is well-formed.
    #[must_use]
    pub fn provider(&self) -> KmsProvider {
        KmsProvider::from_client(&kms::client(&self.server.url()))
            .key(&*self.arn)
            .build()
            .expect("well-formed")
    }
}

/// An emulator in the region of [`kms::client`].
///
/// # Panics
/// Never; the region is well-formed.
#[must_use]
pub fn fake() -> FakeKms {
    FakeKms::builder()
        .region(kms::REGION)
        .build()
        .expect("well-formed")
}

/// A provider of a key of a new emulator, in the process.
///
/// # Panics
/// Never; no fault is set.
#[must_use]
pub fn in_process() -> FakeKmsProvider {
    let fake = fake();
    fake.provider(&fake.create_key().expect("no fault is set"))
}

/// A context of some pairs.
///
/// # Panics
/// When they are no context.
#[must_use]
pub fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    EncryptionContext::new(pairs.iter().copied()).expect("a valid context")
}

/// `tenant=acme, purpose=orders`.
#[must_use]
pub fn orders() -> EncryptionContext {
    context(&[("tenant", "acme"), ("purpose", "orders")])
}

/// Bytes that tell their own place.
#[must_use]
pub fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at ^ (at >> 8)).to_le_bytes()[0]).collect()
}
