//! What happens while a service is down: budgets, breakers, another way to go.
//!
//! # Four answers to failures, from the least to the most
//!
//! | | answers | costs the caller |
//! |---|---|---|
//! | backoff | one failure, by chance | tens of milliseconds |
//! | budget | many failures at once | retries are refused, first attempts go on |
//! | breaker | failures over a second and more | microseconds: calls fail at once |
//! | rank | any failure, where there is another way | nothing after the first |
//!
//! # The budget
//!
//! It bounds what part of the load are retries that do not help. A retry takes a token after a throttle and ten after other failures; a
//! call that succeeds in the end gives all of its own back, and time adds a hundred a second. So ten thousand throttled callers hardly
//! touch it, as they succeed; an outage empties it with a thousand retries, and lets ten a second through after that.
//!
//! ```
//! use datakey_provider::{ErrorClass, Operation, ProviderError};
//! use datakey_retry::{Budget, Policy, retry};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let budget = Budget::builder().with_capacity(100).with_refill_per_second(0).build();
//! let policy = Policy::default().with_budget(budget.clone()).without_breaker();
//! for call in 0..20 {
//!     let mut failures = 1;
//!     let helps = retry(&policy, || {
//!         let fails = failures > 0;
//!         failures -= i32::from(fails);
//!         async move { if fails { Err(ProviderError::new(ErrorClass::Transient, Operation::Decrypt)) } else { Ok(()) } }
//!     });
//!     helps.await.unwrap_or_else(|error| panic!("call {call}: {error}"));
//! }
//! assert_eq!(budget.state().available, 100); // twenty retries which helped cost nothing
//! # }
//! ```
//!
//! # The breaker
//!
//! It opens for a scope after ten failures in a row over a second or more, a timeout counting for four. While it is open, calls fail with
//! [`CircuitOpen`](crate::CircuitOpen), whose class is that of the failures: it is retryable, so that a cache above goes on with what it
//! has. After half a second one call tries; if it fails, the next tries after a second. Whatever becomes of a try (dropped, hung,
//! forgotten), the next is not held up for longer than that.
//!
//! Only outages count. A throttle, a denial, a refusal: the service is up, and an open breaker closes.
//!
//! **Scopes.** Opening is judged for each wrapping key, by the key id in the message, and sealing for each key that the provider names,
//! each apart. So a key store that is down fails the calls under its keys and no others. [`Policy::with_scope`](crate::Policy::with_scope)
//! puts all calls of a policy under one name.
//!
//! # Another way to go
//!
//! From its *first* failure to its next answer a scope is unwell: it ranks last, for five seconds at first and up to a minute. Where a
//! message can be opened elsewhere, it is, at once, and the breaker never has to open.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, Fault, FaultRule, NewKey};
//! use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, Rank, SealingProvider as _, Several};
//! use datakey_retry::{Guarded, Policy, Retry};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // One key, of which two Regions have a replica; each Region is judged by itself.
//! let near = FakeKms::new();
//! let far = near.in_region("eu-west-1")?;
//! let key = near.create_key_with(&NewKey::new().multi_region())?;
//! let replica = near.replicate_key(&key, "eu-west-1")?;
//! # let (here, there) = (near.provider(&key), far.provider(&replica).with_opening_key(&replica).with_rank(Rank::REMOTE));
//! let context = EncryptionContext::empty();
//! let made = here.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! # let wrapped_there = datakey_provider::WrappedKey::new(&*replica, made.wrapped_keys().first().blob())?;
//! let both = Several::new([Guarded::new(here), Guarded::new(there)])?;
//! let kms = Retry::new(both, Policy::default());
//!
//! near.inject(FaultRule::new(Fault::DropConnection)); // the near Region goes dark
//! # let wrapped = &wrapped_there;
//! for _message in 0..20 {
//!     kms.decrypt(&context, wrapped).await?; // under a key that both can open
//! }
//! assert_eq!(far.ledger().calls(), 20);
//! # Ok(()) }
//! ```
//!
//! # What to tell callers
//!
//! An error of an open breaker says what the last failure was and when the next call may try:
//! [`CircuitOpen::probe_in`](crate::CircuitOpen::probe_in) is a good `Retry-After`. [`Breaker::down`](crate::Breaker::down) lists what is
//! down, for a health page. A service with an open breaker is not itself unhealthy: to restart it would lose its cache.
