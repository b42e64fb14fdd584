//! Over the quota: what KMS refuses, and what the code under test makes of it.
//!
//! KMS counts all symmetric cryptographic operations of an account and Region together. So a job that encrypts throttles a service that
//! decrypts, which no test of either alone shows.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsContext, KmsErrorCode, Quota};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let (orders, reports) = (fake.create_key()?, fake.create_key()?);
//! let made = fake.generate_data_key(&orders, &KmsContext::default(), 32).await?;
//! fake.set_quota(Quota::token_bucket(1, 100));
//! for _ in 0..100 {
//!     fake.encrypt(&reports, &KmsContext::default(), b"a line of a report").await?;
//! }
//! let refused = fake.decrypt(None, &KmsContext::default(), &made.ciphertext).await.unwrap_err();
//! assert_eq!(refused.code(), Some(KmsErrorCode::Throttling)); // another key and another operation
//! # Ok(()) }
//! ```
//!
//! # A window or a bucket
//!
//! | | [`per_second`](crate::Quota::per_second) | [`token_bucket`](crate::Quota::token_bucket) |
//! |---|---|---|
//! | counts | calls in each second since the fake began | tokens, which come back evenly |
//! | at once | the whole second's | `burst` |
//! | for | what KMS documents: so many a second | tests that do not care for the edge of a second |
//!
//! Both are exact to one call. A window's edge is at whole seconds after the fake began (not after the quota was set), so a test on a
//! clock that runs may have two windows in a few milliseconds. With a paused clock, or a bucket that gains little, it does not.
//! [`set_quota`](crate::FakeKms::set_quota) begins with an empty window or a full bucket.
//!
//! # None at all
//!
//! A quota of nothing is the shortest way to a service that is throttled for good: every call is refused until the quota is changed.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, Quota};
//! use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, SealingProvider as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::builder().quota(Quota::per_second(0)).build()?;
//! let provider = fake.provider(&fake.create_key()?);
//! let context = EncryptionContext::empty();
//! let refused = provider.generate_data_key(&context, DataKeyLength::Bytes32).await.unwrap_err();
//! assert!(refused.class() == ErrorClass::Throttled && refused.is_retryable());
//! fake.set_quota(Quota::UNLIMITED); // relief
//! assert!(provider.generate_data_key(&context, DataKeyLength::Bytes32).await.is_ok());
//! # Ok(()) }
//! ```
//!
//! # Those of one operation
//!
//! Operations that manage keys have quotas of their own, and small ones: 5 `CreateKey` a second. A tool that makes a key for each tenant
//! meets it on its first day. [`kms_quotas`](crate::FakeKmsBuilder::kms_quotas) has all of them as KMS gives them to a new account, and
//! [`set_operation_quota`](crate::FakeKms::set_operation_quota) one:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsErrorCode, KmsOperation, Quota};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! fake.set_operation_quota(KmsOperation::DescribeKey, Quota::token_bucket(1, 2));
//! let mut refused = 0;
//! for _ in 0..10 {
//!     refused += u32::from(fake.describe_key(&key).await.is_err_and(|error| error.code() == Some(KmsErrorCode::Throttling)));
//! }
//! assert!(refused >= 7);
//! assert!(fake.generate_random(8).await.is_ok()); // which is counted apart
//! # Ok(()) }
//! ```
//!
//! For a cryptographic operation it is a bound on top of the one that all share: a call that its own quota refuses takes nothing of the
//! shared one.
//!
//! # Refused without a quota
//!
//! To have just the third call throttled, use a [`FaultRule`](crate::FaultRule) with
//! [`KmsErrorCode::Throttling`](crate::KmsErrorCode::Throttling). Both look the same to a client. The quota is asked first, so a call that
//! it refuses uses up no rule.
//!
//! # What is throttled is not done
//!
//! A refused call changes nothing and does not count against the quota, as with KMS: a client that hammers gets through as soon as one
//! that waits. That it costs others is seen in the ledger: calls refused beside calls answered.
