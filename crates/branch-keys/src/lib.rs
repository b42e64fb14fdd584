//! Branch keys: data keys that are wrapped locally, under keys that a table keeps and AWS KMS wraps, for fleets on one quota.
//!
//! A cache of data keys has a fan-out: each writer makes data keys of its own, and each reader has each of them opened. A thousand
//! hosts that seal under ten contexts leave ten thousand data keys every five minutes, and every reader of them calls KMS ten thousand
//! times. A *branch key* is between KMS and the data keys. It lives in a table, wrapped by KMS; each host fetches it once in an hour,
//! with one read and one `Decrypt`, and wraps any number of data keys under it by itself. Every reader opens all of them with one
//! `Decrypt` an hour, and whoever may not reuse data keys has one for each message.
//!
//! It is the hierarchical keyring of the AWS Encryption SDK, hierarchy version 1: the table and the wrapped data keys are those of the
//! AWS libraries, which read what is written here, and are read here. In it, three kinds of code are apart: [`SealingBranchKeys`] and
//! [`OpeningBranchKeys`], which are the halves of a provider, take `dynamodb:GetItem` and `kms:Decrypt`; [`BranchKeyAdmin`] creates
//! and rotates.
//!
//! # Thirty lines that work
//!
//! ```
//! use datakey_branch_keys::{BranchKeyAdmin, BranchKeyId, BranchKeys, MemoryStore, NewBranchKey};
//! use datakey_local::LocalKeys;
//! use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! // With AWS: a KmsProvider, and a DynamoDbStore (feature `dynamodb`).
//! let kms = LocalKeys::generate("orders")?;
//! let store = MemoryStore::new("branch-keys");
//!
//! // The operator's tool, once for each tenant.
//! let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
//! let id: BranchKeyId = "tenant-acme".parse()?;
//! admin.create(&NewBranchKey::with_id(id.clone()).context([("tenant", "acme")])).await?;
//!
//! // Each host.
//! let keys = BranchKeys::builder(store, kms)
//!     .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
//!     .build()?;
//! let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//! let made = keys.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! let opened = keys.decrypt(&context, made.wrapped_keys().first()).await?;
//! assert!(opened.ct_eq(made.data_key()));
//!
//! // A thousand data keys, each with its own bytes: the branch key was fetched once.
//! for _ in 0..1_000 {
//!     let _its_own = keys.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! }
//! assert_eq!(keys.sealing().stats().calls_made, 1);
//!
//! // A new version seals from now on (elsewhere within the hour), and the old one goes on opening.
//! admin.rotate(&id).await?;
//! keys.sealing().invalidate(&id);
//! let next = keys.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! keys.decrypt(&context, next.wrapped_keys().first()).await?;
//! keys.decrypt(&context, made.wrapped_keys().first()).await?;
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # What holds
//!
//! - **Caching** is that of `datakey-keyring`: one load however many callers wait, refresh ahead of the [soft age](BranchKeyLimits), and
//!   while the store or KMS throttles or is down a branch key goes on sealing and opening until its hard age, and never after a denial.
//!   A version that was rotated away opens as before. Statistics and [`explain`](SealingBranchKeys::explain) say why calls were made.
//! - **Retries**, with budget, rate and breaker, are around each of store and KMS by itself: what is throttled in DynamoDB waits for
//!   DynamoDB. Layers above need none, and the facade is built `without_retry` over branch keys.
//! - **Nothing of a table is trusted.** KMS binds every attribute and the logical name of the table to each key. A wrapped data key
//!   that names another branch key than is configured or chosen for its encryption context is refused without a call.
//! - **Rotation** is one atomic write over what was read: of two at once, one makes a version. Each version that was reported made is in
//!   the table. Creating and rotating may be called again after a failure without an answer, and find what they wrote.
//! - **Hierarchy version 2** is recognised and refused ([`ItemError::HierarchyVersion`]).
//!
//! # How a data key is wrapped
//!
//! ```text
//! key id     = "branch-key:" | branch key id          (in messages of the AWS Encryption SDK: provider id aws-kms-hierarchy)
//! blob       = salt (16) | IV (12) | version (16) | AES-256-GCM(data key) | tag (16)
//! its key    = HMAC-SHA-256(branch key, 00000001 | "aws-kms-hierarchy" | 00 | salt | 00000100)
//! its AAD    = "aws-kms-hierarchy" | branch key id | version | encryption context
//! ```
//!
//! The encryption context is the number of its pairs in two bytes and their encoding, or nothing where there are none. Salt and IV are
//! random for each data key.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `dynamodb` | `DynamoDbStore`, for clients and configurations that bring an HTTP client |
//! | `dynamodb-https` | the same with the SDK's HTTPS client |
//! | `metrics` | `BranchKeysBuilder::metrics`: what the keyrings and the retries of store and KMS do, through the `metrics` facade |
//! | `tracing` | a span for each load, `datakey.branch_key.load`, with its outcome, and what keyrings and retries tell. Neither names a branch key, unless [`tell_branch_key_ids`](BranchKeysBuilder::tell_branch_key_ids) says so |
//!
//! # What this crate does not do
//!
//! It makes no tables and no KMS keys, changes no KMS key of a branch key, and has no use for beacon keys but to make them.
//!
//! Sources: "AWS KMS Hierarchical Keyring" (0.2.0) and "Branch Key Store" (0.9.0) in the specification of the AWS Encryption SDK.
//!
//! # Who does what
//!
//! | program | has | its role needs |
//! |---|---|---|
//! | a service that seals | [`SealingBranchKeys`] | `dynamodb:GetItem` on the table, `kms:Decrypt` on the KMS key |
//! | a service that opens | [`OpeningBranchKeys`] | the same |
//! | an operator's tool, a scheduled job | [`BranchKeyAdmin`] | `dynamodb:GetItem`, `PutItem`, `Query`; `kms:GenerateDataKeyWithoutPlaintext`, `ReEncryptFrom`, `ReEncryptTo` |
//!
//! A service that may read a branch key can both seal and open under it, as the key is symmetric: what keeps a sealing service from opening
//! is that its program has nothing to open with. Tenants are kept apart by branch keys of their own, and by conditions of the KMS key's
//! policy on `kms:EncryptionContext:branch-key-id`.
//!
//! # When and when not
//!
//! A cache of data keys alone is simpler, and enough where data keys of all writers, times readers, over five minutes, are far below the
//! quota. Branch keys are for fleets, for archives that are read back in bulk, and for those who may not reuse data keys. Their price is
//! what one of them is: whoever learns a branch key reads everything that was sealed under that version, and what a host has in its cache
//! lasts for an hour. `datakey plan` computes which way fits a fleet.
//!
//! # A tenant that leaves
//!
//! Deleting the items of a branch key ends what was sealed under it, for everybody, when caches have aged and backups are gone. It is the
//! one thing that cannot be undone here.
//!
//! # Testing
//!
//! Everything but the network is the same over a [`MemoryStore`] and keys in memory, as in all examples here: what is in the table, what is
//! refused, what is asked how often. An outage is a store of one's own that fails:
//!
//! ```
//! use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
//! use datakey_branch_keys::{BranchKeyAdmin, BranchKeyId, BranchKeys, Item, ItemKind, MemoryStore, NewBranchKey, ReadingStore};
//! use datakey_provider::*;
//! # use datakey_local::LocalKeys;
//!
//! /// A table that can be switched off.
//! struct Switched { table: MemoryStore, is_down: Arc<AtomicBool> }
//!
//! #[async_trait]
//! impl ReadingStore for Switched {
//!     async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
//!         if self.is_down.load(Ordering::Relaxed) {
//!             return Err(ProviderError::new(ErrorClass::Transient, Operation::GetItem));
//!         }
//!         self.table.get(id, kind).await
//!     }
//!     fn logical_name(&self) -> &str {
//!         self.table.logical_name()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (kms, table) = (LocalKeys::generate("orders")?, MemoryStore::new("branch-keys"));
//! # let admin = BranchKeyAdmin::new(table.clone(), kms.clone(), kms.active_key_id());
//! # let id = admin.create(&NewBranchKey::new()).await?.into_description().id;
//! let is_down = Arc::new(AtomicBool::new(false));
//! let store = Switched { table, is_down: Arc::clone(&is_down) };
//! let keys = BranchKeys::builder(store, kms).branch_key(id).without_retry().build()?;
//! let (context, length) = (EncryptionContext::empty(), DataKeyLength::Bytes32);
//! keys.generate_data_key(&context, length).await?;
//!
//! is_down.store(true, Ordering::Relaxed);
//! tokio::time::advance(std::time::Duration::from_secs(90 * 60)).await; // past the soft age of an hour
//! keys.generate_data_key(&context, length).await?; // what is kept goes on
//! tokio::time::advance(std::time::Duration::from_secs(40 * 60)).await; // past the hard age of two
//! assert!(keys.generate_data_key(&context, length).await.is_err());
//! is_down.store(false, Ordering::Relaxed);
//! tokio::time::advance(std::time::Duration::from_secs(60)).await;
//! keys.generate_data_key(&context, length).await?; // and it is back with the table
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admin;
mod admin_error;
mod both;
mod builder;
mod choice;
mod description;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod failed;
mod found_under;
mod id;
mod item;
mod limits;
mod loader;
mod material;
mod opening;
mod primitives;
mod retried;
mod sealing;
#[cfg(feature = "tracing")]
mod span;
mod store;
mod times;
mod wrap;

pub use admin::BranchKeyAdmin;
pub use admin_error::AdminError;
pub use both::BranchKeys;
pub use builder::{BranchKeysBuilder, BuildError};
pub use choice::NoBranchKey;
pub use description::{Created, Description, NewBranchKey, Rotated};
#[cfg(feature = "dynamodb")]
pub use dynamodb::{DynamoDbFailure, DynamoDbStore, class_of_code};
pub use id::{
    BranchKeyId, BranchKeyIdError, BranchKeyVersion, KEY_ID_SCHEME, MAX_BRANCH_KEY_ID_LEN, NotAVersion,
};
pub use item::{Item, ItemError, ItemKind};
pub use limits::{BranchKeyLimits, DEFAULT_HARD_AGE, DEFAULT_MAX_KEYS, DEFAULT_SOFT_AGE};
pub use loader::BranchKeyFault;
pub use opening::OpeningBranchKeys;
pub use primitives::is_fips;
pub use retried::RetryingStore;
pub use sealing::SealingBranchKeys;
pub use store::{MemoryStore, ReadingStore, Store, Written};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
