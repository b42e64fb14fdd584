//! What happens to keys: disabled, deleted, rotated, renamed, replicated.
//!
//! A service lives longer than its idea of its key. Each of these is done by the test's own hand, at once, and each says something
//! that a test without it leaves open.
//!
//! # Disabled
//!
//! The way in which a key is taken from a service: by an operator, in an incident. Calls fail from then on, and what is cached goes on;
//! whether that is meant is what the test should say.
//!
//! ```
//! use datakey_fake_kms::FakeKms;
//! use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, SealingProvider as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! let provider = fake.provider(&key);
//! let context = EncryptionContext::empty();
//! let made = provider.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! fake.disable_key(&key)?;
//! let refused = provider.decrypt(&context, made.wrapped_keys().first()).await.unwrap_err();
//! assert_eq!((refused.class(), refused.is_retryable()), (ErrorClass::UnavailableKey, false));
//! fake.enable_key(&key)?;
//! assert!(provider.decrypt(&context, made.wrapped_keys().first()).await.is_ok()); // nothing is lost
//! # Ok(()) }
//! ```
//!
//! # Deleted
//!
//! First scheduled, with 7 to 30 days in which it is unusable and can be kept; then gone, with all that it wrapped. Moving the clock shows
//! the second without waiting:
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, KmsContext, KmsErrorCode};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const DAY: Duration = Duration::from_secs(86_400);
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! let made = fake.encrypt(&key, &KmsContext::default(), b"x").await?;
//! fake.schedule_key_deletion(&key, 7)?;
//! fake.advance_clock(6 * DAY);
//! let pending = fake.decrypt(None, &KmsContext::default(), &made.ciphertext).await.unwrap_err();
//! assert_eq!(pending.code(), Some(KmsErrorCode::InvalidState));
//! fake.cancel_key_deletion(&key)?; // in time, and disabled
//! fake.enable_key(&key)?;
//! assert!(fake.decrypt(None, &KmsContext::default(), &made.ciphertext).await.is_ok());
//!
//! fake.schedule_key_deletion(&key, 7)?;
//! fake.advance_clock(7 * DAY);
//! assert!(fake.enable_key(&key).is_err());
//! assert!(fake.decrypt(None, &KmsContext::default(), &made.ciphertext).await.is_err()); // for good
//! # Ok(()) }
//! ```
//!
//! # Rotated
//!
//! New key material under the same ARN; what the old one wrapped still opens. A test that rotates in the middle holds that nobody has
//! bound something to the material, such as by comparing ids:
//!
//! ```
//! use datakey_fake_kms::FakeKms;
//! use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! let (provider, context) = (fake.provider(&key), EncryptionContext::empty());
//! let mut all = Vec::new();
//! for _ in 0..3 {
//!     all.push(provider.generate_data_key(&context, DataKeyLength::Bytes32).await?);
//!     fake.rotate_key(&key)?;
//! }
//! for made in &all {
//!     assert!(provider.decrypt(&context, made.wrapped_keys().first()).await?.ct_eq(made.data_key()));
//! }
//! # Ok(()) }
//! ```
//!
//! # Named otherwise
//!
//! A key goes by its id, its ARN, an alias, or an alias's ARN, and answers always have the ARN. Code that stores the name that it asked
//! with, instead of the one that came back, breaks when the alias moves:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsContext};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! fake.create_alias("alias/orders", &key)?;
//! let id = key.rsplit('/').next().unwrap_or_default();
//! for name in [&*key, id, "alias/orders"] {
//!     assert_eq!(fake.generate_data_key(name, &KmsContext::default(), 32).await?.key_arn, key);
//! }
//! assert!(fake.generate_data_key("alias/order", &KmsContext::default(), 32).await.is_err());
//! # Ok(()) }
//! ```
//!
//! # In several Regions
//!
//! Only multi-Region keys are. A replica has another ARN and the same material, a state of its own, and is called in its own Region:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FaultRule, KmsContext, KmsErrorCode, NewKey};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let near = FakeKms::builder().region("eu-central-1").build()?;
//! let far = near.in_region("eu-west-1")?;
//! let primary = near.create_key_with(&NewKey::new().multi_region())?;
//! let replica = near.replicate_key(&primary, "eu-west-1")?;
//! let made = near.generate_data_key(&primary, &KmsContext::default(), 32).await?;
//!
//! near.inject(FaultRule::new(KmsErrorCode::Internal)); // the near Region is down
//! assert!(near.decrypt(Some(&primary), &KmsContext::default(), &made.ciphertext).await.is_err());
//! let opened = far.decrypt(Some(&replica), &KmsContext::default(), &made.ciphertext).await?;
//! assert_eq!(opened.plaintext, made.plaintext);
//!
//! // A key of one Region is nothing to the other.
//! let single = far.create_key()?;
//! near.clear_faults();
//! assert!(near.encrypt(&single, &KmsContext::default(), b"x").await.is_err());
//! # Ok(()) }
//! ```
//!
//! # What changes take effect
//!
//! All of them at once. Those of KMS take up to some minutes to reach everywhere, which nothing here plays: code that relies on a change
//! being seen at once passes here and fails there.
