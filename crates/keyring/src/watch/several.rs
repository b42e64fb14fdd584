//! The metrics of several keyrings, those of one name together.
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    miss::{Misses, StaleServes},
    publish::Labels,
};
use crate::{
    material::{OpeningMaterial, SealingMaterial},
    opening::{keyring::OpeningKeyring, stats::OpeningStats},
    sealing::{keyring::SealingKeyring, stats::SealingStats},
};

/// Publishes the statistics of keyrings through the [`metrics`] facade, for as long as anybody has them. Cheap to clone. Needs the
/// feature `metrics`.
///
/// Keyrings are watched under a name, which becomes the label `keyring`; those of one name, or of none, are counted together: what
/// they count is added up, and of what is left the least is told. What a keyring counted before it was dropped stays counted, as of the last
/// time that it was published. Names, units and labels are those of [`SealingStats::publish`].
///
/// A keyring that is watched has nothing more to do on a hit: its counts are read when they are published.
///
/// ```
/// use datakey_keyring::{KeyringMetrics, SealingKeyring};
/// # use datakey_provider::SealingProvider;
/// # fn with(kms: impl SealingProvider + Clone + 'static) {
/// let metrics = KeyringMetrics::new();
/// let (orders, returns) = (SealingKeyring::new(kms.clone()), SealingKeyring::new(kms));
/// metrics.watch_sealing(Some("orders"), &orders);
/// metrics.watch_sealing(Some("returns"), &returns);
/// metrics.publish(); // on a timer, or before a scrape
/// # }
/// ```
#[derive(Clone, Default)]
pub struct KeyringMetrics(Arc<Mutex<Watched>>);

type Name = Option<Box<str>>;

#[derive(Default)]
struct Watched {
    sealing: BTreeMap<Name, Group<SealingStats>>,
    opening: BTreeMap<Name, Group<OpeningStats>>,
}

/// Keyrings of one name.
struct Group<S> {
    live: Vec<One<S>>,
    /// What those counted that are no more.
    departed: S,
}

struct One<S> {
    /// Where it is, to tell whether it is watched already.
    place: usize,
    find: Box<dyn Fn() -> Option<S> + Send>,
    last: S,
}

/// Statistics that can be added up.
trait Sum: Copy + Default {
    fn plus(self, other: Self) -> Self;
    /// What stays of them when the keyring is no more.
    fn counted(self) -> Self;
}

impl<S: Sum> Default for Group<S> {
    fn default() -> Self {
        Self {
            live: Vec::new(),
            departed: S::default(),
        }
    }
}

impl<S: Sum> Group<S> {
    fn watch(&mut self, place: usize, find: impl Fn() -> Option<S> + Send + 'static) {
        self.total();
        if self.live.iter().any(|one| one.place == place) {
            return;
        }
        self.live.push(One {
            place,
            find: Box::new(find),
            last: S::default(),
        });
    }

    fn total(&mut self) -> S {
        let Self { live, departed } = self;
        live.retain_mut(|one| match (one.find)() {
            Some(stats) => {
                one.last = stats;
                true
            }
            None => {
                *departed = departed.plus(one.last.counted());
                false
            }
        });
        live.iter().fold(*departed, |sum, one| sum.plus(one.last))
    }
}

impl KeyringMetrics {
    /// Watches none yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a keyring's statistics published, under this name. A second time changes nothing.
    pub fn watch_sealing<M: SealingMaterial>(&self, name: Option<&str>, keyring: &SealingKeyring<M>) {
        let weak = Arc::downgrade(&keyring.core);
        let place = Arc::as_ptr(&keyring.core).addr();
        let find = move || {
            let core = weak.upgrade()?;
            Some(SealingKeyring { core }.stats())
        };
        let mut watched = self.watched();
        let group = watched.sealing.entry(name.map(Into::into)).or_default();
        group.watch(place, find);
    }

    /// Has a keyring's statistics published, under this name. A second time changes nothing.
    pub fn watch_opening<M: OpeningMaterial>(&self, name: Option<&str>, keyring: &OpeningKeyring<M>) {
        let weak = Arc::downgrade(&keyring.core);
        let place = Arc::as_ptr(&keyring.core).addr();
        let find = move || {
            let core = weak.upgrade()?;
            Some(OpeningKeyring { core }.stats())
        };
        let mut watched = self.watched();
        let group = watched.opening.entry(name.map(Into::into)).or_default();
        group.watch(place, find);
    }

    /// Publishes what they did so far, and how they stand. Call it on a timer, or before a scrape.
    pub fn publish(&self) {
        let mut watched = self.watched();
        for (name, group) in &mut watched.sealing {
            group
                .total()
                .publish_with(&Labels::new("sealing", name.as_deref()));
        }
        for (name, group) in &mut watched.opening {
            group
                .total()
                .publish_with(&Labels::new("opening", name.as_deref()));
        }
    }
}

fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

fn greatest(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.max(other)
}

/// The fields that are added up, of two of one type.
macro_rules! sums {
    ($one:ident + $other:ident: $($field:ident),+) => {{
        $($one.$field = $one.$field.wrapping_add($other.$field);)+
    }};
}

fn misses(one: Misses, other: Misses) -> Misses {
    let mut sum = one;
    for (count, more) in sum.0.iter_mut().zip(other.0) {
        *count = count.wrapping_add(more);
    }
    sum
}

fn stale(mut one: StaleServes, other: StaleServes) -> StaleServes {
    sums!(one + other: throttled, transient, timeout, unauthenticated, other);
    one
}

impl Sum for SealingStats {
    fn plus(mut self, other: Self) -> Self {
        sums!(self + other: hits, loads, shared_waits, refreshes, failures, superseded, dedicated, revoked, evicted,
            live, in_flight, locked_bytes, lock_failures, calls_made, calls_avoided);
        self.misses = misses(self.misses, other.misses);
        self.stale = stale(self.stale, other.stale);
        self.greatest_age = greatest(self.greatest_age, other.greatest_age);
        self.least_time_left = least(self.least_time_left, other.least_time_left);
        self.least_messages_left = least(self.least_messages_left, other.least_messages_left);
        self.least_bytes_left = least(self.least_bytes_left, other.least_bytes_left);
        self.contexts_look_per_record |= other.contexts_look_per_record;
        self
    }

    fn counted(self) -> Self {
        Self {
            live: 0,
            in_flight: 0,
            locked_bytes: 0,
            greatest_age: None,
            least_time_left: None,
            least_messages_left: None,
            least_bytes_left: None,
            contexts_look_per_record: false,
            ..self
        }
    }
}

impl Sum for OpeningStats {
    fn plus(mut self, other: Self) -> Self {
        sums!(self + other: hits, loads, shared_waits, failures, superseded, not_recognised, refused_from_memory, hedges,
            refreshes, primed, revoked, refusals, evicted, live, in_flight, locked_bytes, lock_failures, calls_made,
            calls_avoided);
        self.misses = misses(self.misses, other.misses);
        self.stale = stale(self.stale, other.stale);
        self.greatest_age = greatest(self.greatest_age, other.greatest_age);
        self.least_time_left = least(self.least_time_left, other.least_time_left);
        self
    }

    fn counted(self) -> Self {
        Self {
            live: 0,
            in_flight: 0,
            locked_bytes: 0,
            refusals: 0,
            greatest_age: None,
            least_time_left: None,
            ..self
        }
    }
}

impl fmt::Debug for KeyringMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watched = self.watched();
        f.debug_struct("KeyringMetrics")
            .field("sealing", &watched.sealing.keys())
            .field("opening", &watched.opening.keys())
            .finish()
    }
}
