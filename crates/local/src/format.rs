//! The text of a key file.
//!
//! ```text
//! datakey-local-keys v1
//! # blank lines and lines that start with '#' are skipped
//! active orders-2027
//! key orders-2026 <32 bytes in base64> <check, 16 hex digits>
//! key orders-2027 <32 bytes in base64> <check, 16 hex digits>
//! ```
//!
//! The check is the start of a SHA-256 over name and key. It tells a damaged line from a key that opens nothing.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    LocalKeys, LocalKeysError, MAX_KEYS, WRAPPING_KEY_LEN,
    wrapping_key::{Secret, WrappingKey, no_secret},
};

const FORMAT: &str = "datakey-local-keys";
const VERSION: &str = "v1";
const NOTE: &str =
    "# Secret: whoever reads this file can open what was sealed with it. Keep a copy in a safe place.";
const SECRET_TEXT_LEN: usize = 44;
const LINE_LEN: usize = 160;

/// A line of a key file that cannot be read. Never holds any of the line's text, which may be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
#[non_exhaustive]
pub struct FormatError {
    /// The line, counted from 1. For what is missing from the whole file, its last line.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line of a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file is not UTF-8.
    #[error("not text; this is no key file")]
    NotText,
    /// The file does not start with the header.
    #[error("a key file starts with the line \"{FORMAT} {VERSION}\"")]
    Header,
    /// The header names another version.
    #[error("the file has a version other than {VERSION}; a newer release may have written it")]
    Version,
    /// Neither `active` nor `key`.
    #[error("a line is \"active <name>\", \"key <name> <base64> <check>\", empty, or a comment")]
    Entry,
    /// Not the name of a key.
    #[error("the second word is not the name of a key")]
    Name,
    /// The key is not 32 bytes in base64.
    #[error("the third word is not {WRAPPING_KEY_LEN} bytes in base64")]
    Secret,
    /// The check does not fit name and key.
    #[error("the check does not fit; the line is damaged, restore it from a copy")]
    Check,
    /// A second key of the same name.
    #[error("a key of this name stands further up")]
    DuplicateKey,
    /// A second `active` line.
    #[error("another line says already which key is active")]
    DuplicateActive,
    /// More than [`MAX_KEYS`].
    #[error("a key file has at most {MAX_KEYS} keys")]
    TooManyKeys,
    /// No `active` line.
    #[error("no line \"active <name>\" says which key seals")]
    NoActive,
    /// The active key is not in the file.
    #[error("the active key is not in this file")]
    UnknownActive,
}

/// Writes the text of a key file. The buffer is made in its full length at once, so that growing leaves no copies.
pub(crate) fn render(keys: &LocalKeys) -> Zeroizing<String> {
    let lines = keys.iter().len().saturating_add(4);
    let mut text = Zeroizing::new(String::with_capacity(lines.saturating_mul(LINE_LEN)));
    let mut push = |words: &[&str]| {
        for (index, word) in words.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        text.push('\n');
    };
    push(&[FORMAT, VERSION]);
    push(&[NOTE]);
    push(&["active", keys.active()]);
    for key in keys.iter() {
        let mut secret = Zeroizing::new([0; SECRET_TEXT_LEN]);
        let written = STANDARD.encode_slice(key.secret(), secret.as_mut_slice());
        debug_assert_eq!(
            written,
            Ok(SECRET_TEXT_LEN),
            "32 bytes are 44 characters of base64"
        );
        let secret = core::str::from_utf8(secret.as_slice()).unwrap_or_default();
        push(&["key", key.name(), secret, &check(key.name(), key.secret())]);
    }
    text
}

/// Reads the text of a key file.
pub(crate) fn parse(bytes: &[u8]) -> Result<LocalKeys, FormatError> {
    let text = core::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        FormatError {
            line: before.split(|byte| *byte == b'\n').count(),
            problem: Problem::NotText,
        }
    })?;
    let mut reader = Reader::default();
    let mut last = 1;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        let read = if number == 1 {
            header(line)
        } else {
            reader.line(number, line)
        };
        read.map_err(|problem| FormatError {
            line: number,
            problem,
        })?;
    }
    if text.is_empty() {
        return Err(FormatError {
            line: 1,
            problem: Problem::Header,
        });
    }
    let Some((line, active)) = reader.active else {
        return Err(FormatError {
            line: last,
            problem: Problem::NoActive,
        });
    };
    let unknown = FormatError {
        line,
        problem: Problem::UnknownActive,
    };
    reader
        .keys
        .ok_or(unknown)?
        .with_active(active)
        .map_err(|_only_unknown| unknown)
}

fn header(line: &str) -> Result<(), Problem> {
    match line.trim_end().split_once(' ') {
        Some((FORMAT, VERSION)) => Ok(()),
        Some((FORMAT, _)) => Err(Problem::Version),
        _ => Err(Problem::Header),
    }
}

#[derive(Default)]
struct Reader<'a> {
    active: Option<(usize, &'a str)>,
    keys: Option<LocalKeys>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, number: usize, line: &'a str) -> Result<(), Problem> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let mut words = line.split_ascii_whitespace();
        let entry = (
            words.next(),
            words.next(),
            words.next(),
            words.next(),
            words.next(),
        );
        match entry {
            (Some("active"), Some(name), None, None, None) => {
                if self.active.replace((number, name)).is_some() {
                    return Err(Problem::DuplicateActive);
                }
                Ok(())
            }
            (Some("key"), Some(name), Some(secret), Some(given), None) => self.key(name, secret, given),
            _ => Err(Problem::Entry),
        }
    }

    fn key(&mut self, name: &str, secret: &str, given: &str) -> Result<(), Problem> {
        let key = WrappingKey::new(name, decode(secret)?).map_err(|_only_name| Problem::Name)?;
        if check(name, key.secret()) != given {
            return Err(Problem::Check);
        }
        let key = LocalKeys::of(key);
        let keys = match self.keys.take() {
            None => key,
            Some(keys) => keys.with_all_of(&key).map_err(|error| match error {
                LocalKeysError::TooMany => Problem::TooManyKeys,
                _ => Problem::DuplicateKey,
            })?,
        };
        self.keys = Some(keys);
        Ok(())
    }
}

fn decode(text: &str) -> Result<Secret, Problem> {
    if text.len() != SECRET_TEXT_LEN {
        return Err(Problem::Secret);
    }
    // The decoder's own error would name a byte of the key.
    let mut bytes = Zeroizing::new([0; SECRET_TEXT_LEN]);
    let len = STANDARD
        .decode_slice(text, bytes.as_mut_slice())
        .map_err(|_names_key_bytes| Problem::Secret)?;
    let bytes = bytes
        .first_chunk::<WRAPPING_KEY_LEN>()
        .filter(|_| len == WRAPPING_KEY_LEN);
    let mut secret = no_secret();
    secret.copy_from_slice(bytes.ok_or(Problem::Secret)?);
    Ok(secret)
}

fn check(name: &str, secret: &[u8; WRAPPING_KEY_LEN]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"datakey local key check v1\0");
    hash.update((name.len() as u64).to_be_bytes());
    hash.update(name);
    hash.update(secret);
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
