//! Why a keyring has no key to hand out.
use std::{sync::Arc, time::Duration};

use datakey_loads::LoadError;
use datakey_provider::{ErrorClass, ProviderError, Verdict};
use thiserror::Error;

/// Why there is no key. Cheap to clone, since one failed load is reported to every caller that waited for it.
///
/// ```
/// use datakey_keyring::KeyringError;
/// use datakey_provider::{ErrorClass, Operation, ProviderError};
///
/// let error = KeyringError::from(ProviderError::new(ErrorClass::Throttled, Operation::Decrypt));
/// assert_eq!(error.class(), Some(ErrorClass::Throttled));
/// assert!(error.is_retryable());
/// assert!(!KeyringError::ShutDown.is_retryable());
/// ```
///
/// | variant | the provider was asked | what to do |
/// |---|---|---|
/// | [`Provider`](Self::Provider) | yes, or a moment ago | as its class says |
/// | [`NotRecognised`](Self::NotRecognised) | no | the message is for somebody else, or the provider lacks a key |
/// | [`NoneOpened`](Self::NoneOpened) | yes, for each | look at each failure; [`class`](Self::class) is that of which most can be hoped |
/// | [`OtherKey`](Self::OtherKey) | yes | the message has a wrapped key of another one; it will not open |
/// | [`LoadTimeout`](Self::LoadTimeout) | yes | as an outage |
/// | [`Overloaded`](Self::Overloaded), [`QueueFull`](Self::QueueFull) | no | loads are slower than requests come: later, or more at once |
/// | [`LoadPanicked`](Self::LoadPanicked) | yes | mend the provider or the material |
/// | [`Invalidated`](Self::Invalidated) | yes | invalidate less often |
/// | [`ShutDown`](Self::ShutDown) | no | another process |
/// | [`NoRuntime`](Self::NoRuntime) | no | call from a tokio runtime |
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The provider failed, or refused a moment ago and is not asked again so soon.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider recognises none of the message's wrapped keys; no call was made.
    #[error(
        "this provider is configured with none of the keys that the message is wrapped under: {}",
        key_ids.join(", ")
    )]
    NotRecognised {
        /// The key ids that the message names.
        key_ids: Arc<[Box<str>]>,
    },
    /// Several wrapped keys were tried, and none opened.
    #[error("{} wrapped keys were tried and none opened; the first: {}", failures.len(), first(failures))]
    NoneOpened {
        /// What each of them answered, in the order in which they were tried.
        failures: Arc<[KeyringError]>,
    },
    /// The wrapped key opens, and not to this message's data key: see
    /// [`OpeningKeyring::open_with`](crate::OpeningKeyring::open_with). It may be right for another message.
    #[error("the wrapped key holds another data key than the message was sealed under")]
    OtherKey,
    /// The provider did not answer within the keyring's deadline for a load.
    #[error("the key provider did not answer within {after:?}; check that the key service can be reached")]
    LoadTimeout {
        /// The deadline.
        after: Duration,
    },
    /// So many loads were in flight that this one never got its turn.
    #[error(
        "{loads} loads were in flight for {after:?} and left no room for another; \
             check the key service's latency, or raise the number of loads"
    )]
    Overloaded {
        /// How many loads may be in flight.
        loads: usize,
        /// How long this one waited.
        after: Duration,
    },
    /// So many loads wait for their turn that this one was not let in.
    #[error("{queued} loads wait for their turn and no more may; check the key service's latency")]
    QueueFull {
        /// How many may wait.
        queued: usize,
    },
    /// The provider or the material panicked during the load.
    #[error("the key provider panicked; this is a defect in it")]
    LoadPanicked,
    /// Each load was invalidated before it landed, several times in a row.
    #[error("the key was invalidated {times} times while it was being loaded; invalidate less often")]
    Invalidated {
        /// How many loads were lost.
        times: u32,
    },
    /// The keyring was shut down.
    #[error("the keyring is shut down")]
    ShutDown,
    /// Loads need clocks and connections, and there is no tokio runtime here to have them.
    #[error("a keyring loads keys on a tokio runtime, and there is none here")]
    NoRuntime,
}

/// An invalidation by a name under which nothing is kept.
///
/// It is an error, as whoever revokes a key by a name that matches nothing has revoked nothing:
///
/// ```
/// use datakey_keyring::{SealingKeyring, Usage};
/// use datakey_provider::EncryptionContext;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use datakey_fake_kms::FakeKms;
/// # let fake = FakeKms::new();
/// # let kms = fake.provider(&fake.create_key()?);
/// let keyring = SealingKeyring::new(kms.clone());
/// keyring.key(&EncryptionContext::empty(), Usage::message(300)).await?;
/// let mistyped = keyring.invalidate_key("alias/oders").unwrap_err();
/// assert_eq!(mistyped.name(), "alias/oders");
/// assert_eq!(keyring.invalidate_key(kms.key_arn())?, 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "nothing is kept here under a wrapping key named {name:?}: either no key under it is in use in this process, or the provider \
     does not know it by this name; name it by the id that stands in its messages"
)]
pub struct NothingKept {
    name: Box<str>,
}

impl NothingKept {
    pub(crate) fn unless(found: bool, name: &str) -> Result<(), Self> {
        if found {
            Ok(())
        } else {
            Err(Self { name: name.into() })
        }
    }

    /// The name that was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn first(failures: &[KeyringError]) -> String {
    failures.first().map(ToString::to_string).unwrap_or_default()
}

impl KeyringError {
    /// The class of the failure, where there is one: of several, the one of which most can be hoped. A wrapped key that
    /// holds another message's data key is beyond hope.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::Provider(error) => Some(error.class()),
            Self::NotRecognised { .. } => Some(ErrorClass::InvalidRequest),
            Self::NoneOpened { failures } => failures
                .iter()
                .find(|error| error.is_retryable())
                .or_else(|| failures.iter().find(|error| !error.is_verdict_on_the_message()))
                .or_else(|| failures.first())
                .and_then(Self::class),
            Self::OtherKey => Some(ErrorClass::NotAuthentic),
            Self::LoadTimeout { .. } | Self::Overloaded { .. } | Self::QueueFull { .. } => {
                Some(ErrorClass::Timeout)
            }
            Self::Invalidated { .. } => Some(ErrorClass::Transient),
            Self::ShutDown => Some(ErrorClass::ShutDown),
            Self::LoadPanicked | Self::NoRuntime => Some(ErrorClass::Internal),
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.class().is_some_and(ErrorClass::is_retryable)
    }

    /// Whether it is the message's own fault, for good: one of its wrapped keys at least holds another message's data key,
    /// and none of the others opens under the keys that its provider has.
    ///
    /// ```
    /// use datakey_keyring::KeyringError;
    /// use datakey_provider::{ErrorClass, Operation, ProviderError};
    ///
    /// let failed = |class| KeyringError::from(ProviderError::new(class, Operation::Decrypt));
    /// let of = |other| KeyringError::NoneOpened { failures: [KeyringError::OtherKey, other].into() };
    /// assert!(KeyringError::OtherKey.is_of_other_keys());
    /// assert!(of(failed(ErrorClass::NotAuthentic)).is_of_other_keys());
    /// // The message's own key may be behind the one that nobody could ask for.
    /// assert!(!of(failed(ErrorClass::Transient)).is_of_other_keys());
    /// assert!(!of(failed(ErrorClass::Denied)).is_of_other_keys());
    /// ```
    #[must_use]
    pub fn is_of_other_keys(&self) -> bool {
        match self {
            Self::OtherKey => true,
            Self::NoneOpened { failures } => {
                let other = |error: &Self| matches!(error, Self::OtherKey);
                failures.iter().any(other) && failures.iter().all(Self::is_verdict_on_the_message)
            }
            _ => false,
        }
    }

    /// Whether a wrapped key has no place in this message, whoever asks and whenever.
    fn is_verdict_on_the_message(&self) -> bool {
        self.class() == Some(ErrorClass::NotAuthentic)
    }

    /// The provider's error, where it was one.
    #[must_use]
    pub const fn provider_error(&self) -> Option<&ProviderError> {
        match self {
            Self::Provider(error) => Some(error),
            _ => None,
        }
    }

    /// What the provider's answer says about the wrapping key and the message. Nothing, where it was an outage or something
    /// about the caller, and where there was no answer.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.provider_error().and_then(ProviderError::verdict)
    }

    /// In which way replacing a key fails that says nothing about it, so that the key goes on serving meanwhile.
    pub(crate) fn outage(&self) -> Option<ErrorClass> {
        match self.class() {
            Some(ErrorClass::ShutDown) => None,
            class => class.filter(|_| self.verdict().is_none()),
        }
    }
}

impl From<LoadError<ProviderError>> for KeyringError {
    fn from(error: LoadError<ProviderError>) -> Self {
        match error {
            LoadError::Failed(error) => Self::Provider(error),
            LoadError::TimedOut { after } => Self::LoadTimeout { after },
            LoadError::Overloaded { loads, after } => Self::Overloaded { loads, after },
            LoadError::QueueFull { queued } => Self::QueueFull { queued },
            LoadError::ShutDown => Self::ShutDown,
            LoadError::NoRuntime => Self::NoRuntime,
            // Whatever else may be added says that the load did not come to an end of its own.
            _ => Self::LoadPanicked,
        }
    }
}
