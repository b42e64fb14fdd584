//! Numbers as people read them.

pub(crate) use crate::demo::group as whole;

/// Three digits of a number that is not whole, all digits of one over a thousand; from a million on, in millions and so on.
pub(crate) fn amount(value: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let size = value.abs();
    let large = [
        (1e15, ""),
        (1e12, " trillion"),
        (1e9, " billion"),
        (1e6, " million"),
    ];
    if size >= 1e15 {
        return format!("{value:.1e}");
    }
    if let Some((unit, name)) = large.into_iter().skip(1).find(|(unit, _)| size >= *unit) {
        return format!("{}{name}", digits(value / unit));
    }
    digits(value)
}

fn digits(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if size >= 99.95 || size == size.round() => format!("{size:.0}"),
        _ if size >= 9.995 => format!("{size:.1}"),
        _ if size >= 0.01 => format!("{size:.2}"),
        _ if size >= 0.001 => format!("{size:.4}"),
        _ => format!("{size:.0e}"),
    };
    let grouped = text.parse().map_or(text, whole);
    if value < 0.0 {
        format!("-{grouped}")
    } else {
        grouped
    }
}

/// A length of time in the unit that suits it.
pub(crate) fn seconds(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !size.is_finite() => "unknown".to_owned(),
        _ if size == 0.0 => "0 ms".to_owned(),
        _ if size < 0.9995 => format!("{} ms", digits(value * 1e3)),
        _ if size < 120.0 => format!("{} s", digits(value)),
        _ if size < 7_200.0 => format!("{} min", digits(value / 60.0)),
        _ if size < 172_800.0 => format!("{} h", digits(value / 3_600.0)),
        _ => format!("{} days", digits(value / 86_400.0)),
    }
}

/// US dollars.
pub(crate) fn dollars(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !size.is_finite() => "unknown".to_owned(),
        _ if size == 0.0 => "$0".to_owned(),
        _ if size < 0.01 => "under $0.01".to_owned(),
        _ if size < 100.0 => format!("${value:.2}"),
        _ => format!("${}", amount(value.round())),
    }
}

/// A part of a whole in percent.
pub(crate) fn share(part: f64, whole: f64) -> String {
    let percent = 100.0 * part / whole;
    match percent {
        _ if !percent.is_finite() => "unknown".to_owned(),
        _ if percent > 0.0 && percent < 0.1 => "under 0.1\u{a0}%".to_owned(),
        _ if percent < 9.95 && percent.fract() != 0.0 => format!("{percent:.1}\u{a0}%"),
        _ => format!("{}\u{a0}%", amount(percent.round())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_are_read() {
        assert_eq!(
            [0, 999, 1_000, 69_659, u64::MAX].map(whole),
            ["0", "999", "1,000", "69,659", "18,446,744,073,709,551,615"]
        );
        let amounts = [
            0.0,
            0.000_12,
            0.001_23,
            0.123,
            9.876,
            12.34,
            123.4,
            123_456.7,
            1.5e6,
            2e12,
            1e20,
            f64::NAN,
            -1_234.0,
        ];
        assert_eq!(
            amounts.map(amount),
            [
                "0",
                "1e-4",
                "0.0012",
                "0.12",
                "9.88",
                "12.3",
                "123",
                "123,457",
                "1.50 million",
                "2 trillion",
                "1.0e20",
                "unknown",
                "-1,234"
            ]
        );
    }

    #[test]
    fn times_money_and_parts_have_their_units() {
        assert_eq!(
            [0.0, 0.0123, 1.0, 90.0, 600.0, 7_200.0, 864_000.0, f64::INFINITY].map(seconds),
            [
                "0 ms", "12.3 ms", "1 s", "90 s", "10 min", "2 h", "10 days", "unknown"
            ]
        );
        assert_eq!(
            [0.0, 0.004, 1.5, 1_234_567.0, f64::NAN].map(dollars),
            ["$0", "under $0.01", "$1.50", "$1.23 million", "unknown"]
        );
        assert_eq!(
            [
                (0.0, 10.0),
                (1.0, 100_000.0),
                (1.0, 30.0),
                (30.0, 10.0),
                (1.0, 0.0)
            ]
            .map(|(part, whole)| share(part, whole)),
            [
                "0\u{a0}%",
                "under 0.1\u{a0}%",
                "3.3\u{a0}%",
                "300\u{a0}%",
                "unknown"
            ]
        );
    }
}
