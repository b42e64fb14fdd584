//! The picture of how something went over time.
use plotters::{
    chart::{ChartBuilder, ChartContext},
    element::{PathElement, Polygon},
    prelude::{Cartesian2d, SVGBackend},
    style::{
        Color as _, ShapeStyle,
        text_anchor::{HPos, VPos},
    },
};

use super::{
    axis::Axis,
    canvas::{self, NotDrawn, Sheet, fine, text, width_of},
    ink::Ink,
    model::{Layer, Limit, Timeline, drawable},
    ticks,
};

type Grid<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;

/// Room above the plot, for the unit; and beside it, for half of the last mark of time.
const ABOVE: i32 = 22;
const BESIDE: i32 = 20;
const BELOW: i32 = 22;

/// Room above the highest point, as a factor: for the name of the limit.
const HEADROOM: f64 = 1.16;

/// What is not nothing is seen, if only just: as a part of the whole height.
const LEAST: f64 = 0.012;

/// More than any machine does in a second, and little enough to calculate with.
const HIGHEST: f64 = 1e18;

/// Draws it, up to `top`.
pub(crate) fn draw(
    timeline: &Timeline,
    (width, height): (i32, i32),
    top: f64,
    label: &str,
) -> Result<String, NotDrawn> {
    canvas::draw(width, height, label, |sheet| {
        if timeline.begins.is_empty() {
            let middle = (f64::from(width) / 2.0, f64::from(height) / 2.0);
            return canvas::write(
                sheet,
                "no data",
                middle,
                text(Ink::Quiet, HPos::Center, VPos::Center),
            );
        }
        on_axes(timeline, sheet, width, top)
    })
}

fn on_axes(timeline: &Timeline, sheet: &Sheet<'_>, width: i32, top: f64) -> Result<(), NotDrawn> {
    let top = if top > 0.0 {
        top.min(HIGHEST) * HEADROOM
    } else {
        1.0
    };
    let end = drawable(Some(timeline.axis_end.max(timeline.end)))
        .filter(|end| *end > 0.0)
        .unwrap_or(1.0);
    let marks_up = ticks::of_amounts(top, 4);
    let marks_along = ticks::of_seconds(end, if width < 500 { 4 } else { 8 });
    let widest = marks_up
        .iter()
        .map(|mark| width_of(&ticks::short(*mark)))
        .fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(sheet)
        .margin_top(fine(ABOVE))
        .margin_right(fine(BESIDE))
        .y_label_area_size(canvas::place(widest + 12.0))
        .x_label_area_size(fine(BELOW))
        .build_cartesian_2d(
            Axis {
                end,
                marks: marks_along,
            },
            Axis {
                end: top,
                marks: marks_up,
            },
        )
        .map_err(NotDrawn::of)?;
    axes(&mut chart, end)?;
    canvas::write(
        sheet,
        &timeline.unit,
        (0.0, 2.0),
        text(Ink::Quiet, HPos::Left, VPos::Top),
    )?;
    stack(timeline, &mut chart, top)?;
    for layer in &timeline.lines {
        line(timeline, layer, &mut chart, top)?;
    }
    match &timeline.limit {
        Some(reach) => limit(reach, end, sheet, &mut chart),
        None => Ok(()),
    }
}

fn solid(ink: Ink) -> ShapeStyle {
    ink.stand_in().filled()
}

fn stroke(ink: Ink, width: f64) -> ShapeStyle {
    let fine = canvas::place(width);
    ink.stand_in().stroke_width(u32::try_from(fine).unwrap_or(1))
}

fn axes(chart: &mut Grid<'_>, end: f64) -> Result<(), NotDrawn> {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(stroke(Ink::Grid, 1.0))
        .axis_style(stroke(Ink::Grid, 1.0))
        .set_all_tick_mark_size(fine(4))
        .x_label_formatter(&|mark| ticks::time(*mark, end))
        .y_label_formatter(&|mark| ticks::short(*mark))
        .x_label_style(text(Ink::Quiet, HPos::Center, VPos::Top))
        .y_label_style(text(Ink::Quiet, HPos::Right, VPos::Center))
        .draw()
        .map_err(NotDrawn::of)
}

/// When a step ends: when the next begins.
fn ends(timeline: &Timeline) -> impl Iterator<Item = (usize, f64, f64)> {
    let nexts = timeline.begins.iter().skip(1).chain([&timeline.end]);
    let steps = timeline.begins.iter().zip(nexts).enumerate();
    steps.map(|(step, (begin, end))| (step, *begin, end.max(*begin)))
}

fn stack(timeline: &Timeline, chart: &mut Grid<'_>, top: f64) -> Result<(), NotDrawn> {
    let mut below = vec![0.0; timeline.begins.len()];
    for layer in &timeline.stacked {
        let mut over = Vec::new();
        let mut under = Vec::new();
        for ((step, begin, end), base) in ends(timeline).zip(&mut below) {
            let level = match layer.at(step) {
                Some(value) if value > 0.0 => (*base + value.max(top * LEAST)).min(top),
                _ => *base,
            };
            under.extend([(begin, *base), (end, *base)]);
            over.extend([(begin, level), (end, level)]);
            *base = level;
        }
        if over != under {
            over.extend(under.into_iter().rev());
            chart
                .draw_series([Polygon::new(over, solid(layer.ink))])
                .map_err(NotDrawn::of)?;
        }
    }
    Ok(())
}

fn line(timeline: &Timeline, layer: &Layer, chart: &mut Grid<'_>, top: f64) -> Result<(), NotDrawn> {
    let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (step, begin, end) in ends(timeline) {
        match (layer.at(step), pieces.last_mut()) {
            (Some(level), Some(piece)) => piece.extend([(begin, level.min(top)), (end, level.min(top))]),
            _ => pieces.push(Vec::new()),
        }
    }
    // What is beneath a line may be as light or dark as it is, and of the same colour to some eyes.
    for (ink, width) in [(Ink::Page, 5.0), (layer.ink, 2.0)] {
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            chart
                .draw_series([PathElement::new(piece.clone(), stroke(ink, width))])
                .map_err(NotDrawn::of)?;
        }
    }
    Ok(())
}

fn limit(limit: &Limit, end: f64, sheet: &Sheet<'_>, chart: &mut Grid<'_>) -> Result<(), NotDrawn> {
    let Some(level) = drawable(Some(limit.value)).filter(|level| *level <= HIGHEST) else {
        return Ok(());
    };
    let ends = vec![(0.0, level), (end, level)];
    chart
        .draw_series([PathElement::new(ends, stroke(Ink::Text, 1.5))])
        .map_err(NotDrawn::of)?;
    let (x, y) = chart.backend_coord(&(end, level));
    let at = [x, y].map(|place| f64::from(place) / f64::from(canvas::FINE));
    canvas::write(
        sheet,
        &limit.label,
        (at[0], at[1] - 4.0),
        text(Ink::Text, HPos::Right, VPos::Bottom),
    )
}
