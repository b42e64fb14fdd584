//! What happens to calls, and how budgets, rates and breakers stand, as metrics.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use datakey_provider::{ErrorClass, Scope};
use metrics::{Label, SharedString};

use crate::{AdaptiveRate, Breaker, BreakerPhase, Budget, Event, Observer, Subject, described as name};

/// The most names of one kind, of quotas and of keys, that become values of a label. Whatever comes later is `other`: names may come
/// from key ids that others have chosen.
const MAX_NAMES: usize = 64;
const OTHER: &str = "other";

/// Publishes calls through the [`metrics`] facade, under names in the style of OpenTelemetry. Cheap to clone. Needs the feature `metrics`.
///
/// | name | kind | unit | labels | says |
/// |---|---|---|---|---|
/// | `datakey.client.call.duration` | histogram | s | `rpc.service`, `rpc.method`, `error.type` | how long calls took, attempts and waits together |
/// | `datakey.client.attempt.duration` | histogram | s | `rpc.service`, `rpc.method`, `error.type`, `quota` | how long attempts took |
/// | `datakey.retry.delay` | histogram | s | `rpc.service`, `rpc.method`, `cause`, `quota` | how long calls waited before an attempt |
/// | `datakey.retry.gave_up` | counter | | `rpc.service`, `rpc.method`, `error.type`, `reason` | calls that were given up, by [`Reason`](crate::Reason) |
/// | `datakey.retry.budget.tokens` | gauge | | `quota` | tokens left for retries |
/// | `datakey.retry.budget.capacity` | gauge | | `quota` | the most tokens |
/// | `datakey.retry.rate.limit` | gauge | 1/s | `quota` | the rate that throttles taught; not a number where there were none |
/// | `datakey.retry.rate.waiting` | gauge | | `quota` | calls that wait for their turn |
/// | `datakey.breaker.opened` | counter | | `quota` | how often a key's breaker opened, or stayed open after a try |
/// | `datakey.breaker.open` | gauge | | `quota`, `scope` | keys whose breaker is open or tries again |
/// | `datakey.breaker.unwell` | gauge | | `quota`, `scope` | keys that have failed since their last answer, those among them |
///
/// - `rpc.service` and `rpc.method` are those of OpenTelemetry and the AWS SDK: `KMS`, `Decrypt`. Calls that are none of a provider's have
///   neither.
/// - `error.type` is the [class](ErrorClass) of the failure, such as `throttled`; successes have none.
/// - `cause` is `rate` for a turn of the adaptive rate, and `backoff`.
/// - `quota` is the provider's name for it: with KMS the Region, and the account or key store where those were named. Quotas without a name
///   have no such label.
/// - `scope` is what the breaker judges by itself, a wrapping key most often. It is there only with [`tell_scopes`](Self::tell_scopes).
///
/// The first 64 names of a kind are told, and all others are `other`. What a policy asks of a provider that has retries of its own
/// [beneath](Scope::BENEATH) is not published here but there.
///
/// Calls are published as they happen, in the course of the call: a few hundred nanoseconds for an attempt. How budgets, rates and
/// breakers stand is published by [`publish`](Self::publish), on a timer or before a scrape. They are watched as long as a policy has them.
///
/// It is an [`Observer`] too, for what takes nothing else; [`Policy::with_metrics`](crate::Policy::with_metrics) and
/// [`Guarded::with_metrics`](crate::Guarded::with_metrics) leave the place of the observer to another one.
///
/// ```
/// use datakey_retry::{Metrics, Policy, describe_metrics};
///
/// describe_metrics(); // once, with a recorder installed
/// let metrics = Metrics::new();
/// let policy = Policy::default().with_metrics(&metrics);
/// metrics.publish();
/// # let _ = policy;
/// ```
#[derive(Clone, Default)]
pub struct Metrics(Arc<Shared>);

#[derive(Default)]
struct Shared {
    tells_scopes: AtomicBool,
    quotas: Names,
    scopes: Names,
    watched: Mutex<Watched>,
}

/// Names that are told, the first ones that came.
#[derive(Default)]
struct Names {
    named: RwLock<BTreeSet<Arc<str>>>,
    /// Something without a name was told too.
    unnamed: AtomicBool,
}

impl Names {
    /// The name to tell for this one; none for what has no name.
    fn told(&self, name: &str) -> Option<SharedString> {
        if name.is_empty() {
            self.unnamed.store(true, Ordering::Relaxed);
            return None;
        }
        if let Some(known) = self
            .named
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
        {
            return Some(Arc::clone(known).into());
        }
        let mut names = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES {
            return Some(SharedString::const_str(OTHER));
        }
        let new: Arc<str> = name.into();
        names.insert(Arc::clone(&new));
        Some(new.into())
    }

    /// All of them; what has no name has an empty one.
    fn all(&self) -> Vec<Arc<str>> {
        let unnamed = self.unnamed.load(Ordering::Relaxed).then(|| Arc::from(""));
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        unnamed.into_iter().chain(named.iter().cloned()).collect()
    }
}

#[derive(Default)]
struct Watched {
    budgets: Watch<Budget>,
    rates: Watch<AdaptiveRate>,
    breakers: Watch<Breaker>,
    /// Series of breakers that were published, which are zero once nothing fails any more.
    failing: BTreeSet<(Box<str>, Box<str>)>,
}

/// What is looked at as long as anybody has it.
struct Watch<T>(Vec<Box<dyn Fn() -> Option<T> + Send + Sync>>);

impl<T> Default for Watch<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Watch<T> {
    fn live(&mut self) -> Vec<T> {
        let mut live = Vec::new();
        self.0.retain(|find| {
            let found = find();
            let is_there = found.is_some();
            live.extend(found);
            is_there
        });
        live
    }

    fn add(&mut self, find: impl Fn() -> Option<T> + Send + Sync + 'static, is: impl Fn(&T) -> bool) {
        if !self.live().iter().any(is) {
            self.0.push(Box::new(find));
        }
    }
}

impl Metrics {
    /// Watches nothing yet.
    ///
    /// One does for a process. Two publish under the same names, and gauges of one overwrite those of the other.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has the gauges of breakers tell the scope, which is a key's ARN most often, beside its quota. Concerns all clones.
    ///
    /// ```
    /// use datakey_retry::Metrics;
    ///
    /// let metrics = Metrics::new().tell_scopes();
    /// # metrics.publish();
    /// ```
    #[must_use]
    pub fn tell_scopes(self) -> Self {
        self.0.tells_scopes.store(true, Ordering::Relaxed);
        self
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watch(&self, budget: &Budget, rate: Option<&AdaptiveRate>, breaker: Option<&Breaker>) {
        let mut watched = self.watched();
        if let Some(find) = budget.weakly() {
            watched.budgets.add(find, |other| other.is(budget));
        }
        if let Some(rate) = rate {
            watched.rates.add(rate.weakly(), |other| other.is(rate));
        }
        drop(watched);
        if let Some(breaker) = breaker {
            self.watch_breaker(breaker);
        }
    }

    pub(crate) fn watch_breaker(&self, breaker: &Breaker) {
        let find = breaker.weakly();
        self.watched().breakers.add(find, |other| other.is(breaker));
    }

    /// Publishes how budgets, rates and breakers stand, those of a quota together: the fewest tokens, the lowest rate, all calls
    /// that wait. Call it on a timer, or before a scrape.
    ///
    /// What is not watched any more, because the last clone of its policy is gone, is left out from then on. A breaker's series goes to
    /// zero once nothing fails, instead of keeping its last number.
    pub fn publish(&self) {
        let mut watched = self.watched();
        let (budgets, rates) = (watched.budgets.live(), watched.rates.live());
        for quota in self.0.quotas.all() {
            publish_budgets(&budgets, &quota);
            publish_rates(&rates, &quota);
        }
        let breakers = watched.breakers.live();
        self.publish_breakers(&breakers, &mut watched.failing);
    }

    fn publish_breakers(&self, breakers: &[Breaker], failing: &mut BTreeSet<(Box<str>, Box<str>)>) {
        let tells_scopes = self.0.tells_scopes.load(Ordering::Relaxed);
        let mut counts: BTreeMap<(Box<str>, Box<str>), (u32, u32)> = BTreeMap::new();
        for quota in self.0.quotas.all() {
            counts.insert((Box::from(&*quota), Box::default()), (0, 0));
        }
        for (scope, quota, phase) in breakers.iter().flat_map(Breaker::unwell) {
            let told = |names: &Names, name: &str| Box::from(names.told(name).as_deref().unwrap_or_default());
            let mut series = vec![(told(&self.0.quotas, &quota), Box::default())];
            if tells_scopes {
                let (quota, _) = series.remove(0);
                series.push((quota, told(&self.0.scopes, &scope)));
            }
            for series in series {
                let (unwell, open) = counts.entry(series).or_default();
                *unwell = unwell.saturating_add(1);
                *open = open.saturating_add(u32::from(phase != BreakerPhase::Closed));
            }
        }
        for series in &*failing {
            counts.entry(series.clone()).or_default();
        }
        for ((quota, scope), (unwell, open)) in counts {
            let labels: Vec<Label> = named("quota", &quota).chain(named("scope", &scope)).collect();
            metrics::gauge!(name::BREAKER_UNWELL, labels.clone()).set(f64::from(unwell));
            metrics::gauge!(name::BREAKER_OPEN, labels).set(f64::from(open));
            failing.insert((quota, scope));
        }
    }

    fn quota(&self, call: Subject<'_>) -> Option<Label> {
        let told = self.0.quotas.told(call.quota)?;
        Some(Label::new("quota", told))
    }

    fn attempt(&self, call: Subject<'_>, class: Option<ErrorClass>, took: Duration) {
        let mut labels = of(call, class);
        labels.extend(self.quota(call));
        metrics::histogram!(name::ATTEMPT_DURATION, labels).record(took);
    }

    fn delay(&self, call: Subject<'_>, cause: &'static str, waited: Duration) {
        let mut labels = of(call, None);
        labels.push(Label::from_static_parts("cause", cause));
        labels.extend(self.quota(call));
        metrics::histogram!(name::DELAY, labels).record(waited);
    }
}

/// No label for what has no name.
fn named(label: &'static str, name: &str) -> impl Iterator<Item = Label> {
    let name = (!name.is_empty()).then(|| name.to_owned());
    name.into_iter().map(move |name| Label::new(label, name))
}

fn publish_budgets(budgets: &[Budget], quota: &str) {
    let states = budgets.iter().map(|budget| budget.state_of(quota));
    if let Some(least) = states.min_by_key(|state| state.available) {
        let label = || named("quota", quota).collect::<Vec<_>>();
        metrics::gauge!(name::BUDGET_TOKENS, label()).set(f64::from(least.available));
        metrics::gauge!(name::BUDGET_CAPACITY, label()).set(f64::from(least.capacity));
    }
}

fn publish_rates(rates: &[AdaptiveRate], quota: &str) {
    if rates.is_empty() {
        return;
    }
    let states: Vec<_> = rates.iter().map(|rate| rate.state_of(quota)).collect();
    let learnt = states.iter().filter_map(|state| state.rate).reduce(f64::min);
    let waiting = states
        .iter()
        .map(|state| state.waiting)
        .fold(0, usize::saturating_add);
    let label = || named("quota", quota).collect::<Vec<_>>();
    metrics::gauge!(name::RATE_LIMIT, label()).set(learnt.unwrap_or(f64::NAN));
    let waiting = f64::from(u32::try_from(waiting).unwrap_or(u32::MAX));
    metrics::gauge!(name::RATE_WAITING, label()).set(waiting);
}

/// The labels that all metrics of a call have.
fn of(call: Subject<'_>, class: Option<ErrorClass>) -> Vec<Label> {
    let mut labels = Vec::with_capacity(5);
    if let Some(operation) = call.operation {
        labels.push(Label::from_static_parts("rpc.service", operation.service()));
        labels.push(Label::from_static_parts("rpc.method", operation.as_str()));
    }
    labels.extend(class.map(|class| Label::from_static_parts("error.type", class.as_str())));
    labels
}

impl Observer for Metrics {
    fn observe(&self, call: Subject<'_>, event: Event) {
        if call.quota == Scope::BENEATH.quota {
            return;
        }
        match event {
            Event::Succeeded { took, .. } => {
                self.attempt(call, None, took);
                metrics::histogram!(name::CALL_DURATION, of(call, None)).record(call.elapsed);
            }
            Event::Failed { class, took, .. } => self.attempt(call, Some(class), took),
            Event::Admitted { waited, .. } => self.delay(call, "rate", waited),
            Event::Wait { delay, .. } => self.delay(call, "backoff", delay),
            Event::GaveUp {
                reason, class, took, ..
            } => {
                let mut labels = of(call, Some(class));
                metrics::histogram!(name::CALL_DURATION, labels.clone()).record(took);
                labels.push(Label::from_static_parts("reason", reason.as_str()));
                metrics::counter!(name::GAVE_UP, labels).increment(1);
            }
            Event::Opened { .. } => {
                let labels: Vec<Label> = self.quota(call).into_iter().collect();
                metrics::counter!(name::BREAKER_OPENED, labels).increment(1);
            }
            Event::Attempt { .. } | Event::Turn { .. } => {}
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quotas = self.0.quotas.all();
        f.debug_struct("Metrics")
            .field("quotas", &quotas)
            .finish_non_exhaustive()
    }
}
