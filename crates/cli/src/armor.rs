//! Sealed bytes as text: base64 in lines of 64, between a first and a last line.
use std::io::{self, BufRead, BufReader, Read, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use thiserror::Error;

pub(crate) const BEGIN: &str = "-----BEGIN DATAKEY MESSAGE-----";
const END: &str = "-----END DATAKEY MESSAGE-----";

/// How many bytes a line holds.
const LINE: usize = 48;

/// The same in base64.
const LINE_TEXT: usize = 64;

/// How much text is written at a time.
const PORTION: usize = 64 << 10;

/// What is wrong with an armored text.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub(crate) enum ArmorError {
    #[error("it ends before its last line, {END}")]
    Cut,
    #[error("line {line} is not base64, or not {LINE_TEXT} characters of it where more lines come")]
    Line { line: u64 },
    #[error("there is more after its last line")]
    BehindEnd,
}

impl From<ArmorError> for io::Error {
    fn from(error: ArmorError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Writes bytes as armored text.
pub(crate) struct ArmorWriter<W> {
    inner: W,
    /// Less than a line.
    rest: Vec<u8>,
    text: String,
}

impl<W: Write> ArmorWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            rest: Vec::with_capacity(LINE),
            text: format!("{BEGIN}\n"),
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        STANDARD.encode_string(bytes, &mut self.text);
        self.text.push('\n');
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.inner.write_all(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }

    /// Writes the last lines.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.line(&rest);
        }
        self.text.push_str(END);
        self.text.push('\n');
        self.pass_on()?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for ArmorWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let portion = bytes.get(..PORTION).unwrap_or(bytes);
        let mut left = portion;
        if !self.rest.is_empty() {
            let (more, after) = left.split_at(left.len().min(LINE.saturating_sub(self.rest.len())));
            self.rest.extend_from_slice(more);
            left = after;
            if self.rest.len() == LINE {
                let line = std::mem::take(&mut self.rest);
                self.line(&line);
            }
        }
        if self.rest.is_empty() {
            let mut lines = left.chunks_exact(LINE);
            for line in &mut lines {
                self.line(line);
            }
            self.rest.extend_from_slice(lines.remainder());
        }
        if self.text.len() >= PORTION {
            self.pass_on()?;
        }
        Ok(portion.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.inner.flush()
    }
}

/// Reads the bytes of armored text, whose first line was seen to be there.
pub(crate) struct ArmorReader<R> {
    inner: BufReader<R>,
    line: u64,
    text: Vec<u8>,
    bytes: Vec<u8>,
    done: usize,
    /// Whether a line was shorter than others, so that only the last may follow.
    is_short: bool,
    has_ended: bool,
}

impl<R: Read> ArmorReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner: BufReader::with_capacity(PORTION, inner),
            line: 0,
            text: Vec::new(),
            bytes: Vec::new(),
            done: 0,
            is_short: false,
            has_ended: false,
        }
    }

    /// The next line, without its end; no longer ones than there may be.
    fn next_line(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.line = self.line.saturating_add(1);
        let longest = u64::try_from(BEGIN.len().max(LINE_TEXT)).unwrap_or(u64::MAX);
        (&mut self.inner)
            .take(longest.saturating_add(2))
            .read_until(b'\n', &mut self.text)?;
        if self.text.is_empty() {
            return Ok(false);
        }
        while self.text.last().is_some_and(u8::is_ascii_whitespace) {
            self.text.pop();
        }
        Ok(true)
    }

    /// Decodes lines until there is something to hand out, or the end.
    fn fill(&mut self) -> io::Result<()> {
        self.bytes.clear();
        self.done = 0;
        if self.line == 0 {
            self.next_line()?;
            if self.text != BEGIN.as_bytes() {
                return Err(ArmorError::Line { line: 1 }.into());
            }
        }
        while self.bytes.len() < PORTION && !self.has_ended {
            if !self.next_line()? {
                return Err(ArmorError::Cut.into());
            }
            if self.text == END.as_bytes() {
                self.has_ended = true;
                return self.nothing_more();
            }
            self.decode()?;
        }
        Ok(())
    }

    fn decode(&mut self) -> io::Result<()> {
        let broken = ArmorError::Line { line: self.line };
        let len = self.text.len();
        if self.is_short || len == 0 || len > LINE_TEXT {
            return Err(broken.into());
        }
        self.is_short = len < LINE_TEXT;
        let before = self.bytes.len();
        STANDARD
            .decode_vec(&self.text, &mut self.bytes)
            .map_err(|_where_in_the_line| broken.clone())?;
        self.is_short |= self.bytes.len().saturating_sub(before) < LINE;
        Ok(())
    }

    /// Only white space follows the last line.
    fn nothing_more(&mut self) -> io::Result<()> {
        let mut rest = [0; 256];
        loop {
            let read = self.inner.read(&mut rest)?;
            match rest.get(..read) {
                None | Some([]) => return Ok(()),
                Some(rest) if rest.iter().all(u8::is_ascii_whitespace) => {}
                Some(_) => return Err(ArmorError::BehindEnd.into()),
            }
        }
    }
}

impl<R: Read> Read for ArmorReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.done == self.bytes.len() && !self.has_ended {
            self.fill()?;
        }
        let rest = self.bytes.get(self.done..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(from), Some(to)) = (rest.get(..len), buffer.get_mut(..len)) {
            to.copy_from_slice(from);
        }
        self.done = self.done.saturating_add(len);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn armored(bytes: &[u8], portion: usize) -> String {
        let mut writer = ArmorWriter::new(Vec::new());
        for portion in bytes.chunks(portion) {
            writer.write_all(portion).unwrap();
        }
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    fn read(text: &str) -> Result<Vec<u8>, ArmorError> {
        let mut bytes = Vec::new();
        match ArmorReader::new(text.as_bytes()).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(error.downcast::<ArmorError>().unwrap()),
        }
    }

    #[test]
    fn what_is_written_is_read_however_it_is_portioned() {
        for len in [0, 1, 47, 48, 49, 96, 1000, 200_000] {
            let bytes: Vec<u8> = (0..len).map(|at: u32| at.to_le_bytes()[0]).collect();
            let text = armored(&bytes, usize::MAX);
            assert!(text.lines().all(|line| line.len() <= 64));
            for portion in [1, 47, 48, 50, 70_000] {
                assert!(armored(&bytes, portion) == text);
            }
            assert!(read(&text).unwrap() == bytes);
            assert!(read(&text.replace('\n', "\r\n")).unwrap() == bytes);
        }
    }

    #[test]
    fn a_text_that_is_broken_is_told_apart() {
        let text = armored(&[7; 100], usize::MAX);
        let lines: Vec<&str> = text.lines().collect();
        let joined = |lines: &[&str]| lines.join("\n");
        assert_eq!(read(&joined(&lines[..3])), Err(ArmorError::Cut));
        assert_eq!(read(&joined(&lines[..1])), Err(ArmorError::Cut));
        assert_eq!(read(&format!("{text}more")), Err(ArmorError::BehindEnd));
        assert!(read(&format!("{text}\n \n")).is_ok());
        assert_eq!(
            read(&text.replace("Bwc", "Bw*")),
            Err(ArmorError::Line { line: 2 })
        );
        let short_first = joined(&[lines[0], lines[3], lines[1], lines[4]]);
        assert_eq!(read(&short_first), Err(ArmorError::Line { line: 3 }));
        let long = joined(&[lines[0], &"B".repeat(65), lines[4]]);
        assert_eq!(read(&long), Err(ArmorError::Line { line: 2 }));
        let empty_line = joined(&[lines[0], "", lines[4]]);
        assert_eq!(read(&empty_line), Err(ArmorError::Line { line: 2 }));
    }
}
