//! A page to read, without items: how a cache is put together out of the parts, with one that works.
//!
//! # The parts of a cache
//!
//! | part | whose |
//! |---|---|
//! | where values are kept, how many, and which go first | yours: a map behind a lock, or a bounded store |
//! | what a load does, and what is done with its result | yours, in a [`Source`](crate::Source) |
//! | one load for each key, whoever waits, drives, leaves | [`Loads`](crate::Loads) |
//! | how many loads run at once, who waits, for how long | [`Gate`](crate::Gate) |
//! | whether a value serves, is due, or too old | [`Life`](crate::Life), one beside each value |
//! | dropping what nobody asks for | [`Sweep`](crate::Sweep) and [`Janitor`](crate::Janitor) |
//! | time that the process slept | [`Slept`](crate::Slept), one for the cache |
//! | when exactly a refresh is due, so that a fleet does not refresh in step | [`Jitter`](crate::Jitter), one for the cache |
//!
//! # One that works
//!
//! Exchange rates, which are asked of somebody slow, serve for five minutes, and for fifteen while that somebody does not answer.
//!
//! ```
//! use std::{collections::HashMap, sync::{Arc, Mutex, atomic::{AtomicBool, AtomicU32, Ordering::Relaxed}}, time::Duration};
//! use datakey_loads::{Ages, Jitter, Joined, Landed, Life, LoadError, Loads, Outcome, Slept, Source, Standing, until};
//! use tokio::time::Instant;
//!
//! type Currency = &'static str;
//!
//! struct Kept { rate: f64, life: Life<()> }
//!
//! #[derive(Default)]
//! struct Bank { is_down: AtomicBool, calls: AtomicU32 }
//!
//! struct Rates { kept: Mutex<HashMap<Currency, Arc<Kept>>>, bank: Arc<Bank>, jitter: Jitter, slept: Slept, ages: Ages }
//!
//! impl Rates {
//!     fn look(&self, currency: Currency) -> Option<Arc<Kept>> {
//!         self.kept.lock().unwrap().get(currency).cloned()
//!     }
//! }
//!
//! impl Source for Rates {
//!     type Key = Currency;
//!     type Loaded = f64;
//!     type Value = Arc<Kept>;
//!     type Error = &'static str;
//!
//!     // One attempt. It takes along what it needs, as it may outlive whoever asked.
//!     fn load(&self, currency: &Currency) -> impl Future<Output = Result<f64, &'static str>> + Send {
//!         let (bank, rate) = (Arc::clone(&self.bank), 1.0 + currency.len() as f64);
//!         async move {
//!             bank.calls.fetch_add(1, Relaxed);
//!             tokio::time::sleep(Duration::from_millis(20)).await;
//!             if bank.is_down.load(Relaxed) { Err("the bank is closed") } else { Ok(rate) }
//!         }
//!     }
//!
//!     // Under the lock of the loads: short, and without asking for loads.
//!     fn land(&self, currency: &Currency, result: Result<f64, LoadError<&'static str>>) -> Landed<Arc<Kept>, &'static str> {
//!         let now = Instant::now();
//!         match result {
//!             Ok(rate) => {
//!                 let life = Life::new(now, self.ages, &self.jitter, &self.slept);
//!                 let kept = Arc::new(Kept { rate, life });
//!                 let old = self.kept.lock().unwrap().insert(currency, Arc::clone(&kept));
//!                 Landed::new(Outcome::Loaded(kept)).dropping(old)
//!             }
//!             Err(error) => {
//!                 if let Some(kept) = self.look(currency) {
//!                     // It may pass: until its hard age the old rate serves.
//!                     kept.life.note_failure(Some(()), None, &self.jitter, now);
//!                 }
//!                 Landed::new(Outcome::Failed(error))
//!             }
//!         }
//!     }
//! }
//!
//! async fn rate(rates: &Arc<Rates>, loads: &Loads<Rates>, currency: Currency) -> Result<f64, LoadError<&'static str>> {
//!     loop {
//!         let (now, kept) = (Instant::now(), rates.look(currency));
//!         if let Some(kept) = &kept {
//!             match kept.life.standing(now) {
//!                 Standing::Fresh | Standing::Stale { due: false, .. } => return Ok(kept.rate),
//!                 Standing::Due | Standing::Stale { due: true, .. } => {
//!                     let begun = |begun: datakey_loads::Begun<'_>| kept.life.note_load(begun, true);
//!                     loads.refresh(rates, &currency, || kept.life.may_refresh(now), begun);
//!                     return Ok(kept.rate);
//!                 }
//!                 Standing::Expired => {}
//!             }
//!         }
//!         // Looked at again under the lock: a load may have landed since.
//!         let look = || rates.look(currency).filter(|kept| kept.life.standing(now) != Standing::Expired);
//!         let note = |begun: datakey_loads::Begun<'_>| {
//!             if let Some(kept) = &kept {
//!                 kept.life.note_load(begun, false);
//!             }
//!         };
//!         let wait = match loads.join(rates, &currency, None, look, note)? {
//!             Joined::Found(kept) => return Ok(kept.rate),
//!             Joined::Waits(wait) | Joined::Leads(wait) => wait,
//!         };
//!         // Beside a rate that would do nobody waits for longer than a second.
//!         let patience = kept.as_ref().and_then(|kept| kept.life.patience(now));
//!         let ended = match patience {
//!             Some(at) => until(at, wait).await,
//!             None => Some(wait.await),
//!         };
//!         match ended {
//!             Some(Outcome::Loaded(kept)) => return Ok(kept.rate),
//!             Some(Outcome::Failed(error)) => {
//!                 let stale = kept.filter(|kept| matches!(kept.life.standing(Instant::now()), Standing::Stale { .. }));
//!                 return stale.map(|kept| kept.rate).ok_or(error);
//!             }
//!             Some(Outcome::Superseded) | None => {} // look again
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let bank = Arc::new(Bank::default());
//! let ages = Ages { soft: Duration::from_secs(300), hard: Duration::from_secs(900) };
//! let rates = Arc::new(Rates {
//!     kept: Mutex::default(),
//!     bank: Arc::clone(&bank),
//!     jitter: Jitter::new(Some(7)),
//!     slept: Slept::default(),
//!     ages,
//! });
//! let loads = Loads::default();
//!
//! assert_eq!(rate(&rates, &loads, "EUR").await, Ok(4.0));
//! assert_eq!(rate(&rates, &loads, "EUR").await, Ok(4.0));
//! assert_eq!(bank.calls.load(Relaxed), 1); // a hit
//!
//! tokio::time::advance(Duration::from_secs(290)).await; // due: served at once, and refreshed meanwhile
//! assert_eq!(rate(&rates, &loads, "EUR").await, Ok(4.0));
//! tokio::time::sleep(Duration::from_secs(1)).await;
//! assert_eq!(bank.calls.load(Relaxed), 2);
//!
//! bank.is_down.store(true, Relaxed);
//! tokio::time::advance(Duration::from_secs(400)).await; // past the soft age, and nobody answers
//! assert_eq!(rate(&rates, &loads, "EUR").await, Ok(4.0));
//! tokio::time::advance(Duration::from_secs(600)).await; // past the hard age
//! assert_eq!(rate(&rates, &loads, "EUR").await, Err(LoadError::Failed("the bank is closed")));
//! assert_eq!(rate(&rates, &loads, "USD").await.is_err(), true); // and what is not kept fails at once
//! # }
//! ```
//!
//! # What to leave to whom
//!
//! **Retries** belong into what [`load`](crate::Source::load) calls. The gate's deadline is the net under them; a load that takes as long
//! as its retries go on for is one load, whoever waits.
//!
//! **Rejections** for good (a value that does not exist) are failures which will not pass: give [`note_failure`](crate::Life::note_failure)
//! `None`, and the old value serves no more. To spare the source the next question, keep the rejection for a while, in `land`.
//!
//! **Statistics** are counted where requests are: joined, waited, led. The gate counts calls.
//!
//! **Invalidation** empties the store within [`Loads::end`](crate::Loads::end), and nowhere else: what is under way would put the old value
//! back.
//!
//! **Several stores** over one source (by tenant, by Region) may share a [`Gate`](crate::Gate), so that they share the room, and have a
//! [`Loads`](crate::Loads) each.
//!
//! # When it is too much
//!
//! For a value that is loaded once and never again there is `tokio::sync::OnceCell`. For one whose loads may be repeated by each caller
//! there is any cache. This crate is for values that everybody needs at once, from a service that bears few calls, on runtimes that come
//! and go.
