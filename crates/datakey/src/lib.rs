//! Envelope encryption for Rust services on AWS KMS that does not get throttled.
//!
//! A service that makes a KMS call for each message meets the KMS request quota, and KMS answers `ThrottlingException`.
//! This crate seals many messages under one *data key*, asks KMS for a new one when age, number of messages or bytes say
//! so, and retries the few calls that remain. It puts the workspace's layers together:
//!
//! ```text
//! Sealer / Opener  ->  Keyring (cache)  ->  Retry (backoff, budget, rate)  ->  KmsProvider  ->  AWS KMS
//! ```
//!
//! # Thirty lines that work
//!
//! Against the KMS emulator of the feature `fake-kms`, so that it runs anywhere; with KMS, `KmsProvider::from_env()`
//! takes its place and the rest stays.
//!
//! ```
//! # #[cfg(feature = "fake-kms")] {
//! use datakey::{Aad, EncryptionContext, OpenError, Opener, Sealer, fake_kms::FakeKms};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let kms = fake.provider(&fake.create_key()?);
//!
//! // What a data key is for. Few values: it is cached per encryption context.
//! let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//!
//! // The shop needs only GenerateDataKey.
//! let sealer = Sealer::new(kms.clone());
//! let mut posted = Vec::new();
//! for number in 1..=1_000_u32 {
//!     let order = format!("order {number}");
//!     // The order's number is bound to its message, but neither stored in it nor sent to KMS.
//!     posted.push(sealer.seal(&context, order.as_bytes(), Aad::new(&number.to_be_bytes())).await?);
//! }
//!
//! // Accounting needs only Decrypt, and says what it expects.
//! let opener = Opener::new(kms);
//! let opened = opener.open(&context, &posted[16], Aad::new(&17_u32.to_be_bytes())).await?;
//! assert_eq!(opened, b"order 17");
//!
//! // Another order number, another message: refused.
//! let swapped = opener.open(&context, &posted[16], Aad::new(&18_u32.to_be_bytes())).await;
//! assert!(matches!(swapped, Err(OpenError::NotAuthentic)));
//!
//! // A thousand orders, one call to seal and one to open.
//! assert_eq!(fake.ledger().calls(), 2);
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! # }
//! ```
//!
//! A process that seals and opens makes both at once, with one quota and one budget: [`both`]. Over several Regions, [`several`]
//! makes one provider of theirs.
//!
//! # Messages of the AWS Encryption SDK
//!
//! With the feature `esdk` the same `Sealer` writes messages that every AWS Encryption SDK opens, in Java, Python, JavaScript, C,
//! .NET, Go and Rust, and the same `Opener` opens theirs, recognised by their first bytes. The cache of data keys, retry and streams
//! are the same.
//!
//! ```
//! # #[cfg(all(feature = "esdk", feature = "fake-kms"))] {
//! use datakey::{Aad, EncryptionContext, Opener, Sealer, esdk::{Params, Suite}, fake_kms::FakeKms};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let kms = fake.provider(&fake.create_key()?);
//! let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//!
//! let params = Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey);
//! let sealer = Sealer::builder(kms.clone()).format(params).build()?;
//! let opener = Opener::new(kms);
//! for number in 1..=1_000_u32 {
//!     // This format has no associated data: the order's number stands in the order.
//!     let order = format!("order {number}");
//!     let message = sealer.seal(&context, order.as_bytes(), Aad::EMPTY).await?;
//!     assert_eq!(opener.open(&context, &message, Aad::EMPTY).await?, order.as_bytes());
//! }
//! assert_eq!(fake.ledger().calls(), 2);
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! # }
//! ```
//!
//! # Defaults
//!
//! | what | default | change it with |
//! |---|---|---|
//! | format | datakey's own | [`SealerBuilder::format`] |
//! | suite | ChaCha20-Poly1305 + HKDF-SHA-256 | [`SealerBuilder::suite`] |
//! | cache of sealing keys | see [`keyring::SealingLimits`] | [`SealerBuilder::limits`], `without_cache` |
//! | cache of opening keys | see [`keyring::OpeningLimits`] | [`OpenerBuilder::limits`], `without_cache` |
//! | retry | see [`retry::defaults`] | `retry`, `without_retry` |
//! | time for one load of a data key | the retry policy's deadline and a second | `load_timeout` |
//! | ciphers | aws-lc-rs (feature `aws-lc`), else pure Rust; the messages are the same | features |
//!
//! The ciphers in pure Rust are hundreds of times slower without optimisation: see
//! [`envelope`](datakey_envelope#features) for the lines that have cargo optimise them in debug builds.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `kms` | yes | [`kms`]: AWS KMS, with the SDK's HTTPS client |
//! | `kms-without-http` | with `kms` | the same for clients that bring an HTTP client: without TLS, if they need none |
//! | `aws-config` | yes | `KmsProvider::from_env` |
//! | `aws-lc` | yes | ciphers of aws-lc-rs, which the AWS SDK links anyway |
//! | `locked-memory` | no | locks cached keys into memory: best effort, see [`keyring::SealingStats::locked_bytes`] |
//! | `metrics` | no | `Publisher`: keyrings, calls, retries, rates and breakers through the `metrics` facade |
//! | `tracing` | no | spans of loads, events of retry, with operation and key, in the span of the caller; and what keyrings tell no caller |
//! | `esdk` | no | `esdk`: messages of the AWS Encryption SDK, written and read beside those of the native format |
//! | `esdk-raw-rsa` | no | the raw RSA keyring in `esdk`: who seals has the public key only. Needs a C compiler |
//! | `branch-keys` | no | `branch_keys`: data keys wrapped locally under keys that a table keeps, for fleets on one quota |
//! | `dynamodb`, `dynamodb-without-http` | no | that table in DynamoDB, with the SDK's HTTPS client or for clients that bring one |
//! | `local` | no | `local`: wrapping keys in memory or a key file |
//! | `fake-kms`, `fake-kms-http`, `fake-kms-tls` | no | `fake_kms`: the KMS emulator, in process, over HTTP, and over TLS |
//!
//! # What this crate does not do
//!
//! It is no key management service, its own format signs nothing, and it does not hide how long a message is or who it is for:
//! the encryption context is in the clear.
//!
//! # Which call
//!
//! | you have | seal | open |
//! |---|---|---|
//! | one message in memory | [`Sealer::seal`], or [`seal_into`](Sealer::seal_into) a buffer of yours | [`Opener::open`], [`open_into`](Opener::open_into) |
//! | many messages that go their own ways | [`Sealer::seal_many`] | [`Opener::open`] for each |
//! | a batch that stays together | [`Sealer::seal_records`] | [`Opener::open_records`], or one by one with [`record_reader`](Opener::record_reader) |
//! | a file, a socket, what is larger than memory | [`Sealer::writer`] | [`Opener::reader`] |
//! | a part of a stored message | | [`Opener::open_range`] |
//! | a loop that may not wait | [`Sealer::try_seal_into`] | |
//!
//! # One for a process
//!
//! A [`Sealer`] and an [`Opener`] are made once, when a process starts, and cloned to wherever they are used: clones share the cache, the
//! budget and the rate. One that is made for each request has an empty cache each time and makes a call for each message, which is the slip
//! that `KMS call count did not change` most often comes from.
//!
//! # When a process ends
//!
//! `sealer.keyring().shutdown()` and its like of the opener wipe what nobody holds, and refuse what comes afterwards. What is being sealed
//! at that moment is sealed to its end. Dropping the last clone does the same without refusing anybody.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod both;
mod caching;
mod error;
mod fips;
mod format;
#[cfg(feature = "esdk")]
mod formats;
mod header;
mod keys;
mod layers;
mod material;
mod opener;
mod opener_builder;
mod opening;
#[cfg(feature = "esdk")]
mod opening_esdk;
mod parts;
#[cfg(feature = "metrics")]
mod publisher;
mod rewrap;
mod sealer;
mod sealer_builder;
mod several;
mod stream;
mod unsupported;

#[cfg(feature = "branch-keys")]
pub use datakey_branch_keys as branch_keys;
pub use datakey_envelope as envelope;
#[cfg(feature = "esdk")]
pub use datakey_esdk as esdk;
#[cfg(feature = "fake-kms")]
pub use datakey_fake_kms as fake_kms;
pub use datakey_keyring as keyring;
#[cfg(feature = "kms-without-http")]
pub use datakey_kms as kms;
#[cfg(feature = "local")]
pub use datakey_local as local;
pub use datakey_provider as provider;
pub use datakey_retry as retry;

pub use both::{Both, both};
pub use caching::CachingLimits;
#[doc(no_inline)]
pub use datakey_envelope::{Aad, Header, Kind, Params, Suite, is_datakey_message};
#[doc(no_inline)]
pub use datakey_keyring::{ConfigError, KeyringError};
#[doc(no_inline)]
pub use datakey_provider::{ContextError, ContextMismatch, EncryptionContext, ErrorClass, ProviderError};
pub use error::{OpenError, SealError, StreamError};
pub use fips::is_fips;
pub use format::{Format, FormatName};
#[cfg(feature = "esdk")]
pub use formats::Formats;
pub use header::MessageHeader;
pub use keys::{OpeningKey, SealingKey};
pub use material::Envelope;
pub use opener::Opener;
pub use opener_builder::OpenerBuilder;
#[cfg(feature = "metrics")]
pub use publisher::{Publisher, describe_metrics};
pub use rewrap::RewrapError;
pub use sealer::Sealer;
pub use sealer_builder::SealerBuilder;
pub use several::several;
pub use stream::{OpenReader, RecordReader, RecordWriter, SealWriter, SealedHeader};
pub use unsupported::Unsupported;
