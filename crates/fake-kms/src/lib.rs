//! An AWS KMS emulator for tests: real authenticated wrapping, real quotas, scripted faults, and a ledger of calls.
//!
//! Code that talks to KMS is hard to test for what happens in production: the account runs over its request quota, a
//! key gets disabled, an answer never comes. [`FakeKms`] does all of that on demand, on the clock of `tokio::time`,
//! so that a test with a paused clock sees hours of throttling in milliseconds. Afterwards the [`Ledger`] tells which
//! calls were made. It is used in process as a provider ([`FakeKms::provider`]), or over HTTP in the protocol of KMS
//! by any AWS client (feature `http`), in Rust tests or as the command `datakey fake-kms`.
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, Fault, FaultRule, KmsErrorCode, KmsOperation, Latency, Quota};
//! use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider, SealingProvider};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::builder().region("eu-west-1").quota(Quota::per_second(3)).build()?;
//! let key = fake.create_key()?;
//! let provider = fake.provider(&key);
//! let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//!
//! // Wrapping is real: another context does not open.
//! let made = provider.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! let wrapped = made.wrapped_keys().first();
//! assert!(provider.decrypt(&context, wrapped).await?.ct_eq(made.data_key()));
//! let refused = provider.decrypt(&EncryptionContext::empty(), wrapped).await.unwrap_err();
//! assert_eq!(refused.class(), ErrorClass::NotAuthentic);
//!
//! // The quota is one for all cryptographic operations, and exact: the fourth call in a second is throttled.
//! let throttled = provider.generate_data_key(&context, DataKeyLength::Bytes32).await.unwrap_err();
//! assert_eq!(throttled.class(), ErrorClass::Throttled);
//! fake.set_quota(Quota::UNLIMITED);
//!
//! // Faults are scripted.
//! fake.inject(FaultRule::new(KmsErrorCode::Internal).on(KmsOperation::Decrypt).times(1));
//! assert_eq!(provider.decrypt(&context, wrapped).await.unwrap_err().class(), ErrorClass::Transient);
//! assert!(provider.decrypt(&context, wrapped).await.is_ok());
//! fake.disable_key(&key)?;
//! assert_eq!(provider.decrypt(&context, wrapped).await.unwrap_err().class(), ErrorClass::UnavailableKey);
//!
//! assert_eq!(fake.ledger().calls_of(KmsOperation::Decrypt), 5);
//! assert_eq!(fake.ledger().throttled(), 1);
//! # Ok(()) }
//! # let mut task = std::pin::pin!(run());
//! # let waker = std::task::Waker::noop();
//! # assert!(matches!(task.as_mut().poll(&mut std::task::Context::from_waker(waker)), std::task::Poll::Ready(Ok(()))));
//! # use std::future::Future as _;
//! ```
//!
//! # Defaults
//!
//! | what | default | why |
//! |---|---|---|
//! | Region, account | [`DEFAULT_REGION`], [`DEFAULT_ACCOUNT`] | those of the examples in the AWS documentation |
//! | [`Quota`] | unlimited | a test sets the one that it is about |
//! | [`Latency`] | none | likewise |
//! | seed of latencies and faults | 0 | the same test run twice is the same |
//! | calls that the ledger keeps in full | [`DEFAULT_LEDGER_CAPACITY`] | bounded memory; counters go on |
//! | clock at the start | 2026-01-01T00:00:00Z | answers with dates are the same in each run |
//!
//! # What is as in KMS
//!
//! Key ids, ARNs and aliases; key states; key material that rotates, on demand and by the calendar, while old ciphertexts
//! still decrypt; multi-Region keys; ciphertexts that name their key and are 152 bytes longer than the plaintext (184 for
//! a data key); encryption contexts that must be equal pair by pair; limits of lengths and numbers; who is let do what
//! by key policies, policies of principals ([`Principal`]) and grants; which operations share a request quota
//! ([`Quota::of_kms`]); error codes, HTTP statuses, messages, and which error comes before which.
//!
//! # Regions
//!
//! A fake is one account. [`FakeKms::in_region`] is a handle on it in another Region, with keys, quotas, latency, faults and
//! ledger of its own. Give each Region a server of its own, or one server all Regions
//! (`FakeKmsServerBuilder::regions_by_signature`, feature `http`).
//!
//! # What this crate does not do
//!
//! It protects nothing: keys live in memory, and whoever reaches it may use it unless signatures are checked. It has
//! symmetric encryption keys only: no asymmetric or HMAC keys, no imported key material, no custom key stores, no Nitro
//! enclaves. One fake has one account; principals of others may call, but have no keys. Changes take effect at once,
//! where those of KMS take up to minutes. Of policy conditions it evaluates those on strings, ARNs, booleans and
//! absence; condition keys are the encryption context, the caller's account and ARN, the Region, the kind of key and
//! `kms:ViaService`. It refuses policies with others, as with policy variables, actions that KMS does not have, principals with
//! wildcards, and `Allow` with `NotPrincipal`: what it would decide wrongly is not to pass a test.
//!
//! # Testing with it
//!
//! **A cache.** Count calls: `fake.ledger().calls_of(KmsOperation::GenerateDataKey)`. A thousand messages and one call is what a cache is
//! for, and the only thing that shows it.
//!
//! **Retries.** Give it a [`Quota`], start more callers than it allows on a paused clock, and look at who failed. With a [`FaultRule`] fail
//! the first so many calls, or one in ten by a seed.
//!
//! **Outages.** [`Fault::Hang`] is the one that matters most: a service that is down seldom says so. Disable the key while messages are
//! cached; let it be deleted; move the clock on with [`FakeKms::advance_clock`].
//!
//! **Policies.** Write the key policy and the roles' policies as they will stand in production, add a [`Principal`] for each role, and let
//! each try what the other may do.
//!
//! **Programs in other languages.** The server speaks the protocol of KMS; faults, ledger, clock and metrics have paths of their own, each
//! of which is off unless it is named.
//!
//! # Time
//!
//! All of it goes by `tokio::time`: a fake that is made on a paused clock lives by that. In process nothing else is asked of a runtime, and
//! a fake without latency needs none. Two clocks are apart: quotas and faults go by the time that passed, keys by a clock that [can be
//! moved](FakeKms::advance_clock).
//!
//! # Threads and forks
//!
//! A [`FakeKms`] is shared by any number of threads and runtimes; what one of them does is seen by all. A forked process has a copy of it,
//! which knows nothing of the other.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "some operations are reached over HTTP only")
)]

mod access;
mod admission;
mod arn;
mod asked;
mod builder;
mod calls;
mod clock;
mod context;
mod engine;
mod error;
mod fake;
mod fault;
mod fault_text;
#[cfg(any(doc, doctest))]
pub mod guide;
mod hex;
#[cfg(feature = "http")]
mod http;
mod lacking;
mod latency;
mod ledger;
mod limiter;
mod locks;
mod operation;
mod parse;
mod plaintext;
mod provider;
mod quota;
#[cfg(feature = "http")]
mod state;
#[cfg(feature = "http")]
mod state_lock;
mod times;
mod world;

pub use access::{PolicyError, Principal, PrincipalError};
pub use builder::{
    BuildError, DEFAULT_ACCOUNT, DEFAULT_LEDGER_CAPACITY, DEFAULT_REGION, DEFAULT_UNIX_TIME, FakeKmsBuilder,
};
pub use context::{KmsContext, MAX_KMS_CONTEXT_LEN};
pub use engine::{
    Ciphertext, DataKeyPair, Decrypted, KeyMetadata, KeyState, MAX_CIPHERTEXT_LEN, MAX_PLAINTEXT_LEN,
    MAX_RANDOM_LEN, MultiRegion, NewKey, ReEncrypted,
};
pub use error::{CallError, KmsError, KmsErrorCode};
pub use fake::{FakeKms, NoSuchPrincipal, NoSuchRegion};
pub use fault::{Fault, FaultId, FaultRule};
#[cfg(feature = "http")]
pub use http::{FakeKmsServer, FakeKmsServerBuilder, MAX_BODY_LEN, MAX_CONNECTIONS, SHUTDOWN_GRACE};
#[cfg(feature = "tls")]
pub use http::{TlsError, TlsIdentity};
pub use latency::Latency;
pub use ledger::{Ledger, LedgerEntry, Outcome};
pub use operation::KmsOperation;
pub use parse::ParseError;
pub use plaintext::Plaintext;
pub use provider::{FakeKmsProvider, NotADataKey};
pub use quota::Quota;
#[cfg(feature = "http")]
pub use state::{StateError, StateFile};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
