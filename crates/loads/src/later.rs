//! Points in time that can be written down.
use std::time::Duration;

use crate::rt::Instant;

/// `now + by`, or as late as can be written down.
///
/// For limits that mean "never": adding one to an instant would overflow.
///
/// ```
/// use std::time::Duration;
/// use tokio::time::Instant;
///
/// let now = Instant::now();
/// assert_eq!(datakey_loads::later(now, Duration::from_secs(1)), now + Duration::from_secs(1));
/// assert!(datakey_loads::later(now, Duration::MAX) > now + Duration::from_secs(365 * 86_400));
/// ```
#[must_use]
pub fn later(now: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    now.checked_add(by)
        .or_else(|| now.checked_add(FAR))
        .unwrap_or(now)
}
