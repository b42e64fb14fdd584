//! The rate that throttles teach: a function of what was seen, without clock, lock or waiting.
//!
//! Times are seconds since a common start, rates are calls per second.

/// The lowest rate: one call in ten seconds. A thousand clients at their lowest together ask 100 a second.
const RATE_MIN: f64 = 0.1;

/// The lowest rate to start from when nothing is known.
const RATE_START_MIN: f64 = 10.0;

/// While seeking, the rate doubles in this time, or in two round trips if that is longer.
const DOUBLING_MIN: f64 = 0.05;
const DOUBLING_ROUND_TRIPS: f64 = 2.0;

/// Successes between two throttles that make a measurement of the quota, if the time between was also this many round
/// trips and seconds; or whatever succeeded in the longest time.
const MEASURED_MIN: u32 = 10;
const MEASURED_ROUND_TRIPS: f64 = 8.0;
const MEASURED_SHORTEST: f64 = 0.05;
const MEASURED_LONGEST: f64 = 1.0;

/// How far below a measured quota following starts.
const MEASURED_SHARE: f64 = 0.97;

/// Throttles a second that a lone client at its quota brings about: growth divided by cut. Its swings stay so small
/// that the burst allowance of any quota evens them out.
const THROTTLES_PER_SECOND: f64 = 0.4;

/// Growth a second when following starts, and how many seconds until a third of it is left. Each throttle cuts the rate
/// in proportion, so whoever asks more meets more cuts, and all who share a quota come to equal shares: soon by great
/// swings at first, then calmly.
const GROWTH_FIRST: f64 = 0.3;
const GROWTH_SETTLES: f64 = 8.0;
const GROWTH_CALM: f64 = 0.03;

/// The least growth, in calls per second each second, so that the slowest come up soon too.
const GROWTH_LEAST: f64 = 0.02;

/// The most that one throttle takes off the rate.
const CUT_MAX: f64 = 0.3;

/// What a throttle never cuts below, as a share of what succeeded in the last second: a service that counts by the
/// second refuses everything at the end of a second that it served in full.
const DELIVERED_SHARE: f64 = 0.7;

/// After this many calls without a throttle, in seconds between these limits, the growth itself grows, by this much a
/// second, up to doubling each second: the quota has moved.
const QUIET_MIN: f64 = 3.0;
const QUIET_MAX: f64 = 30.0;
const QUIET_CALLS: f64 = 10.0;
const GROWTH_RAMP: f64 = 0.25;
const GROWTH_MAX: f64 = core::f64::consts::LN_2;

/// While one throttle follows another, each halves the pace, down to this many calls a second.
const PROBE_RATE: f64 = 4.0;
const STREAK_MAX: i32 = 16;

/// Calls that may start together because they accrued while nobody waited, in seconds of the rate. Covers late timers.
const BURST: f64 = 0.005;

/// After this long without a throttle and without anybody waiting, the rate is forgotten.
const FORGET: f64 = 60.0;

/// How much a new round trip changes the average.
const LATENCY_WEIGHT: f64 = 0.2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No throttle yet: everything is admitted.
    Idle,
    /// Doubling until the next throttle.
    Seeking,
    /// Near the quota.
    Following,
}

#[derive(Debug)]
pub(super) struct Governor {
    phase: Phase,
    rate: f64,
    tokens: f64,
    at: f64,
    /// Throttles of calls admitted before this tell nothing new.
    cut_at: f64,
    throttled_at: f64,
    sought_at: f64,
    following_since: f64,
    successes: u32,
    streak: i32,
    latency: f64,
    pressed_at: f64,
}

impl Governor {
    pub(super) const fn new() -> Self {
        Self {
            phase: Phase::Idle,
            rate: 0.0,
            tokens: 0.0,
            at: 0.0,
            cut_at: 0.0,
            throttled_at: 0.0,
            sought_at: 0.0,
            following_since: 0.0,
            successes: 0,
            streak: 0,
            latency: 0.0,
            pressed_at: 0.0,
        }
    }

    /// The rate learnt; `None` while idle.
    pub(super) fn rate(&self) -> Option<f64> {
        (self.phase != Phase::Idle).then_some(self.rate)
    }

    /// The rate at which calls are admitted: the learnt one, or less while throttles follow one another.
    fn pace(&self) -> f64 {
        let slowed = self.rate * 0.5_f64.powi(self.streak);
        slowed.max(self.rate.min(PROBE_RATE))
    }

    fn growth(&self, now: f64) -> f64 {
        if self.streak > 0 {
            return 0.0;
        }
        match self.phase {
            Phase::Idle => 0.0,
            Phase::Seeking => {
                core::f64::consts::LN_2 / (DOUBLING_ROUND_TRIPS * self.latency).max(DOUBLING_MIN)
            }
            Phase::Following => {
                let patience = (QUIET_CALLS / self.rate).clamp(QUIET_MIN, QUIET_MAX);
                let quiet = (now - self.throttled_at - patience).max(0.0);
                let own = self.settling(now).max(GROWTH_LEAST / self.rate);
                quiet.mul_add(GROWTH_RAMP, own).min(GROWTH_MAX)
            }
        }
    }

    fn settling(&self, now: f64) -> f64 {
        let age = now - self.following_since;
        (GROWTH_FIRST * (-age / GROWTH_SETTLES).exp()).max(GROWTH_CALM)
    }

    /// Accrues tokens up to `now`. The rate grows only while somebody waits for it: growth without demand proves nothing.
    pub(super) fn advance(&mut self, now: f64, waiting: bool) {
        let elapsed = (now - self.at).max(0.0);
        if waiting {
            self.pressed_at = now;
        }
        let growth = if waiting { self.growth(self.at) } else { 0.0 };
        let pace = self.pace();
        if growth > 0.0 {
            self.tokens += pace / growth * (growth * elapsed).exp_m1();
            self.rate *= (growth * elapsed).exp();
        } else {
            self.tokens += pace * elapsed;
        }
        self.tokens = self.tokens.min(1.0 + self.rate * BURST);
        self.at = self.at.max(now);
        if now - self.pressed_at.max(self.throttled_at) > FORGET {
            self.phase = Phase::Idle;
        }
    }

    /// Takes the token of one call.
    pub(super) fn take(&mut self) -> bool {
        // A timer that was set for a whole token may find a rounding error less.
        let enough = self.phase == Phase::Idle || self.tokens >= 1.0 - 1e-6;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }

    /// Returns the token of a call that was not sent.
    pub(super) fn put_back(&mut self) {
        self.tokens += 1.0;
    }

    /// Seconds until the call with `ahead` others before it gets its token, as far as can be told.
    pub(super) fn wait(&self, ahead: u32) -> f64 {
        let need = (1.0 + f64::from(ahead) - self.tokens).max(0.0);
        let (growth, pace) = (self.growth(self.at), self.pace());
        if growth > 0.0 {
            (need * growth / pace).ln_1p() / growth
        } else {
            need / pace
        }
    }

    /// A call was answered by anything but a throttle. True if the pace has changed.
    pub(super) fn on_answer(&mut self, now: f64, admitted: f64) -> bool {
        self.on_round_trip(now - admitted);
        if admitted <= self.cut_at {
            return false;
        }
        self.successes = self.successes.saturating_add(1);
        core::mem::take(&mut self.streak) > 0
    }

    /// A call was throttled; `delivered` calls succeeded in the last second.
    pub(super) fn on_throttle(&mut self, now: f64, admitted: f64, delivered: f64) {
        self.on_round_trip(now - admitted);
        if self.phase == Phase::Idle {
            self.phase = Phase::Seeking;
            self.rate = delivered.max(RATE_START_MIN);
            self.tokens = 0.0;
            self.at = now;
            self.streak = 0;
            self.sought_at = now;
            self.successes = 0;
        } else if admitted <= self.cut_at {
            return;
        } else {
            self.cut(now, admitted, delivered);
        }
        self.cut_at = now;
        self.throttled_at = now;
    }

    fn cut(&mut self, now: f64, admitted: f64, delivered: f64) {
        self.tokens = self.tokens.min(0.0);
        if let Some(measured) = self.measured(admitted) {
            self.rate = self.rate.min(measured * MEASURED_SHARE).max(RATE_MIN);
            self.phase = Phase::Following;
            self.following_since = now;
            return;
        }
        // A throttle right after another says that the service is still refusing, not that the rate is still too high.
        if self.streak == 0 {
            let share = (self.settling(now) / THROTTLES_PER_SECOND).min(CUT_MAX);
            let floor = self.rate.min(delivered * DELIVERED_SHARE);
            self.rate = (self.rate * (1.0 - share)).max(floor).max(RATE_MIN);
        }
        self.streak = self.streak.saturating_add(1).min(STREAK_MAX);
    }

    /// What the service gave between the throttle that began the seeking and that of a call admitted at `admitted`: at
    /// both moments the quota was used up, so what succeeded in between is what it grew by.
    fn measured(&self, admitted: f64) -> Option<f64> {
        if self.phase != Phase::Seeking {
            return None;
        }
        let span = admitted - self.sought_at;
        let long = span >= (MEASURED_ROUND_TRIPS * self.latency).max(MEASURED_SHORTEST);
        let enough = (self.successes >= MEASURED_MIN && long) || span >= MEASURED_LONGEST;
        enough.then(|| (1.0 + f64::from(self.successes)) / span)
    }

    fn on_round_trip(&mut self, seconds: f64) {
        self.latency += (seconds.max(0.0) - self.latency) * LATENCY_WEIGHT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that was throttled at 100 s, when ten calls a second succeeded, and has calls waiting.
    fn throttled_once() -> Governor {
        let mut governor = Governor::new();
        governor.on_throttle(100.0, 99.99, 10.0);
        governor
    }

    fn close(left: f64, right: f64) {
        assert!(
            (left - right).abs() < 1e-6 * right.abs().max(1.0),
            "{left} is not {right}"
        );
    }

    #[test]
    fn it_admits_everything_until_the_first_throttle() {
        let mut governor = Governor::new();
        governor.advance(50.0, false);
        assert!((0..1000).all(|_| governor.take()) && governor.rate().is_none());
        governor.on_throttle(100.0, 99.9, 40.0);
        assert_eq!(governor.rate(), Some(40.0));
        assert!(!governor.take(), "the quota is used up at that moment");
    }

    #[test]
    fn seeking_doubles_while_calls_wait_and_only_then() {
        let mut governor = throttled_once();
        governor.advance(101.0, false);
        assert_eq!(governor.rate(), Some(10.0));
        governor.advance(101.05, true);
        close(governor.rate().unwrap(), 20.0);
        let mut slow = throttled_once();
        slow.latency = 0.1;
        slow.advance(100.2, true);
        close(slow.rate().unwrap(), 20.0);
    }

    #[test]
    fn the_wait_foretold_is_the_wait_that_it_takes() {
        for (ahead, waiting) in [(0, true), (3, true), (30, true)] {
            let mut governor = throttled_once();
            let wait = governor.wait(ahead);
            let (mut taken, steps) = (0, 10_000);
            for step in 1..=steps {
                governor.advance(100.0 + wait * f64::from(step) / f64::from(steps), waiting);
                if governor.take() {
                    taken += 1;
                }
                assert!(
                    taken <= ahead || step == steps,
                    "{ahead}: too early, at step {step}"
                );
            }
            assert_eq!(taken, ahead + 1);
        }
    }

    #[test]
    fn a_second_throttle_measures_the_quota() {
        let mut governor = throttled_once();
        for call in 1..=49 {
            governor.on_answer(100.0 + f64::from(call) / 100.0, 100.0 + f64::from(call) / 100.0);
        }
        governor.rate = 300.0;
        governor.on_throttle(100.5, 100.5, 49.0);
        close(governor.rate().unwrap(), 97.0);
        assert_eq!(governor.phase, Phase::Following);
        let rate = governor.rate;
        governor.on_throttle(100.501, 100.499, 49.0);
        close(governor.rate, rate);
        governor.on_throttle(100.6, 100.55, 49.0);
        close(governor.rate, rate * 0.7);
    }

    #[test]
    fn throttles_in_a_row_slow_the_pace_and_not_the_rate() {
        let mut governor = throttled_once();
        governor.phase = Phase::Following;
        governor.rate = 100.0;
        for throttle in 1..=20 {
            governor.on_throttle(101.0 + f64::from(throttle), 100.5 + f64::from(throttle), 0.0);
        }
        let rate = governor.rate;
        assert!(rate > 65.0, "cut once: {rate}");
        close(governor.pace(), PROBE_RATE);
        assert!(governor.on_answer(130.0, 129.0), "an answer restores the pace");
        close(governor.pace(), rate);
        assert!(!governor.on_answer(130.0, 129.0));
    }

    #[test]
    fn no_cut_goes_far_below_what_was_delivered() {
        let mut governor = throttled_once();
        governor.phase = Phase::Following;
        governor.rate = 100.0;
        for throttle in 1..=50 {
            let now = 101.0 + f64::from(throttle) / 100.0;
            governor.on_throttle(now, now, 100.0);
            governor.on_answer(now + 0.005, now + 0.005);
        }
        close(governor.rate, 70.0);
        for throttle in 1..=500 {
            let now = 102.0 + f64::from(throttle) / 100.0;
            governor.on_throttle(now, now, 0.0);
            governor.on_answer(now + 0.005, now + 0.005);
        }
        close(governor.rate, RATE_MIN);
    }

    #[test]
    fn it_forgets_after_a_quiet_minute_but_not_while_calls_wait() {
        let mut governor = throttled_once();
        governor.advance(159.0, true);
        governor.advance(218.0, false);
        assert!(governor.rate().is_some());
        governor.advance(219.5, false);
        assert!(governor.rate().is_none() && governor.take());
    }

    #[test]
    fn tokens_do_not_pile_up_and_time_does_not_run_back() {
        let mut governor = throttled_once();
        governor.advance(150.0, false);
        assert!(governor.take() && !governor.take());
        governor.advance(149.0, true);
        assert!(!governor.take());
        governor.put_back();
        assert!(governor.take());
    }
}
