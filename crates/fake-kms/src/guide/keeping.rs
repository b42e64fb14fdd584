//! Keeping keys: a fake that outlives its process, for development and for tests of restarts.
//!
//! A fake forgets its keys when it ends, and with them what was sealed under them. That is what tests want. A developer's database does
//! not: its rows are still there tomorrow. A [`StateFile`](crate::StateFile) keeps the keys.
//!
//! **It holds key material in the clear.** It is for data that nobody minds losing or showing.
//!
//! # Load, use, save
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsContext, StateFile};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("kms.state");
//! // Monday.
//! let monday = FakeKms::new();
//! let mut file = StateFile::open(&path, &monday)?;
//! monday.create_alias("alias/dev", &monday.create_key()?)?;
//! let row = monday.encrypt("alias/dev", &KmsContext::default(), b"a row").await?;
//! assert!(file.save(&monday)?); // it was written
//! assert!(!file.save(&monday)?); // nothing has changed since
//! drop((file, monday));
//!
//! // Tuesday, another process.
//! let tuesday = FakeKms::new();
//! let _file = StateFile::open(&path, &tuesday)?;
//! let opened = tuesday.decrypt(None, &KmsContext::default(), &row.ciphertext).await?;
//! assert_eq!(opened.plaintext.expose_secret(), b"a row");
//! # Ok(()) }
//! ```
//!
//! # What is in it
//!
//! Keys with all their material, aliases, policies, tags and grants, of all Regions. Not in it: principals, quotas, latency, faults,
//! ledgers, which are a test's and not a service's.
//!
//! # One at a time
//!
//! The file is locked as long as the `StateFile` lives, since two fakes that save would undo each other's changes. The second is refused,
//! and takes nothing. A process that is killed leaves no lock behind.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, StateError, StateFile};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("kms.state");
//! let first = StateFile::open(&path, &FakeKms::new())?;
//! assert!(matches!(StateFile::open(&path, &FakeKms::new()), Err(StateError::InUse { .. })));
//! drop(first);
//! assert!(StateFile::open(&path, &FakeKms::new()).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When to save
//!
//! After each change that matters, or on a timer and at the end: [`save`](crate::StateFile::save) writes only what differs from what was
//! last written, and replaces the file as a whole, so a process that is killed meanwhile leaves the old one. What was wrapped under a key
//! that was never saved is lost with the process.
//!
//! # What it refuses
//!
//! Another file, a damaged one, and the state of another account, whose ARNs would be others. Nothing is loaded then, and the file is
//! left as it is:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, StateError, StateFile};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("kms.state");
//! std::fs::write(&path, "a shopping list\n")?;
//! assert!(matches!(StateFile::open(&path, &FakeKms::new()), Err(StateError::NotState { .. })));
//! assert_eq!(std::fs::read_to_string(&path)?, "a shopping list\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
