//! The statistics as metrics.
use metrics::Label;

use super::miss::{Misses, StaleServes};
use crate::{opening::stats::OpeningStats, sealing::stats::SealingStats};

/// The labels of one keyring.
pub(crate) struct Labels(Vec<Label>);

impl Labels {
    pub(crate) fn new(half: &'static str, keyring: Option<&str>) -> Self {
        let mut labels = vec![Label::from_static_parts("half", half)];
        labels.extend(keyring.map(|name| Label::new("keyring", name.to_owned())));
        Self(labels)
    }

    fn with(&self, label: Option<Label>) -> Vec<Label> {
        self.0.iter().cloned().chain(label).collect()
    }

    fn count(&self, name: &'static str, count: u64) {
        metrics::counter!(name, self.with(None)).absolute(count);
    }

    fn gauge(&self, name: &'static str, value: u64) {
        metrics::gauge!(name, self.with(None)).set(exact(value));
    }

    /// What is left of keys: not a number where there are none.
    fn left(&self, name: &'static str, left: Option<f64>) {
        metrics::gauge!(name, self.with(None)).set(left.unwrap_or(f64::NAN));
    }

    fn stale(&self, stale: &StaleServes) {
        for (class, count) in [
            ("throttled", stale.throttled),
            ("transient", stale.transient),
            ("timeout", stale.timeout),
            ("unauthenticated", stale.unauthenticated),
            ("other", stale.other),
        ] {
            let class = Label::from_static_parts("error.type", class);
            metrics::counter!("datakey.keyring.stale", self.with(Some(class))).absolute(count);
        }
    }

    fn misses(&self, misses: &Misses) {
        for (reason, count) in misses.iter() {
            let reason = Label::from_static_parts("reason", reason.as_str());
            metrics::counter!("datakey.keyring.misses", self.with(Some(reason))).absolute(count);
        }
    }
}

/// Exact up to 2^53.
fn exact(count: u64) -> f64 {
    count as f64
}

impl SealingStats {
    /// Publishes this snapshot through the [`metrics`] facade, under names in the style of OpenTelemetry. Call it on a
    /// timer, or before a scrape: nothing is published by itself, so that a hit costs nothing for it. Needs the feature
    /// `metrics`.
    ///
    /// | name | kind | further labels | counts |
    /// |---|---|---|---|
    /// | `datakey.keyring.hits` | counter | | requests served without waiting |
    /// | `datakey.keyring.misses` | counter | `reason` | requests that had to wait, by [`MissReason`](crate::MissReason) |
    /// | `datakey.keyring.loads` | counter | | loads that a request started |
    /// | `datakey.keyring.refreshes` | counter | | loads started in the background |
    /// | `datakey.keyring.shared_waits` | counter | | requests that waited for a load that was under way |
    /// | `datakey.keyring.failures` | counter | | loads that failed |
    /// | `datakey.keyring.revoked` | counter | | keys dropped because of a denial |
    /// | `datakey.keyring.evictions` | counter | | keys that made room for others |
    /// | `datakey.keyring.superseded` | counter | | waits that started over because of an invalidation |
    /// | `datakey.keyring.dedicated` | counter | | data keys made for one use; sealing only |
    /// | `datakey.keyring.stale` | counter | `error.type` | keys served past their soft age, by the provider's failure |
    /// | `datakey.keyring.not_recognised` | counter | | messages of which the provider recognised no wrapped key; opening only |
    /// | `datakey.keyring.refused_from_memory` | counter | | calls that a remembered refusal made unnecessary; opening only |
    /// | `datakey.keyring.hedges` | counter | | wrapped keys that were tried because the one before was slow; opening only |
    /// | `datakey.keyring.primed` | counter | | keys that a sealing keyring made and that were kept for opening; opening only |
    /// | `datakey.keyring.calls` | counter | | calls made to the provider |
    /// | `datakey.keyring.calls_avoided` | gauge | | requests beyond the calls made |
    /// | `datakey.keyring.keys` | gauge | | keys that are kept |
    /// | `datakey.keyring.greatest_age` | gauge | | seconds since the oldest of them was made, or unwrapped |
    /// | `datakey.keyring.least_time_left` | gauge | | seconds until the first of them is too old to be used |
    /// | `datakey.keyring.least_messages_left` | gauge | | messages left to the one with the fewest; sealing only |
    /// | `datakey.keyring.least_bytes_left` | gauge | | bytes left to the one with the fewest; sealing only |
    /// | `datakey.keyring.locked_bytes` | gauge | | bytes of keys that are locked into memory |
    /// | `datakey.keyring.lock_failures` | counter | | pieces of memory that could not be locked |
    /// | `datakey.keyring.contexts_look_per_record` | gauge | | 1 when there seems to be an encryption context for each record; sealing only |
    /// | `datakey.keyring.loads_in_flight` | gauge | | loads in flight |
    ///
    /// Age and what is left are not numbers while no key is kept. An alert on it sees a key that nothing replaces: one that serves past its
    /// soft age, in an outage, or that is used up faster than it is replaced.
    ///
    /// All have the label `half`, which is `sealing` or `opening`, so that both keyrings of a process stand beside each
    /// other. A process with several of one kind names them with [`publish_as`](Self::publish_as): the same names would
    /// overwrite each other.
    ///
    /// ```
    /// # use datakey_keyring::SealingKeyring;
    /// # fn every_few_seconds(keyring: &SealingKeyring) {
    /// keyring.stats().publish();
    /// # }
    /// ```
    pub fn publish(&self) {
        self.publish_with(&Labels::new("sealing", None));
    }

    /// The same with one more label, `keyring`, for a process that has several of them.
    ///
    /// ```
    /// # use datakey_keyring::SealingKeyring;
    /// # fn every_few_seconds(orders: &SealingKeyring, returns: &SealingKeyring) {
    /// orders.stats().publish_as("orders");
    /// returns.stats().publish_as("returns");
    /// # }
    /// ```
    pub fn publish_as(&self, keyring: &str) {
        self.publish_with(&Labels::new("sealing", Some(keyring)));
    }

    pub(crate) fn publish_with(&self, labels: &Labels) {
        labels.count("datakey.keyring.hits", self.hits);
        labels.misses(&self.misses);
        labels.count("datakey.keyring.loads", self.loads);
        labels.count("datakey.keyring.refreshes", self.refreshes);
        labels.count("datakey.keyring.shared_waits", self.shared_waits);
        labels.count("datakey.keyring.failures", self.failures);
        labels.count("datakey.keyring.revoked", self.revoked);
        labels.count("datakey.keyring.evictions", self.evicted);
        labels.count("datakey.keyring.superseded", self.superseded);
        labels.count("datakey.keyring.dedicated", self.dedicated);
        labels.stale(&self.stale);
        let looks = u64::from(self.contexts_look_per_record);
        labels.gauge("datakey.keyring.contexts_look_per_record", looks);
        labels.count("datakey.keyring.calls", self.calls_made);
        labels.gauge("datakey.keyring.calls_avoided", self.calls_avoided);
        labels.gauge("datakey.keyring.keys", self.live);
        let age = self.greatest_age.map(|age| age.as_secs_f64());
        labels.left("datakey.keyring.greatest_age", age);
        let time = self.least_time_left.map(|time| time.as_secs_f64());
        labels.left("datakey.keyring.least_time_left", time);
        let messages = self.least_messages_left.map(exact);
        labels.left("datakey.keyring.least_messages_left", messages);
        let bytes = self.least_bytes_left.map(exact);
        labels.left("datakey.keyring.least_bytes_left", bytes);
        labels.gauge("datakey.keyring.locked_bytes", self.locked_bytes);
        labels.count("datakey.keyring.lock_failures", self.lock_failures);
        labels.gauge("datakey.keyring.loads_in_flight", self.in_flight);
    }
}

impl OpeningStats {
    /// Publishes this snapshot through the [`metrics`] facade, under the names in the table of
    /// [`SealingStats::publish`]. Needs the feature `metrics`.
    ///
    /// ```
    /// # use datakey_keyring::OpeningKeyring;
    /// # fn every_few_seconds(keyring: &OpeningKeyring) {
    /// keyring.stats().publish();
    /// # }
    /// ```
    pub fn publish(&self) {
        self.publish_with(&Labels::new("opening", None));
    }

    /// The same with one more label, `keyring`, for a process that has several of them.
    pub fn publish_as(&self, keyring: &str) {
        self.publish_with(&Labels::new("opening", Some(keyring)));
    }

    pub(crate) fn publish_with(&self, labels: &Labels) {
        labels.count("datakey.keyring.hits", self.hits);
        labels.misses(&self.misses);
        labels.count("datakey.keyring.loads", self.loads);
        labels.count("datakey.keyring.refreshes", self.refreshes);
        labels.count("datakey.keyring.shared_waits", self.shared_waits);
        labels.count("datakey.keyring.failures", self.failures);
        labels.count("datakey.keyring.revoked", self.revoked);
        labels.count("datakey.keyring.evictions", self.evicted);
        labels.count("datakey.keyring.superseded", self.superseded);
        labels.stale(&self.stale);
        labels.count("datakey.keyring.not_recognised", self.not_recognised);
        labels.count("datakey.keyring.refused_from_memory", self.refused_from_memory);
        labels.count("datakey.keyring.hedges", self.hedges);
        labels.count("datakey.keyring.primed", self.primed);
        labels.count("datakey.keyring.calls", self.calls_made);
        labels.gauge("datakey.keyring.calls_avoided", self.calls_avoided);
        labels.gauge("datakey.keyring.keys", self.live);
        let age = self.greatest_age.map(|age| age.as_secs_f64());
        labels.left("datakey.keyring.greatest_age", age);
        let time = self.least_time_left.map(|time| time.as_secs_f64());
        labels.left("datakey.keyring.least_time_left", time);
        labels.gauge("datakey.keyring.locked_bytes", self.locked_bytes);
        labels.count("datakey.keyring.lock_failures", self.lock_failures);
        labels.gauge("datakey.keyring.loads_in_flight", self.in_flight);
    }
}
