//! Durations as people read them.
use std::time::Duration;

/// To three digits.
pub(crate) fn rounded(duration: Duration) -> Duration {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let (mut unit, mut digits) = (1_u64, nanos);
    while digits >= 1000 {
        unit = unit.saturating_mul(10);
        digits = nanos.saturating_add(unit / 2).checked_div(unit).unwrap_or(0);
    }
    Duration::from_nanos(digits.saturating_mul(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_to_three_digits() {
        for (nanos, text) in [
            (0, "0ns"),
            (999, "999ns"),
            (1_234, "1.23µs"),
            (98_765_432, "98.8ms"),
            (999_499_999, "999ms"),
            (999_500_000, "1s"),
            (12_933_096_637, "12.9s"),
            (60_000_000_000, "60s"),
            (3_599_123_456_789, "3600s"),
        ] {
            assert_eq!(format!("{:?}", rounded(Duration::from_nanos(nanos))), text);
        }
        assert!(rounded(Duration::MAX) > Duration::from_secs(1 << 33));
    }
}
