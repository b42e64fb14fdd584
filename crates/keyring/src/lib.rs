//! A cache for data keys, so that envelope encryption makes one key service call per key, not one per message.
//!
//! A shop that seals each order under a data key of its own makes one KMS `GenerateDataKey` call per order, and KMS
//! answers `ThrottlingException`. A [`SealingKeyring`] keeps one data key per encryption context and hands it out until it is
//! too old or used up; an [`OpeningKeyring`] keeps the keys that opened messages, so that a thousand messages under one
//! data key are opened with one `Decrypt`. Each needs its half of a provider and no more. They are meant for bulk: they
//! refill before a key runs out, ask once however many callers wait, ride out an outage of the key service on the keys they
//! have, and say in their [statistics](SealingKeyring::stats) why they made each call.
//!
//! # Thirty lines that work
//!
//! ```
//! use datakey_keyring::{KeyringError, MissReason, OpeningKeyring, SealingKeyring, Usage};
//! use datakey_provider::{EncryptionContext, KeyProvider};
//!
//! async fn seal_and_open(provider: impl KeyProvider + Clone + 'static) -> Result<(), KeyringError> {
//!     let sealing = SealingKeyring::new(provider.clone()); // clone a keyring to share it
//!     let opening = OpeningKeyring::new(provider);
//!     let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).expect("valid");
//!
//!     for order in ["three records", "two books"] {
//!         // Reserves one message of so many bytes. Only the first time makes a call.
//!         let key = sealing.key(&context, Usage::message(order.len() as u64)).await?;
//!         let (_secret, _wrapped) = (key.data_key(), key.wrapped_keys()); // seal with these
//!
//!         // Who reads the message has its wrapped keys. Again only the first time makes a call.
//!         let again = opening.key(&context, key.wrapped_keys()).await?;
//!         assert!(again.ct_eq(key.data_key()));
//!     }
//!
//!     let stats = sealing.stats();
//!     assert_eq!((stats.calls_made, stats.calls_avoided), (1, 1));
//!     assert_eq!(stats.misses.of(MissReason::Cold), 1);
//!     sealing.shutdown(); // wipes what nobody holds
//!     opening.shutdown();
//!     Ok(())
//! }
//! # use std::{collections::HashMap, sync::{Arc, Mutex}};
//! # use datakey_provider::*;
//! # type Kept = HashMap<Vec<u8>, (EncryptionContext, Vec<u8>)>;
//! # #[derive(Clone, Default)]
//! # struct Safe(Arc<Mutex<Kept>>);
//! # #[async_trait]
//! # impl SealingProvider for Safe {
//! #     async fn generate_data_key(&self, context: &EncryptionContext, length: DataKeyLength) -> Result<GeneratedDataKey, ProviderError> {
//! #         let data_key = DataKey::try_init(length, getrandom::fill).unwrap();
//! #         let wrapped = self.encrypt(context, &data_key).await?;
//! #         Ok(GeneratedDataKey::new(data_key, wrapped))
//! #     }
//! #     async fn encrypt(&self, context: &EncryptionContext, key: &DataKey) -> Result<WrappedKeys, ProviderError> {
//! #         let mut ticket = vec![0; 32];
//! #         getrandom::fill(&mut ticket).unwrap();
//! #         self.0.lock().unwrap().insert(ticket.clone(), (context.clone(), key.expose_secret().to_vec()));
//! #         Ok(WrappedKey::new("safe:1", ticket).unwrap().into())
//! #     }
//! # }
//! # #[async_trait]
//! # impl OpeningProvider for Safe {
//! #     fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
//! #         (wrapped.key_id() == "safe:1").then_some(Rank::LOCAL)
//! #     }
//! #     async fn decrypt(&self, context: &EncryptionContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
//! #         if self.rank(wrapped).is_none() {
//! #             return Err(ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt).unsent());
//! #         }
//! #         match self.0.lock().unwrap().get(wrapped.blob()) {
//! #             Some((bound, key)) if bound == context => Ok(DataKey::from_slice(key).unwrap()),
//! #             _ => Err(ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt)),
//! #         }
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! #     conformance::check(&Safe::default()).await.unwrap();
//! #     seal_and_open(Safe::default()).await.unwrap();
//! # }
//! ```
//!
//! # Defaults
//!
//! | what | default | constant | AWS Encryption SDK, data key caching |
//! |---|---|---|---|
//! | age at which a sealing key is replaced | 5 minutes | [`DEFAULT_SOFT_AGE`] | maximum age (required there): the age of replacement |
//! | age past which it is never used | 15 minutes | [`DEFAULT_HARD_AGE`] | maximum age: the age of last use. Set soft and hard alike for their meaning |
//! | messages under one sealing key | 2^24 | [`DEFAULT_MAX_MESSAGES`] | maximum messages encrypted (2^32) |
//! | bytes under one sealing key | 2^40 | [`DEFAULT_MAX_BYTES`] | maximum bytes encrypted (2^63 - 1) |
//! | contexts with a live sealing key | 1,024 | [`DEFAULT_MAX_CONTEXTS`] | cache capacity (required there), shared with decryption |
//! | time an opening key is kept | 5 minutes | [`DEFAULT_OPENING_TTL`] | maximum age |
//! | opening keys | 8,192 | [`DEFAULT_MAX_OPENING_KEYS`] | cache capacity |
//! | time a refusal is remembered | 30 seconds | [`DEFAULT_REFUSAL_TTL`] | none |
//! | refusals remembered | 1,024 | [`DEFAULT_MAX_REFUSALS`] | none |
//! | loads in flight | 64 | [`DEFAULT_MAX_LOADS`] | none: each caller that misses makes a call |
//! | loads that wait for their turn | 4,096 | [`DEFAULT_MAX_QUEUED`] | none |
//! | time until a message's next wrapped key is tried as well | 1 second | [`DEFAULT_HEDGE_DELAY`] | none: one after the other |
//! | time for a load, retries included | a second more than the provider says that it is patient; 90 seconds where it does not say | [`DEFAULT_LOAD_TIMEOUT`] | none |
//!
//! [`SealingKeyring::uncached`] is what the AWS Encryption SDK calls a null cache. As there, a message of unknown length is
//! sealed under a data key of its own unless the caller gives a bound. The thresholds are described in the AWS
//! Encryption SDK Developer Guide under "Setting cache security thresholds".
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `locked-memory` | keys are locked into memory, so that they are not swapped out: best effort, never an error; `locked_bytes` and `lock_failures` of the statistics say how far it went |
//! | `metrics` | `publish` on the statistics: a snapshot of the statistics through the `metrics` facade, twenty-six names; `KeyringMetrics` publishes those of several keyrings, `describe_metrics` says units and meanings |
//! | `tracing` | events named `datakey.keyring.refresh_failed`, `.revoked`, `.contexts_look_per_record` (warnings) and `.swept` (debug): what no caller is told. They name a context by its keys, and with `tell_context_values` of the builder by its values; and what a load does stands in the span of the caller who began it, and there in one of its own, `datakey.keyring.load`, which says its outcome |
//!
//! # What holds
//!
//! - **Limits.** Usage is reserved before a key is handed out; no number of concurrent callers takes a key past its
//!   limits. A usage larger than a whole key, or of unknown length, gets a data key of its own, and so does one that lost the
//!   keys that it waited for to others again and again.
//! - **One call.** For one context, or one wrapped key, there is one load at a time. All who wait share its key, or its
//!   typed error. Callers come and go, its key stays. A provider that panics is an error for those who wait. A failed load
//!   is never kept as if it were a key.
//! - **Nobody's runtime.** Whoever waits drives the load, and takes it over from a runtime that is not driven, has ended, or
//!   belongs to the process that this one was forked from, within half a second. A load whose turn has not come gives up
//!   its place with the last who wait for it; the queue is bounded, and full it says so at once. See [`datakey_loads`].
//! - **Several wrapped keys.** A message's wrapped keys are tried in the provider's order, the next one when one failed, is slow, or holds
//!   another message's key ([`open_with`](OpeningKeyring::open_with)). Loads under one wrapping key take three quarters of the room at
//!   most: a region which hangs does not keep another from opening.
//! - **Both sides in one process.** An opening keyring that is [primed](SealingKeyring::prime) by a sealing one has its keys without a
//!   call.
//! - **Refresh ahead.** Between 70 and 95 percent of the soft age, at a point drawn for each key, or when less than an
//!   eighth of its messages or bytes are left, a key is replaced in the background while it goes on serving.
//!   An opening key that is in use is unwrapped anew at such a point of its life, too, and dropped when that is denied.
//! - **Outage.** Whatever fails without a [verdict](datakey_provider::ProviderError::verdict) on key or message is an outage, however final
//!   it is for the call: credentials, clocks, proxies, a provider that panics. Past its soft age a key serves only while the provider fails
//!   like that, or has not answered for a second, with pauses of half a second to 30 seconds between attempts, fewer towards the end, and
//!   never past its hard age.
//! - **Verdict.** A context or a message that is refused loses its own key at once; a wrapping key that may not be used any more, every
//!   key under it, whichever load learns it, in all keyrings that [share](Revocations) what they learn.
//! - **Junk.** Only keys that opened enter the opening cache; refusals of messages go to a small memory of their own, outages
//!   do not. Sealing and opening keys never compete for room.
//! - **Invalidation** wins over a load that is under way: its key is dropped, and who waits for it starts over.
//! - **Idle keys** are wiped at their hard age, within about a second, by a task that lives while there are keys, or by
//!   whoever passes by where nobody drives it. What a
//!   thread remembers of the keys that it used last keeps none of them alive.
//! - **Sleep counts.** While a machine is suspended or a function frozen, keys age: by what the wall clock gained on the running
//!   one, looked at at least every 100 ms of running time and never by a hit that needs no look into the store. A key past its
//!   age then is loaded anew, once. A wall clock that is put back changes nothing. See `docs/processes.md`.
//! - **Held keys** are never taken away. The last holder's drop wipes the key.
//!
//! # Pages to read
//!
//! The module `guide` has them: how to size, run, watch and test a cache of data keys, and how to give it a message format.
//!
//! # What this crate does not do
//!
//! It does not retry (`datakey-retry` goes underneath), does not know AWS or any message format, and does not share keys
//! between processes.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
mod error;
#[cfg(any(doc, doctest))]
pub mod guide;
mod kept;
mod material;
mod opening;
mod revocation;
mod sealing;
#[cfg(test)]
mod sizes;
mod sync;
mod watch;

pub use config::{ConfigError, DEFAULT_LOAD_TIMEOUT, DEFAULT_MAX_LOADS, DEFAULT_MAX_QUEUED};
pub use error::{KeyringError, NothingKept};
pub use kept::handle::Held;
pub use material::{DataKeys, Draft, OpeningMaterial, SealingMaterial};
pub use opening::{
    builder::OpeningKeyringBuilder,
    entry::OpeningSnapshot,
    keyring::OpeningKeyring,
    limits::{
        DEFAULT_HEDGE_DELAY, DEFAULT_MAX_OPENING_KEYS, DEFAULT_MAX_REFUSALS, DEFAULT_OPENING_TTL,
        DEFAULT_REFUSAL_TTL, OpeningLimits,
    },
    stats::OpeningStats,
};
pub use revocation::Revocations;
pub use sealing::{
    builder::SealingKeyringBuilder,
    entry::{Explanation, KeyStanding, SealingSnapshot},
    keyring::SealingKeyring,
    limits::{
        DEFAULT_HARD_AGE, DEFAULT_MAX_BYTES, DEFAULT_MAX_CONTEXTS, DEFAULT_MAX_MESSAGES, DEFAULT_SOFT_AGE,
        SealingLimits, Usage,
    },
    stats::SealingStats,
};
pub use watch::miss::{MissReason, Misses, StaleServes};
#[cfg(feature = "metrics")]
pub use watch::{described::describe_metrics, several::KeyringMetrics};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
