//! The corpus: messages and keys that every later version must open, in `tests/vectors/corpus`.
//!
//! A message's file starts with lines of the form `name: value`, has an empty line, and then the message:
//!
//! | line | meaning |
//! |---|---|
//! | `about` | one sentence |
//! | `keys` | `local FILE`; `raw-aes NAMESPACE NAME KEY`, the key in hexadecimal; or `branch-keys TABLE KMS`, two files |
//! | `context` | a pair, `key=value`; as often as there are pairs |
//! | `aad` | the associated data, as text |
//! | `plaintext` | of a byte stream, in hexadecimal |
//! | `record` | of a records message, once for each, in hexadecimal |
//! | `text` | `hexadecimal`, or `armor` where the message is as the command writes it with `--armor` |
//!
//! A table of branch keys has an item in each paragraph: its attributes as `name = value`, and `enc` in hexadecimal.
use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use datakey::{
    Formats, Opener,
    local::{KeyFile, LocalKeys},
};
use datakey_branch_keys::{BranchKeys, Item, MemoryStore};
use datakey_esdk::{CommitmentPolicy, OpenParams, RawAesKey};
use datakey_provider::EncryptionContext;

/// The logical name of the table in the corpus.
pub const TABLE: &str = "branch-keys";

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// What it opens with.
    pub keys: Keys,
    /// The pairs of its encryption context.
    pub context: Vec<(String, String)>,
    /// The associated data.
    pub aad: String,
    /// What it opens to.
    pub plain: Plain,
    /// The message, or the text that the command makes of it.
    pub message: Vec<u8>,
    /// Whether it is that text.
    pub armored: bool,
}

/// Where the data keys come from; files are in the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// A key file.
    Local(String),
    /// The raw AES keyring: namespace, name, key.
    RawAes(String, String, Vec<u8>),
    /// A table of branch keys, and the key file that takes the place of KMS.
    Branch(String, String),
}

/// What a message holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plain {
    /// A byte stream.
    Bytes(Vec<u8>),
    /// Records.
    Records(Vec<Vec<u8>>),
}

/// The folder of the corpus.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/corpus"))
}

impl Case {
    /// All messages, sorted by name.
    ///
    /// # Errors
    /// When a file cannot be read or is none of the corpus.
    pub fn all() -> io::Result<Vec<Self>> {
        let mut cases = Vec::new();
        for entry in fs::read_dir(folder())? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "txt") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let text = fs::read_to_string(&path)?;
                let case = Self::parse(&name, &text);
                cases.push(
                    case.ok_or_else(|| io::Error::other(format!("{name} is no message of the corpus")))?,
                );
            }
        }
        cases.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(cases)
    }

    /// Reads the text of a file; `None` if it is none of the corpus.
    #[must_use]
    pub fn parse(name: &str, text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\n\n")?;
        let lines: Vec<(&str, &str)> = head
            .lines()
            .map(|line| line.split_once(':'))
            .collect::<Option<_>>()?;
        let values = |wanted: &'static str| {
            lines
                .iter()
                .filter(move |(key, _)| *key == wanted)
                .map(|(_, value)| value.trim())
        };
        let one = |wanted| values(wanted).next();
        let pair = |text: &str| {
            text.split_once('=')
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
        };
        let plain = match one("plaintext") {
            Some(text) => Plain::Bytes(unhex(text)?),
            None => Plain::Records(values("record").map(unhex).collect::<Option<_>>()?),
        };
        let armored = one("text")? == "armor";
        Some(Self {
            name: name.to_owned(),
            about: one("about")?.to_owned(),
            keys: Keys::parse(one("keys")?)?,
            context: values("context").map(pair).collect::<Option<_>>()?,
            aad: one("aad").unwrap_or_default().to_owned(),
            plain,
            message: if armored { body.into() } else { unhex(body)? },
            armored,
        })
    }

    /// The text of its file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("about: {}\nkeys: {}\n", self.about, self.keys.to_text());
        let mut line = |name: &str, value: &str| {
            text.push_str(format!("{name}: {value}").trim_end());
            text.push('\n');
        };
        for (key, value) in &self.context {
            line("context", &format!("{key}={value}"));
        }
        line("aad", &self.aad);
        match &self.plain {
            Plain::Bytes(bytes) => line("plaintext", &hex(bytes)),
            Plain::Records(records) => records.iter().for_each(|record| line("record", &hex(record))),
        }
        line("text", if self.armored { "armor" } else { "hexadecimal" });
        text.push('\n');
        if self.armored {
            text.push_str(&String::from_utf8_lossy(&self.message));
        } else {
            for part in self.message.chunks(64) {
                text.push_str(&hex(part));
                text.push('\n');
            }
        }
        text
    }

    /// The encryption context.
    ///
    /// # Panics
    /// When the pairs are none.
    #[must_use]
    pub fn encryption_context(&self) -> EncryptionContext {
        let pairs = self
            .context
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        EncryptionContext::new(pairs).expect("a valid context")
    }
}

impl Keys {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.split(' ').collect::<Vec<_>>()[..] {
            ["local", file] => Self::Local(file.into()),
            ["raw-aes", namespace, name, key] => Self::RawAes(namespace.into(), name.into(), unhex(key)?),
            ["branch-keys", table, kms] => Self::Branch(table.into(), kms.into()),
            _ => return None,
        })
    }

    fn to_text(&self) -> String {
        match self {
            Self::Local(file) => format!("local {file}"),
            Self::RawAes(namespace, name, key) => format!("raw-aes {namespace} {name} {}", hex(key)),
            Self::Branch(table, kms) => format!("branch-keys {table} {kms}"),
        }
    }

    /// An opener with these keys.
    ///
    /// # Panics
    /// When they cannot be read or used.
    #[must_use]
    pub fn opener(&self) -> Opener {
        match self {
            Self::Local(file) => Opener::new(keys_of(file)),
            Self::RawAes(namespace, name, key) => {
                let key = RawAesKey::new(namespace, name, key).expect("a key of 32 bytes");
                // Suites that do not commit are opened where that is asked for.
                let policy = CommitmentPolicy::RequireEncryptAllowDecrypt;
                let formats = Formats::both(OpenParams::new().with_commitment_policy(policy));
                Opener::builder(key)
                    .formats(formats)
                    .build()
                    .expect("limits that can be")
            }
            Self::Branch(table, kms) => {
                let store = MemoryStore::new(TABLE);
                let text = fs::read_to_string(folder().join(table)).expect("a table");
                let items = text.split("\n\n").map(item_of).collect::<Vec<_>>();
                let id = items.first().expect("a branch key").id().clone();
                items.into_iter().for_each(|item| store.restore(item));
                let keys = BranchKeys::builder(store, keys_of(kms)).branch_key(id);
                Opener::new(keys.build_opening().expect("a store and a KMS"))
            }
        }
    }
}

/// The keys of a key file of the corpus. A checkout leaves it open to others, as no key file may be, so a copy is read.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn keys_of(name: &str) -> LocalKeys {
    let text = fs::read(folder().join(name)).expect("a key file");
    let mut copy = tempfile::NamedTempFile::new().expect("a place for a copy");
    copy.write_all(&text).expect("room for a copy");
    KeyFile::open(copy.path())
        .expect("a key file that is read")
        .into_keys()
}

fn item_of(text: &str) -> Item {
    let attributes = text.lines().filter_map(|line| line.split_once(" = "));
    let (enc, texts): (Vec<_>, Vec<_>) = attributes.partition(|(name, _)| *name == "enc");
    let texts = texts.into_iter().map(|(name, value)| (name.into(), value.into()));
    let enc = enc
        .first()
        .and_then(|(_, value)| unhex(value))
        .unwrap_or_default();
    Item::new(texts, enc).expect("an item")
}

/// A table as it stands in the corpus.
#[must_use]
pub fn table_text(items: &[Item]) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push('\n');
        }
        for (name, value) in item.texts() {
            let _never_fails = writeln!(text, "{name} = {value}");
        }
        let _never_fails = writeln!(text, "enc = {}", hex(item.enc()));
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16)
                .ok()
                .filter(|_| pair.len() == 2)
        })
        .collect()
}
