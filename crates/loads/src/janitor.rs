//! Drops what nobody asks for any more once it is too old, so that an idle process holds nothing old.
//!
//! One task for each cache, which lives while there is something to keep. It sleeps until the next thing is too old, at
//! most for the shortest life that anything can have, so that what came meanwhile is never overlooked. It holds the cache
//! weakly.
//!
//! The task sleeps for ever on a runtime that nobody drives. So whoever passes by looks whether it is overdue, sweeps in its
//! place, and has another one take over. And its clock stands still while the machine is suspended: so it wakes
//! each second to ask whether that happened, and so does whoever passes by.
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use crate::later::later;

/// The least time from one sweep to the next, so that things that expire one after the other share a sweep.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// A sweep that is late by this much is not going to happen.
const OVERDUE: Duration = Duration::from_secs(1);

/// How often the task asks whether the process slept.
const TICK: Duration = Duration::from_secs(1);

/// What is kept and grows too old.
///
/// ```
/// use std::{sync::{Arc, Mutex}, time::Duration};
/// use datakey_loads::{Janitor, Sweep};
/// use tokio::time::Instant;
///
/// const LIFE: Duration = Duration::from_secs(60);
///
/// /// What came in when.
/// #[derive(Default)]
/// struct Shelf { born: Mutex<Vec<Instant>>, janitor: Janitor }
///
/// impl Sweep for Shelf {
///     fn janitor(&self) -> &Janitor {
///         &self.janitor
///     }
///     fn sweep(&self, now: Instant) {
///         self.born.lock().unwrap().retain(|born| now < *born + LIFE);
///     }
///     fn next_sweep(&self, _: Instant) -> Option<Instant> {
///         self.born.lock().unwrap().iter().min().map(|born| *born + LIFE)
///     }
///     fn shortest_life(&self) -> Duration {
///         LIFE
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let shelf = Arc::new(Shelf::default());
/// shelf.born.lock().unwrap().push(Instant::now());
/// Janitor::tend(&shelf); // when something is put on it
/// tokio::time::sleep(LIFE + Duration::from_secs(2)).await;
/// assert!(shelf.born.lock().unwrap().is_empty()); // though nobody looked for it
/// # }
/// ```
pub trait Sweep: Send + Sync + 'static {
    /// Its janitor.
    fn janitor(&self) -> &Janitor;

    /// Drops what is too old.
    fn sweep(&self, now: Instant);

    /// When the next thing will be too old; `None` when nothing is kept or under way.
    fn next_sweep(&self, now: Instant) -> Option<Instant>;

    /// The shortest life that anything can have.
    fn shortest_life(&self) -> Duration;

    /// Whether the process [slept](crate::Slept::look) so long that things may be too old before their time. Asked often, and has to
    /// cost next to nothing. It never sleeps by default.
    fn has_slept(&self, _now: Instant) -> bool {
        false
    }
}

/// The task that sweeps, where there is one.
///
/// It has no thread. On a runtime that nobody drives its task does not run, so every request calls [`pass_by`](Self::pass_by), which costs
/// next to nothing until a sweep is late by a second, and then sweeps in the task's place.
#[derive(Debug)]
pub struct Janitor {
    task: Mutex<Option<AbortHandle>>,
    born: Instant,
    /// When the task means to sweep, in nanoseconds since; never, if there is none.
    due: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Default for Janitor {
    fn default() -> Self {
        Self {
            task: Mutex::default(),
            born: Instant::now(),
            due: AtomicU64::new(NEVER),
        }
    }
}

impl Janitor {
    fn task(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due_at(&self, instant: Instant) {
        let nanos = instant.saturating_duration_since(self.born).as_nanos();
        self.due
            .store(u64::try_from(nanos).unwrap_or(NEVER), Ordering::Relaxed);
    }

    /// Whether a sweep did not happen in its time.
    pub fn is_overdue(&self, now: Instant) -> bool {
        let due = Duration::from_nanos(self.due.load(Ordering::Relaxed));
        now.saturating_duration_since(self.born) > due.saturating_add(OVERDUE)
    }

    /// Ends the task.
    pub fn dismiss(&self) {
        self.due.store(NEVER, Ordering::Relaxed);
        if let Some(task) = self.task().take() {
            task.abort();
        }
    }

    /// Sees to it that somebody sweeps: to be called when a load is begun, outside of its lock.
    pub fn tend(swept: &Arc<impl Sweep>) {
        let now = Instant::now();
        let mut task = swept.janitor().task();
        let tended = task.as_ref().is_some_and(|task| !task.is_finished());
        if !tended || swept.janitor().is_overdue(now) {
            let first = later(now, swept.shortest_life());
            swept.janitor().send(&mut task, swept, first);
        }
    }

    /// Sweeps if nobody did in time or the process slept, and takes over from the task. Costs a look at two numbers otherwise.
    pub fn pass_by(swept: &Arc<impl Sweep>, now: Instant) {
        let slept = swept.has_slept(now);
        if slept || swept.janitor().is_overdue(now) {
            swept.janitor().dismiss();
            swept.sweep(now);
            let mut task = swept.janitor().task();
            if let Some(next) = next_wake(&**swept, now) {
                swept.janitor().send(&mut task, swept, next);
            }
        }
    }

    /// Puts a task in the place of the one that there is. Without a runtime there is none, and whoever passes by when the
    /// sweep is due does it.
    fn send(&self, task: &mut Option<AbortHandle>, swept: &Arc<impl Sweep>, first: Instant) {
        if let Some(late) = task.take() {
            late.abort();
        }
        self.is_due_at(first);
        if let Ok(runtime) = Handle::try_current() {
            *task = Some(runtime.spawn(tend(Arc::downgrade(swept), first)).abort_handle());
        }
    }
}

/// When to sweep next; `None` when there is nothing to keep.
fn next_wake(swept: &impl Sweep, now: Instant) -> Option<Instant> {
    let longest = later(now, swept.shortest_life());
    let next = swept.next_sweep(now)?;
    Some(next.min(longest).max(later(now, LEAST_PAUSE)))
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.dismiss();
    }
}

async fn tend(swept: Weak<impl Sweep>, first: Instant) {
    let mut wake = first;
    loop {
        sleep_until(wake.min(later(Instant::now(), TICK))).await;
        let Some(swept) = swept.upgrade() else { return };
        let now = Instant::now();
        if !swept.has_slept(now) && now < wake {
            continue;
        }
        swept.sweep(now);
        // Held while deciding, so that a load that begins at this moment finds either this task or none.
        let own = swept.janitor();
        let mut task = own.task();
        let Some(next) = next_wake(&*swept, now) else {
            own.due.store(NEVER, Ordering::Relaxed);
            *task = None;
            return;
        };
        wake = next;
        own.is_due_at(wake);
    }
}
