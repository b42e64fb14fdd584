//! Time that passed while the process did not run: a machine that was suspended, a function that was frozen, a virtual machine
//! that was restored from a snapshot.
//!
//! The clock that everything else goes by stands still meanwhile on most systems (`CLOCK_MONOTONIC`), and so would ages. The
//! wall clock goes on, or is put right soon after. So both are looked at, at most every [`LOOK`] and at the latest
//! when a [trusted](Slept::trusted_until) look is over, and what the wall clock gained on the other is added to ages. This is
//! the one file of the libraries in which the wall clock is read.
//!
//! `CLOCK_BOOTTIME` would do for suspended machines on Linux. It does not count what a restored snapshot missed, and other
//! systems lack it. The price of the wall clock: whoever puts it forward ages all keys, which costs one load for each.
//! Put back, it changes nothing: what was counted stays counted, and the time that follows counts as it passes.
use std::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use crate::{later::later, rt::Instant};

/// How often the clocks are looked at, at the most: every 50 milliseconds, some 100 nanoseconds each time.
pub const LOOK: Duration = Duration::from_millis(50);

/// How long a look is trusted: 100 milliseconds of running time.
const TRUST: Duration = Duration::from_millis(100);

/// Less than this is no reason to look through all that is kept, or to call again.
const WORTH_IT: Duration = Duration::from_secs(1);

/// Clocks that are read one after the other differ by a little, and some of them are coarse.
const SLACK: Duration = Duration::from_millis(1);

type Wall = dyn Fn() -> SystemTime + Send + Sync;

/// How long the process slept, as far as it is known. Cloning shares it.
///
/// ```
/// use std::{sync::{Arc, Mutex}, time::{Duration, SystemTime}};
/// use datakey_loads::Slept;
/// use tokio::time::Instant;
///
/// let wall = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH));
/// let slept = Slept::by({
///     let wall = Arc::clone(&wall);
///     move || *wall.lock().unwrap()
/// });
/// let now = Instant::now();
/// *wall.lock().unwrap() += Duration::from_secs(3600);
/// assert!(slept.look(now + datakey_loads::LOOK));
/// assert!(slept.total() > Duration::from_secs(3590));
/// ```
///
/// It is right to within 100 ms of running time, and errs to one side: a wall clock that is put forward looks like sleep. Where nobody
/// looks, nothing is found out; whoever looks up values looks here first.
#[derive(Clone)]
pub struct Slept(Arc<Shared>);

struct Shared {
    /// Of the wall clock, where it is not the system's.
    wall: Option<Box<Wall>>,
    born: Instant,
    anchor: Mutex<Anchor>,
    /// When to look next, in nanoseconds since it was born.
    next: AtomicU64,
    /// How long the process slept, in nanoseconds.
    total: AtomicU64,
    /// How much of that somebody was told of.
    told: AtomicU64,
}

impl Default for Slept {
    /// By the clocks of the system.
    fn default() -> Self {
        Self::new(None)
    }
}

impl Slept {
    /// By another wall clock, which is compared with that of tokio: for tests and simulations.
    #[must_use]
    pub fn by(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self::new(Some(Box::new(wall)))
    }

    fn new(wall: Option<Box<Wall>>) -> Self {
        let anchor = Anchor::new(read(wall.as_deref()));
        Self(Arc::new(Shared {
            wall,
            born: Instant::now(),
            anchor: Mutex::new(anchor),
            next: AtomicU64::new(0),
            total: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }))
    }

    /// Looks at the clocks, unless somebody did so a moment ago. Answers whether the process has slept for so long, since this
    /// was last answered, that it is worth looking through all that is kept.
    #[must_use]
    pub fn look(&self, now: Instant) -> bool {
        let at = nanos(now.saturating_duration_since(self.0.born));
        if at < self.0.next.load(Ordering::Relaxed) {
            return false;
        }
        self.0
            .next
            .store(at.saturating_add(nanos(LOOK)), Ordering::Relaxed);
        self.read();
        let (told, total) = (&self.0.told, nanos(self.total()));
        let before = told.load(Ordering::Relaxed);
        let worth = total.saturating_sub(before) >= nanos(WORTH_IT);
        worth
            && told
                .compare_exchange(before, total, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Reads the clocks.
    fn read(&self) {
        let mut anchor = match self.0.anchor.try_lock() {
            Ok(anchor) => anchor,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody else is at it at this moment.
            Err(TryLockError::WouldBlock) => return,
        };
        let gained = anchor.gained(read(self.0.wall.as_deref()));
        if !gained.is_zero() {
            // Only ever added to under the lock.
            let total = self.total().saturating_add(gained);
            self.0.total.store(nanos(total), Ordering::Relaxed);
        }
    }

    /// What a call answers, asked for a second time if the process slept meanwhile: what came before it fell asleep is older
    /// than it seems.
    ///
    /// ```
    /// use std::{sync::{Arc, Mutex, atomic::{AtomicU32, Ordering}}, time::{Duration, SystemTime}};
    /// use datakey_loads::Slept;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let wall = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH));
    /// let slept = Slept::by({
    ///     let wall = Arc::clone(&wall);
    ///     move || *wall.lock().unwrap()
    /// });
    /// let calls = AtomicU32::new(0);
    /// let answered = slept.through(|| {
    ///     let (wall, call) = (Arc::clone(&wall), calls.fetch_add(1, Ordering::Relaxed));
    ///     async move {
    ///         tokio::task::yield_now().await;
    ///         if call == 0 {
    ///             *wall.lock().unwrap() += Duration::from_secs(600); // frozen between request and answer
    ///         }
    ///         Ok::<_, ()>(call)
    ///     }
    /// });
    /// assert_eq!(answered.await, Ok(1)); // the answer from before is ten minutes old, and was asked for anew
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the call.
    pub async fn through<T, E, F>(&self, call: impl Fn() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.read();
        let before = self.total();
        let mut first = pin!(call());
        let mut waited = false;
        let answered = poll_fn(|cx| {
            let polled = first.as_mut().poll(cx);
            waited |= polled.is_pending();
            polled
        });
        let answered = answered.await;
        // What is there at once has not slept.
        if !waited {
            return answered;
        }
        self.read();
        if answered.is_ok() && self.total().saturating_sub(before) >= WORTH_IT {
            return call().await;
        }
        answered
    }

    /// How long the process slept since this was made, as of the last look.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    pub(crate) fn nanos(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    /// Until when what was found out by the last look may be acted on without another.
    #[must_use]
    pub fn trusted_until(&self) -> Instant {
        let next = Duration::from_nanos(self.0.next.load(Ordering::Relaxed));
        later(self.0.born, next.saturating_add(TRUST.saturating_sub(LOOK)))
    }
}

fn nanos(of: Duration) -> u64 {
    u64::try_from(of.as_nanos()).unwrap_or(u64::MAX)
}

/// What both clocks say: the wall clock was read between two readings of the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) before: Running,
    pub(crate) wall: SystemTime,
    pub(crate) after: Running,
}

/// A reading of the clock that stands still while the process sleeps.
pub(crate) type Running = std::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "the wall clock, and the clock that no paused runtime governs to compare it with"
)]
fn read(wall: Option<&Wall>) -> Reading {
    match wall {
        Some(wall) => {
            let running = Instant::now().into_std();
            Reading {
                before: running,
                wall: wall(),
                after: running,
            }
        }
        None => Reading {
            before: Running::now(),
            wall: SystemTime::now(),
            after: Running::now(),
        },
    }
}

/// The earliest that the wall clock can have been when the other one was where it is now, by all readings so far.
#[derive(Debug)]
pub(crate) struct Anchor {
    running: Running,
    wall: SystemTime,
}

impl Anchor {
    pub(crate) fn new(reading: Reading) -> Self {
        Self {
            running: reading.after,
            wall: reading.wall,
        }
    }

    /// By how much the wall clock gained on the other one since the last reading, for certain: however long the processor was
    /// elsewhere between two readings, it is not counted, and no number of them adds up to anything.
    pub(crate) fn gained(&mut self, reading: Reading) -> Duration {
        let expected = |running: Running| {
            let passed = running.saturating_duration_since(self.running);
            self.wall.checked_add(passed).unwrap_or(self.wall)
        };
        // Read before `after` was: it can only be ahead of what is expected then if it gained.
        let gained = reading.wall.duration_since(expected(reading.after));
        let behind = expected(reading.before).duration_since(reading.wall);
        match (gained, behind) {
            (Ok(gained), _) => {
                self.settle(reading);
                gained
            }
            // It was put back, for certain: what it gains from here on counts.
            (_, Ok(behind)) if behind > SLACK => {
                self.settle(reading);
                Duration::ZERO
            }
            // As expected. The older reading is the stricter one.
            _ => Duration::ZERO,
        }
    }

    fn settle(&mut self, reading: Reading) {
        self.running = reading.after;
        self.wall = reading.wall;
    }
}

impl fmt::Debug for Slept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slept").field(&self.total()).finish()
    }
}
