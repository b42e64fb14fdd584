//! Counting calls: the [`Ledger`](crate::Ledger), which says what was asked, by whom, and how it ended.
//!
//! Of most code around KMS the thing to hold is a number of calls: a cache makes one where there were a thousand, a batch one for each
//! context, a retry as many as its policy says. Results do not show it, since a cache that never hits seals just as well.
//!
//! ```
//! use std::sync::OnceLock;
//! use datakey_fake_kms::{FakeKms, FakeKmsProvider, KmsOperation};
//! use datakey_provider::{DataKeyLength, EncryptionContext, GeneratedDataKey, ProviderError, SealingProvider as _};
//!
//! /// The code under test: meant to ask once.
//! struct Cached {
//!     kms: FakeKmsProvider,
//!     made: OnceLock<GeneratedDataKey>,
//! }
//! impl Cached {
//!     async fn key(&self, context: &EncryptionContext) -> Result<&GeneratedDataKey, ProviderError> {
//!         if let Some(made) = self.made.get() {
//!             return Ok(made);
//!         }
//!         let made = self.kms.generate_data_key(context, DataKeyLength::Bytes32).await?;
//!         Ok(self.made.get_or_init(|| made))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let cached = Cached { kms: fake.provider(&fake.create_key()?), made: OnceLock::new() };
//! for _ in 0..1_000 {
//!     cached.key(&EncryptionContext::empty()).await?;
//! }
//! assert_eq!(fake.ledger().calls_of(KmsOperation::GenerateDataKey), 1);
//! # Ok(()) }
//! ```
//!
//! # What is a call
//!
//! What a client sends: the `async` methods, the provider, a request over HTTP. What the test does by its own hand, such as
//! [`create_key`](crate::FakeKms::create_key) or [`disable_key`](crate::FakeKms::disable_key), is none, takes no quota and meets no fault.
//! Refused calls are calls too, as CloudTrail and the bill have them, and so is one whose caller has stopped waiting:
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, Latency};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::builder().latency(Latency::fixed(Duration::from_secs(60))).build()?;
//! let given_up = tokio::time::timeout(Duration::from_millis(5), fake.generate_random(8)).await;
//! assert!(given_up.is_err());
//! assert_eq!(fake.ledger().successes(), 1); // KMS has done it, and nobody was there for the answer
//! # Ok(()) }
//! ```
//!
//! # Which calls
//!
//! [`entries`](crate::Ledger::entries) has the last calls in full: operation, key, encryption context, caller, time and end. It holds the
//! things that a count does not, such as that a context was sent at all, and which.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsContext};
//! use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let provider = fake.provider(&fake.create_key()?);
//! for tenant in ["acme", "umbrella"] {
//!     let context = EncryptionContext::new([("tenant", tenant)])?;
//!     provider.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! }
//! let contexts: Vec<KmsContext> = fake.ledger().entries().into_iter().map(|call| call.context).collect();
//! assert_eq!(contexts, [KmsContext::new([("tenant", "acme")])?, KmsContext::new([("tenant", "umbrella")])?]);
//! # Ok(()) }
//! ```
//!
//! Entries hold no plaintext and no ciphertext, so they may be printed by a failing test.
//!
//! # After a warm-up
//!
//! [`clear`](crate::Ledger::clear) sets all to zero, so that a test counts what comes after its preparation. It does not wait for calls
//! that are under way: those are recorded as they arrive, so one that arrived before is gone and one that arrives after is there.
//!
//! # How much is kept
//!
//! Counters go on for the life of a fake. Entries are bounded, by [`DEFAULT_LEDGER_CAPACITY`](crate::DEFAULT_LEDGER_CAPACITY) unless
//! [told otherwise](crate::FakeKmsBuilder::ledger_capacity); the oldest go first. A load test has no use for them and keeps none:
//!
//! ```
//! use datakey_fake_kms::FakeKms;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::builder().ledger_capacity(0).build()?;
//! for _ in 0..10_000 {
//!     fake.generate_random(1).await?;
//! }
//! assert_eq!((fake.ledger().calls(), fake.ledger().entries().len()), (10_000, 0));
//! # Ok(()) }
//! ```
//!
//! # Each Region its own
//!
//! A handle from [`in_region`](crate::FakeKms::in_region) has the ledger of that Region. A test of a failover looks at both: that the far
//! one was asked, and that the near one was asked first and no longer than it should be.
