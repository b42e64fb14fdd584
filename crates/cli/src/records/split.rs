//! Text cut into records.
use memchr::{memchr, memchr2};
use serde::de::IgnoredAny;
use thiserror::Error;

use crate::args::RecordsShape;

/// The longest record, in bytes. No more of one is held in memory.
const MAX_RECORD: usize = 1 << 24;

/// Where a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Its length.
    pub(super) len: usize,
    /// Where the next begins.
    pub(super) ends_at: usize,
}

/// What is wrong with a text.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum Unfit {
    #[error(
        "line {line}: longer than {limit} bytes, the limit of a record; seal it whole, with `datakey seal`"
    )]
    TooLong { line: u64, limit: u64 },
    #[error("line {line}: not JSON ({what}); mend it, or seal it with --shape lines")]
    NotJson { line: u64, what: String },
    #[error("line {line}: a field in quotes does not end; mend it, or seal it with --shape lines")]
    OpenQuote { line: u64 },
}

/// Finds the records of a text, one after the other, and counts lines.
pub(super) struct Splitter {
    shape: RecordsShape,
    /// The line that the last record begins at, from 1.
    line: u64,
    /// The lines that it has.
    lines: u64,
}

impl Splitter {
    pub(super) const fn new(shape: RecordsShape) -> Self {
        Self {
            shape,
            line: 0,
            lines: 1,
        }
    }

    /// The line that the last record begins at, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// The record at the front of `rest`; `None` where it does not end in it. The first `seen` bytes were looked at before, and
    /// have no end of a line.
    pub(super) fn next(&mut self, rest: &[u8], seen: usize, is_end: bool) -> Result<Option<Line>, Unfit> {
        let first = self.line.saturating_add(self.lines);
        let too_long = || Unfit::TooLong {
            line: first,
            limit: MAX_RECORD as u64,
        };
        let seen = if self.shape == RecordsShape::Csv {
            0
        } else {
            seen.min(rest.len())
        };
        let end = memchr(b'\n', rest.get(seen..).unwrap_or_default()).map(|at| at.saturating_add(seen));
        let end = match (self.shape, end) {
            (RecordsShape::Csv, Some(end)) if has_quote(rest.get(..end)) => row_end(rest),
            (RecordsShape::Csv, None) if has_quote(Some(rest)) => row_end(rest),
            (_, Some(end)) => RowEnd::At(end),
            (_, None) => RowEnd::Unknown { in_quotes: false },
        };
        let len = match end {
            RowEnd::At(len) => len,
            RowEnd::Unknown { .. } if rest.len() > MAX_RECORD => return Err(too_long()),
            RowEnd::Unknown { in_quotes: true } if is_end => return Err(Unfit::OpenQuote { line: first }),
            RowEnd::Unknown { .. } if is_end && !rest.is_empty() => rest.len(),
            RowEnd::Unknown { .. } => return Ok(None),
        };
        if len > MAX_RECORD {
            return Err(too_long());
        }
        self.line = first;
        let breaks = if self.shape == RecordsShape::Csv {
            memchr::memchr_iter(b'\n', rest.get(..len).unwrap_or_default()).count() as u64
        } else {
            0
        };
        self.lines = breaks.saturating_add(1);
        Ok(Some(Line {
            len,
            ends_at: len.saturating_add(1).min(rest.len()),
        }))
    }

    /// Whether what was found is a record: of NDJSON, an empty line is none.
    pub(super) fn is_record(&self, record: &[u8]) -> Result<bool, Unfit> {
        if self.shape != RecordsShape::Ndjson {
            return Ok(true);
        }
        if record.iter().all(u8::is_ascii_whitespace) {
            return Ok(false);
        }
        match serde_json::from_slice::<IgnoredAny>(record) {
            Ok(_) => Ok(true),
            Err(error) => Err(Unfit::NotJson {
                line: self.line,
                what: what(record, &error),
            }),
        }
    }
}

/// What is wrong with a line, without the number that it would have if it were all.
fn what(record: &[u8], error: &serde_json::Error) -> String {
    if record.starts_with(b"\xef\xbb\xbf") {
        return "it begins with a byte order mark".to_owned();
    }
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or(&said);
    format!("{what}, at column {}", error.column())
}

enum RowEnd {
    At(usize),
    Unknown { in_quotes: bool },
}

fn has_quote(text: Option<&[u8]>) -> bool {
    text.is_some_and(|text| memchr(b'"', text).is_some())
}

/// Where the line feed is that ends a row: not in a field that begins with a quote and has not ended with one. Quotes are doubled
/// within it.
fn row_end(text: &[u8]) -> RowEnd {
    let mut at = 0_usize;
    loop {
        // At the start of a field.
        if text.get(at) == Some(&b'"') {
            at = at.saturating_add(1);
            loop {
                let rest = text.get(at..).unwrap_or_default();
                let Some(quote) = memchr(b'"', rest) else {
                    return RowEnd::Unknown { in_quotes: true };
                };
                at = at.saturating_add(quote).saturating_add(1);
                match text.get(at) {
                    Some(b'"') => at = at.saturating_add(1),
                    _ => break,
                }
            }
        }
        // To the end of the field.
        let rest = text.get(at..).unwrap_or_default();
        let Some(end) = memchr2(b',', b'\n', rest) else {
            return RowEnd::Unknown { in_quotes: false };
        };
        at = at.saturating_add(end);
        if text.get(at) == Some(&b'\n') {
            return RowEnd::At(at);
        }
        at = at.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All records of a text that arrives in portions.
    fn split(shape: RecordsShape, text: &str, portion: usize) -> Result<Vec<String>, Unfit> {
        let (mut splitter, mut buffer, mut records) = (Splitter::new(shape), Vec::new(), Vec::new());
        let mut portions = text.as_bytes().chunks(portion);
        loop {
            let more = portions.next();
            let before = buffer.len();
            buffer.extend_from_slice(more.unwrap_or_default());
            let mut used = 0;
            while let Some(line) =
                splitter.next(&buffer[used..], before.saturating_sub(used), more.is_none())?
            {
                let record = &buffer[used..][..line.len];
                if splitter.is_record(record)? {
                    records.push(String::from_utf8(record.to_vec()).unwrap());
                }
                used = used.saturating_add(line.ends_at);
            }
            buffer.drain(..used);
            if more.is_none() {
                return Ok(records);
            }
        }
    }

    #[test]
    fn a_record_is_a_line_or_a_row_however_the_text_arrives() {
        use RecordsShape::{Csv, Lines, Ndjson};
        let cases: [(RecordsShape, &str, &[&str]); 12] = [
            (Lines, "", &[]),
            (Lines, "\n", &[""]),
            (Lines, "a\n\nb", &["a", "", "b"]),
            (Lines, "a\r\n\"b\n", &["a\r", "\"b"]),
            (Ndjson, "{\"a\":1}\n\n[2]\n  \n3", &["{\"a\":1}", "[2]", "3"]),
            (Csv, "a,b\n1,2\n", &["a,b", "1,2"]),
            (Csv, "a,\"b\nc\",d\ne\n", &["a,\"b\nc\",d", "e"]),
            (Csv, "\"a\"\"\n\",b\nc", &["\"a\"\"\n\",b", "c"]),
            (Csv, "5\" disk,b\nc,d\n", &["5\" disk,b", "c,d"]),
            (Csv, "a\r\n\"b\"\r\n", &["a\r", "\"b\"\r"]),
            (Csv, "\"\"\n\n", &["\"\"", ""]),
            (Csv, ",\"\n\"", &[",\"\n\""]),
        ];
        for (shape, text, records) in cases {
            for portion in [1, 2, 3, 100] {
                assert_eq!(
                    split(shape, text, portion).unwrap(),
                    records,
                    "{text:?} by {portion}"
                );
            }
        }
    }

    #[test]
    fn a_text_that_is_unfit_is_told_with_its_line() {
        use RecordsShape::{Csv, Lines, Ndjson};
        for portion in [1, 100] {
            let open = split(Csv, "a\n\"x\ny\"\n\"b\nc\n", portion);
            assert_eq!(open, Err(Unfit::OpenQuote { line: 4 }));
            let no_json = split(Ndjson, "1\n\n{\n", portion);
            assert!(
                matches!(no_json, Err(Unfit::NotJson { line: 3, .. })),
                "{no_json:?}"
            );
        }
        let long = format!("short\n{}\n", "x".repeat(MAX_RECORD + 1));
        let limit = MAX_RECORD as u64;
        assert_eq!(
            split(Lines, &long, 1 << 20),
            Err(Unfit::TooLong { line: 2, limit })
        );
        let longest = "x".repeat(MAX_RECORD);
        assert_eq!(split(Lines, &longest, 1 << 20).unwrap().len(), 1);
    }
}
