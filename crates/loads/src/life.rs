//! What the age of a value and the last failure to replace it allow.
//!
//! A value is *due* some time before its soft age, at a point drawn for each, and is then replaced in the background
//! while it goes on serving. Past its soft age it serves only while replacing it fails in a way that passes, or takes
//! longer than anybody should wait beside a value that works; past its hard age never. The time that the process
//! [slept](crate::Slept) counts for ages, and for nothing else.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    jitter::{Draw, Jitter},
    later::later,
    loads::Begun,
    pulse::Pulse,
    slept::Slept,
};

/// The first pause after a refresh that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between refreshes that fail.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause that the source may ask for: a wrong header must not keep refreshes away.
const LONGEST_ASKED: Duration = Duration::from_secs(20);

/// A pause takes no more than this part of what is left of a value's life, so that several attempts are made before it ends.
const PART_OF_LIFE: u32 = 4;

/// A load that has not ended after this long counts as failing: 1 second. Retries beneath go on for much longer, and
/// nobody should wait for them beside a value that works.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// A refresh begins between these parts of the soft age, in thousandths, at a point drawn for each value: so early that
/// a slow call ends in time, and so spread that a fleet started together does not refresh in step.
const REFRESH_FROM: u32 = 700;
const REFRESH_TO: u32 = 950;

/// The ages of a value.
///
/// Soft is when a newer value is wanted, hard is how long the old one may be trusted at all. The time between is the outage of the source
/// that is ridden out; with both alike, none is.
///
/// ```
/// use std::time::Duration;
/// use datakey_loads::{Ages, Jitter, Life, Slept, Standing};
/// use tokio::time::Instant;
///
/// let ages = Ages { soft: Duration::from_secs(300), hard: Duration::from_secs(900) };
/// let (now, jitter) = (Instant::now(), Jitter::new(None));
/// let life: Life<&str> = Life::new(now, ages, &jitter, &Slept::default());
/// let after = |seconds| now + Duration::from_secs(seconds);
/// assert_eq!(life.standing(after(209)), Standing::Fresh); // before 70 percent
/// assert_eq!(life.standing(after(286)), Standing::Due); // past 95 percent: served, and replaced in the background
/// assert_eq!(life.standing(after(301)), Standing::Expired); // nobody says that the source fails: load first
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// The age at which it is replaced.
    pub soft: Duration,
    /// The age past which it is never used; not under the soft age.
    pub hard: Duration,
}

/// When a value is due, old, and too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) created: Instant,
    pub(crate) refresh: Instant,
    pub(crate) soft: Instant,
    pub(crate) hard: Instant,
}

impl Times {
    pub(crate) fn new(created: Instant, ages: Ages, draw: &mut Draw) -> Self {
        let part = draw.between(REFRESH_FROM, REFRESH_TO);
        Self {
            created,
            refresh: later(created, thousandths(ages.soft, part)),
            soft: later(created, ages.soft),
            hard: later(created, ages.hard),
        }
    }

    /// When all that is due after the value was created comes earlier by so much, which passed unseen.
    pub(crate) fn brought_forward(self, by: Duration) -> Self {
        if by.is_zero() {
            return self;
        }
        let forward = |at: Instant| at.checked_sub(by).map_or(self.created, |at| at.max(self.created));
        Self {
            created: self.created,
            refresh: forward(self.refresh),
            soft: forward(self.soft),
            hard: forward(self.hard),
        }
    }
}

/// The last failure to replace a value. `B` says in which way it will pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure<B> {
    /// `None`: it will not pass.
    pub(crate) passes: Option<B>,
    /// How many in a row.
    pub(crate) times: u32,
    /// No further attempt before this.
    pub(crate) pause_until: Instant,
    /// Past this the failure no longer says anything about the source.
    pub(crate) counts_until: Instant,
}

impl<B: Copy> Failure<B> {
    pub(crate) fn next(
        before: Option<&Self>,
        passes: Option<B>,
        asked: Option<Duration>,
        (now, end): (Instant, Instant),
        draw: &mut Draw,
    ) -> Self {
        let times = before.map_or(0, |failure| failure.times).saturating_add(1);
        let doubled = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(times.saturating_sub(1)))
            .min(LONGEST_PAUSE);
        let drawn = thousandths(doubled, draw.between(500, 1000));
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
        let left = end.saturating_duration_since(now);
        let most = left
            .checked_div(PART_OF_LIFE)
            .unwrap_or_default()
            .max(FIRST_PAUSE);
        let pause = drawn.max(asked).min(most);
        Self {
            passes,
            times,
            pause_until: later(now, pause),
            counts_until: later(now, pause.saturating_mul(2)),
        }
    }
}

/// Why a value serves past its soft age.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use datakey_loads::{Ages, Because, Begun, Jitter, Life, PATIENCE, Pulse, Slept, Standing};
/// use tokio::time::Instant;
///
/// let ages = Ages { soft: Duration::from_secs(300), hard: Duration::from_secs(900) };
/// let now = Instant::now();
/// let life: Life<&str> = Life::new(now, ages, &Jitter::new(None), &Slept::default());
///
/// // Past its soft age somebody asks for the next one, and the source does not answer.
/// let since = now + Duration::from_secs(400);
/// let pulse = Arc::new(Pulse::new(since));
/// life.note_load(Begun { since, pulse: &pulse }, false);
/// assert_eq!(life.standing(since), Standing::Expired); // worth a second's wait
/// let later = since + PATIENCE;
/// pulse.beat(later);
/// assert_eq!(life.standing(later), Standing::Stale { because: Because::Slow, due: false });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because<B> {
    /// The last attempt to replace it failed in this way.
    Fails(B),
    /// The attempt to replace it has not ended within [`PATIENCE`].
    Slow,
}

/// What may be done with a value.
///
/// ```
/// use std::time::Duration;
/// use datakey_loads::{Ages, Because, Jitter, Life, Slept, Standing};
/// use tokio::time::Instant;
///
/// let ages = Ages { soft: Duration::from_secs(300), hard: Duration::from_secs(900) };
/// let (now, jitter) = (Instant::now(), Jitter::new(Some(7)));
/// let life = Life::new(now, ages, &jitter, &Slept::default());
/// let after = |seconds| now + Duration::from_secs(seconds);
///
/// life.note_failure(Some("throttled"), None, &jitter, after(301));
/// assert_eq!(life.standing(after(301)), Standing::Stale { because: Because::Fails("throttled"), due: false });
/// life.note_failure(None, None, &jitter, after(302)); // and now it is denied, which will not pass
/// assert_eq!(life.standing(after(302)), Standing::Expired);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<B> {
    /// Serve.
    Fresh,
    /// Serve, and load the next one in the background.
    Due,
    /// Serve, because replacing it fails, and it is not past its hard age.
    Stale {
        /// In which way it fails.
        because: Because<B>,
        /// Also try again in the background.
        due: bool,
    },
    /// Load another one first.
    Expired,
}

/// The age of one value, and the attempts to replace it.
///
/// It goes into whatever holds the value, and is shared with it. All it does is arithmetic: it reads no clock, so that whoever asks says
/// what time it is, and keeps no task.
#[derive(Debug)]
pub struct Life<B> {
    times: Times,
    slept: Slept,
    /// How long the process had slept when the value was made, in nanoseconds.
    slept_before: u64,
    attempts: Mutex<Attempts<B>>,
}

#[derive(Debug)]
struct Attempts<B> {
    failure: Option<Failure<B>>,
    under_way: Option<UnderWay>,
}

/// A load that would replace a value, or one that was given up without an answer.
#[derive(Debug)]
struct UnderWay {
    /// Since when there has been no answer: from the first of several loads of which none got one.
    since: Instant,
    /// When this one began.
    began: Instant,
    /// Nobody waits for it, so nobody is told how it ends.
    background: bool,
    /// `None` when it was ended from outside.
    pulse: Option<Arc<Pulse>>,
}

impl UnderWay {
    fn is_asleep(&self, now: Instant) -> bool {
        self.pulse.as_ref().is_none_or(|pulse| pulse.is_asleep(now))
    }
}

/// A load that was given up without an answer counts with the next one, if that begins within so long: it is one silence of
/// the source, however many callers with short deadlines meet it one after the other.
const ONE_SILENCE: Duration = Duration::from_secs(30);

impl<B: Copy> Life<B> {
    /// Of a value that is made at this moment.
    #[must_use]
    pub fn new(now: Instant, ages: Ages, jitter: &Jitter, slept: &Slept) -> Self {
        Self {
            times: Times::new(now, ages, &mut jitter.draw()),
            slept: slept.clone(),
            slept_before: slept.nanos(),
            attempts: Mutex::new(Attempts {
                failure: None,
                under_way: None,
            }),
        }
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts<B>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the process slept since.
    fn unseen(&self) -> Duration {
        Duration::from_nanos(self.slept.nanos().saturating_sub(self.slept_before))
    }

    fn times(&self) -> Times {
        self.times.brought_forward(self.unseen())
    }

    /// How old it is.
    ///
    /// ```
    /// use std::{sync::{Arc, Mutex}, time::{Duration, SystemTime}};
    /// use datakey_loads::{Ages, Jitter, LOOK, Life, Slept, Standing};
    /// use tokio::time::Instant;
    ///
    /// let wall = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH));
    /// let slept = Slept::by({
    ///     let wall = Arc::clone(&wall);
    ///     move || *wall.lock().unwrap()
    /// });
    /// let ages = Ages { soft: Duration::from_secs(300), hard: Duration::from_secs(900) };
    /// let now = Instant::now();
    /// let life: Life<&str> = Life::new(now, ages, &Jitter::new(None), &slept);
    /// // The laptop is closed for an hour. Its running clock stood still.
    /// *wall.lock().unwrap() += Duration::from_secs(3600);
    /// assert!(slept.look(now + LOOK));
    /// assert!(life.age(now) > Duration::from_secs(3500));
    /// assert_eq!(life.standing(now), Standing::Expired);
    /// ```
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        let seen = now.saturating_duration_since(self.times.created);
        seen.saturating_add(self.unseen())
    }

    /// When it is due to be replaced, unless the process sleeps before that.
    #[must_use]
    pub fn refresh(&self) -> Instant {
        self.times().refresh
    }

    /// When it is too old to be used, unless the process sleeps before that.
    #[must_use]
    pub fn hard(&self) -> Instant {
        self.times().hard
    }

    /// What may be done with it. Before it is due, this takes no lock.
    pub fn standing(&self, now: Instant) -> Standing<B> {
        let times = self.times();
        if now < times.refresh {
            return Standing::Fresh;
        }
        let attempts = self.attempts();
        let awake = attempts.under_way.as_ref().filter(|load| !load.is_asleep(now));
        let since = awake.map(|load| load.since);
        standing(&times, attempts.failure.as_ref(), since, now)
    }

    /// Until when to wait for the load that would replace it, where it may serve after that: a point that has passed, if it
    /// may serve at once.
    pub fn patience(&self, now: Instant) -> Option<Instant> {
        let since = {
            let attempts = self.attempts();
            attempts.under_way.as_ref().map_or(now, |load| load.since)
        };
        let until = later(since, PATIENCE);
        let serves = now < until || matches!(self.standing(now), Standing::Stale { .. });
        (serves && until < self.hard()).then_some(until)
    }

    /// Whether it may be replaced before it is due, at this moment.
    ///
    /// It may not while a load is under way, or in the pause that follows a failure: between half a second and a second after the first,
    /// twice as long after each that follows, up to 30 seconds, and never more than a quarter of the life that is left, of which a second
    /// may always pass.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_loads::{Ages, Jitter, Life, Slept};
    /// use tokio::time::Instant;
    ///
    /// let ages = Ages { soft: Duration::from_secs(300), hard: Duration::from_secs(900) };
    /// let (now, jitter) = (Instant::now(), Jitter::new(None));
    /// let life = Life::new(now, ages, &jitter, &Slept::default());
    /// assert!(life.may_refresh(now));
    /// // The source says when it may be asked again; at most 20 seconds of that are heeded.
    /// life.note_failure(Some("throttled"), Some(Duration::from_secs(3600)), &jitter, now);
    /// assert!(!life.may_refresh(now + Duration::from_secs(19)));
    /// assert!(life.may_refresh(now + Duration::from_secs(20)));
    /// ```
    pub fn may_refresh(&self, now: Instant) -> bool {
        let attempts = self.attempts();
        let under_way = attempts.under_way.as_ref();
        under_way.is_none_or(|load| load.is_asleep(now))
            && attempts.failure.is_none_or(|failure| now >= failure.pause_until)
    }

    /// Notes that a load began that would replace it; in the background, if nobody waits for it.
    pub fn note_load(&self, begun: Begun<'_>, background: bool) {
        let mut attempts = self.attempts();
        let unanswered = attempts.under_way.as_ref();
        let before = unanswered.filter(|load| begun.since < later(load.began, ONE_SILENCE));
        attempts.under_way = Some(UnderWay {
            since: before.map_or(begun.since, |load| load.since),
            began: begun.since,
            background,
            pulse: Some(Arc::clone(begun.pulse)),
        });
    }

    /// Notes that replacing it failed: `passes` says in which way that will pass, and `asked` is the delay that the
    /// source asks for. It decides when to try again, and whether the value serves past its soft age. Answers whether that was
    /// in the background.
    pub fn note_failure(
        &self,
        passes: Option<B>,
        asked: Option<Duration>,
        jitter: &Jitter,
        now: Instant,
    ) -> bool {
        let mut attempts = self.attempts();
        let when = (now, self.times.hard);
        let next = Failure::next(attempts.failure.as_ref(), passes, asked, when, &mut jitter.draw());
        attempts.failure = Some(next);
        attempts.under_way.take().is_some_and(|load| load.background)
    }

    /// The load that would replace it was ended from outside: whoever comes next may begin another.
    pub fn release(&self) {
        if let Some(load) = &mut self.attempts().under_way {
            load.pulse = None;
        }
    }
}

/// Decides by the clock, the last failure, and since when an attempt is under way.
pub(crate) fn standing<B: Copy>(
    times: &Times,
    failure: Option<&Failure<B>>,
    since: Option<Instant>,
    now: Instant,
) -> Standing<B> {
    let attempting = since.is_some();
    if now < times.soft {
        let pausing = failure.is_some_and(|failure| now < failure.pause_until);
        return if now < times.refresh || pausing || attempting {
            Standing::Fresh
        } else {
            Standing::Due
        };
    }
    if now >= times.hard {
        return Standing::Expired;
    }
    // A failure says something about an attempt that it led to, however long that takes.
    let counting = failure.filter(|failure| since.unwrap_or(now) < failure.counts_until);
    match counting {
        Some(failure) => match failure.passes {
            Some(passes) => Standing::Stale {
                because: Because::Fails(passes),
                due: !attempting && now >= failure.pause_until,
            },
            None => Standing::Expired,
        },
        None if since.is_some_and(|since| now >= later(since, PATIENCE)) => Standing::Stale {
            because: Because::Slow,
            due: false,
        },
        None => Standing::Expired,
    }
}

fn thousandths(of: Duration, part: u32) -> Duration {
    of.checked_mul(part)
        .and_then(|product| product.checked_div(1000))
        .unwrap_or(of)
}
