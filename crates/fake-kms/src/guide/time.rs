//! Time: latency, windows, waiting periods, and which clock each of them goes by.
//!
//! Two clocks are apart, because a test moves one of them and clients do not move with it:
//!
//! | what | goes by |
//! |---|---|
//! | latency, quotas, [`between`](crate::FaultRule::between), times in the ledger | `tokio::time`: the time that passed |
//! | deletion of keys, rotation by the calendar, dates in answers | that, and what [`advance_clock`](crate::FakeKms::advance_clock) added |
//! | signatures and credentials over HTTP | the time that passed, from [`unix_time`](crate::FakeKmsBuilder::unix_time) on |
//!
//! # A paused clock
//!
//! A fake that is made on a paused clock of tokio (`start_paused`, feature `test-util` of tokio) lives by it: latency costs nothing, an
//! hour of throttling takes milliseconds, and what comes when is the same in each run. Pause before the fake is made: it takes the time of
//! its start then, and its windows of a second begin there.
//!
//! A paused clock goes on when nobody has anything to do but wait. A thread that computes, or a socket that is waited for, is not seen: use
//! the fake in process for such tests, and over HTTP a clock that runs.
//!
//! # Days at once
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, KeyState};
//!
//! const DAY: Duration = Duration::from_secs(86_400);
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! let created = fake.key_metadata(&key)?.created;
//! fake.advance_clock(30 * DAY);
//! let later = fake.create_key()?;
//! assert!(fake.key_metadata(&later)?.created >= created + 30 * DAY);
//!
//! fake.schedule_key_deletion(&key, 10)?;
//! let pending = fake.key_metadata(&key)?;
//! assert_eq!(pending.state, KeyState::PendingDeletion);
//! assert!(pending.deletion >= Some(created + 40 * DAY));
//! # Ok::<(), datakey_fake_kms::KmsError>(())
//! ```
//!
//! It moves in all Regions and only on, never back, as there is no waiting period that a clock which goes back would show.
//!
//! # Latency
//!
//! Every answer takes as long, refusals too. `Latency::NONE`, the default, has no await point at all: a call is ready when it is first
//! polled, so tests of code without a runtime need none.
//!
//! ```
//! use std::{future::Future as _, pin::pin, task::{Context, Poll, Waker}, time::Duration};
//! use datakey_fake_kms::{FakeKms, Latency};
//!
//! let fake = FakeKms::new();
//! let call = fake.generate_random(8);
//! assert!(matches!(pin!(call).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(_))));
//! // Whoever waits needs a runtime with time; what is drawn comes from the seed.
//! let slow = Latency::log_normal(Duration::from_millis(8), Duration::from_millis(40));
//! fake.set_latency(slow);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Which shape for which question: fixed for arithmetic ("two calls one after the other take twice as long"), log-normal for what networks
//! look like, exponential for a tail that finds a missing timeout.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use datakey_fake_kms::{FakeKms, Latency};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::builder().latency(Latency::fixed(Duration::from_millis(20))).build()?;
//! let begun = Instant::now();
//! let (one, other) = tokio::join!(fake.generate_random(8), fake.generate_random(8)); // both at once
//! assert!(one.is_ok() && other.is_ok());
//! assert!(begun.elapsed() >= Duration::from_millis(20));
//! # Ok(()) }
//! ```
//!
//! # Decided on arrival
//!
//! What becomes of a call is decided when it arrives, and then it waits. So a key that is disabled while a call waits does not change
//! that call's answer, calls are in the ledger in the order in which they arrived, and no lock is held while anybody waits.
