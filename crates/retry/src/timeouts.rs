//! How long attempts take, and how long they may take because of that.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{decision::Rules, defaults};

/// Answers before the measurement counts.
const ENOUGH: u32 = 8;

/// How many times the time by which answers are thought to be there at the latest.
const MARGIN: u32 = 3;

/// What attempts took, by quota. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timeouts(Arc<Mutex<BTreeMap<Box<str>, Times>>>);

/// What is answered at once says nothing of what takes its time: twice nothing would stay nothing.
const LEAST: Duration = Duration::from_millis(1);

/// A smoothed time and deviation, as TCP keeps of round trips (RFC 6298, section 2).
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    answers: u32,
    mean: Duration,
    deviation: Duration,
    /// Timeouts since the last answer.
    timeouts: u32,
}

impl Timeouts {
    /// How long an attempt may take.
    pub(crate) fn limit(&self, quota: &str, rules: &Rules) -> Option<Duration> {
        let Some(shortest) = rules.shortest_timeout else {
            return rules.attempt_timeout;
        };
        let measured = self.with(|times| times.get(quota).and_then(Times::limit));
        let Some(measured) = measured else {
            return rules.attempt_timeout;
        };
        let limit = measured.max(shortest);
        Some(rules.attempt_timeout.map_or(limit, |most| limit.min(most)))
    }

    /// An attempt was answered, or failed by itself, after this time.
    pub(crate) fn answered(&self, quota: &str, rules: &Rules, took: Duration) {
        if rules.shortest_timeout.is_some() {
            self.of(quota, |times| times.answered(took));
        }
    }

    /// An attempt had no answer within its time.
    pub(crate) fn timed_out(&self, quota: &str, rules: &Rules) {
        if rules.shortest_timeout.is_some() {
            self.of(quota, |times| times.timeouts = times.timeouts.saturating_add(1));
        }
    }

    fn of(&self, quota: &str, change: impl FnOnce(&mut Times)) {
        self.with(|all| {
            if let Some(times) = all.get_mut(quota) {
                return change(times);
            }
            if all.len() >= defaults::RATE_QUOTAS {
                all.clear();
            }
            change(all.entry(quota.into()).or_default());
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<Box<str>, Times>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Times {
    fn answered(&mut self, took: Duration) {
        if self.answers == 0 {
            (self.mean, self.deviation) = (took, part(took, 2));
        } else {
            let apart = self.mean.abs_diff(took);
            self.deviation = part(self.deviation.saturating_mul(3).saturating_add(apart), 4);
            self.mean = part(self.mean.saturating_mul(7).saturating_add(took), 8);
        }
        self.answers = self.answers.saturating_add(1);
        self.timeouts = 0;
    }

    fn limit(&self) -> Option<Duration> {
        let latest = self.mean.saturating_add(self.deviation.saturating_mul(4));
        let doubled = 1_u32.checked_shl(self.timeouts).unwrap_or(u32::MAX);
        let first = latest.saturating_mul(MARGIN).max(LEAST);
        (self.answers >= ENOUGH).then(|| first.saturating_mul(doubled))
    }
}

fn part(whole: Duration, of: u32) -> Duration {
    whole.checked_div(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_limit_follows_the_answers_within_its_bounds_and_doubles_with_each_timeout() {
        let mut rules = Rules::default();
        let timeouts = Timeouts::default();
        let five = Some(Duration::from_secs(5));
        for _ in 0..100 {
            timeouts.answered("near", &rules, 10 * MS);
        }
        assert_eq!(timeouts.limit("near", &rules), five, "only on request");
        rules.shortest_timeout = Some(MS);
        for answers in 0..100 {
            if answers < ENOUGH {
                assert_eq!(timeouts.limit("near", &rules), five);
            }
            timeouts.answered("near", &rules, 10 * MS);
        }
        let steady = timeouts.limit("near", &rules).unwrap();
        assert!(steady >= 30 * MS && steady < 40 * MS, "{steady:?}");
        assert_eq!(timeouts.limit("far", &rules), five, "each quota by itself");
        timeouts.timed_out("near", &rules);
        assert_eq!(timeouts.limit("near", &rules), Some(2 * steady));
        for _ in 0..100 {
            timeouts.timed_out("near", &rules);
        }
        assert_eq!(timeouts.limit("near", &rules), five);
        timeouts.answered("near", &rules, 10 * MS);
        assert!(timeouts.limit("near", &rules).unwrap() <= steady);
        rules.shortest_timeout = Some(250 * MS);
        assert_eq!(timeouts.limit("near", &rules), Some(250 * MS));
        rules.attempt_timeout = None;
        assert_eq!(timeouts.limit("near", &rules), Some(250 * MS));
        assert_eq!(timeouts.limit("far", &rules), None);
    }
}
