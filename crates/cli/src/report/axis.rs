//! An axis from zero, with the marks that it is told.
use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// An axis from zero to `end`, which is over zero.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub(crate) end: f64,
    pub(crate) marks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast from a float saturates; sheets are small"
    )]
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let (from, to) = (f64::from(from), f64::from(to));
        (from + (to - from) * (value / self.end)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.marks.clone()
        }
    }

    fn range(&self) -> Range<f64> {
        0.0..self.end
    }
}
