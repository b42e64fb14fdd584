//! How many calls there will be, which limits to set, and what each of them exposes.
//!
//! # Calls to seal
//!
//! A host keeps one data key for each encryption context, and replaces it when it is due: at a point between 70 and 95 percent of its soft
//! age. So in a steady state
//!
//! ```text
//! calls a second = hosts x contexts in use / (0.825 x soft age)
//! ```
//!
//! | hosts | contexts | soft age | calls a second |
//! |---|---|---|---|
//! | 10 | 1 | 5 minutes | 0.04 |
//! | 100 | 10 | 5 minutes | 4 |
//! | 1,000 | 100 | 5 minutes | 404 |
//! | 1,000 | 100 | 1 hour | 34 |
//!
//! A context that is seen seldom costs less: its key is replaced only when somebody asks. Limits of messages and bytes add calls where they
//! are reached before the age is. The AWS quota is shared by all that call KMS in an account and Region, other services included.
//!
//! # Calls to open
//!
//! A reader unwraps each data key that it meets once in the time to live. It meets those of all writers whose messages it gets:
//!
//! ```text
//! calls a second = readers x writers x contexts / (0.825 x soft age of the writers), at the most
//! ```
//!
//! This product is what surprises. A hundred writers and twenty readers with ten contexts are 81 calls a second where the writers alone
//! make four. Fewer and longer keys on the writers' side help the readers; so does partitioning, where each reader gets messages of few
//! writers; and where it is thousands, `datakey-branch-keys` wraps data keys locally.
//!
//! # Which limit for what
//!
//! | limit | raise it | lower it |
//! |---|---|---|
//! | [`with_soft_age`](crate::SealingLimits::with_soft_age) | too many calls | a disabled wrapping key must be noticed sooner |
//! | [`with_hard_age`](crate::SealingLimits::with_hard_age) | losing messages in an outage is worse than sealing under a key that may have been disabled | the other way round |
//! | [`with_max_messages`](crate::SealingLimits::with_max_messages), [`with_max_bytes`](crate::SealingLimits::with_max_bytes) | `misses` say `messages` or `bytes` | less should depend on one data key |
//! | [`with_max_contexts`](crate::SealingLimits::with_max_contexts) | `evicted` grows | memory is scarce |
//! | [`OpeningLimits::with_ttl`](crate::OpeningLimits::with_ttl) | messages come back later than that, and readers call for keys that they had | a revoked key must stop opening sooner |
//! | [`OpeningLimits::with_stale_ttl`](crate::OpeningLimits::with_stale_ttl) | readers must ride out an outage | |
//! | [`OpeningLimits::with_max_keys`](crate::OpeningLimits::with_max_keys) | `evicted` grows: more data keys are in use than are kept | memory is scarce |
//!
//! Ages are limits of *use*, messages and bytes limits of *exposure*. What is exposed with a data key is what was sealed under it: with the
//! defaults, a host's messages of one context in five minutes, fifteen in an outage.
//!
//! ```
//! use std::time::Duration;
//! use datakey_keyring::{SealingKeyring, SealingLimits, Usage};
//! use datakey_provider::EncryptionContext;
//! # use datakey_fake_kms::FakeKms;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let fake = FakeKms::new();
//! # let kms = fake.provider(&fake.create_key()?);
//! // A fleet of a thousand hosts on a small quota: keys of an hour, and two in an outage.
//! let limits = SealingLimits::default()
//!     .with_soft_age(Duration::from_secs(3600))
//!     .with_hard_age(Duration::from_secs(7200));
//! let keyring = SealingKeyring::builder().limits(limits).build(kms)?;
//! let context = EncryptionContext::new([("purpose", "orders")])?;
//! for _minute in 0..24 * 60 {
//!     keyring.key(&context, Usage::batch(600, 180_000)).await?;
//!     tokio::time::sleep(Duration::from_secs(60)).await;
//! }
//! let calls = fake.ledger().calls();
//! assert!((24..=36).contains(&calls), "{calls}"); // a day: one in each 42 to 57 minutes
//! # Ok(()) }
//! ```
//!
//! # Memory
//!
//! | what | about |
//! |---|---|
//! | a sealing key | half a kilobyte beside what the material prepared, and 128 bytes for each of at most sixteen groups of threads that use it |
//! | a load that waits | a kilobyte |
//! | a remembered refusal | 100 bytes beside the error |
//!
//! The maximum numbers are bounds and no reservations: an empty keyring takes next to nothing.
//!
//! # Loads at once
//!
//! [`DEFAULT_MAX_LOADS`](crate::DEFAULT_MAX_LOADS), 64, at 20 ms each are 3,200 a second, below the smallest quota. A process with ten
//! thousand cold contexts needs three seconds to warm them. Raise it where the key service is slow and its quota large. What waits is
//! bounded too: more than 4,096 are refused at once, as they would wait longer than any caller does.
//!
//! # Large messages
//!
//! A usage larger than a whole key, or of unknown length, gets a data key of its own, each a call. With the default limits that is above a
//! tebibyte. Where streams are of unknown length, a bound that is never reached costs nothing but bytes of the limit: 2^40 bytes are 8,192
//! streams that reserve 128 MiB each.
