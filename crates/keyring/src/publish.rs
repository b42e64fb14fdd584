//! The statistics as metrics.
use std::slice;

use metrics::Label;

use crate::Stats;

impl Stats {
    /// Publishes this snapshot through the [`metrics`] facade, under names in the style of OpenTelemetry. Call it on a
    /// timer, or before a scrape: nothing is published by itself, so that a hit costs nothing for it. Needs the feature
    /// `metrics`.
    ///
    /// | name | kind | labels | counts |
    /// |---|---|---|---|
    /// | `datakey.keyring.hits` | counter | `half` | requests served without waiting |
    /// | `datakey.keyring.misses` | counter | `half`, `reason` | requests that had to wait, by [`MissReason`](crate::MissReason) |
    /// | `datakey.keyring.loads` | counter | `half` | loads that a request started |
    /// | `datakey.keyring.refreshes` | counter | `half` | loads started in the background |
    /// | `datakey.keyring.shared_waits` | counter | `half` | waits for a load that was under way |
    /// | `datakey.keyring.failures` | counter | `half` | loads that failed |
    /// | `datakey.keyring.revoked` | counter | `half` | keys dropped because of a denial |
    /// | `datakey.keyring.evictions` | counter | `half` | keys that made room for others |
    /// | `datakey.keyring.superseded` | counter | `half` | waits that started over because of an invalidation |
    /// | `datakey.keyring.dedicated` | counter | | data keys made for one use |
    /// | `datakey.keyring.not_recognised` | counter | | messages of which the provider recognised no wrapped key |
    /// | `datakey.keyring.stale` | counter | `error.type` | keys served past their soft age, by the provider's failure |
    /// | `datakey.keyring.refused_from_memory` | counter | | calls that a remembered refusal made unnecessary |
    /// | `datakey.keyring.hedges` | counter | | wrapped keys that were tried because the one before was slow |
    /// | `datakey.keyring.calls` | counter | | calls made to the provider |
    /// | `datakey.keyring.calls_avoided` | gauge | | requests beyond the calls made |
    /// | `datakey.keyring.keys` | gauge | `half` | keys that are kept |
    /// | `datakey.keyring.locked_bytes` | gauge | | bytes of keys that are locked into memory |
    /// | `datakey.keyring.lock_failures` | counter | | pieces of memory that could not be locked |
    /// | `datakey.keyring.contexts_look_per_record` | gauge | | 1 when there seems to be an encryption context for each record |
    /// | `datakey.keyring.loads_in_flight` | gauge | | loads in flight |
    ///
    /// `half` is `sealing` or `opening`. A process with several keyrings names them with
    /// [`publish_as`](Self::publish_as): the same names would overwrite each other.
    ///
    /// ```
    /// # use datakey_keyring::Keyring;
    /// # fn every_few_seconds<P>(keyring: &Keyring<P>) {
    /// keyring.stats().publish();
    /// # }
    /// ```
    pub fn publish(&self) {
        self.publish_with(&|labels| labels.to_vec());
    }

    /// The same with one more label, `keyring`, for a process that has several of them.
    ///
    /// ```
    /// # use datakey_keyring::Keyring;
    /// # fn every_few_seconds<P, Q>(shop: &Keyring<P>, accounting: &Keyring<Q>) {
    /// shop.stats().publish_as("shop");
    /// accounting.stats().publish_as("accounting");
    /// # }
    /// ```
    pub fn publish_as(&self, keyring: &str) {
        let own = Label::new("keyring", keyring.to_owned());
        self.publish_with(&|labels| [slice::from_ref(&own), labels].concat());
    }

    fn publish_with(&self, with: &dyn Fn(&[Label]) -> Vec<Label>) {
        let halves = [("sealing", true), ("opening", false)];
        for (half, is_sealing) in halves {
            let half = Label::from_static_parts("half", half);
            self.publish_half(is_sealing, &half, with);
        }
        let Self { sealing, opening, .. } = self;
        for (class, count) in [
            ("throttled", sealing.stale.throttled),
            ("transient", sealing.stale.transient),
            ("timeout", sealing.stale.timeout),
        ] {
            let class = Label::from_static_parts("error.type", class);
            metrics::counter!("datakey.keyring.stale", with(&[class])).absolute(count);
        }
        for (name, count) in [
            ("datakey.keyring.dedicated", sealing.dedicated),
            ("datakey.keyring.not_recognised", opening.not_recognised),
            ("datakey.keyring.refused_from_memory", opening.refused_from_memory),
            ("datakey.keyring.hedges", opening.hedges),
            ("datakey.keyring.calls", self.calls_made),
            ("datakey.keyring.lock_failures", self.lock_failures),
        ] {
            metrics::counter!(name, with(&[])).absolute(count);
        }
        for (name, value) in [
            ("datakey.keyring.calls_avoided", self.calls_avoided),
            ("datakey.keyring.locked_bytes", self.locked_bytes),
            ("datakey.keyring.loads_in_flight", self.in_flight),
            (
                "datakey.keyring.contexts_look_per_record",
                u64::from(sealing.contexts_look_per_record),
            ),
        ] {
            metrics::gauge!(name, with(&[])).set(gauge(value));
        }
    }

    fn publish_half(&self, is_sealing: bool, half: &Label, with: &dyn Fn(&[Label]) -> Vec<Label>) {
        let Self { sealing, opening, .. } = self;
        let of = |sealed, opened| if is_sealing { sealed } else { opened };
        for (name, count) in [
            ("datakey.keyring.hits", of(sealing.hits, opening.hits)),
            ("datakey.keyring.loads", of(sealing.loads, opening.loads)),
            (
                "datakey.keyring.refreshes",
                of(sealing.refreshes, opening.refreshes),
            ),
            (
                "datakey.keyring.shared_waits",
                of(sealing.shared_waits, opening.shared_waits),
            ),
            ("datakey.keyring.failures", of(sealing.failures, opening.failures)),
            (
                "datakey.keyring.superseded",
                of(sealing.superseded, opening.superseded),
            ),
            ("datakey.keyring.revoked", of(sealing.revoked, opening.revoked)),
            ("datakey.keyring.evictions", of(sealing.evicted, opening.evicted)),
        ] {
            metrics::counter!(name, with(slice::from_ref(half))).absolute(count);
        }
        let misses = if is_sealing {
            &sealing.misses
        } else {
            &opening.misses
        };
        for (reason, count) in misses.iter() {
            let labels = [half.clone(), Label::from_static_parts("reason", reason.as_str())];
            metrics::counter!("datakey.keyring.misses", with(&labels)).absolute(count);
        }
        let live = gauge(of(sealing.live, opening.live));
        metrics::gauge!("datakey.keyring.keys", with(slice::from_ref(half))).set(live);
    }
}

/// Exact up to 2^53.
fn gauge(count: u64) -> f64 {
    count as f64
}
