//! Quotas, latencies and fault rules as text, for command lines and files.
use std::{fmt, str::FromStr, time::Duration};

use thiserror::Error;

use crate::{Fault, FaultRule, KmsErrorCode, KmsOperation, Latency, Quota};

/// Text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not {expected}")]
pub struct ParseError {
    text: Box<str>,
    expected: &'static str,
}

const DURATION: &str = "a time, such as 250us, 5ms, 1.5s, 2m or 1h";
const LATENCY: &str =
    "a latency: a time, TIME..TIME, normal:MEAN,DEVIATION, lognormal:MEDIAN,P99 or exponential:MEAN";
const QUOTA: &str = "a quota: a number of calls per second, unlimited, or bucket:RATE,BURST";
const FAULT: &str = "a fault rule: one of error=CODE, hang[=TIME], drop, reset, garbage, page=STATUS, cut, slow=TIME, \
                     delay=TIME, and any of on=OPERATION, key=KEY, after=N, times=N, from=TIME, until=TIME, \
                     probability=0..1, with commas between";

fn refuse(text: &str, expected: &'static str) -> ParseError {
    ParseError {
        text: text.into(),
        expected,
    }
}

fn duration(text: &str) -> Result<Duration, ParseError> {
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

/// Parts with commas between: what happens, and to which calls.
///
/// | part | meaning |
/// |---|---|
/// | `error=KMSInternalException` | the service answers with that error |
/// | `hang`, `hang=30s` | no answer, for good or until the connection closes |
/// | `drop`, `reset` | the connection closes, or is reset |
/// | `garbage`, `page=503` | HTML with status 200, or with another |
/// | `cut`, `slow=5s` | the answer breaks off, or takes that long to arrive |
/// | `delay=100ms` | the answer is that much later |
/// | `on=Decrypt`, `key=alias/orders` | calls of an operation, about a key |
/// | `after=2`, `times=3` | not the first so many; no more than so many |
/// | `from=10s`, `until=20s` | calls within a window since the start |
/// | `probability=0.1` | each with a chance |
impl FromStr for FaultRule {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refused = || refuse(text, FAULT);
        let mut fault = None;
        let mut rest = Vec::new();
        for part in text.split(',') {
            let (name, value) = part.trim().split_once('=').unwrap_or((part.trim(), ""));
            match read_fault(name, value) {
                Some(found) if fault.is_none() => fault = Some(found),
                Some(_second) => return Err(refused()),
                None => rest.push((name, value)),
            }
        }
        let mut rule = Self::new(fault.ok_or_else(refused)?);
        let (mut from, mut until) = (Duration::ZERO, Duration::MAX);
        for (name, value) in rest {
            match name {
                "from" => from = duration(value)?,
                "until" => until = duration(value)?,
                _ => rule = narrow(rule, name, value).ok_or_else(refused)?,
            }
        }
        Ok(rule.between(from, until))
    }
}

fn read_fault(name: &str, value: &str) -> Option<Fault> {
    let plain = |fault: Fault| value.is_empty().then_some(fault);
    let time = || duration(value).ok();
    match name {
        "error" => KmsErrorCode::from_name(value).map(Fault::from),
        "hang" if value.is_empty() => Some(Fault::Hang(Duration::MAX)),
        "hang" => time().map(Fault::Hang),
        "drop" => plain(Fault::DropConnection),
        "reset" => plain(Fault::ResetConnection),
        "garbage" => plain(Fault::Garbage),
        "page" => value
            .parse()
            .ok()
            .filter(|status| (200..=599).contains(status))
            .map(Fault::proxy_page),
        "cut" => plain(Fault::CutBody),
        "slow" => time().map(Fault::SlowBody),
        "delay" => time().map(Fault::Delay),
        _ => None,
    }
}

fn narrow(rule: FaultRule, name: &str, value: &str) -> Option<FaultRule> {
    Some(match name {
        "on" => rule.on(KmsOperation::from_name(value)?),
        "key" if !value.is_empty() => rule.for_key(value),
        "after" => rule.after(value.parse().ok()?),
        "times" => rule.times(value.parse().ok()?),
        "probability" => {
            rule.with_probability(value.parse().ok().filter(|chance| (0.0..=1.0).contains(chance))?)
        }
        _ => return None,
    })
}

impl ParseError {
    /// What was expected, in words.
    #[must_use]
    pub fn expected(&self) -> impl fmt::Display {
        self.expected
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
            ("0s", 0),
        ] {
            assert_eq!(duration(text).map(|time| time.as_nanos()), Ok(nanos), "{text}");
        }
        for text in [
            "", "5", "ms", "-1s", "1 s", "1d", "1e999s", "NaNs", "infs", "5msx",
        ] {
            assert_eq!(duration(text), Err(refuse(text, DURATION)), "{text}");
        }
    }
}
