//! Runtimes, threads, sleep, forks, and the end of a process.
//!
//! # Runtimes
//!
//! A keyring belongs to none. A load is a future that is polled by whoever waits for it, on the runtime where they are, and by a task of
//! the runtime where it began. It may be used from several runtimes at once, from a test suite with one for each test, and from a runtime
//! that ends before the keyring does:
//!
//! ```
//! use datakey_fake_kms::FakeKms;
//! use datakey_keyring::{SealingKeyring, Usage};
//! use datakey_provider::EncryptionContext;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let keyring = SealingKeyring::new(fake.provider(&fake.create_key()?));
//! for _test in 0..3 {
//!     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//!     runtime.block_on(keyring.key(&EncryptionContext::empty(), Usage::message(300)))?;
//! } // each is gone here, and the keyring has its key
//! assert_eq!(fake.ledger().calls(), 1);
//! # Ok(()) }
//! ```
//!
//! | where | what works |
//! |---|---|
//! | a runtime of several threads | everything |
//! | a runtime of the current thread | everything, while it is driven; a refresh in the background goes on in the next `block_on` |
//! | entered, and not driven | `try_key`; refreshes are begun when somebody drives |
//! | none | `try_key` and all that does not wait; what would have to load answers [`NoRuntime`](crate::KeyringError::NoRuntime) |
//!
//! # Threads
//!
//! A hit touches memory of its own group of threads, so that cores do not meet on its counts: reserving messages takes from a lease of that
//! group. Limits hold exactly all the same, as a lease is off the count before anybody uses it. What a thread remembers of the keys that it
//! used last keeps none of them alive.
//!
//! # Sleep
//!
//! A suspended laptop, a frozen function and a virtual machine that was restored from a snapshot have a running clock that stood still.
//! Ages count that time too, by what the wall clock gained. After a sleep past a key's age it is loaded anew, once. A wall clock that is
//! put forward looks like a sleep, and costs a load for each key; one that is put back changes nothing.
//!
//! ```
//! use std::{sync::{Arc, Mutex}, time::{Duration, SystemTime}};
//! use datakey_fake_kms::FakeKms;
//! use datakey_keyring::{SealingKeyring, Usage};
//! use datakey_provider::EncryptionContext;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let wall = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH));
//! let keyring = SealingKeyring::builder()
//!     .wall_clock({
//!         let wall = Arc::clone(&wall);
//!         move || *wall.lock().unwrap()
//!     })
//!     .build(fake.provider(&fake.create_key()?))?;
//! let context = EncryptionContext::empty();
//! keyring.key(&context, Usage::message(300)).await?;
//! // The lid is closed over night. Of the running clock a moment has passed.
//! *wall.lock().unwrap() += Duration::from_secs(8 * 3600);
//! tokio::time::advance(Duration::from_millis(200)).await;
//! keyring.key(&context, Usage::message(300)).await?;
//! assert_eq!(fake.ledger().calls(), 2); // yesterday's key is not used today
//! # Ok(()) }
//! ```
//!
//! # Functions
//!
//! Between invocations nothing runs. Each environment of a function has a cache of its own, which is worth something if invocations come
//! within minutes, and little otherwise: one call for each environment and age. A refresh that was begun in one invocation goes on in the
//! next. Wipe keys before the process is frozen only if its memory matters more to you than the next call.
//!
//! # Snapshots and clones
//!
//! A snapshot holds the cached keys, and each clone goes on with them, counting for itself. Call `invalidate_all` in the hook before a
//! snapshot where there is one.
//!
//! # Forks
//!
//! A child has its parent's keys and counts apart from it. A load that was under way in the parent is begun anew in the child by whoever
//! waits for it there. A lock that another thread of the parent held stays locked in the child, as with every lock: fork before there are
//! threads, and make keyrings in the children.
//!
//! # The end
//!
//! [`shutdown`](crate::SealingKeyring::shutdown) wipes what nobody holds, ends loads, and answers
//! [`ShutDown`](crate::KeyringError::ShutDown) to all who wait or come after. Keys in somebody's hands go on to the end of what they do.
//! Without it, dropping the last clone wipes the same. The order in a service: stop taking requests, finish those under way, shut the
//! keyrings down.
