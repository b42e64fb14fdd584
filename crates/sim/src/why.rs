//! Why a message was given up, in words and as a limit.
use std::error::Error;

use datakey_keyring::KeyringError;
use datakey_provider::ProviderError;
use datakey_retry::{GaveUp, Reason};

use crate::Limit;

const FULL: &str = "backlog full";
const LOAD_TIMEOUT: &str = "load timeout";
const IN_FLIGHT: &str = "loads in flight";
const QUEUED: &str = "loads waiting";

/// Why a message was given up.
#[derive(Debug)]
pub(crate) struct Why {
    /// The class of the last failure, and what ended the call.
    pub(crate) kind: String,
    /// The limit that was met, if one was.
    pub(crate) limit: Option<Limit>,
}

impl Why {
    /// There was no room for it to wait.
    pub(crate) fn full() -> Self {
        Self {
            kind: FULL.to_owned(),
            limit: Some(Limit::Backlog),
        }
    }

    pub(crate) fn of(error: &KeyringError) -> Self {
        let class = error.class().map_or("unknown", |class| class.as_str());
        let (ended, limit) = match error {
            KeyringError::LoadTimeout { .. } => (LOAD_TIMEOUT, Some(Limit::Deadline)),
            KeyringError::Overloaded { .. } => (IN_FLIGHT, Some(Limit::Loads)),
            KeyringError::QueueFull { .. } => (QUEUED, Some(Limit::Loads)),
            _ => match gave_up(error) {
                Some(reason) => (reason.as_str(), limit_of(reason)),
                None => ("", None),
            },
        };
        let kind = if ended.is_empty() {
            class.to_owned()
        } else {
            format!("{class}: {ended}")
        };
        Self { kind, limit }
    }
}

/// The limit by which messages of this kind were lost. A refusal is the quota's doing, however it was given up; so is a queue that is full
/// because of refusals.
///
/// It takes the words of [`Why::of`] apart, as [`Flow::errors`](crate::Flow::errors) has them: the class of the last failure, and what
/// ended the call. What ended for no limit, such as a denial, was lost by none.
pub(crate) fn lost_by(kind: &str, refused_much: bool) -> Option<Limit> {
    if kind.starts_with("throttled") || (kind == FULL && refused_much) {
        return Some(Limit::Quota);
    }
    if kind == FULL {
        return Some(Limit::Backlog);
    }
    let (_, ended) = kind.split_once(": ")?;
    match ended {
        LOAD_TIMEOUT => Some(Limit::Deadline),
        IN_FLIGHT | QUEUED => Some(Limit::Loads),
        _ => [
            Reason::Attempts,
            Reason::Deadline,
            Reason::Budget,
            Reason::CircuitOpen,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == ended)
        .and_then(limit_of),
    }
}

const fn limit_of(reason: Reason) -> Option<Limit> {
    match reason {
        Reason::Attempts => Some(Limit::Attempts),
        Reason::Deadline => Some(Limit::Deadline),
        Reason::Budget => Some(Limit::RetryBudget),
        Reason::CircuitOpen => Some(Limit::Breaker),
        _ => None,
    }
}

/// What ended the innermost call that was given up.
fn gave_up(error: &KeyringError) -> Option<Reason> {
    let mut found = None;
    let mut next: Option<&(dyn Error + 'static)> = match error {
        KeyringError::Provider(error) => Some(error),
        other => other.source(),
    };
    while let Some(error) = next {
        if let Some(gave_up) = error.downcast_ref::<GaveUp<ProviderError>>() {
            found = Some(gave_up.reason());
        }
        next = error.source();
    }
    found
}
