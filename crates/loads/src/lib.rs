//! Loads a value once for all who wait, whoever drives it, and again before it is too old.
//!
//! A cache in front of a slow service has to see to it that a thousand callers who miss together make one call, that the
//! call goes on when some of them give up, and that the next one is made before the value runs out. This crate is that
//! part, without the cache: you keep the values, in a [`Source`], and ask [`Loads`] for what is not there.
//!
//! # A load belongs to nobody's runtime
//!
//! The usual way is to have a task make the call. It stands still when its runtime is not driven, and takes its waiters down
//! when that ends. Here the call is a future that belongs to nobody:
//!
//! - **Whoever waits drives it.** Each who waits on the runtime where it was begun polls it, and so does a task there. A
//!   worker that computes for seconds holds up nobody else.
//! - **Whoever waits elsewhere takes it over.** Whoever works on a load leaves a [beat](Pulse) every [100 ms](BEAT). When
//!   there was none for [500 ms](ASLEEP), somebody who waits begins another attempt on its own runtime: because the first one
//!   is not driven, or has ended, or belongs to the process that this one was forked from. It costs a second call; one that is
//!   merely slow costs none.
//! - **No queue waits for a sleeper.** Places among the loads under way are passed on when their holder sleeps, and in the
//!   queue sleepers are passed over.
//! - **Nobody's work is not done.** A load whose turn has not come is given up with the last who wait for it; one that was
//!   sent goes on, so that callers whose deadline is shorter than a call get further together.
//!
//! There is no thread behind it, and time is read through `tokio::time`, so paused clocks govern it whole. Only to find out how
//! long the machine was suspended, the wall clock is looked at as well, see [`Slept`].
//!
//! # Thirty lines that work
//!
//! See [`Source`], whose example is one; the page `guide` has a whole cache.
//!
//! # What is in it
//!
//! | item | what it is |
//! |---|---|
//! | [`Source`] | where values come from, and what becomes of the result of a load |
//! | [`Loads`] | the loads in flight: joined, refreshed, ended |
//! | [`Gate`] | how many loads run at once, in lanes; how many wait; for how long each may take |
//! | [`Life`] | when a value is due, old and too old, and what a failure to replace it allows |
//! | [`Janitor`] | drops what is too old though nobody asks for it any more |
//! | [`Slept`] | how long the process slept, which the running clock does not count and ages do |
//!
//! # Defaults
//!
//! | what | default | where |
//! |---|---|---|
//! | loads under way at once | 64 | [`GateLimits`] |
//! | loads that wait for their turn | 4,096 | [`GateLimits`] |
//! | time for each, and for its turn | 90 seconds each | [`GateLimits`] |
//! | time after which a load beside a value that works counts as failing | 1 second | [`PATIENCE`] |
//! | when a value is refreshed | between 70 and 95 percent of its soft age, at a point drawn for each | [`Life`] |
//!
//! # What this crate does not do
//!
//! It keeps no values and evicts none, retries nothing, and does not know what it loads. A lock that another thread held
//! when a process was forked stays locked in the child, as everywhere: fork before there are threads, or use nothing that was
//! made before.
//!
//! # From a request to a value
//!
//! 1. A request looks into its own store, without any lock of this crate. Most end here.
//! 2. It [joins](Loads::join) the load for its key. Under one short lock the store is looked into once more, so that nobody begins a load
//!    for what landed a moment ago; then it is somebody else's load that it waits for, or one that it began.
//! 3. The load waits for its turn at the [`Gate`], then its [`Source`] is asked.
//! 4. The result [lands](Source::land): under the same lock it enters the store and the load leaves the board. All who wait are woken
//!    with a clone of it.
//! 5. Values are kept with a [`Life`], which says from their age, and from how replacing them fares, whether to serve them, to
//!    [refresh](Loads::refresh) them in the background, or to load first.
//! 6. An invalidation [ends](Loads::end) the loads concerned; what they bring is dropped, and their waiters start over.
//!
//! # What a caller must bring
//!
//! A tokio runtime with its clock enabled, on which it is polled. Where there is none the answer is [`LoadError::NoRuntime`], and not a
//! panic. Nothing else: no handle that is kept, no background thread, no shutdown that must be called.
//!
//! # Errors
//!
//! A failure is shared by all who waited for that load, and is not kept: the next request begins another one. What is worth remembering
//! of failures is the source's to remember, in [`land`](Source::land). [`LoadError`] says which failures are the source's own and which
//! are those of a gate that was full.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod board;
mod caught;
mod flight;
mod gate;
#[cfg(any(doc, doctest))]
pub mod guide;
mod janitor;
mod jitter;
mod later;
mod life;
#[cfg(test)]
mod life_cases;
mod loads;
mod outcome;
mod pulse;
mod roster;
mod rt;
mod slept;
#[cfg(test)]
mod slept_cases;
mod source;
mod sync;
mod wait;
mod work;

pub use gate::{Gate, GateLimits};
pub use janitor::{Janitor, Sweep};
pub use jitter::Jitter;
pub use later::later;
pub use life::{Ages, Because, Life, PATIENCE, Standing};
pub use loads::{Begun, Joined, Loads};
pub use outcome::{Ending, Landed, LoadError, Outcome};
pub use pulse::{ASLEEP, BEAT, Pulse};
pub use rt::until;
pub use slept::{LOOK, Slept};
pub use source::{Attempt, Source};
pub use wait::Wait;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
