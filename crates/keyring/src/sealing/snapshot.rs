//! The state of each sealing key, and what the keyring would do for a context, in words.
use std::{fmt, time::Duration};

use datakey_provider::{EncryptionContext, ErrorClass};

use crate::watch::miss::MissReason;

/// A sealing key that is kept, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealingSnapshot {
    /// What it is kept for.
    pub context: EncryptionContext,
    /// The ids of the keys that it is wrapped under.
    pub key_ids: Vec<Box<str>>,
    /// How long ago it was made.
    pub age: Duration,
    /// How many messages were reserved on it.
    pub messages: u64,
    /// How many bytes of plaintext were reserved on it.
    pub bytes: u64,
    /// What it may be used for.
    pub standing: KeyStanding,
}

/// What a sealing key's age and use and the provider's last answer allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStanding {
    /// It serves.
    Fresh,
    /// It serves, and the next request has it replaced in the background.
    Due,
    /// It is past its soft age and serves because the provider fails in this way.
    Stale(ErrorClass),
    /// Its messages or bytes are used up; the next request loads another one first.
    UsedUp,
    /// It is too old; the next request loads another one first.
    Expired,
}

impl fmt::Display for KeyStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => f.write_str("serves"),
            Self::Due => f.write_str("serves, and is due to be replaced"),
            Self::Stale(class) => {
                write!(
                    f,
                    "serves past its soft age, as the provider answers {}",
                    class.as_str()
                )
            }
            Self::UsedUp => f.write_str("is used up; the next request loads another"),
            Self::Expired => f.write_str("is too old; the next request loads another"),
        }
    }
}

/// Why a request for a sealing key would or would not make a call: see
/// [`SealingKeyring::explain`](crate::SealingKeyring::explain).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The key that is kept, or why there is none.
    pub key: Result<SealingSnapshot, MissReason>,
    /// Whether a load for the context is under way.
    pub loading: bool,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Ok(key) => write!(
                f,
                "a sealing key of {:?}, {} messages and {} bytes used: {}",
                key.age, key.messages, key.bytes, key.standing
            )?,
            Err(reason) => write!(f, "no sealing key ({reason}); the next request loads one")?,
        }
        if self.loading {
            f.write_str("; a load is under way")?;
        }
        Ok(())
    }
}
