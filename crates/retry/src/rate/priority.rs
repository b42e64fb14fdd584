//! Who goes first.
use std::time::Duration;

/// How urgent a call is when an [`AdaptiveRate`](crate::AdaptiveRate) makes calls wait.
///
/// Calls are admitted in the order of their start, as if the more urgent ones had started earlier. So an urgent call
/// overtakes, and yet everyone's turn comes: a normal call that has waited half a second goes before an urgent one
/// that comes then, a background call after five seconds.
///
/// ```
/// # use datakey_retry::Priority;
/// # use std::time::Duration;
/// assert_eq!(Priority::Urgent.head_start(), Priority::Background.head_start() + Duration::from_secs(5));
/// ```
///
/// It matters only where calls wait: without a throttle nobody overtakes anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Priority {
    /// Somebody waits and cannot go on, such as a reader of what was stored.
    Urgent,
    /// Somebody waits.
    #[default]
    Normal,
    /// Nobody waits yet, such as a refresh ahead of an expiry.
    Background,
}

impl Priority {
    /// How much earlier than a background call such a call counts as started.
    #[must_use]
    pub const fn head_start(self) -> Duration {
        match self {
            Self::Urgent => Duration::from_millis(5000),
            Self::Normal => Duration::from_millis(4500),
            Self::Background => Duration::ZERO,
        }
    }

    /// How much later than an urgent call.
    pub(super) const fn handicap(self) -> Duration {
        Self::Urgent.head_start().saturating_sub(self.head_start())
    }
}
