//! Counts successes of about the last second in one atomic word, so that counting costs no lock.
use std::sync::atomic::{AtomicU64, Ordering};

const COUNT_BITS: u32 = 20;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;
const WINDOW_MAX: u64 = (1 << 24) - 1;

/// The count of the current second and of the one before. Times are seconds since a common start.
#[derive(Debug, Default)]
pub(super) struct Meter(AtomicU64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Windows {
    number: u64,
    before: u64,
    current: u64,
}

impl Windows {
    const fn unpack(word: u64) -> Self {
        Self {
            number: word >> (2 * COUNT_BITS),
            before: (word >> COUNT_BITS) & COUNT_MAX,
            current: word & COUNT_MAX,
        }
    }

    const fn pack(self) -> u64 {
        (self.number << (2 * COUNT_BITS)) | (self.before << COUNT_BITS) | self.current
    }

    /// As seen from second `number`. A reader that is behind another thread stays in that thread's window.
    const fn at(self, number: u64) -> Self {
        match number.wrapping_sub(self.number) & WINDOW_MAX {
            0 | WINDOW_MAX => self,
            1 => Self {
                number,
                before: self.current,
                current: 0,
            },
            _ => Self {
                number,
                before: 0,
                current: 0,
            },
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole seconds since the start of the process; a float cast saturates"
)]
const fn window(now: f64) -> u64 {
    now as u64 & WINDOW_MAX
}

impl Meter {
    /// Another that has counted the same.
    pub(super) fn copy(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }

    pub(super) fn count(&self, now: f64) {
        let step = |word| {
            let mut windows = Windows::unpack(word).at(window(now));
            windows.current = windows.current.saturating_add(1).min(COUNT_MAX);
            Some(windows.pack())
        };
        let _always_steps = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
    }

    /// How many were counted in the last second; the older part is spread evenly over its window.
    #[expect(clippy::cast_precision_loss, reason = "counts have 20 bits")]
    pub(super) fn per_second(&self, now: f64) -> f64 {
        let windows = Windows::unpack(self.0.load(Ordering::Relaxed)).at(window(now));
        (1.0 - now.fract()).mul_add(windows.before as f64, windows.current as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_slide_from_window_to_window() {
        let meter = Meter::default();
        for _ in 0..100 {
            meter.count(7.25);
        }
        assert_eq!(meter.per_second(7.5), 100.0);
        assert_eq!(meter.per_second(8.25), 75.0);
        meter.count(8.25);
        assert_eq!(meter.per_second(8.5), 51.0);
        assert_eq!(meter.per_second(9.5), 0.5);
        assert_eq!(meter.per_second(10.0), 0.0);
    }

    #[test]
    fn a_count_never_spills_into_its_neighbours() {
        let full = Windows {
            number: WINDOW_MAX,
            before: COUNT_MAX,
            current: COUNT_MAX,
        };
        let meter = Meter(AtomicU64::new(full.pack()));
        meter.count(16_777_215.0);
        assert_eq!(Windows::unpack(meter.0.load(Ordering::Relaxed)), full);
        meter.count(16_777_216.0);
        let next = Windows {
            number: 0,
            before: COUNT_MAX,
            current: 1,
        };
        assert_eq!(Windows::unpack(meter.0.load(Ordering::Relaxed)), next);
    }
}
