//! A program that asks for the module, and does not link it.
#![cfg(not(feature = "module"))]
use datakey::{Aad, ConfigError, EncryptionContext, Opener, Sealer, Suite, fake_kms::FakeKms};

#[tokio::test(start_paused = true)]
async fn nothing_is_built_sealed_or_opened_by_another_library() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    assert!(!datakey::is_fips());
    let sealer = Sealer::builder(fake.provider(&key))
        .suite(Suite::Aes256Gcm)
        .build();
    assert!(matches!(sealer, Err(ConfigError::NotApproved(why)) if why.contains("aws-lc-rs")));
    let opener = Opener::builder(fake.provider(&key)).build();
    assert!(matches!(opener, Err(ConfigError::NotApproved(_))));
    let sealed = Sealer::new(fake.provider(&key))
        .seal(&EncryptionContext::empty(), b"one order", Aad::EMPTY)
        .await;
    assert!(format!("{:?}", sealed.unwrap_err()).contains("NotApproved"));
    assert_eq!(fake.ledger().calls(), 0);
}
