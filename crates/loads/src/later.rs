//! Points in time that can be written down.
use std::time::Duration;

use crate::rt::Instant;

/// `now + by`, or as late as can be written down.
#[must_use]
pub fn later(now: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    now.checked_add(by)
        .or_else(|| now.checked_add(FAR))
        .unwrap_or(now)
}
