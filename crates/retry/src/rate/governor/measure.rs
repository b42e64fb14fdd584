//! What succeeds between two throttles.
use super::constants::Constants;

/// Halvings until the loss by a slow start is known well enough.
const STEPS: u32 = 16;

/// How exactly a climb is remembered: the time of each success at first, then of each that makes so much more of them.
const GRAIN: f64 = 1.0 / 32.0;

/// The time since a throttle, at which the quota was used up.
#[derive(Debug)]
pub(super) struct Epoch {
    pub(super) start: f64,
    pub(super) successes: f64,
    /// Times, each with the successes by then.
    marks: Vec<(f64, f64)>,
}

/// A quota, or this client's share of it, and by what part it may be wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) rate: f64,
    pub(super) doubt: f64,
}

impl Measured {
    pub(super) const NOTHING: Self = Self {
        rate: 0.0,
        doubt: 1.0,
    };
}

impl Measured {
    /// A little less, by this part of what it may be wrong by, and by this part of itself.
    pub(super) fn under(self, of_doubt: f64, margin: f64) -> f64 {
        self.rate * (1.0 - self.doubt * of_doubt - margin)
    }
}

impl Epoch {
    pub(super) const fn starting(start: f64) -> Self {
        Self {
            start,
            successes: 0.0,
            marks: Vec::new(),
        }
    }

    pub(super) fn succeeded(&mut self, now: f64) {
        self.successes += 1.0;
        let last = self.marks.last().map_or(0.0, |mark| mark.1);
        if self.successes >= last * (1.0 + GRAIN) {
            self.marks.push((now, self.successes));
        }
    }

    /// What the service gave up to the throttle of a call admitted at `admitted`, if that is `enough` calls.
    pub(super) fn measure(
        &self,
        admitted: f64,
        latency: f64,
        enough: f64,
        by: &Constants,
    ) -> Option<Measured> {
        let span = admitted - self.start;
        let long = span > 0.0 && span >= by.measured_round_trips * latency;
        let enough = if span > by.long {
            enough.min(by.few)
        } else {
            enough
        };
        (self.successes >= enough && long).then(|| Measured {
            rate: (self.successes + 1.0) / span,
            doubt: 1.0 / (self.successes + 1.0),
        })
    }

    /// By what part a measurement up to `end` is too low: while less was asked than the quota, the service's allowance of
    /// `burst` calls filled up, and what the quota gave beyond that was lost. The quota is at most `most`.
    pub(super) fn loss(&self, end: f64, burst: f64, most: f64) -> f64 {
        let (span, served) = (end - self.start, self.successes + 1.0);
        let (mut low, mut high) = (served / span, most);
        for _ in 0..STEPS {
            let middle = 0.5 * (low + high);
            if served + self.lost(end, middle, burst) > middle * span {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low * span / served - 1.0).max(0.0)
    }

    /// What a quota of so much gave to nobody.
    fn lost(&self, end: f64, quota: f64, burst: f64) -> f64 {
        let (mut saved, mut lost) = (0.0, 0.0);
        let (mut before, mut served) = (self.start, 0.0);
        for (at, by_then) in self.marks.iter().copied().chain([(end, self.successes)]) {
            saved += quota * (at - before).max(0.0);
            let taken = by_then - served;
            // All but the last of these calls took theirs on the way.
            lost += (saved - (taken - 1.0).max(0.0) - burst).max(0.0);
            saved = (saved - taken).clamp(0.0, (burst - 1.0).max(0.0));
            (before, served) = (at, by_then);
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::{super::constants::CHOSEN, *};

    #[test]
    fn what_is_remembered_of_many_successes_is_little() {
        let mut epoch = Epoch::starting(0.0);
        for number in 0..200_000_u32 {
            epoch.succeeded(f64::from(number) / 1e3);
        }
        assert!(
            epoch.marks.len() < 1_000,
            "{} marks of 200,000 successes",
            epoch.marks.len()
        );
    }

    #[test]
    fn a_measurement_takes_calls_and_time() {
        let mut epoch = Epoch::starting(100.0);
        epoch.successes = 49.0;
        assert_eq!(epoch.measure(100.5, 0.005, 20.0, &CHOSEN).unwrap().rate, 100.0);
        assert_eq!(epoch.measure(100.5, 0.005, 20.0, &CHOSEN).unwrap().doubt, 0.02);
        assert!(epoch.measure(100.5, 0.005, 50.0, &CHOSEN).is_none(), "too few");
        assert!(epoch.measure(100.5, 0.1, 20.0, &CHOSEN).is_none(), "too soon");
    }

    /// A service of 100 a second with an allowance of `bucket`, climbed from 10 a second, doubled each 0.2 s.
    fn climbed(bucket: f64) -> (Epoch, f64) {
        let (mut epoch, mut tokens, mut at) = (Epoch::starting(0.0), 0.0_f64, 0.0_f64);
        loop {
            let step = 0.1 * (-at / 0.2).exp2();
            at += step;
            tokens = (tokens + 100.0 * step).min(bucket);
            if tokens < 1.0 {
                return (epoch, at);
            }
            tokens -= 1.0;
            epoch.succeeded(at);
        }
    }

    #[test]
    fn what_a_slow_climb_lost_is_made_good() {
        for bucket in [5.0, 10.0, 20.0, 1000.0] {
            let (epoch, end) = climbed(bucket);
            let served = (epoch.successes + 1.0) / end;
            let quota = served * (1.0 + epoch.loss(end, bucket, 1000.0));
            assert!((quota - 100.0).abs() < 4.0, "{bucket}: {quota} of {served}");
        }
        let (epoch, end) = climbed(1000.0);
        assert_eq!(epoch.loss(end, 1000.0, 1000.0), 0.0, "nothing overflows");
        assert_eq!(Epoch::starting(0.0).loss(1.0, 10.0, 100.0), 0.0);
    }
}
