//! The words that envelope encryption speaks: who makes data keys, who unwraps them, and how they fail.
//!
//! *Envelope encryption* seals data under a **data key**, and seals the data key itself (*wraps* it) under a key that
//! never leaves a key management service. This crate holds the traits and types which the rest of the workspace, and
//! any provider written elsewhere, agree on. It contains no cipher, no clock and no I/O, and builds without `std`.
//!
//! | item | what it is |
//! |---|---|
//! | [`SealingProvider`] | makes a data key and its wrapped form; wraps a given data key |
//! | [`OpeningProvider`] | unwraps a wrapped key |
//! | [`KeyProvider`] | both halves; implemented for whatever has both |
//! | [`DataKey`], [`DataKeyLength`] | 16, 24 or 32 secret bytes, as asked for; boxed once, wiped when dropped, never printed |
//! | [`WrappedKey`], [`WrappedKeys`] | what is stored beside the data: a key id and an opaque blob, one to 16 of them |
//! | [`EncryptionContext`] | sorted string pairs bound into the wrapped key; validated and digested at construction |
//! | [`ProviderError`], [`ErrorClass`] | what failed, whose fault it is, whether waiting helps |
//! | [`Several`] | one provider generates, the others wrap too; opening uses the first that can |
//! | [`OnlyUnder`] | opens what is under some of a provider's wrapping keys only |
//! | `conformance` (feature `test-util`) | the suite that every provider and every wrapper must pass |
//! | `guide` | pages to read: how providers are written, wrapped, combined and used |
//!
//! The two halves are separate traits so that a service whose role may only seal cannot compile an open:
//!
//! ```compile_fail
//! use datakey_provider::{EncryptionContext, OpeningProvider, SealingProvider, WrappedKey};
//!
//! async fn shop<P: SealingProvider>(provider: P, context: EncryptionContext, wrapped: WrappedKey) {
//!     provider.decrypt(&context, &wrapped).await; // a sealing provider has no `decrypt`
//! }
//! ```
//!
//! # Thirty lines that work
//!
//! A provider that keeps data keys in memory under random tickets, which are its wrapped keys. The last line of the example proves it: the
//! [conformance suite](#what-every-provider-must-pass) tries it with other contexts, altered blobs, foreign key ids, many calls at once.
//!
//! ```
//! use std::{collections::HashMap, sync::Mutex};
//! use datakey_provider::*;
//!
//! /// What each ticket stands for, and the context that it is bound to.
//! #[derive(Default)]
//! struct Safe(Mutex<HashMap<Vec<u8>, (EncryptionContext, Vec<u8>)>>);
//!
//! fn random<T>(made: Result<T, getrandom::Error>, operation: Operation) -> Result<T, ProviderError> {
//!     made.map_err(|error| ProviderError::new(ErrorClass::Internal, operation).with_source(error))
//! }
//!
//! #[async_trait]
//! impl SealingProvider for Safe {
//!     async fn generate_data_key(
//!         &self,
//!         context: &EncryptionContext,
//!         length: DataKeyLength,
//!     ) -> Result<GeneratedDataKey, ProviderError> {
//!         let made = DataKey::try_init(length, getrandom::fill); // written in place, wiped when dropped
//!         let data_key = random(made, Operation::GenerateDataKey)?;
//!         let wrapped = self.encrypt(context, &data_key).await?;
//!         Ok(GeneratedDataKey::new(data_key, wrapped))
//!     }
//!
//!     async fn encrypt(&self, context: &EncryptionContext, key: &DataKey) -> Result<WrappedKeys, ProviderError> {
//!         let mut ticket = vec![0; 32];
//!         random(getrandom::fill(&mut ticket), Operation::Encrypt)?;
//!         let bound = (context.clone(), key.expose_secret().to_vec());
//!         self.0.lock().unwrap().insert(ticket.clone(), bound);
//!         Ok(WrappedKey::new("safe:1", ticket).unwrap().into())
//!     }
//! }
//!
//! #[async_trait]
//! impl OpeningProvider for Safe {
//!     fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
//!         (wrapped.key_id() == "safe:1").then_some(Rank::LOCAL)
//!     }
//!
//!     async fn decrypt(&self, context: &EncryptionContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
//!         let refused = |class| ProviderError::new(class, Operation::Decrypt).with_key_id(wrapped.key_id());
//!         if self.rank(wrapped).is_none() {
//!             return Err(refused(ErrorClass::InvalidRequest).unsent()); // not one of ours: no call
//!         }
//!         match self.0.lock().unwrap().get(wrapped.blob()) {
//!             Some((bound, key)) if bound == context => Ok(DataKey::from_slice(key).unwrap()),
//!             _ => Err(refused(ErrorClass::NotAuthentic)), // altered, or wrapped with another context
//!         }
//!     }
//! }
//!
//! # #[cfg(feature = "test-util")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let safe = Safe::default();
//! let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//! let made = safe.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! let again = safe.decrypt(&context, made.wrapped_keys().first()).await?;
//! assert!(again.ct_eq(made.data_key()));
//!
//! conformance::check(&safe).await?; // in a test of the provider's: the feature `test-util`
//! # Ok(()) }
//! # use std::{future::Future as _, task::{Context, Poll, Waker}};
//! # let mut task = std::pin::pin!(run());
//! # let Poll::Ready(done) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!("nothing here waits") };
//! # done
//! # }
//! # #[cfg(not(feature = "test-util"))]
//! # fn main() {}
//! ```
//!
//! # What every provider must pass
//!
//! `conformance::check`, with the feature `test-util`. It takes whatever is both halves, a wrapper around another provider too, and
//! says which rule is broken and by what:
//!
//! ```toml
//! [dev-dependencies]
//! datakey-provider = { version = "0.1", features = ["test-util"] }
//! ```
//!
//! # Limits
//!
//! | what | limit | why |
//! |---|---|---|
//! | data key | 16, 24 or 32 bytes, as [`SealingProvider::generate_data_key`] is asked | what the ciphers of message formats take |
//! | key id | not empty, UTF-8 without control characters | it is shown in errors and logs |
//! | wrapped keys of one message | one at least, each once | without one there is no way to open it |
//! | keys and values of a context | up to [`MAX_CONTEXT_TEXT_LEN`] bytes each, keys not empty and unique | the encoding has two bytes for a length |
//!
//! How many pairs and wrapped keys there may be, and how long, is not for this vocabulary to say: message formats and services
//! have limits of their own, and refuse what is over them with typed errors, before any call.
//!
//! # What this crate does not do
//!
//! It does not encrypt data (`datakey-envelope`), call AWS (`datakey-kms`), cache (`datakey-keyring`) or retry
//! (`datakey-retry`).
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod class;
mod context;
mod control;
mod data_key;
mod error;
mod forward;
mod only_under;
mod provider;
mod scope;
mod several;
mod traffic;
mod verdict;
mod wrapped_key;

#[cfg(feature = "test-util")]
pub mod conformance;
#[cfg(any(doc, doctest))]
pub mod guide;

pub use async_trait::async_trait;
pub use class::ErrorClass;
pub use context::{ContextError, ContextMismatch, EncryptionContext, MAX_CONTEXT_TEXT_LEN};
pub use control::ControlProvider;
pub use data_key::{DataKey, DataKeyLength, GeneratedDataKey};
pub use error::{Operation, ProviderError};
pub use only_under::OnlyUnder;
pub use provider::{KeyProvider, OpeningProvider, Rank, SealingProvider};
pub use scope::Scope;
pub use several::{NoProviders, Several, SeveralError};
pub use traffic::{NoTraffic, Traffic};
pub use verdict::Verdict;
pub use wrapped_key::{WrappedKey, WrappedKeyError, WrappedKeys, WrappedKeysError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
