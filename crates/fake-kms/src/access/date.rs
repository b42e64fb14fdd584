//! Points in time, as policies write them: in ISO 8601, in the profile of the W3C, or in seconds since 1970.
use std::{fmt::Write as _, time::Duration};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const DAYS_OF_MONTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const FIRST_YEAR: u64 = 1970;
const LAST_YEAR: u64 = 9999;

/// Reads a point in time from 1970 on: `2026`, `2026-01`, `2026-01-31`, `2026-01-31T12:00Z`, `2026-01-31T12:00:00.5+01:00`, or
/// seconds since 1970, of which there are more than four digits.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (whole, _) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() > 4 && is_digits(whole) {
        return seconds(text);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4, FIRST_YEAR, LAST_YEAR)?;
    let month = parts.next().map_or(Some(1), |text| number(text, 2, 1, 12))?;
    let day = parts.next();
    if parts.next().is_some() || (time.is_some() && day.is_none()) {
        return None;
    }
    let day = day.map_or(Some(1), |text| number(text, 2, 1, days_of(year, month)))?;
    let before = (FIRST_YEAR..year).map(days_of_year).sum::<u64>();
    let months = (1..month).map(|month| days_of(year, month)).sum::<u64>();
    let days = before.checked_add(months)?.checked_add(day)?.checked_sub(1)?;
    let midnight = Duration::from_secs(days.checked_mul(DAY)?);
    time.map_or(Some(midnight), |time| with_time(midnight, time))
}

/// The point in time as requests have it, to the second.
pub(super) fn format(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (mut day, second) = (
        seconds.checked_div(DAY).unwrap_or(0),
        seconds.checked_rem(DAY).unwrap_or(0),
    );
    let mut year = FIRST_YEAR;
    while year < LAST_YEAR && day >= days_of_year(year) {
        day = day.saturating_sub(days_of_year(year));
        year = year.saturating_add(1);
    }
    let mut month = 1;
    while month < 12 && day >= days_of(year, month) {
        day = day.saturating_sub(days_of(year, month));
        month = month.saturating_add(1);
    }
    let part = |unit: u64, of: u64| {
        second
            .checked_div(unit)
            .and_then(|all| all.checked_rem(of))
            .unwrap_or(0)
    };
    let mut text = String::new();
    let _infallible = write!(
        text,
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
        day.saturating_add(1),
        part(HOUR, 24),
        part(MINUTE, 60),
        part(1, 60),
    );
    text
}

/// `12:00Z`, `12:00:00Z`, `12:00:00.5+01:00`: without a zone it could be any of a day.
fn with_time(midnight: Duration, text: &str) -> Option<Duration> {
    let end = text.find(['Z', '+', '-'])?;
    let (clock, zone) = text.split_at_checked(end)?;
    let mut parts = clock.splitn(3, ':');
    let hour = number(parts.next()?, 2, 0, 23)?;
    let minute = number(parts.next()?, 2, 0, 59)?;
    let second = match parts.next() {
        Some(text) if text.split('.').next().is_some_and(|whole| whole.len() == 2) => seconds(text)?,
        Some(_) => return None,
        None => Duration::ZERO,
    };
    if second >= Duration::from_secs(MINUTE) {
        return None;
    }
    let minutes = hour.checked_mul(60)?.checked_add(minute)?;
    let local = midnight
        .checked_add(Duration::from_secs(minutes.checked_mul(MINUTE)?))?
        .checked_add(second)?;
    if zone == "Z" {
        return Some(local);
    }
    let (sign, offset) = zone.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let minutes = number(hours, 2, 0, 23)?
        .checked_mul(60)?
        .checked_add(number(minutes, 2, 0, 59)?)?;
    let offset = Duration::from_secs(minutes.checked_mul(MINUTE)?);
    match sign {
        "+" => local.checked_sub(offset),
        _ => local.checked_add(offset),
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    // What is finer than nanoseconds is cut off.
    let nanos = fraction.get(..9).unwrap_or(fraction);
    let nanos: u32 = format!("{nanos:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

fn number(text: &str, digits: usize, least: u64, most: u64) -> Option<u64> {
    let number = (text.len() == digits && is_digits(text)).then(|| text.parse().ok())??;
    (least..=most).contains(&number).then_some(number)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of(year: u64, month: u64) -> u64 {
    if month == 2 && is_leap(year) {
        return 29;
    }
    let index = usize::try_from(month.saturating_sub(1)).unwrap_or(0);
    DAYS_OF_MONTHS.get(index).copied().unwrap_or(31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_all_forms() {
        for (text, millis) in [
            ("1970", 0),
            ("2026", 1_767_225_600_000),
            ("2026-01", 1_767_225_600_000),
            ("2026-01-01", 1_767_225_600_000),
            ("2026-01-01T00:00Z", 1_767_225_600_000),
            ("2026-01-01T00:00:00Z", 1_767_225_600_000),
            ("2026-01-01T01:30:00+01:30", 1_767_225_600_000),
            ("2025-12-31T19:00:00-05:00", 1_767_225_600_000),
            ("2026-01-01T00:00:00.25Z", 1_767_225_600_250),
            ("1767225600", 1_767_225_600_000),
            ("1767225600.5", 1_767_225_600_500),
            ("2000-02-29", 951_782_400_000),
            ("2024-02-29T23:59:59Z", 1_709_251_199_000),
            ("2100-03-01", 4_107_542_400_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "1969",
            "26",
            "20260",
            "2026-1-1",
            "2026-13",
            "2026-00-01",
            "2026-01-32",
            "2026-02-29",
            "2100-02-29",
            "2026-01-01T",
            "2026-01T00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T24:00Z",
            "2026-01-01T00:60Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:5Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00Z",
            "2026-01-01T00:00+1",
            "2026-01-01T00:00Zulu",
            "2026-01-01-01",
            "1767225600.",
            "-1767225600",
            "yesterday",
        ] {
            // Five digits are seconds already.
            let expected = (text == "20260").then(|| Duration::from_secs(20_260));
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for seconds in [
            0,
            59,
            86_399,
            86_400,
            951_782_400,
            1_767_225_600,
            4_107_542_399,
            253_402_300_799,
        ] {
            let at = Duration::from_secs(seconds);
            assert_eq!(parse(&format(at)), Some(at), "{}", format(at));
        }
        assert_eq!(
            format(Duration::from_millis(1_767_225_600_999)),
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(format(Duration::from_secs(951_782_399)), "2000-02-28T23:59:59Z");
    }
}
