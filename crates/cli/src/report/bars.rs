//! The picture of one figure for each of several things.
use plotters::{
    element::Rectangle,
    style::{
        Color as _,
        text_anchor::{HPos, VPos},
    },
};

use super::{
    canvas::{self, NotDrawn, Sheet, place, text, width_of},
    ink::Ink,
    model::{Bars, Row, drawable},
};

/// The height of a row, and where its bar is in it: below its text.
const ROW: i32 = 38;
const BAR: (f64, f64) = (19.0, 28.0);

/// What is not nothing is seen.
const LEAST: f64 = 1.5;

/// Between a name and its figure.
const GAP: f64 = 12.0;

/// Draws them, each below the other.
pub(crate) fn draw(bars: &Bars, width: i32, label: &str) -> Result<String, NotDrawn> {
    let rows = i32::try_from(bars.rows.len()).unwrap_or(i32::MAX);
    let longest = bars
        .rows
        .iter()
        .flat_map(|row| &row.lengths)
        .filter_map(|(_, length)| drawable(*length))
        .fold(0.0, f64::max);
    canvas::draw(width, rows.saturating_mul(ROW).max(ROW), label, |sheet| {
        if bars.rows.is_empty() {
            let middle = (f64::from(width) / 2.0, f64::from(ROW) / 2.0);
            return canvas::write(
                sheet,
                "no data",
                middle,
                text(Ink::Quiet, HPos::Center, VPos::Center),
            );
        }
        for (index, bar) in (0..).zip(&bars.rows) {
            row(
                sheet,
                bar,
                f64::from(index) * f64::from(ROW),
                f64::from(width),
                longest,
            )?;
        }
        Ok(())
    })
}

fn row(sheet: &Sheet<'_>, row: &Row, top: f64, width: f64, longest: f64) -> Result<(), NotDrawn> {
    let told = canvas::fitted(&row.told, width * 0.7);
    let name = canvas::fitted(&row.label, width - width_of(&told) - GAP);
    canvas::write(
        sheet,
        &name,
        (0.0, top + 3.0),
        text(Ink::Quiet, HPos::Left, VPos::Top),
    )?;
    canvas::write(
        sheet,
        &told,
        (width, top + 3.0),
        text(Ink::Text, HPos::Right, VPos::Top),
    )?;
    bar(sheet, Ink::Grid, top, width)?;
    for (ink, length) in &row.lengths {
        match drawable(*length) {
            Some(length) if length > 0.0 => bar(sheet, *ink, top, (length / longest * width).max(LEAST))?,
            _ => {}
        }
    }
    Ok(())
}

fn bar(sheet: &Sheet<'_>, ink: Ink, top: f64, length: f64) -> Result<(), NotDrawn> {
    let corners = [(0, place(top + BAR.0)), (place(length), place(top + BAR.1))];
    sheet
        .draw(&Rectangle::new(corners, ink.stand_in().filled()))
        .map_err(NotDrawn::of)
}
