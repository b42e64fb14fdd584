//! A range in arguments: `5`, `2..7`, `2..`, `..7`.
use std::{ops::Range, str::FromStr};

use thiserror::Error;

/// From a start up to and without an end; nothing said is the beginning, and the end of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: Option<u64>,
}

#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum SpanError {
    #[error("a range is N, START..END, START.. or ..END")]
    Shape,
    #[error("the range ends before it starts")]
    Backwards,
}

impl Span {
    /// The range in something of this length; `None` where it has less.
    pub(crate) fn within(self, len: u64) -> Option<Range<u64>> {
        let end = self.end.unwrap_or(len);
        (self.start <= end && end <= len).then_some(self.start..end)
    }

    /// Where it ends at the least: what must be there for it to be in range.
    pub(crate) fn least_end(self) -> u64 {
        self.end.unwrap_or(self.start)
    }

    pub(crate) fn contains(self, at: u64) -> bool {
        at >= self.start && self.end.is_none_or(|end| at < end)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let number = |text: &str| text.parse::<u64>().map_err(|_no_number| SpanError::Shape);
        let Some((start, end)) = text.split_once("..") else {
            let start = number(text)?;
            let end = start.checked_add(1).ok_or(SpanError::Shape)?;
            return Ok(Self {
                start,
                end: Some(end),
            });
        };
        let start = if start.is_empty() { 0 } else { number(start)? };
        let end = if end.is_empty() { None } else { Some(number(end)?) };
        if end.is_some_and(|end| end < start) {
            return Err(SpanError::Backwards);
        }
        Ok(Self { start, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let span = |start, end| Ok(Span { start, end });
        for (text, expected) in [
            ("5", span(5, Some(6))),
            ("2..7", span(2, Some(7))),
            ("2..", span(2, None)),
            ("..7", span(0, Some(7))),
            ("..", span(0, None)),
            ("7..7", span(7, Some(7))),
            ("7..2", Err(SpanError::Backwards)),
            ("", Err(SpanError::Shape)),
            ("-1", Err(SpanError::Shape)),
            ("1...2", Err(SpanError::Shape)),
            ("18446744073709551615", Err(SpanError::Shape)),
        ] {
            assert_eq!(text.parse::<Span>(), expected, "{text}");
        }
    }

    #[test]
    fn a_range_lies_within_what_there_is_or_nowhere() {
        let within = |text: &str, len| text.parse::<Span>().unwrap().within(len);
        assert_eq!(within("2..", 5), Some(2..5));
        assert_eq!(within("5..", 5), Some(5..5));
        assert_eq!(within("6..", 5), None);
        assert_eq!(within("..6", 5), None);
        assert_eq!(within("..", 0), Some(0..0));
    }
}
