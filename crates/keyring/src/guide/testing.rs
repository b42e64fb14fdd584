//! How to test what is built on a keyring.
//!
//! # Against the emulator
//!
//! `datakey-fake-kms` in the process has keys, quotas, faults and a ledger. A paused clock makes hours cost nothing:
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, KmsOperation};
//! use datakey_keyring::{OpeningKeyring, SealingKeyring, Usage};
//! use datakey_provider::EncryptionContext;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // #[tokio::test(start_paused = true)]
//! let fake = FakeKms::new();
//! let kms = fake.provider(&fake.create_key()?);
//! let (writer, reader) = (SealingKeyring::new(kms.clone()), OpeningKeyring::new(kms));
//! let context = EncryptionContext::new([("tenant", "acme")])?;
//! for _second in 0..3_600 {
//!     let key = writer.key(&context, Usage::message(300)).await?;
//!     reader.key(&context, key.wrapped_keys()).await?;
//!     tokio::time::sleep(Duration::from_secs(1)).await;
//! }
//! let (made, opened) = (
//!     fake.ledger().calls_of(KmsOperation::GenerateDataKey),
//!     fake.ledger().calls_of(KmsOperation::Decrypt),
//! );
//! assert!((12..=18).contains(&made), "{made}"); // an hour, of keys that live for five minutes
//! assert!(opened >= made && opened < 3 * made, "{opened}"); // a reader asks for each, and anew for what it uses
//! # Ok(()) }
//! ```
//!
//! # What to assert
//!
//! | property | by |
//! |---|---|
//! | few calls | the ledger of the emulator, not the statistics of what is under test |
//! | an outage is ridden out | a `FaultRule` on all calls, the clock moved past the soft age, and a message that is sealed all the same |
//! | a revocation is heeded | `disable_key`, the clock moved, and a message that is refused |
//! | a deadline is kept | a latency longer than it, and `tokio::time::timeout` |
//! | callers share a load | a thousand tasks, and one call |
//! | the context is bound | sealed with one, opened with another: refused |
//!
//! # Repeating a run
//!
//! Jitter is drawn from a generator that differs in each process. [`seed`](crate::SealingKeyringBuilder::seed) makes the same run the same,
//! evictions included:
//!
//! ```
//! use datakey_fake_kms::FakeKms;
//! use datakey_keyring::SealingKeyring;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let fake = FakeKms::new();
//! # let kms = fake.provider(&fake.create_key()?);
//! let seed = 7; // printed by the test that fails
//! let keyring = SealingKeyring::builder().seed(seed).build(kms)?;
//! # assert_eq!(keyring.stats().live, 0);
//! # Ok(()) }
//! ```
//!
//! # Waiting for what happens in the background
//!
//! A refresh is a task. On a paused clock, `tokio::time::sleep` for longer than the provider takes lets it end; on a real clock, nothing
//! should be waited for in a test. [`warm`](crate::SealingKeyring::warm) answers when keys are there.
//!
//! # A provider of one's own
//!
//! A stub that answers the same key each time passes a test of a cache, and breaks the provider's contract: two contexts share a key, and
//! nothing notices that one is opened with the other's. Take the emulator, or keys in memory (`datakey-local`), which bind.
//!
//! # Over HTTP with a paused clock
//!
//! A paused clock jumps to the next timer whenever no task is ready, also while an answer is on its way through a socket. So with a server
//! in the way use a real clock, or the emulator in the process.
