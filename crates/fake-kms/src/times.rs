//! How long calls took, in a histogram for each operation.
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::KmsOperation;

/// The upper bounds of the buckets, in microseconds; one more bucket is for all that took longer.
pub(crate) const BOUNDS: [u64; 14] = [
    100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// One histogram.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

/// A histogram for each operation.
#[derive(Debug)]
pub(crate) struct Times(Box<[Histogram]>);

impl Default for Times {
    fn default() -> Self {
        Self(KmsOperation::ALL.iter().map(|_| Histogram::default()).collect())
    }
}

impl Times {
    pub(crate) fn add(&self, operation: KmsOperation, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let Some(histogram) = self.0.get(operation as usize) else {
            return;
        };
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound);
        if let Some(bucket) = bucket.and_then(|index| histogram.buckets.get(index)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        histogram.count.fetch_add(1, Ordering::Relaxed);
        histogram.micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn clear(&self) {
        for histogram in &self.0 {
            let all = histogram
                .buckets
                .iter()
                .chain([&histogram.count, &histogram.micros]);
            all.for_each(|number| number.store(0, Ordering::Relaxed));
        }
    }

    #[cfg(feature = "http")]
    pub(crate) fn of(&self, operation: KmsOperation) -> Option<&Histogram> {
        self.0.get(operation as usize)
    }
}

#[cfg(feature = "http")]
impl Histogram {
    /// The calls that took no longer than each of the bounds.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.buckets.iter().scan(0_u64, |sum, bucket| {
            *sum = sum.saturating_add(bucket.load(Ordering::Relaxed));
            Some(*sum)
        });
        BOUNDS.into_iter().zip(counts)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn micros(&self) -> u64 {
        self.micros.load(Ordering::Relaxed)
    }
}
