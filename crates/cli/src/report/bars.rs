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

/// How much lower the bar is, and the row higher, where the figure takes a line of its own below a long name.
const SECOND_LINE: f64 = 16.0;

/// What is not nothing is seen.
const LEAST: f64 = 1.5;

/// Between a name and its figure.
const GAP: f64 = 12.0;

/// Draws them, each below the other.
pub(crate) fn draw(bars: &Bars, width: i32, label: &str) -> Result<String, NotDrawn> {
    let longest = bars
        .rows
        .iter()
        .flat_map(|row| &row.lengths)
        .filter_map(|(_, length)| drawable(*length))
        .fold(0.0, f64::max);
    let heights: Vec<f64> = bars
        .rows
        .iter()
        .map(|row| height(row, f64::from(width)))
        .collect();
    let all = heights.iter().sum::<f64>().max(f64::from(ROW));
    canvas::draw(width, whole(all), label, |sheet| {
        if bars.rows.is_empty() {
            let middle = (f64::from(width) / 2.0, f64::from(ROW) / 2.0);
            return canvas::write(
                sheet,
                "no data",
                middle,
                text(Ink::Quiet, HPos::Center, VPos::Center),
            );
        }
        let mut top = 0.0;
        for (bar, height) in bars.rows.iter().zip(&heights) {
            row(sheet, bar, (top, *height), f64::from(width), longest)?;
            top += height;
        }
        Ok(())
    })
}

/// The height of a row: more where its name and its figure have no room beside each other.
fn height(row: &Row, width: f64) -> f64 {
    let [label, told] = [&row.label, &row.told].map(|text| canvas::legible(text));
    let both = width_of(&label) + GAP + width_of(&told);
    f64::from(ROW) + if both > width { SECOND_LINE } else { 0.0 }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the height of a picture, and a cast saturates"
)]
fn whole(height: f64) -> i32 {
    height.ceil() as i32
}

fn row(
    sheet: &Sheet<'_>,
    row: &Row,
    (top, height): (f64, f64),
    width: f64,
    longest: f64,
) -> Result<(), NotDrawn> {
    let lower = height - f64::from(ROW);
    let told = canvas::fitted(&canvas::legible(&row.told), width);
    let beside = if lower > 0.0 { 0.0 } else { width_of(&told) + GAP };
    let name = canvas::fitted(&canvas::legible(&row.label), width - beside);
    canvas::write(
        sheet,
        &name,
        (0.0, top + 3.0),
        text(Ink::Quiet, HPos::Left, VPos::Top),
    )?;
    canvas::write(
        sheet,
        &told,
        (width, top + lower + 3.0),
        text(Ink::Text, HPos::Right, VPos::Top),
    )?;
    let top = top + lower;
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
