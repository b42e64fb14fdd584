//! Vectors of the message format: small text files, found by listing their folder.
//!
//! A file starts with lines of the form `name: value`, has an empty line, and then the message in hexadecimal:
//!
//! | line | meaning |
//! |---|---|
//! | `about` | one sentence |
//! | `result` | `opened`, or `refused` and the rule of `docs/format.md` that the message breaks |
//! | `data-key` | what the wrapped keys open to, in hexadecimal: once for all of them, or once for each in their order; without a value for one that does not open |
//! | `aad` | the associated data, in hexadecimal |
//! | `context` | of a message that opens: the pairs, as an object in JSON |
//! | `wrapped-key` | of a message that opens, once for each: key id, a space, the blob in hexadecimal |
//! | `plaintext` | of a byte stream that opens, in hexadecimal |
//! | `records`, `record` | of a records message that opens: their number, and each in hexadecimal |
use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::PathBuf};

/// One vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vector {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// What must come of it.
    pub expect: Expect,
    /// What the wrapped keys open to for whoever opens it: all of them to the same, or each to one of its own.
    pub data_keys: Vec<Option<[u8; 32]>>,
    /// The associated data of whoever opens it.
    pub aad: Vec<u8>,
    /// The message.
    pub message: Vec<u8>,
}

/// What must come of a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// It breaks the rule.
    Refused(String),
    /// It opens.
    Opened(Box<Opened>),
}

/// What a message holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The pairs of its encryption context.
    pub context: BTreeMap<String, String>,
    /// Key ids and blobs.
    pub wrapped_keys: Vec<(String, Vec<u8>)>,
    /// Whether it is a records message; a byte stream has exactly one "record".
    pub is_records: bool,
    /// The plaintext.
    pub records: Vec<Vec<u8>>,
}

impl Vector {
    /// The folder of the vectors.
    #[must_use]
    pub fn folder() -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/envelope"))
    }

    /// All vectors of [`folder`](Self::folder), sorted by name.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, or is no vector.
    pub fn all() -> io::Result<Vec<Self>> {
        Self::all_in(Self::folder())
    }

    /// All vectors of a folder, sorted by name.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn all_in(folder: PathBuf) -> io::Result<Vec<Self>> {
        let paths = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        let read = |path: PathBuf| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let text = fs::read_to_string(&path)?;
            Self::parse(&name, &text)
                .ok_or_else(|| io::Error::other(format!("{} is no vector", path.display())))
        };
        let mut vectors = paths.into_iter().map(read).collect::<io::Result<Vec<Self>>>()?;
        vectors.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(vectors)
    }

    /// What the wrapped key at a place opens to.
    #[must_use]
    pub fn data_key(&self, place: usize) -> Option<[u8; 32]> {
        match &self.data_keys[..] {
            [same] => *same,
            each => each.get(place).copied().flatten(),
        }
    }

    /// Has one bit of all data keys changed.
    #[must_use]
    pub fn with_other_data_keys(mut self) -> Self {
        let keys = self.data_keys.iter_mut().flatten();
        keys.for_each(|key| key[15] ^= 1);
        self
    }

    /// Reads the text of a file; `None` if it is no vector.
    #[must_use]
    pub fn parse(name: &str, text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\n\n")?;
        let lines: Vec<(&str, &str)> = head
            .lines()
            .map(|line| line.split_once(':').map(|(key, value)| (key, value.trim_start())))
            .collect::<Option<_>>()?;
        let every = |wanted: &'static str| {
            let found = lines.iter().filter(move |(key, _)| *key == wanted);
            found.map(|(_, value)| *value)
        };
        let one = |wanted| every(wanted).next();
        let expect = match one("result")?.split_once(' ') {
            Some(("refused", rule)) => Expect::Refused(rule.to_owned()),
            _ => {
                let is_records = one("records").is_some();
                let records = every(if is_records { "record" } else { "plaintext" });
                let keys = every("wrapped-key").map(|value| {
                    let (key_id, blob) = value.rsplit_once(' ')?;
                    Some((key_id.to_owned(), unhex(blob)?))
                });
                Expect::Opened(Box::new(Opened {
                    context: serde_json::from_str(one("context")?).ok()?,
                    wrapped_keys: keys.collect::<Option<_>>()?,
                    is_records,
                    records: records.map(unhex).collect::<Option<_>>()?,
                }))
            }
        };
        one("data-key")?;
        let data_key = |value: &str| {
            let bytes = unhex(value)?;
            let opens = (!bytes.is_empty()).then(|| bytes.try_into());
            opens.transpose().ok()
        };
        Some(Self {
            name: name.to_owned(),
            about: one("about")?.to_owned(),
            expect,
            data_keys: every("data-key").map(data_key).collect::<Option<_>>()?,
            aad: unhex(one("aad")?)?,
            message: unhex(&body.split_whitespace().collect::<String>())?,
        })
    }

    /// The text of its file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| {
            let space = if value.is_empty() { "" } else { " " };
            writeln!(out, "{name}:{space}{value}").unwrap();
        };
        line("about", &self.about);
        match &self.expect {
            Expect::Refused(rule) => line("result", &format!("refused {rule}")),
            Expect::Opened(_) => line("result", "opened"),
        }
        for data_key in &self.data_keys {
            line(
                "data-key",
                &hex(data_key.as_ref().map_or(&[][..], |key| &key[..])),
            );
        }
        line("aad", &hex(&self.aad));
        if let Expect::Opened(opened) = &self.expect {
            line("context", &serde_json::to_string(&opened.context).unwrap());
            for (key_id, blob) in &opened.wrapped_keys {
                line("wrapped-key", &format!("{key_id} {}", hex(blob)));
            }
            if opened.is_records {
                line("records", &opened.records.len().to_string());
            }
            for record in &opened.records {
                line(
                    if opened.is_records { "record" } else { "plaintext" },
                    &hex(record),
                );
            }
        }
        out.push('\n');
        for row in self.message.chunks(32) {
            writeln!(out, "{}", hex(row)).unwrap();
        }
        out
    }
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from hexadecimal.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}
