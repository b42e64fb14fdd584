//! Where an axis has its marks.
use super::numbers;

/// Marks from zero to no more than `end`, a few: multiples of 1, 2 or 5 of a power of ten.
pub(crate) fn of_amounts(end: f64, most: u32) -> Vec<f64> {
    let least = end / f64::from(most.max(1));
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least)
        .unwrap_or(end);
    multiples(step, end, most)
}

/// Steps that clocks and calendars have, in seconds.
const STEPS: [f64; 24] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
    7_200.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0,
];

/// Marks of time from zero to no more than `end` seconds.
pub(crate) fn of_seconds(end: f64, most: u32) -> Vec<f64> {
    let least = end / f64::from(most.max(1));
    match STEPS.into_iter().find(|step| *step >= least) {
        Some(step) if least > 0.01 => multiples(step, end, most),
        _ => of_amounts(end, most),
    }
}

fn multiples(step: f64, end: f64, most: u32) -> Vec<f64> {
    if !(step.is_finite() && step > 0.0) {
        return vec![0.0];
    }
    (0..=most)
        .map(|index| f64::from(index) * step)
        .filter(|mark| *mark <= end * (1.0 + 1e-9))
        .collect()
}

/// A mark of an axis of time that is so long.
pub(crate) fn time(mark: f64, end: f64) -> String {
    let (unit, name) = match end {
        _ if end > 172_800.0 => (86_400.0, "d"),
        _ if end > 7_200.0 => (3_600.0, "h"),
        _ if end > 120.0 => (60.0, "min"),
        _ if end > 1.0 => (1.0, "s"),
        _ => (1e-3, "ms"),
    };
    if mark == 0.0 {
        return "0".to_owned();
    }
    let told = numbers::amount(mark / unit);
    let told = if told.contains('.') {
        told.trim_end_matches('0').trim_end_matches('.')
    } else {
        &told
    };
    format!("{told} {name}")
}

/// A mark of an axis of amounts, short.
pub(crate) fn short(mark: f64) -> String {
    numbers::amount(mark)
        .replace(" million", "M")
        .replace(" billion", "bn")
        .replace(" trillion", "tn")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_few() {
        assert_eq!(of_amounts(1_150.0, 4), [0.0, 500.0, 1_000.0]);
        assert_eq!(of_amounts(4.4, 4), [0.0, 2.0, 4.0]);
        assert_eq!(of_seconds(22.3, 5), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(
            of_seconds(86_400.0, 5),
            [0.0, 21_600.0, 43_200.0, 64_800.0, 86_400.0]
        );
        for end in [0.0, f64::NAN, f64::INFINITY, 1e300, 1e-9, 3e9] {
            assert!(
                of_amounts(end, 5).len() <= 6 && of_seconds(end, 5).len() <= 6,
                "{end}"
            );
        }
    }

    #[test]
    fn marks_of_time_have_one_unit() {
        assert_eq!([0.0, 5.0].map(|mark| time(mark, 22.0)), ["0", "5 s"]);
        assert_eq!([30.0, 90.0].map(|mark| time(mark, 180.0)), ["0.5 min", "1.5 min"]);
        assert_eq!(time(21_600.0, 86_400.0), "6 h");
        assert_eq!(time(0.5, 0.9), "500 ms");
        assert_eq!([1_000.0, 2.5e6].map(short), ["1,000", "2.50M"]);
    }
}
