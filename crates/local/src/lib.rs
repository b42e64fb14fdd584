//! Wrapping keys held in memory or in a key file: a [`KeyProvider`](datakey_provider::KeyProvider) without any KMS.
//!
//! For development, tests, and small tools that keep their own key. [`LocalKeys`] is the provider; [`KeyFile`] stores
//! it. Nothing here waits: every call of the provider finishes when it is first polled, on any executor.
//!
//! ```
//! use datakey_local::{KeyFile, LocalKeys};
//! use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider, SealingProvider};
//!
//! # async fn run(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
//! let path = folder.join("orders.key");
//! KeyFile::create(&path, LocalKeys::generate("orders-2026")?)?;
//!
//! let keys = KeyFile::open(&path)?.into_keys();
//! let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//! let made = keys.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! let wrapped = made.wrapped_keys().first();
//! assert_eq!(wrapped.key_id(), "local:orders-2026");
//! assert!(keys.decrypt(&context, wrapped).await?.ct_eq(made.data_key()));
//!
//! let other = EncryptionContext::new([("tenant", "other"), ("purpose", "orders")])?;
//! let refused = keys.decrypt(&other, wrapped).await.unwrap_err();
//! assert_eq!(refused.class(), ErrorClass::NotAuthentic);
//!
//! // Rotation: a new key seals, the old one still opens. The new set goes into a new file.
//! let keys = keys.with_generated("orders-2027")?;
//! KeyFile::create(folder.join("orders-2027.key"), keys.clone())?;
//! assert!(keys.decrypt(&context, wrapped).await.is_ok());
//! # Ok(()) }
//! # let folder = std::env::temp_dir().join(format!("datakey-local-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let mut task = std::pin::pin!(run(&folder));
//! # let waker = std::task::Waker::noop();
//! # let std::task::Poll::Ready(done) = task.as_mut().poll(&mut std::task::Context::from_waker(waker)) else { panic!() };
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # done.unwrap();
//! # use std::future::Future as _;
//! ```
//!
//! # The construction
//!
//! A data key is sealed with XChaCha20-Poly1305 (`draft-irtf-cfrg-xchacha-03`) under the active wrapping key with a
//! nonce of 24 random bytes. At that length random nonces do not run out: after 2^64 wraps under one key the chance
//! that any two were equal is below 2^-64. Key id and encryption context are bound as associated data. The blob of a
//! wrapped key is [`BLOB_OVERHEAD`] bytes longer than the data key: a version (one byte, 1), the nonce (24), the sealed key, the
//! tag (16).
//!
//! # Defaults and limits
//!
//! | what | value | why |
//! |---|---|---|
//! | wrapping key | 256 random bits from the operating system | what the cipher takes |
//! | name of a key | 1 to [`MAX_NAME_LEN`] of `a-z A-Z 0-9 . _ -`, the first a letter or digit | it stands in messages, files and logs |
//! | key id | `local:` and the name | tells apart from KMS key ARNs |
//! | keys in a set | 1 to [`MAX_KEYS`] | rotations, not recipients |
//! | key file | at most [`MAX_KEY_FILE_LEN`] bytes, mode 0600 or stricter | nothing larger is a key file |
//!
//! # What this crate does not do
//!
//! It is no KMS: whoever reads the key file or the memory of the process has the wrapping keys, and no record is kept
//! of who used them. It does not protect the file with a passphrase, lock memory, or cache and retry; there is nothing
//! to wait for. On systems other than Unix a key file has the permissions that its folder gives it.
//!
//! # When to use it, and when not
//!
//! | for | use it? |
//! |---|---|
//! | a laptop, a test, a container without a network | yes: it is a real cipher with real binding, and needs nothing |
//! | a tool whose user keeps the key, such as a backup | yes, with a [`KeyFile`] beside the tool's configuration |
//! | a service whose keys a secret store hands out when it starts | yes, with [`LocalKeys::import`]; the store is then the thing that is audited and rotated |
//! | data whose readers must be told apart, revoked, or recorded | no: who has the key reads all of it, unseen and for ever. A KMS is for that |
//! | testing how code bears throttles, outages and denials | no: nothing here fails. The fake KMS is for that |
//!
//! Messages sealed here say so by their key ids. Handing them over to a KMS later is re-wrapping: the data key is unwrapped here and
//! wrapped there, and the message's body stays as it is.
//!
//! # Rotating
//!
//! 1. [`with_generated`](LocalKeys::with_generated) makes a set in which a new key seals and the old ones open.
//! 2. Give it to every reader *before* any writer seals with it: [`with_active`](LocalKeys::with_active) keeps the old key sealing
//!    in the set that is handed out first.
//! 3. When nothing that is kept is under an old key any more, [`without`](LocalKeys::without) takes it out. Nobody can tell that for you:
//!    there is no record of what was sealed.
//!
//! A set of several keys that seals costs the same as a set of one.
//!
//! # Threads, forks and clones
//!
//! A set does not change once it is made, so that threads share it without locks, and a child process has the same. Secrets are on the heap
//! behind an `Arc`, once for all sets that hold them, and are overwritten when the last of these is dropped. A process that is killed does
//! not overwrite anything.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod format;
mod key_file;
mod keys;
mod name;
mod place;
mod wrapping_key;

pub use error::{LocalKeysError, MAX_KEYS};
pub use format::{FormatError, Problem};
pub use key_file::{KeyFile, KeyFileError, MAX_KEY_FILE_LEN};
pub use keys::LocalKeys;
pub use name::{KEY_ID_SCHEME, MAX_NAME_LEN};
pub use wrapping_key::{BLOB_OVERHEAD, BlobError, WRAPPING_KEY_LEN};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
