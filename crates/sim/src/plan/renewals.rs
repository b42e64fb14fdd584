//! How often something that is kept for a time is asked for anew.
//!
//! Uses come at random, at some rate. The first finds nothing, and asks; what it gets is due after its life, and the first use after
//! that asks again. So the time from one call to the next is a life and, on average, a gap between uses: a context seen at a rate
//! λ whose key lives for T takes λ / (1 + λT) calls a second. What is seen often takes 1 / T, what is seen rarely takes λ.

/// When a value is due, as parts of its soft age: drawn evenly between these, by `datakey-loads`.
const DUE_FROM: f64 = 0.7;
const DUE_TO: f64 = 0.95;

/// The life of a key, in seconds: drawn evenly between two ages, or until it is used up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Life {
    from: f64,
    to: f64,
    used_up: f64,
}

/// Calls for one thing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Renewals {
    /// Calls a second, once all is under way.
    pub(super) per_second: f64,
    /// Calls beyond that from the start to any later time: a fleet starts without keys.
    pub(super) at_start: f64,
    /// Seconds from one call to the next, on average.
    pub(super) cycle: f64,
}

impl Life {
    /// Of what has this soft age, and is used up after so many seconds, which may be infinite.
    pub(super) const fn new(soft_age: f64, used_up: f64) -> Self {
        Self {
            from: soft_age * DUE_FROM,
            to: soft_age * DUE_TO,
            used_up,
        }
    }

    /// Its mean, by whatever it ends.
    pub(super) fn mean_of_all(self) -> f64 {
        self.samples().iter().sum::<f64>() / 4.0
    }

    /// Lives that stand for all of them: the middles of four parts of them.
    pub(super) fn samples(self) -> [f64; 4] {
        [0.125, 0.375, 0.625, 0.875].map(|part| (self.from + (self.to - self.from) * part).min(self.used_up))
    }

    /// The longest that it is used while KMS answers.
    pub(super) const fn longest(self) -> f64 {
        if self.used_up < self.to {
            self.used_up
        } else {
            self.to
        }
    }

    /// Calls for what is used so many times a second.
    pub(super) fn renewed(self, uses_per_second: f64) -> Renewals {
        if uses_per_second <= 0.0 {
            return Renewals::default();
        }
        self.renewed_after(1.0 / uses_per_second)
    }

    /// Calls for what is used again so many seconds after it is due, on average.
    pub(super) fn renewed_after(self, gap: f64) -> Renewals {
        let cycle = least(self.from + gap, self.to + gap, self.used_up);
        let spread = if self.used_up > self.to + gap {
            (self.to - self.from).powi(2) / 12.0 + gap * gap
        } else {
            0.0
        };
        Renewals {
            per_second: 1.0 / cycle,
            at_start: (spread + cycle * cycle) / (2.0 * cycle * cycle) - gap / cycle,
            cycle,
        }
    }
}

/// The mean of what is drawn evenly between `from` and `to`, but no more than `most`.
fn least(from: f64, to: f64, most: f64) -> f64 {
    if most <= from {
        most
    } else if most >= to {
        f64::midpoint(from, to)
    } else {
        (most * (to - most) + (most * most - from * from) / 2.0) / (to - from)
    }
}

/// Windows of more lives than this are long: the calls at their ends no longer matter.
const LONG: f64 = 30.0;

/// Calls within a window, of what is used at random within it and lives for a fixed time: the sum over k of the chance that there is
/// a k-th call, which is the chance of k uses in what the k - 1 lives before leave of the window.
pub(super) fn within(uses_per_second: f64, window: f64, life: f64) -> f64 {
    if uses_per_second <= 0.0 || window <= 0.0 {
        return 0.0;
    }
    if window > LONG * life.max(1e-9) {
        let gap = 1.0 / uses_per_second;
        let cycle = life + gap;
        return (window - gap) / cycle + (gap * gap + cycle * cycle) / (2.0 * cycle * cycle);
    }
    let (mut calls, mut count, mut left) = (0.0, 1_u32, window);
    while left > 0.0 {
        calls += at_least(count, uses_per_second * left);
        count = count.saturating_add(1);
        left -= life;
    }
    calls
}

/// A reader's key that was used as often as this is refreshed from the age at which it is due; others go at the end of theirs.
const IN_USE: u32 = 8;

/// The age at which a reader asks for a key anew that is used so many times a second, where it is due at an age and gone at another.
///
/// Between the two it is refreshed behind a use, if it was in use; else the first use after its end waits for the call. Uses are counted up
/// to the middle of them, as those come evenly in between.
pub(super) fn refreshed(uses_per_second: f64, due: f64, gone: f64) -> f64 {
    let uses = uses_per_second * f64::midpoint(due, gone);
    gone - (gone - due) * at_least(IN_USE.saturating_sub(1), uses)
}

/// The chance that a Poisson variable is at least `count`.
fn at_least(count: u32, mean: f64) -> f64 {
    let (mut term, mut below) = ((-mean).exp(), 0.0);
    for number in 0..count {
        below += term;
        term *= mean / (f64::from(number) + 1.0);
    }
    (1.0 - below).clamp(0.0, 1.0)
}
