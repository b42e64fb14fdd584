//! Why there are calls at all, what to draw, and what to alert on.
//!
//! # "I turned caching on, and the calls did not go down"
//!
//! Look at [`misses`](crate::SealingStats::misses), by reason:
//!
//! | most of them are | because | do |
//! |---|---|---|
//! | `cold` | the keyring is made anew for each request | make it once, and clone it |
//! | `new` | something that differs from record to record is in the encryption context | move it to the associated data |
//! | `age` | few messages for each context | nothing, or longer ages |
//! | `messages`, `bytes` | limits that are small for this load | raise them, or take it as the price of exposing less |
//! | `evicted` | more contexts in use than are kept | raise [`with_max_contexts`](crate::SealingLimits::with_max_contexts) |
//! | `unknown_length` | streams without a bound | give one |
//! | `invalidated` | somebody invalidates often | find out who |
//! | `revoked` | the service denies what it allowed | see policies |
//! | `uncached` | it was built so | |
//! | `other_key` | wrapped keys of other messages among a message's own, or wrong associated data | see who writes there |
//!
//! ```
//! use datakey_fake_kms::FakeKms;
//! use datakey_keyring::{MissReason, SealingKeyring, Usage};
//! use datakey_provider::EncryptionContext;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let keyring = SealingKeyring::new(fake.provider(&fake.create_key()?));
//! for order in 0..1_000_u32 {
//!     // The slip: an order's number where the tenant belongs.
//!     let context = EncryptionContext::new([("order", order.to_string())])?;
//!     keyring.key(&context, Usage::message(300)).await?;
//! }
//! let stats = keyring.stats();
//! assert_eq!(stats.misses.of(MissReason::New), 999);
//! assert!(stats.contexts_look_per_record); // and it says so by itself
//! # Ok(()) }
//! ```
//!
//! For one context in particular, [`explain`](crate::SealingKeyring::explain) says what is kept, how old and how used it is, and what the
//! next request would do. It uses nothing up, so it may stand in a debug page.
//!
//! # Counting
//!
//! | figure | is |
//! |---|---|
//! | `hits` | requests served without waiting |
//! | `misses` | requests that waited, each once, whatever it waited for |
//! | `loads`, `refreshes` | calls begun for somebody, and ahead for nobody |
//! | `shared_waits` | requests that waited for somebody else's load: what single flight spared |
//! | `calls_made` | all calls to the provider |
//! | `calls_avoided` | requests beyond those: what a service without a cache would have called more |
//!
//! Counts only grow, and are not reset; a dashboard takes rates. They are taken one after the other, so that sums may be off by what
//! happened in between. Taking them locks nothing that a hit needs.
//!
//! # What to alert on
//!
//! | condition | says |
//! |---|---|
//! | [`least_time_left`](crate::SealingStats::least_time_left) below what lies between soft and hard age | a key is past its soft age: sealing under it ends when this is zero |
//! | [`stale`](crate::SealingStats::stale) grows | the same, with how the provider fails |
//! | [`failures`](crate::SealingStats::failures) grows | loads fail |
//! | [`revoked`](crate::SealingStats::revoked) grows | a key was disabled, or a permission withdrawn |
//! | [`contexts_look_per_record`](crate::SealingStats::contexts_look_per_record) | a record's id is in the context |
//! | [`evicted`](crate::SealingStats::evicted) grows | more is in use than is kept |
//! | [`in_flight`](crate::SealingStats::in_flight) near the limit of loads | the service is slow |
//! | [`hedges`](crate::OpeningStats::hedges) grows | the nearer Region is slow |
//!
//! # Metrics
//!
//! With the feature `metrics`, `publish` on the statistics publishes a snapshot through the `metrics` facade, when it is called and not by
//! itself: a hit costs the same with it as without. Call it on a timer, or before a scrape. Labels are bounded: no encryption context and
//! no key id is among them.
//!
//! ```
//! # #[cfg(feature = "metrics")] {
//! use datakey_keyring::{OpeningKeyring, SealingKeyring};
//!
//! fn before_a_scrape(sealing: &SealingKeyring, opening: &OpeningKeyring) {
//!     sealing.stats().publish(); // the label `half` is `sealing`
//!     opening.stats().publish(); // and here `opening`
//! }
//! # let _ = before_a_scrape;
//! # }
//! ```
//!
//! # Traces
//!
//! With the feature `tracing`, each load is a span, `datakey.keyring.load`, in the span of the caller who began it, with its outcome; what
//! nobody is told is an event. An encryption context is named by its keys and the start of its digest. Its values, which may be somebody's
//! name, are told where the builder was told so.
