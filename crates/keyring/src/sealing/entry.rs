//! A live key and all that decides about its use, and how it stands in words.
use std::{fmt, sync::Arc, time::Duration};

use datakey_loads::{Life, Standing};
use datakey_provider::{EncryptionContext, ErrorClass, WrappedKey, WrappedKeys};
use tokio::time::Instant;

use super::{
    budget::{Budget, Reserved},
    limits::Usage,
};
use crate::{
    kept::{
        handle::{Handle, Handles, Held, stripe},
        lease::Amount,
        store::Kept,
    },
    watch::{miss::MissReason, record::class},
};

pub(crate) struct Entry<S> {
    pub(crate) handles: Handles<S>,
    pub(crate) context: EncryptionContext,
    pub(crate) wrapped: WrappedKeys,
    pub(crate) life: Life<ErrorClass>,
    pub(crate) budget: Budget,
}

impl<S> Entry<S> {
    pub(crate) fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.wrapped.iter().map(WrappedKey::key_id)
    }

    pub(crate) fn describe(&self, now: Instant) -> SealingSnapshot {
        let used = self.budget.used(self.handles.leases());
        SealingSnapshot {
            context: self.context.clone(),
            key_ids: self.key_ids().map(Into::into).collect(),
            age: self.life.age(now),
            messages: used.messages,
            bytes: used.bytes,
            standing: match self.life.standing(now) {
                Standing::Expired => KeyStanding::Expired,
                _ if self.budget.is_used_up(self.handles.leases()) => KeyStanding::UsedUp,
                Standing::Fresh => KeyStanding::Fresh,
                Standing::Due => KeyStanding::Due,
                Standing::Stale { because, .. } => KeyStanding::Stale(class(because)),
            },
        }
    }

    /// For how long it may be used at the most, and for how much.
    pub(crate) fn left(&self, now: Instant) -> (Duration, Amount) {
        let time = self.life.hard().saturating_duration_since(now);
        (time, self.budget.unused(self.handles.leases()))
    }

    /// Reserves on a key that was just loaded; `None` when others were faster or it is too old by now.
    pub(crate) fn reserve_fresh(&self, usage: Usage, now: Instant) -> Option<Held<S>> {
        if now >= self.life.hard() {
            return None;
        }
        let (handle, _) = self.reserve(usage).ok()?;
        Some(Held::new(handle))
    }

    /// Reserves through this thread's handle.
    pub(crate) fn reserve(&self, usage: Usage) -> Result<(Arc<Handle<S>>, Reserved), MissReason> {
        let wanted = usage.amount().ok_or(MissReason::UnknownLength)?;
        let handle = self.handles.of(stripe());
        let reserved = if handle.lease.take(wanted) {
            Reserved::Plenty
        } else {
            self.budget
                .reserve(wanted, &handle.lease, || self.handles.leases())?
        };
        Ok((handle, reserved))
    }
}

impl<S> Kept for Arc<Entry<S>> {
    fn retire(&self) {
        self.handles.retire();
    }
}

/// A sealing key that is kept, at one moment.
///
/// It has no key in it and may be shown. Encryption contexts are no secrets, and may be nobody else's business.
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

/// For reading: clocks that are compared differ by nanoseconds.
fn in_millis(age: Duration) -> Duration {
    Duration::from_millis(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

/// What a sealing key's age and use and the provider's last answer allow.
///
/// ```
/// use datakey_keyring::{KeyStanding, SealingKeyring, Usage};
/// use datakey_provider::EncryptionContext;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use datakey_fake_kms::FakeKms;
/// # let fake = FakeKms::new();
/// # let kms = fake.provider(&fake.create_key()?);
/// let (keyring, context) = (SealingKeyring::new(kms), EncryptionContext::empty());
/// keyring.key(&context, Usage::message(300)).await?;
/// let kept = keyring.explain(&context).key.expect("it was just loaded");
/// assert_eq!((kept.standing, kept.messages, kept.bytes), (KeyStanding::Fresh, 1, 300));
/// # Ok(()) }
/// ```
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
///
/// Its text is for people, in one line; its fields are for programs. It is taken without reserving anything, and true of the moment at
/// which it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The key that is kept, or why there is none.
    pub key: Result<SealingSnapshot, MissReason>,
    /// Whether a load for the context is under way, and somebody at work on it.
    pub loading: bool,
    /// Whether the keyring was shut down, so that the next request is refused.
    pub shut_down: bool,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shut_down {
            return f.write_str("no sealing key: the keyring is shut down");
        }
        match &self.key {
            Ok(key) => write!(
                f,
                "a sealing key of {:?}, {} messages and {} bytes used: {}",
                in_millis(key.age),
                key.messages,
                key.bytes,
                key.standing
            )?,
            Err(reason) => write!(f, "no sealing key ({reason}); the next request loads one")?,
        }
        if self.loading {
            f.write_str("; a load is under way")?;
        }
        Ok(())
    }
}
