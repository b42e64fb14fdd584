//! What happens while the key service throttles, hangs, fails or refuses.
//!
//! # A key's life
//!
//! ```text
//! made          due: replaced in the background     soft age                     hard age
//!  |------------------|==============================|~~~~~~~~~~~~~~~~~~~~~~~~~~~~~|
//!  0               70-95 %                        5 minutes                   15 minutes
//!       serves                serves                   serves while replacing         never
//!                                                      it fails without a verdict
//! ```
//!
//! The point at which a key is due is drawn for each, so that a fleet which started together does not ask together. Between due and soft
//! age the live key serves everybody, and one load is under way. Past the soft age a request waits for the load, for a second at most; if
//! that has failed in a way that passes, or has not ended by then, the old key serves.
//!
//! # What is an outage, and what a verdict
//!
//! The provider's error says: [`verdict`](datakey_provider::ProviderError::verdict).
//!
//! | the provider answers | sealing | opening |
//! |---|---|---|
//! | a throttle, no answer, a failure of its own | goes on to the hard age | goes on for the time to live, and to the [stale time](crate::OpeningLimits::with_stale_ttl) where one is set |
//! | that the caller is not accepted (credentials, clock, proxy) | the same | the same |
//! | a failure that is final for the call and says nothing of a key | the same | the same; the message's load fails |
//! | a denial | the key of that context is dropped at once | that message's key is dropped, and the refusal remembered |
//! | that the wrapping key is disabled, to be deleted, or gone | every key under it is dropped at once | the same |
//!
//! Whichever load learns it, of whatever context: it counts for all, and with [`Revocations`](crate::Revocations) for the other half of the
//! process.
//!
//! # How often it is tried
//!
//! A load that failed in the background is begun anew after a pause: half a second to a second, doubled each time up to 30 seconds, longer
//! if the service asks for it (up to 20), and never so long that fewer than a few attempts are made before the key's hard age. A load that
//! somebody waits for is begun at once. Beneath, a retry layer makes attempts of its own for as long as its deadline says.
//!
//! # A service that hangs
//!
//! A load is ended after a second more than the provider says that it is patient, or after 90 seconds where it says nothing. Callers have
//! deadlines of their own: one that leaves stops nothing, and the next joins the load that is under way. So callers with 150 ms get keys
//! from a service that takes 200:
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, Latency};
//! use datakey_keyring::{SealingKeyring, Usage};
//! use datakey_provider::EncryptionContext;
//! use tokio::time::timeout;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::builder().latency(Latency::fixed(Duration::from_millis(200))).build()?;
//! let keyring = SealingKeyring::new(fake.provider(&fake.create_key()?));
//! let (context, deadline) = (EncryptionContext::empty(), Duration::from_millis(150));
//! assert!(timeout(deadline, keyring.key(&context, Usage::message(300))).await.is_err());
//! timeout(deadline, keyring.key(&context, Usage::message(300))).await??; // 50 ms later
//! assert_eq!(fake.ledger().calls(), 1);
//! # Ok(()) }
//! ```
//!
//! # One failure, one call
//!
//! A failure is shared by all who wait for that load, and nobody else. The next request begins another load. So while the service is down
//! each request that finds no key makes a call, or joins one: a circuit breaker beneath, as `datakey-retry` has one, makes those calls fail
//! in microseconds.
//!
//! # Several Regions
//!
//! A message's wrapped keys are tried in the provider's order. One that has not opened within the [hedge
//! delay](crate::OpeningKeyringBuilder::hedge_delay), a second, is not waited for alone: the next is asked too, and the first to open wins.
//! Loads under one wrapping key take three quarters of the room at most, so that a Region which hangs leaves room to open under others.
//!
//! # Poison
//!
//! What is refused for good is remembered for 30 seconds, by up to 1,024 digests. A queue that delivers a bad message a thousand times a
//! second costs two calls a minute. Refusals never take room from keys, and a flood of bad messages pushes out refusals, not keys. An
//! outage is not remembered: the message may be good.
//!
//! # Nothing goes wrong quietly
//!
//! | what happened | who is told |
//! |---|---|
//! | a load failed that somebody waited for | they: [`KeyringError`](crate::KeyringError) |
//! | a load in the background failed | `failures` of the statistics; the event `datakey.keyring.refresh_failed` |
//! | a key served past its soft age | [`stale`](crate::StaleServes), by how the provider fails |
//! | keys were dropped after a verdict | `revoked`; the event `datakey.keyring.revoked` |
