//! A length of time as scenario files write it.
use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A length of time, written as a number and a unit: `"5ms"`, `"30s"`, `"15m"`, `"1.5h"`, `"2d"`.
///
/// ```
/// use std::time::Duration;
/// use datakey_sim::Span;
///
/// let span: Span = "1.5h".parse()?;
/// assert_eq!(span.duration(), Duration::from_secs(5_400));
/// assert_eq!(span.to_string(), "90m");
/// assert!("soon".parse::<Span>().is_err());
/// # Ok::<(), datakey_sim::NotASpan>(())
/// ```
///
/// To the microsecond, up to 366 days. It is written in the longest unit that makes a whole number, and is the same when read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

/// Not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a length of time; write a number and one of us, ms, s, m, h, d, such as 30s or 1.5h")]
pub struct NotASpan(Box<str>);

/// The longest span: 366 days.
const LONGEST: f64 = 366.0 * 86_400.0;

/// Each unit with its length in microseconds, longest first.
const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// As the standard library has it.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// Whether it is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let refuse = || NotASpan(text.into());
        let digits = |c: char| !(c.is_ascii_digit() || c == '.');
        let (number, unit) = text.split_at(text.find(digits).ok_or_else(refuse)?);
        let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        let number: f64 = number.parse().map_err(|_no_number| refuse())?;
        let seconds = number * Duration::from_micros(*micros).as_secs_f64();
        if seconds > LONGEST {
            return Err(refuse());
        }
        let duration = Duration::try_from_secs_f64(seconds).map_err(|_no_duration| refuse())?;
        // No finer than the simulation tells: to the microsecond.
        let micros = duration.as_nanos().saturating_add(500) / 1_000;
        let micros = u64::try_from(micros).map_err(|_too_long| refuse())?;
        Ok(Self(Duration::from_micros(micros)))
    }
}

impl TryFrom<String> for Span {
    type Error = NotASpan;

    fn try_from(text: String) -> Result<Self, NotASpan> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        let whole = |unit: &&(&str, u64)| micros.is_multiple_of(u128::from(unit.1));
        let (name, length) = match UNITS.iter().find(whole) {
            Some(unit) if micros > 0 => *unit,
            _ => ("s", 1_000_000),
        };
        let count = micros.checked_div(u128::from(length)).unwrap_or_default();
        write!(f, "{count}{name}")
    }
}
