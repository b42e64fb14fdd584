//! The statistics as metrics.
use crate::{MissReason, Stats};

impl Stats {
    /// Publishes this snapshot through the [`metrics`] facade, under names in the style of OpenTelemetry. Call it on a
    /// timer, or before a scrape: nothing is published by itself, so that a hit costs nothing for it. Needs the feature
    /// `metrics`.
    ///
    /// | name | kind | labels | counts |
    /// |---|---|---|---|
    /// | `datakey.keyring.hits` | counter | `half` | requests served without waiting |
    /// | `datakey.keyring.misses` | counter | `half`, `reason` | requests that had to wait, by [`MissReason`] |
    /// | `datakey.keyring.loads` | counter | `half` | loads that a request started |
    /// | `datakey.keyring.refreshes` | counter | `half` | loads started in the background |
    /// | `datakey.keyring.shared_waits` | counter | `half` | waits for a load that was under way |
    /// | `datakey.keyring.failures` | counter | `half` | loads that failed |
    /// | `datakey.keyring.revoked` | counter | `half` | keys dropped because of a denial |
    /// | `datakey.keyring.evictions` | counter | `half` | keys that made room for others |
    /// | `datakey.keyring.stale` | counter | `error.type` | keys served past their soft age, by the provider's failure |
    /// | `datakey.keyring.refused_from_memory` | counter | | calls that a remembered refusal made unnecessary |
    /// | `datakey.keyring.hedges` | counter | | wrapped keys that were tried because the one before was slow |
    /// | `datakey.keyring.calls` | counter | | calls made to the provider |
    /// | `datakey.keyring.calls_avoided` | counter | | requests beyond the calls made |
    /// | `datakey.keyring.keys` | gauge | `half` | keys that are kept |
    /// | `datakey.keyring.locked_bytes` | gauge | | bytes of keys that are locked into memory |
    /// | `datakey.keyring.lock_failures` | counter | | pieces of memory that could not be locked |
    /// | `datakey.keyring.loads_in_flight` | gauge | | loads in flight |
    ///
    /// `half` is `sealing` or `opening`.
    ///
    /// ```
    /// # use datakey_keyring::Keyring;
    /// # fn every_few_seconds<P>(keyring: &Keyring<P>) {
    /// keyring.stats().publish();
    /// # }
    /// ```
    pub fn publish(&self) {
        let Self { sealing, opening, .. } = self;
        for (name, sealed, opened) in [
            ("datakey.keyring.hits", sealing.hits, opening.hits),
            ("datakey.keyring.loads", sealing.loads, opening.loads),
            ("datakey.keyring.refreshes", sealing.refreshes, opening.refreshes),
            (
                "datakey.keyring.shared_waits",
                sealing.shared_waits,
                opening.shared_waits,
            ),
            ("datakey.keyring.failures", sealing.failures, opening.failures),
            ("datakey.keyring.revoked", sealing.revoked, opening.revoked),
            ("datakey.keyring.evictions", sealing.evicted, opening.evicted),
        ] {
            metrics::counter!(name, "half" => "sealing").absolute(sealed);
            metrics::counter!(name, "half" => "opening").absolute(opened);
        }
        for reason in MissReason::ALL {
            for (half, misses) in [("sealing", &sealing.misses), ("opening", &opening.misses)] {
                metrics::counter!("datakey.keyring.misses", "half" => half, "reason" => reason.as_str())
                    .absolute(misses.of(reason));
            }
        }
        for (class, count) in [
            ("throttled", sealing.stale.throttled),
            ("transient", sealing.stale.transient),
            ("timeout", sealing.stale.timeout),
        ] {
            metrics::counter!("datakey.keyring.stale", "error.type" => class).absolute(count);
        }
        metrics::counter!("datakey.keyring.refused_from_memory").absolute(opening.refused_from_memory);
        metrics::counter!("datakey.keyring.hedges").absolute(opening.hedges);
        metrics::counter!("datakey.keyring.calls").absolute(self.calls_made);
        metrics::counter!("datakey.keyring.calls_avoided").absolute(self.calls_avoided);
        for (half, live) in [("sealing", sealing.live), ("opening", opening.live)] {
            metrics::gauge!("datakey.keyring.keys", "half" => half).set(gauge(live));
        }
        metrics::counter!("datakey.keyring.lock_failures").absolute(self.lock_failures);
        metrics::gauge!("datakey.keyring.locked_bytes").set(gauge(self.locked_bytes));
        metrics::gauge!("datakey.keyring.loads_in_flight").set(gauge(self.in_flight));
    }
}

fn gauge(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
