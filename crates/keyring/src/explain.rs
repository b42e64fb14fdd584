//! The state of each key, and what the keyring would do for a context, in words.
use std::{fmt, time::Duration};

use datakey_provider::{EncryptionContext, ErrorClass};
use tokio::time::Instant;

use crate::{Keyring, Material, MissReason};

/// A sealing key that is kept, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealingKey {
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

/// What a sealing key's age and the provider's last answer allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStanding {
    /// It serves.
    Fresh,
    /// It serves, and the next request has it replaced in the background.
    Due,
    /// It is past its soft age and serves because the provider fails in this way.
    Stale(ErrorClass),
    /// The next request loads another one first.
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
            Self::Expired => f.write_str("is too old; the next request loads another"),
        }
    }
}

/// An opening key that is kept, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpeningKey {
    /// What it is kept for.
    pub context: EncryptionContext,
    /// The id of the key that it is wrapped under.
    pub key_id: Box<str>,
    /// How long ago it was unwrapped.
    pub age: Duration,
    /// How often it was handed out.
    pub uses: u64,
}

/// Why a request for a sealing key would or would not make a call: see [`Keyring::explain`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The key that is kept, or why there is none.
    pub sealing: Result<SealingKey, MissReason>,
    /// Whether a load for the context is under way.
    pub loading: bool,
    /// The opening keys that are kept for the context.
    pub opening: Vec<OpeningKey>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sealing {
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
        write!(f, "; {} opening keys", self.opening.len())
    }
}

impl<P, M: Material> Keyring<P, M> {
    /// What is kept for a context, how old and how used it is, and what the next request would do. Uses nothing up.
    ///
    /// For the question that statistics cannot answer: why *this* context makes calls.
    ///
    /// ```
    /// # use datakey_keyring::{Keyring, MissReason};
    /// # use datakey_provider::EncryptionContext;
    /// # fn with<P>(provider: P) {
    /// let keyring = Keyring::new(provider);
    /// let why = keyring.explain(&EncryptionContext::empty());
    /// assert_eq!(why.sealing, Err(MissReason::Cold));
    /// assert_eq!(why.to_string(), "no sealing key (cold); the next request loads one; 0 opening keys");
    /// # }
    /// ```
    #[must_use]
    pub fn explain(&self, context: &EncryptionContext) -> Explanation {
        let (half, now) = (&self.shared.sealing, Instant::now());
        let sealing = match half.store.peek(context.digest()) {
            Some(entry) => Ok(entry.describe(now)),
            None if self.shared.uncached => Err(MissReason::Uncached),
            None => Err(half.store.why_absent(context.digest())),
        };
        Explanation {
            sealing,
            loading: half.flights.is_under_way(context),
            opening: self.opening_keys_of(now, |own| own == context),
        }
    }

    /// Every sealing key that is kept, in no order.
    ///
    /// ```
    /// # use datakey_keyring::Keyring;
    /// # fn with<P>(keyring: &Keyring<P>) {
    /// for key in keyring.sealing_keys() {
    ///     println!("{:?}: {} messages in {:?}", key.context, key.messages, key.age);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn sealing_keys(&self) -> Vec<SealingKey> {
        let now = Instant::now();
        let entries = self.shared.sealing.store.values();
        entries.map(|entry| entry.describe(now)).collect()
    }

    /// Every opening key that is kept, in no order.
    #[must_use]
    pub fn opening_keys(&self) -> Vec<OpeningKey> {
        self.opening_keys_of(Instant::now(), |_| true)
    }

    fn opening_keys_of(
        &self,
        now: Instant,
        concerned: impl Fn(&EncryptionContext) -> bool,
    ) -> Vec<OpeningKey> {
        let entries = self.shared.opening.store.entries();
        entries
            .filter(|(id, _)| concerned(&id.context))
            .map(|(id, opened)| opened.describe(&id, now))
            .collect()
    }
}
