//! The text of a key file.
//!
//! ```text
//! datakey-local-keys v2
//! # blank lines and lines that start with '#' are skipped; words are any number of blanks apart
//! active orders-2027
//! key orders-2026 <32 bytes in base64> <check, 16 hex digits>
//! key orders-2027 <32 bytes in base64> <check, 16 hex digits>
//! end 2 <check, 16 hex digits>
//! ```
//!
//! The check of a key is the start of a SHA-256 over name and key. It tells a damaged line from a key that opens nothing. The
//! last line has the number of keys, and a check over those of all of them, in the order of their names: a file that was cut
//! between two lines lacks it, and one that lost a line in the middle does not fit it. Files of version 1 have no such line, and
//! are read as far as they go.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    LocalKeys, LocalKeysError, MAX_KEYS, WRAPPING_KEY_LEN,
    wrapping_key::{Secret, WrappingKey, no_secret},
};

const FORMAT: &str = "datakey-local-keys";
const VERSION: &str = "v2";
const VERSION_WITHOUT_END: &str = "v1";
const NOTE: &str =
    "# Secret: whoever reads this file can open what was sealed with it. Keep a copy in a safe place.";
const SECRET_TEXT_LEN: usize = 44;
const LINE_LEN: usize = 160;

/// A line of a key file that cannot be read. Never holds any of the line's text, which may be a key.
///
/// It is the source of a [`KeyFileError::Format`](crate::KeyFileError::Format), which adds the path. Both may be logged.
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
///
/// None of them is mended by hand but [`Header`](Self::Header), [`LineEnd`](Self::LineEnd) and
/// [`NoActive`](Self::NoActive): a key whose line is damaged is gone, and with it what it sealed, unless there is a copy of the file.
///
/// ```
/// use datakey_local::{KeyFile, KeyFileError, LocalKeys, Problem};
///
/// # let folder = std::env::temp_dir().join(format!("datakey-problem-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("orders.key");
/// let mut text = Vec::new();
/// KeyFile::write_to(&LocalKeys::generate("2026")?.with_generated("2027")?, &mut text)?;
///
/// // A copy that ran out of disk between two lines.
/// let end = text.windows(5).position(|bytes| bytes == b"\nend ").expect("the last line");
/// text.truncate(end + 1);
/// std::fs::write(&path, &text)?;
/// # #[cfg(unix)]
/// # std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
/// let refused = KeyFile::open(&path);
/// # std::fs::remove_dir_all(&folder)?;
/// let Err(KeyFileError::Format { source, .. }) = refused else { panic!("it was cut") };
/// assert_eq!(source.problem, Problem::Cut); // and not taken for a set of fewer keys
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    #[error(
        "the file has a version other than {VERSION_WITHOUT_END} and {VERSION}; a newer release may have written it"
    )]
    Version,
    /// A carriage return without a line feed behind it.
    #[error("lines end with carriage returns alone; save the file with line feeds")]
    LineEnd,
    /// Neither `active` nor `key` nor `end`.
    #[error(
        "a line is \"active <name>\", \"key <name> <base64> <check>\", \"end <number> <check>\", empty, or a comment"
    )]
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
    /// No `end` line, in a file of a version that has one.
    #[error("the file ends before its line \"end <number> <check>\"; it was cut, restore it from a copy")]
    Cut,
    /// The `end` line is not that of the keys above it.
    #[error("the keys above are not those that the file was written with; restore it from a copy")]
    OtherKeys,
    /// An entry behind the `end` line.
    #[error("nothing but comments stands behind the line \"end <number> <check>\"")]
    BehindEnd,
    /// No `active` line.
    #[error("no line \"active <name>\" says which key seals")]
    NoActive,
    /// The active key is not in the file.
    #[error("the active key is not in this file")]
    UnknownActive,
}

/// Writes the text of a key file. The buffer is made in its full length at once, so that growing leaves no copies.
pub(crate) fn render(keys: &LocalKeys) -> Zeroizing<String> {
    let lines = keys.iter().len().saturating_add(5);
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
    push(&["end", &keys.iter().len().to_string(), &check_of_all(keys)]);
    text
}

/// What a key file holds.
pub(crate) struct Parsed {
    pub(crate) keys: LocalKeys,
    /// Whether the file has a last line that says so.
    pub(crate) is_whole: bool,
}

/// Reads the text of a key file.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, FormatError> {
    let text = core::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        FormatError {
            line: before.split(|byte| *byte == b'\n').count(),
            problem: Problem::NotText,
        }
    })?;
    let mut reader = Reader::default();
    let mut last = 1;
    for (line, words) in (1..).zip(text.lines()) {
        last = line;
        let read = reader.line(line, words);
        read.map_err(|problem| FormatError { line, problem })?;
    }
    reader.finish().map_err(|(line, problem)| FormatError {
        line: line.unwrap_or(last),
        problem,
    })
}

#[derive(Default)]
struct Reader<'a> {
    /// Whether the version has an `end` line; nothing before the header was read.
    has_end: Option<bool>,
    active: Option<(usize, &'a str)>,
    keys: Option<LocalKeys>,
    ended: bool,
}

/// A problem of the whole file, and its line where it has one.
type Unfinished = (Option<usize>, Problem);

impl<'a> Reader<'a> {
    fn line(&mut self, number: usize, line: &'a str) -> Result<(), Problem> {
        let line = line.trim();
        if line.contains('\r') {
            return Err(Problem::LineEnd);
        }
        let mut words = line.split_ascii_whitespace();
        let words = [(); 5].map(|()| words.next());
        let Some(has_end) = self.has_end else {
            self.has_end = Some(header(words)?);
            return Ok(());
        };
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if self.ended {
            return Err(Problem::BehindEnd);
        }
        match words {
            [Some("active"), Some(name), None, ..] => {
                if self.active.replace((number, name)).is_some() {
                    return Err(Problem::DuplicateActive);
                }
                Ok(())
            }
            [Some("key"), Some(name), Some(secret), Some(given), None] => self.key(name, secret, given),
            [Some("end"), Some(count), Some(given), None, _] if has_end => self.end(count, given),
            _ => Err(Problem::Entry),
        }
    }

    fn end(&mut self, count: &str, given: &str) -> Result<(), Problem> {
        self.ended = true;
        let fits = |keys: &LocalKeys| keys.iter().len().to_string() == count && check_of_all(keys) == given;
        if self.keys.as_ref().is_some_and(fits) {
            Ok(())
        } else {
            Err(Problem::OtherKeys)
        }
    }

    fn finish(self) -> Result<Parsed, Unfinished> {
        if self.has_end.ok_or((None, Problem::Header))? && !self.ended {
            return Err((None, Problem::Cut));
        }
        let (line, active) = self.active.ok_or((None, Problem::NoActive))?;
        let unknown = (Some(line), Problem::UnknownActive);
        let keys = self.keys.ok_or(unknown)?.with_active(active);
        Ok(Parsed {
            keys: keys.map_err(|_only_unknown| unknown)?,
            is_whole: self.ended,
        })
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

/// Whether files of this version have an `end` line.
fn header(words: [Option<&str>; 5]) -> Result<bool, Problem> {
    let is_version = |word: &str| {
        let digits = word.strip_prefix('v').unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    match words {
        [Some(FORMAT), Some(VERSION), None, ..] => Ok(true),
        [Some(FORMAT), Some(VERSION_WITHOUT_END), None, ..] => Ok(false),
        [Some(FORMAT), Some(version), None, ..] if is_version(version) => Err(Problem::Version),
        _ => Err(Problem::Header),
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
    start_of(hash)
}

/// Over the checks of all keys, in the order of their names.
fn check_of_all(keys: &LocalKeys) -> String {
    let mut hash = Sha256::new();
    hash.update(b"datakey local keys check v2\0");
    for key in keys.iter() {
        hash.update(check(key.name(), key.secret()));
    }
    start_of(hash)
}

fn start_of(hash: Sha256) -> String {
    let digest = hash.finalize();
    let bytes = digest.iter().take(8);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
