//! What a fleet has to seal and to open.
use serde::{Deserialize, Serialize};

use crate::{Contexts, Error, Span};

/// What a fleet has to seal and to open, for [`predict`](super::predict) and [`plan`](super::plan). Records come at random,
/// independent of each other, and evenly over the hosts.
///
/// ```
/// use datakey_sim::plan::Workload;
///
/// let workload = Workload { records_per_second: 500.0, hosts: 40, ..Workload::default() };
/// assert!(workload.check().is_ok());
/// assert!(Workload { records_per_second: f64::NAN, ..workload }.check().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// Records that the whole fleet seals a second, above 0 and up to 1e9. Default: 100.
    pub records_per_second: f64,
    /// Records that come together, from 1 to 1,000,000. Default: 1.
    pub batch: u32,
    /// The length of a record, in bytes, up to 1 TiB. Default: 300.
    pub record_bytes: u64,
    /// Hosts that seal, from 1 to 100,000. Default: 10.
    pub hosts: u32,
    /// Encryption contexts, from 1 to 1,000,000, their skew, and whether each record has its own.
    pub contexts: Contexts,
    /// Branch keys that the contexts share where data keys are wrapped locally, as one for each tenant, from 1 to 10,000. Default: 1.
    pub branch_keys: u32,
    /// Hosts that open, from 0 to 100,000; each batch goes to one of them, drawn at random. Default: 0.
    pub readers: u32,
    /// The longest time after which a batch is opened; the time is drawn evenly from at once on. Default: at once.
    pub opened_within: Span,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            records_per_second: 100.0,
            batch: 1,
            record_bytes: 300,
            hosts: 10,
            contexts: Contexts::default(),
            branch_keys: 1,
            readers: 0,
            opened_within: Span::ZERO,
        }
    }
}

impl Workload {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Value`] of the first that is out of its limits.
    pub fn check(&self) -> Result<(), Error> {
        let rate = self.records_per_second;
        if !(rate > 0.0 && rate <= 1e9) {
            return Err(Error::value("records_per_second", rate, "above 0 and up to 1e9"));
        }
        let skew = self.contexts.skew;
        if !(0.0..=5.0).contains(&skew) {
            return Err(Error::value("skew", skew, "from 0 to 5"));
        }
        let whole = [
            ("batch", u64::from(self.batch), 1, 1_000_000),
            ("record_bytes", self.record_bytes, 0, 1 << 40),
            ("hosts", self.hosts.into(), 1, 100_000),
            ("contexts", self.contexts.count.into(), 1, 1_000_000),
            ("branch_keys", self.branch_keys.into(), 1, 10_000),
            ("readers", self.readers.into(), 0, 100_000),
        ];
        for (name, value, least, most) in whole {
            if !(least..=most).contains(&value) {
                return Err(Error::value(name, value, format!("from {least} to {most}")));
            }
        }
        if self.opened_within > Span::from_secs(31 * 86_400) {
            return Err(Error::value("opened_within", self.opened_within, "up to 31d"));
        }
        Ok(())
    }

    /// Batches a second at each host.
    pub(super) fn batches_each(&self) -> f64 {
        self.records_each() / f64::from(self.batch)
    }

    /// Records a second at each host.
    pub(super) fn records_each(&self) -> f64 {
        self.records_per_second / f64::from(self.hosts)
    }
}
