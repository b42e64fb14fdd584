//! Four bad days, hour by hour, each as a program that runs.
//!
//! # A fleet starts at once
//!
//! Thirty hosts start in the same second, and each wants a data key for ten tenants, on a quota of fifty calls a second. The first fifty
//! are answered; the rest are throttled, learn a rate, and take turns. Hosts do not know of each other: each rate gives way at its own
//! throttles, until the shares are about equal.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, Quota};
//! use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
//! use datakey_retry::{Policy, Retry};
//! use tokio::time::Instant;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::builder().quota(Quota::per_second(50)).build()?;
//! let (key, start) = (fake.create_key()?, Instant::now());
//! let mut wanted = Vec::new();
//! for _host in 0..30 {
//!     let kms = Retry::new(fake.provider(&key), Policy::default()); // a policy for each process
//!     for tenant in 0..10 {
//!         let (kms, tenant) = (kms.clone(), tenant.to_string());
//!         wanted.push(tokio::spawn(async move {
//!             let context = EncryptionContext::new([("tenant", &tenant)]).expect("two short texts");
//!             kms.generate_data_key(&context, DataKeyLength::Bytes32).await.map(|_| ())
//!         }));
//!     }
//! }
//! for one in wanted {
//!     one.await??; // all three hundred come up
//! }
//! assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
//! # Ok(()) }
//! ```
//!
//! Six seconds would do if somebody gave out turns for all of them; strangers take longer. Where hosts times keys, divided by the quota,
//! comes near the deadline, raise the deadline.
//!
//! # A service goes dark for ten minutes, and comes back
//!
//! | time | calls |
//! |---|---|
//! | first second | time out or fail, and are tried again |
//! | from then on | fail in microseconds: the breaker is open; one a second or so tries |
//! | ten minutes | the next try is answered: all calls pass |
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode};
//! use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
//! use datakey_retry::{Policy, Retry};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let kms = Retry::new(fake.provider(&fake.create_key()?), Policy::default().with_deadline(Duration::from_secs(2)));
//! let (context, length) = (EncryptionContext::empty(), DataKeyLength::Bytes32);
//! let outage = fake.inject(FaultRule::new(KmsErrorCode::Internal));
//! for _second in 0..600 {
//!     assert!(kms.generate_data_key(&context, length).await.is_err());
//!     tokio::time::sleep(Duration::from_secs(1)).await;
//! }
//! let asked = fake.ledger().calls();
//! assert!(asked < 800, "{asked}"); // about one a second, however many callers there were
//! fake.remove_fault(outage);
//! tokio::time::sleep(Duration::from_secs(1)).await;
//! kms.generate_data_key(&context, length).await?; // a second after it is back
//! # Ok(()) }
//! ```
//!
//! # Credentials expire
//!
//! The service answers `ExpiredTokenException`. That is [`Unauthenticated`](crate::ErrorClass::Unauthenticated): an outage of the caller's
//! own. The provider asks for others, the next attempt is signed with them, and nobody above sees it. If there are none to be had, the
//! breaker opens, and callers are told why in its error.
//!
//! # A neighbour takes the quota
//!
//! Another service in the account calls twice as much as yesterday. Throttles come below the rate that was measured; the client takes
//! itself to be in company, grows while its calls wait and gives way at each throttle, so that the two come to shares of the quota. Calls
//! wait longer, in the order of their start. What helps is to call less (a cache), or a larger quota.
