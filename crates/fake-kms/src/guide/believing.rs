//! How far a test against a fake says something about KMS.
//!
//! A fake that is kinder than the service makes tests that pass and services that fail. So what it does is what KMS documents or was seen
//! to do, and what it does not do it refuses, rather than to do something like it.
//!
//! # As strict
//!
//! | what | as in KMS |
//! |---|---|
//! | another encryption context, or none | does not decrypt: wrapping is real AES-GCM |
//! | an altered ciphertext, one of another account or key | is refused, by the code that KMS has for it |
//! | lengths: plaintext, context, ids, policies | the limits of KMS |
//! | which error comes first where several would do | the order of KMS |
//! | quotas that operations share | likewise, exact to one call |
//! | rights | key policy, principal's policy, grants, conditions |
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsContext, KmsErrorCode, MAX_PLAINTEXT_LEN};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! let context = KmsContext::default();
//! let most = fake.encrypt(&key, &context, &vec![7; MAX_PLAINTEXT_LEN]).await?;
//! let more = fake.encrypt(&key, &context, &vec![7; MAX_PLAINTEXT_LEN + 1]).await.unwrap_err();
//! assert_eq!(more.code(), Some(KmsErrorCode::Validation));
//! let mut altered = most.ciphertext.to_vec();
//! *altered.last_mut().unwrap() ^= 1;
//! let refused = fake.decrypt(None, &context, &altered).await.unwrap_err();
//! assert_eq!(refused.code(), Some(KmsErrorCode::InvalidCiphertext));
//! # Ok(()) }
//! ```
//!
//! # Kinder
//!
//! - Changes take effect at once, where KMS takes up to minutes: a new alias, grant or policy is there with the next call.
//! - Nothing fails that no rule and no quota makes fail. Production has errors without a reason; add a rule with a small
//!   [probability](crate::FaultRule::with_probability) to a long test.
//! - There is no latency unless one is set.
//! - One account: what an account outside sees, as with a key that is shared with it, is tried through a [`Principal`](crate::Principal) of
//!   that account.
//!
//! # Not there
//!
//! Asymmetric and HMAC keys, imported material, custom key stores, Nitro enclaves. Over HTTP they are answered with
//! `UnknownOperationException` or `UnsupportedOperationException`, and counted in [`Ledger::lacking`](crate::Ledger::lacking): a test of a
//! program that one did not write looks there first.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsOperation};
//!
//! assert_eq!(KmsOperation::from_name("Decrypt"), Some(KmsOperation::Decrypt));
//! assert_eq!(KmsOperation::from_name("Sign"), None); // there is none here
//! assert!(FakeKms::new().ledger().lacking().is_empty());
//! ```
//!
//! # The same test on both
//!
//! Code that takes a provider by its traits runs against the fake and against KMS. Keep one small test that does, on an account of its own:
//! that a data key opens again, that another context does not open it, that a denied role is denied. It says that both still agree.
//!
//! ```
//! use datakey_fake_kms::FakeKms;
//! use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider, SealingProvider};
//!
//! /// With the fake on every change; with a provider of KMS each night.
//! async fn both_agree(provider: &(impl SealingProvider + OpeningProvider)) {
//!     let context = EncryptionContext::new([("tenant", "acme")]).expect("short");
//!     let made = provider.generate_data_key(&context, DataKeyLength::Bytes32).await.expect("a data key");
//!     let wrapped = made.wrapped_keys().first();
//!     assert!(provider.decrypt(&context, wrapped).await.expect("it opens").ct_eq(made.data_key()));
//!     let other = EncryptionContext::new([("tenant", "umbrella")]).expect("short");
//!     assert_eq!(provider.decrypt(&other, wrapped).await.unwrap_err().class(), ErrorClass::NotAuthentic);
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! both_agree(&fake.provider(&fake.create_key()?)).await;
//! # Ok(()) }
//! ```
//!
//! # Never in production
//!
//! Keys live in memory and are lost with it, nothing limits who uses them, and nothing keeps them out of a core dump beyond wiping
//! what is dropped. What was sealed under a fake's key is lost when the fake is.
