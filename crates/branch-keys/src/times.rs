//! Creation times as they stand in the table.
use std::{sync::Arc, time::SystemTime};

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

const ISO_8601: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

#[derive(Clone)]
pub(crate) struct SystemClock(pub(crate) Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Default for SystemClock {
    fn default() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "a creation time is for people, and no decision depends on it"
        )]
        Self(Arc::new(SystemTime::now))
    }
}

/// ISO 8601 with microseconds, UTC. A clock outside of the years that have four digits reads as 1970.
pub(crate) fn iso_8601(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let nanos = i128::try_from(since.as_nanos()).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(ISO_8601).unwrap_or_default()
}
