//! Quotas and latencies as text, for command lines and files.
use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use thiserror::Error;

use crate::{Latency, Quota};

/// Text that is not what it should be.
///
/// ```
/// use datakey_fake_kms::Quota;
///
/// assert_eq!("bucket:100,20".parse(), Ok(Quota::token_bucket(100, 20)));
/// let wrong = "100/s".parse::<Quota>().unwrap_err();
/// assert!(wrong.to_string().starts_with("\"100/s\"")); // what was given, and then what would do
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?}{} is not {expected}", Within(whole.as_deref()))]
pub struct ParseError {
    text: Box<str>,
    /// What the text is a part of.
    whole: Option<Box<str>>,
    expected: Cow<'static, str>,
}

struct Within<'a>(Option<&'a str>);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(whole) => write!(f, " in {whole:?}"),
            None => Ok(()),
        }
    }
}

pub(crate) const DURATION: &str = "a time, such as 250us, 5ms, 1.5s, 2m, 1h or 7d";
const LATENCY: &str =
    "a latency: a time, TIME..TIME, normal:MEAN,DEVIATION, lognormal:MEDIAN,P99 or exponential:MEAN";
const QUOTA: &str = "a quota: a number of calls per second, unlimited, or bucket:RATE,BURST";

pub(crate) fn refuse(text: &str, expected: impl Into<Cow<'static, str>>) -> ParseError {
    ParseError {
        text: text.into(),
        whole: None,
        expected: expected.into(),
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, ParseError> {
    let refused = || refuse(text, DURATION);
    let unit_at = text
        .find(|letter: char| letter.is_ascii_alphabetic())
        .ok_or_else(refused)?;
    let (number, unit) = text.split_at_checked(unit_at).ok_or_else(refused)?;
    let seconds = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(refused()),
    };
    let number: f64 = number.parse().map_err(|_not_a_number| refused())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_out_of_range| refused())
}

fn two<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<(T, T)> {
    let (one, other) = text.split_once(',')?;
    Some((read(one.trim())?, read(other.trim())?))
}

/// `5ms`, `3ms..40ms`, `normal:20ms,4ms`, `lognormal:5ms,50ms` (median and 99th percentile), `exponential:10ms`.
impl FromStr for Latency {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refused = || refuse(text, LATENCY);
        let time = |text: &str| duration(text).ok();
        if let Some((least, most)) = text.split_once("..") {
            let (least, most) = (time(least).ok_or_else(refused)?, time(most).ok_or_else(refused)?);
            return Ok(Self::uniform(least, most));
        }
        let Some((kind, parameters)) = text.split_once(':') else {
            return time(text).map(Self::fixed).ok_or_else(refused);
        };
        match kind {
            "normal" => two(parameters, time).map(|(mean, deviation)| Self::normal(mean, deviation)),
            "lognormal" => two(parameters, time).map(|(median, p99)| Self::log_normal(median, p99)),
            "exponential" => time(parameters).map(Self::exponential),
            _ => None,
        }
        .ok_or_else(refused)
    }
}

/// `unlimited`, `1000` (calls per second), `bucket:100,20` (a rate and a burst).
impl FromStr for Quota {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refused = || refuse(text, QUOTA);
        if text == "unlimited" {
            return Ok(Self::UNLIMITED);
        }
        if let Some(parameters) = text.strip_prefix("bucket:") {
            let bucket = two(parameters, |number| number.parse().ok());
            return bucket
                .map(|(rate, burst)| Self::token_bucket(rate, burst))
                .ok_or_else(refused);
        }
        text.parse()
            .map(Self::per_second)
            .map_err(|_not_a_number| refused())
    }
}

impl ParseError {
    /// What was expected, in words.
    #[must_use]
    pub fn expected(&self) -> impl fmt::Display {
        &*self.expected
    }

    /// Says what the text is a part of.
    pub(crate) fn within(self, whole: &str) -> Self {
        let is_part = *self.text != *whole;
        Self {
            whole: is_part.then(|| whole.into()),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, nanos) in [
            ("5ms", 5_000_000),
            ("250us", 250_000),
            ("1.5s", 1_500_000_000),
            ("2m", 120_000_000_000),
            ("7ns", 7),
            ("0.5d", 43_200_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text).map(|time| time.as_nanos()), Ok(nanos), "{text}");
        }
        for text in [
            "", "5", "ms", "-1s", "1 s", "1w", "1e999s", "NaNs", "infs", "5msx",
        ] {
            assert_eq!(duration(text), Err(refuse(text, DURATION)), "{text}");
        }
    }
}
