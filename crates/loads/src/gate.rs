//! How many loads run at once, who is next, and for how long each may take.
//!
//! # Lanes
//! A lane has three quarters of all places at most, where there is more than one lane to be expected. So loads that hang
//! on one wrapping key leave room for those of another.
//!
//! # Sleepers
//! A place belongs to a load as long as somebody works on it. Who has not been at work for
//! [`ASLEEP`](crate::ASLEEP) loses it to the next in the queue, and in the queue is passed over: no load waits for a
//! runtime that nobody drives. A sleeper that wakes goes on where it was; so there may be more loads under way than
//! there are places, by those that slept.
use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{
    caught,
    later::later,
    outcome::LoadError,
    pulse::{BEAT, Pulse},
    rt::{self, Instant, Timer, Within},
    sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError},
};

/// How many loads may be under way and wait, and how long each may take.
///
/// Concurrency, lanes and deadline bound different things. With loads that take 20 ms, 64 at once are 3,200 a second; the queue is what a
/// burst may be longer than that; the deadline is for a source that hangs. A lane is what may hang by itself, such as one of two Regions:
/// with fewer places for each than there are in all, the others go on.
///
/// ```
/// use std::time::Duration;
/// use datakey_loads::{Gate, GateLimits, LoadError};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let gate = Gate::new(GateLimits { loads: 2, in_lane: 1, queued: 0, deadline: Duration::from_secs(5) });
/// let hangs = gate.alone("eu-west-1", std::future::pending::<Result<(), ()>>());
/// let beside = async {
///     tokio::task::yield_now().await;
///     // Its lane is full, and nobody may wait. The other lane has room.
///     assert_eq!(gate.alone("eu-west-1", async { Ok::<_, ()>(1) }).await, Err(LoadError::QueueFull { queued: 0 }));
///     assert_eq!(gate.alone("eu-central-1", async { Ok::<_, ()>(2) }).await, Ok(2));
/// };
/// let (hung, ()) = tokio::join!(hangs, beside);
/// assert_eq!(hung, Err(LoadError::TimedOut { after: Duration::from_secs(5) }));
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateLimits {
    /// How many are under way at once.
    pub loads: usize,
    /// Of these, how many of one lane.
    pub in_lane: usize,
    /// How many wait for their turn.
    pub queued: usize,
    /// How long one may take, and how long it may wait for its turn.
    pub deadline: Duration,
}

impl Default for GateLimits {
    /// 64 loads at once, all of one lane if need be, 4,096 that wait, 90 seconds for each.
    fn default() -> Self {
        Self {
            loads: 64,
            in_lane: 64,
            queued: 4096,
            deadline: Duration::from_secs(90),
        }
    }
}

/// Bounds loads in number and in time.
///
/// Those that wait are admitted in the order in which they came, except where the lane of the oldest is full or it sleeps. Two
/// [`Loads`](crate::Loads) may share a gate behind an `Arc`, and so share its places.
#[derive(Debug)]
pub struct Gate {
    limits: GateLimits,
    places: Mutex<Places>,
    calls: AtomicU64,
}

#[derive(Debug, Default)]
struct Places {
    running: HashMap<u64, Running>,
    /// By name; those that nobody uses are let go.
    lanes: HashMap<Arc<str>, Lane>,
    queued: usize,
    arrivals: u64,
    /// Calls that came and have not gone, whether or not they have a place.
    here: usize,
    closed: bool,
}

#[derive(Debug)]
struct Running {
    lane: Arc<str>,
    pulse: Arc<Pulse>,
    /// Of whoever polled it when its turn came.
    waker: Waker,
}

#[derive(Debug, Default)]
struct Lane {
    running: usize,
    queue: BTreeMap<u64, Ticket>,
}

#[derive(Debug)]
struct Ticket {
    pulse: Arc<Pulse>,
    waker: Waker,
}

/// Why there is no place.
enum Refused {
    Full,
    Closed,
}

impl Gate {
    /// One that lets loads pass within these limits.
    #[must_use]
    pub fn new(limits: GateLimits) -> Self {
        Self {
            limits,
            places: Mutex::default(),
            calls: AtomicU64::new(0),
        }
    }

    /// Its limits.
    #[must_use]
    pub const fn limits(&self) -> &GateLimits {
        &self.limits
    }

    /// Calls that were let pass so far.
    ///
    /// Turns that were given; those who gave up in the queue are not among them.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Loads that are under way or wait for their turn at the moment, those that sleep included: also what lost its place
    /// because it slept, and goes on without one.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.places().here
    }

    /// Refuses all who wait and all who come from here on.
    ///
    /// Calls that are under way end with [`LoadError::ShutDown`] when they are polled next. There is no opening it again.
    ///
    /// ```
    /// use datakey_loads::{Gate, GateLimits, LoadError};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let gate = Gate::new(GateLimits::default());
    /// let under_way = gate.alone("", std::future::pending::<Result<(), ()>>());
    /// let (ended, ()) = tokio::join!(under_way, async { gate.close() });
    /// assert_eq!(ended, Err(LoadError::ShutDown));
    /// assert_eq!(gate.alone("", async { Ok::<_, ()>(()) }).await, Err(LoadError::ShutDown));
    /// # }
    /// ```
    pub fn close(&self) {
        let mut places = self.places();
        // Once is enough, also for whoever is woken by it and closes it again.
        if std::mem::replace(&mut places.closed, true) {
            return;
        }
        let queued = places.lanes.values().flat_map(|lane| lane.queue.values());
        let queued = queued.map(|ticket| &ticket.waker);
        let running = places.running.values().map(|running| &running.waker);
        let wakers: Vec<_> = queued.chain(running).cloned().collect();
        drop(places);
        caught::wake_all(wakers);
    }

    /// Runs one call when there is a place for it, for as long as the deadline allows. `began` is called when its turn
    /// has come.
    pub(crate) async fn run<T, E>(
        &self,
        lane: Arc<str>,
        pulse: Arc<Pulse>,
        began: impl FnOnce(),
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, LoadError<E>> {
        let after = self.limits.deadline;
        let mut turn = Turn {
            gate: self,
            lane,
            pulse,
            number: None,
        };
        let waited = rt::within(after, std::future::poll_fn(|cx| turn.poll(cx))).await;
        match waited {
            Within::Time(Ok(())) => {}
            Within::Time(Err(Refused::Closed)) => return Err(LoadError::ShutDown),
            Within::Time(Err(Refused::Full)) => {
                return Err(LoadError::QueueFull {
                    queued: self.limits.queued,
                });
            }
            Within::Late => {
                return Err(LoadError::Overloaded {
                    loads: self.limits.loads,
                    after,
                });
            }
            Within::NoClock => return Err(LoadError::NoRuntime),
        }
        began();
        self.calls.fetch_add(1, Ordering::Relaxed);
        match rt::within(after, call).await {
            Within::Time(result) => result.map_err(LoadError::Failed),
            Within::Late => Err(LoadError::TimedOut { after }),
            Within::NoClock => Err(LoadError::NoRuntime),
        }
    }

    /// Runs a call for one caller alone, in its own task: dropped with it, and a panic is an error.
    ///
    /// For what nobody shares, so that it is counted and bounded with what is shared.
    ///
    /// ```
    /// use datakey_loads::{Gate, GateLimits, LoadError};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// let gate = Gate::new(GateLimits::default());
    /// let defect = gate.alone("", async { if true { panic!("a defect") } else { Ok::<u8, ()>(1) } });
    /// assert_eq!(defect.await, Err(LoadError::Panicked)); // an error of this caller, and not the end of its task
    /// assert_eq!(gate.alone("", async { Ok::<_, ()>(2) }).await, Ok(2));
    /// assert_eq!((gate.calls(), gate.in_flight()), (2, 0));
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`LoadError`], with what the call answered or why there was no answer.
    pub async fn alone<T, E>(
        &self,
        lane: &str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, LoadError<E>> {
        let Some(home) = rt::Runtime::current().map(|runtime| runtime.id()) else {
            return Err(LoadError::NoRuntime);
        };
        // A call that answers at once needs no clock.
        let mut tick: Option<Timer> = None;
        // It beats at this moment, which is that of the first poll.
        let pulse = Arc::new(Pulse::new(Instant::now()));
        let mut is_first = true;
        let mut run = pin!(self.run(lane.into(), Arc::clone(&pulse), || (), call));
        std::future::poll_fn(move |cx| {
            if self.places().closed {
                return Poll::Ready(Err(LoadError::ShutDown));
            }
            if !std::mem::take(&mut is_first) {
                pulse.beat(Instant::now());
            }
            match caught::poll(run.as_mut(), cx) {
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(result)) => return Poll::Ready(result),
                Err(caught::Panicked) => {
                    // A call that was begun on another runtime panics when that one has ended, and so does any where this has.
                    let moved = rt::Runtime::current().is_none_or(|runtime| runtime.id() != home);
                    let clock = Timer::at(later(Instant::now(), BEAT));
                    let has_ended = clock.and_then(|mut clock| clock.poll(cx)).is_none();
                    return Poll::Ready(Err(if moved || has_ended {
                        LoadError::NoRuntime
                    } else {
                        LoadError::Panicked
                    }));
                }
            }
            loop {
                if tick.is_none() {
                    tick = Timer::at(later(Instant::now(), BEAT));
                }
                match tick.as_mut().and_then(|tick| tick.poll(cx)) {
                    Some(Poll::Pending) => return Poll::Pending,
                    Some(Poll::Ready(())) => tick = None,
                    None => return Poll::Ready(Err(LoadError::NoRuntime)),
                }
            }
        })
        .await
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // Nothing that runs under the lock leaves the places half changed.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Gives a place that is free to `number`.
    fn admit(&mut self, number: u64, lane: Arc<str>, ticket: Ticket) {
        let own = self.lanes.entry(Arc::clone(&lane)).or_default();
        own.running = own.running.saturating_add(1);
        let Ticket { pulse, waker } = ticket;
        self.running.insert(number, Running { lane, pulse, waker });
    }

    fn has_room(&self, lane: &str, limits: &GateLimits) -> bool {
        let running = self.lanes.get(lane).map_or(0, |lane| lane.running);
        self.running.len() < limits.loads && running < limits.in_lane
    }

    /// The oldest call that is awake and whose lane has room.
    fn next(&self, limits: &GateLimits, now: Instant) -> Option<(u64, Arc<str>)> {
        if self.queued == 0 || self.running.len() >= limits.loads {
            return None;
        }
        let with_room = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.running < limits.in_lane);
        let firsts = with_room.filter_map(|(name, lane)| {
            let mut queue = lane.queue.iter();
            let (number, _) = queue.find(|(_, ticket)| !ticket.pulse.is_asleep(now))?;
            Some((*number, Arc::clone(name)))
        });
        firsts.min()
    }

    /// Admits all whose turn has come; they are to be woken.
    fn advance(&mut self, limits: &GateLimits, now: Instant) -> Vec<Waker> {
        let mut woken = Vec::new();
        while let Some((number, lane)) = self.next(limits, now) {
            let Some(ticket) = self.take(number, &lane) else {
                break;
            };
            woken.push(ticket.waker.clone());
            self.admit(number, lane, ticket);
        }
        woken
    }

    /// Takes a call out of the queue.
    fn take(&mut self, number: u64, lane: &Arc<str>) -> Option<Ticket> {
        let ticket = self.lanes.get_mut(lane)?.queue.remove(&number)?;
        self.queued = self.queued.saturating_sub(1);
        Some(ticket)
    }

    /// Takes their places from those that sleep, where others wait.
    fn reclaim(&mut self, now: Instant) {
        let asleep: Vec<u64> = self
            .running
            .iter()
            .filter(|(_, running)| running.pulse.is_asleep(now))
            .map(|(number, _)| *number)
            .collect();
        for number in asleep {
            self.release(number);
        }
    }

    /// Lets sleepers out of the queue; each joins it again in its old place when it wakes.
    fn purge(&mut self, now: Instant) {
        for lane in self.lanes.values_mut() {
            lane.queue.retain(|_, ticket| !ticket.pulse.is_asleep(now));
        }
        self.queued = self.lanes.values().map(|lane| lane.queue.len()).sum();
        self.lanes
            .retain(|_, lane| lane.running > 0 || !lane.queue.is_empty());
    }

    /// Frees the place of a call that has one.
    fn release(&mut self, number: u64) {
        if let Some(running) = self.running.remove(&number) {
            if let Some(lane) = self.lanes.get_mut(&running.lane) {
                lane.running = lane.running.saturating_sub(1);
            }
            self.tidy(&running.lane);
        }
    }

    fn tidy(&mut self, name: &str) {
        if self
            .lanes
            .get(name)
            .is_some_and(|lane| lane.running == 0 && lane.queue.is_empty())
        {
            self.lanes.remove(name);
        }
    }

    /// Whether a call has its place, gets one now, or stands in the queue from here on.
    fn turn(
        &mut self,
        limits: &GateLimits,
        number: u64,
        lane: &Arc<str>,
        ticket: Ticket,
        now: Instant,
    ) -> Result<(bool, Vec<Waker>), Refused> {
        if self.closed {
            return Err(Refused::Closed);
        }
        if self.running.contains_key(&number) {
            return Ok((true, Vec::new()));
        }
        let known = self
            .lanes
            .get(lane)
            .is_some_and(|lane| lane.queue.contains_key(&number));
        if !known && self.queued >= limits.queued {
            self.purge(now);
            if self.queued >= limits.queued && !self.has_room(lane, limits) {
                self.reclaim(now);
                if !self.has_room(lane, limits) {
                    return Err(Refused::Full);
                }
            }
        }
        let replaced = self
            .lanes
            .entry(Arc::clone(lane))
            .or_default()
            .queue
            .insert(number, ticket);
        if replaced.is_none() {
            self.queued = self.queued.saturating_add(1);
        }
        let mut woken = self.advance(limits, now);
        if !self.running.contains_key(&number) {
            self.reclaim(now);
            woken.extend(self.advance(limits, now));
        }
        Ok((self.running.contains_key(&number), woken))
    }
}

/// A call that waits for a place, or has one, until it is dropped.
struct Turn<'a> {
    gate: &'a Gate,
    lane: Arc<str>,
    pulse: Arc<Pulse>,
    /// From the first look on.
    number: Option<u64>,
}

impl Turn<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        let now = Instant::now();
        let ticket = Ticket {
            pulse: Arc::clone(&self.pulse),
            waker: cx.waker().clone(),
        };
        let mut places = self.gate.places();
        let number = *self.number.get_or_insert_with(|| {
            places.arrivals = places.arrivals.wrapping_add(1);
            places.here = places.here.saturating_add(1);
            places.arrivals
        });
        let turned = places.turn(&self.gate.limits, number, &self.lane, ticket, now);
        drop(places);
        match turned {
            Ok((admitted, woken)) => {
                caught::wake_all(woken);
                if admitted {
                    Poll::Ready(Ok(()))
                } else {
                    Poll::Pending
                }
            }
            Err(refused) => Poll::Ready(Err(refused)),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut places = self.gate.places();
        places.here = places.here.saturating_sub(1);
        places.take(number, &self.lane);
        places.release(number);
        places.tidy(&self.lane);
        let woken = places.advance(&self.gate.limits, Instant::now());
        drop(places);
        caught::wake_all(woken);
    }
}
