//! How long an answer takes.
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use rand_distr::{Distribution as _, Exp, LogNormal, Normal};

/// How many standard deviations of a normal distribution its 99th percentile is from its mean.
const P99_DEVIATIONS: f64 = 2.326_347_874_040_841;

/// How long the fake takes to answer, refusals and throttles included. Waited with `tokio::time::sleep`, so that a
/// paused clock makes it free.
///
/// ```
/// use std::time::Duration;
/// use datakey_fake_kms::Latency;
///
/// let near = Latency::fixed(Duration::from_millis(5));
/// let real = Latency::uniform(Duration::from_millis(3), Duration::from_millis(40));
/// assert_ne!(near, real);
/// assert_eq!(real, "3ms..40ms".parse()?);
/// assert_eq!(Latency::default(), Latency::NONE);
/// # Ok::<(), datakey_fake_kms::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uniform { least: Duration, most: Duration },
    Normal { mean: Duration, deviation: Duration },
    LogNormal { median: Duration, p99: Duration },
    Exponential { mean: Duration },
}

impl Latency {
    /// Answers come at once, without an await point.
    pub const NONE: Self = Self::fixed(Duration::ZERO);

    /// Every answer takes the same time.
    #[must_use]
    pub const fn fixed(time: Duration) -> Self {
        Self(Kind::Uniform {
            least: time,
            most: time,
        })
    }

    /// Each answer takes a time between two bounds, drawn evenly from the fake's seeded random numbers.
    #[must_use]
    pub fn uniform(one: Duration, other: Duration) -> Self {
        Self(Kind::Uniform {
            least: one.min(other),
            most: one.max(other),
        })
    }

    /// Times spread evenly to both sides of a mean. What would be less than nothing is nothing.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_fake_kms::Latency;
    ///
    /// let around_ten = Latency::normal(Duration::from_millis(10), Duration::from_millis(2));
    /// assert_eq!(around_ten, "normal:10ms,2ms".parse()?);
    /// # Ok::<(), datakey_fake_kms::ParseError>(())
    /// ```
    #[must_use]
    pub const fn normal(mean: Duration, deviation: Duration) -> Self {
        Self(Kind::Normal { mean, deviation })
    }

    /// What networks and services look like: half of the answers take less than the median, one in a hundred takes
    /// more than `p99`, a few take much more.
    ///
    /// ```
    /// use std::time::Duration;
    /// use datakey_fake_kms::{FakeKms, Latency};
    ///
    /// // What a client on another continent sees.
    /// let far = Latency::log_normal(Duration::from_millis(180), Duration::from_millis(900));
    /// let fake = FakeKms::builder().latency(far).seed(7).build()?;
    /// # let _ = fake;
    /// assert_eq!(far, "lognormal:180ms,900ms".parse()?); // the same on a command line
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn log_normal(median: Duration, p99: Duration) -> Self {
        Self(Kind::LogNormal {
            median: median.min(p99),
            p99: median.max(p99),
        })
    }

    /// Many short times and some long ones, as of a queue.
    ///
    /// One answer in a hundred takes more than four and a half times the mean: what is not bounded by a timeout shows soon.
    #[must_use]
    pub const fn exponential(mean: Duration) -> Self {
        Self(Kind::Exponential { mean })
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::NONE
    }
}

/// A latency in use, with its random numbers.
#[derive(Debug)]
pub(crate) struct Sampler {
    pub(crate) latency: Latency,
    random: Xoshiro256PlusPlus,
}

impl Sampler {
    pub(crate) fn new(latency: Latency, seed: u64) -> Self {
        Self {
            latency,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    pub(crate) fn sample(&mut self) -> Duration {
        let random = &mut self.random;
        // A distribution that its parameters do not make, as with a mean of zero, is the parameter itself.
        let (drawn, otherwise) = match self.latency.0 {
            Kind::Uniform { least, most } if least == most => return least,
            Kind::Uniform { least, most } => {
                return least.saturating_add(most.saturating_sub(least).mul_f64(random.random()));
            }
            Kind::Normal { mean, deviation } => {
                let normal = Normal::new(mean.as_secs_f64(), deviation.as_secs_f64());
                (normal.ok().map(|normal| normal.sample(random)), mean)
            }
            Kind::LogNormal { median, p99 } => {
                let (middle, tail) = (median.as_secs_f64().ln(), p99.as_secs_f64().ln());
                let spread = LogNormal::new(middle, (tail - middle) / P99_DEVIATIONS);
                (spread.ok().map(|spread| spread.sample(random)), median)
            }
            Kind::Exponential { mean } => {
                let waits = Exp::new(mean.as_secs_f64().recip());
                (waits.ok().map(|waits| waits.sample(random)), mean)
            }
        };
        drawn.map_or(otherwise, |seconds| {
            Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(otherwise)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(latency: Latency) -> Vec<f64> {
        let mut sampler = Sampler::new(latency, 7);
        let mut millis: Vec<f64> = (0..10_000)
            .map(|_| sampler.sample().as_secs_f64() * 1e3)
            .collect();
        millis.sort_by(f64::total_cmp);
        millis
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn distributions_have_their_shapes() {
        let mean = |times: &[f64]| times.iter().sum::<f64>() / 1e4;
        let normal = sorted(Latency::normal(ms(20), ms(4)));
        assert!((mean(&normal) - 20.0).abs() < 0.2, "{}", mean(&normal));
        assert!((normal[8413] - 24.0).abs() < 0.5, "{}", normal[8413]);
        let network = sorted(Latency::log_normal(ms(5), ms(50)));
        assert!((network[5000] - 5.0).abs() < 0.3, "{}", network[5000]);
        assert!((network[9900] - 50.0).abs() < 8.0, "{}", network[9900]);
        let queue = sorted(Latency::exponential(ms(10)));
        assert!((mean(&queue) - 10.0).abs() < 0.4, "{}", mean(&queue));
        assert!((queue[5000] - 6.93).abs() < 0.4, "{}", queue[5000]);
        let even = sorted(Latency::uniform(ms(40), ms(20)));
        assert!(even[0] >= 20.0 && even[9999] <= 40.0 && (mean(&even) - 30.0).abs() < 0.3);
    }

    #[test]
    fn odd_parameters_do_no_harm() {
        for latency in [
            Latency::normal(ms(1), ms(1000)),
            Latency::normal(ms(0), ms(0)),
            Latency::log_normal(ms(0), ms(0)),
            Latency::log_normal(ms(0), ms(10)),
            Latency::log_normal(ms(10), ms(10)),
            Latency::exponential(ms(0)),
            Latency::exponential(Duration::MAX),
            Latency::uniform(Duration::ZERO, Duration::MAX / 2),
        ] {
            let mut sampler = Sampler::new(latency, 1);
            for _ in 0..1000 {
                sampler.sample();
            }
        }
        assert_eq!(
            Sampler::new(Latency::exponential(ms(0)), 1).sample(),
            Duration::ZERO
        );
        assert_eq!(
            Sampler::new(Latency::log_normal(ms(0), ms(0)), 1).sample(),
            Duration::ZERO
        );
    }
}
