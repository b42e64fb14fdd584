//! What succeeds between two throttles.

/// The time between the throttles of a measurement, in round trips and in seconds, is at least this.
const ROUND_TRIPS: f64 = 8.0;
const SHORTEST: f64 = 0.05;

/// Steps until the loss by a slow start is known well enough.
const STEPS: u32 = 12;

/// The time since a throttle, at which the quota was used up.
#[derive(Debug)]
pub(super) struct Epoch {
    pub(super) start: f64,
    pub(super) successes: f64,
    /// The rate at its start.
    rate: f64,
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

impl Epoch {
    pub(super) const fn starting(start: f64, rate: f64) -> Self {
        Self {
            start,
            successes: 0.0,
            rate,
        }
    }

    /// What the service gave up to the throttle of a call admitted at `admitted`, if that is `enough` calls.
    pub(super) fn measure(&self, admitted: f64, latency: f64, enough: f64) -> Option<Measured> {
        let span = admitted - self.start;
        let long = span >= (ROUND_TRIPS * latency).max(SHORTEST);
        (self.successes >= enough && long).then(|| Measured {
            rate: (self.successes + 1.0) / span,
            doubt: 1.0 / (self.successes + 1.0),
        })
    }

    /// By what part a measurement is too low, as the rate climbed to `rate` from so far below the quota that the
    /// service's allowance of `burst` calls was full before the climb ended, and what it grew by then was lost.
    pub(super) fn loss(&self, now: f64, burst: f64, rate: f64) -> f64 {
        let span = now - self.start;
        let growth = (rate / self.rate).ln() / span;
        if growth.is_nan() || growth <= 0.0 || rate <= self.rate {
            return 0.0;
        }
        let served = self.successes + 1.0;
        let mut lost = 0.0;
        for _ in 0..STEPS {
            let quota = ((served + lost) / span).clamp(self.rate, rate);
            // What the quota grew by, less what was sent, until the rate reached it.
            let saved = (quota * (quota / self.rate).ln() - (quota - self.rate)) / growth;
            lost = (saved - burst).max(0.0);
        }
        lost / served
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_takes_calls_and_time() {
        let mut epoch = Epoch::starting(100.0, 10.0);
        epoch.successes = 49.0;
        assert_eq!(epoch.measure(100.5, 0.005, 20.0).unwrap().rate, 100.0);
        assert_eq!(epoch.measure(100.5, 0.005, 20.0).unwrap().doubt, 0.02);
        assert!(epoch.measure(100.5, 0.005, 50.0).is_none(), "too few");
        assert!(epoch.measure(100.5, 0.1, 20.0).is_none(), "too soon");
    }

    #[test]
    fn what_a_slow_climb_lost_is_made_good() {
        // From 10 a second, doubling in 0.2 s, on a quota of 100 with an allowance of 10: until the rate is 100, the
        // quota grows by 40 more than is sent, of which 30 are lost.
        let mut epoch = Epoch::starting(0.0, 10.0);
        let span = 0.94;
        epoch.successes = 100.0 * span - 30.4 - 1.0;
        let rate = 10.0 * (span / 0.2).exp2();
        let quota = (epoch.successes + 1.0) / span * (1.0 + epoch.loss(span, 10.0, rate));
        assert!((quota - 100.0).abs() < 1.0, "{quota}");
        assert_eq!(epoch.loss(span, 1000.0, rate), 0.0, "nothing overflows");
        assert_eq!(epoch.loss(span, 10.0, 10.0), 0.0, "no climb");
        assert_eq!(epoch.loss(0.0, 10.0, 20.0), 0.0);
    }
}
