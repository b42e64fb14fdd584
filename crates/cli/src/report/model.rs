//! What is on the page.
use super::ink::Ink;

/// A page. Texts are plain text of any origin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    /// What kind of report it is, in two or three words.
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    /// What it is about, in a sentence; or nothing.
    pub(crate) about: String,
    /// One sentence: what came of it.
    pub(crate) verdict: String,
    pub(crate) tone: Tone,
    pub(crate) sections: Vec<Section>,
}

/// Whether the verdict is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Plain,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    pub(crate) title: String,
    /// What is seen, and how it was counted.
    pub(crate) lead: String,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Block {
    Panels(Panels),
    Table(Table),
    /// Names and what they are.
    Facts(Vec<(String, String)>),
    /// Names and sentences about them, below each other.
    Words(Vec<(String, String)>),
    /// Text that keeps its lines, to copy.
    Code(String),
}

/// Small pictures beside each other, or below each other where there is no room.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Panels {
    /// What the colours stand for.
    pub(crate) legend: Vec<(Ink, String)>,
    /// Whether all have the same scale upwards.
    pub(crate) same_scale: bool,
    pub(crate) panels: Vec<Panel>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    pub(crate) title: String,
    /// The figures that the picture is looked at for.
    pub(crate) note: String,
    pub(crate) chart: Chart,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Chart {
    Timeline(Timeline),
    Bars(Bars),
}

/// How something went over time, in steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Timeline {
    /// What is counted, as in `calls/s`.
    pub(crate) unit: String,
    /// When each step began, in seconds, rising.
    pub(crate) begins: Vec<f64>,
    /// When the last step ended, in seconds.
    pub(crate) end: f64,
    /// How far the axis of time goes, in seconds: as far as the longest of those beside it.
    pub(crate) axis_end: f64,
    /// Stood on each other, the first at the bottom.
    pub(crate) stacked: Vec<Layer>,
    /// Lines of their own.
    pub(crate) lines: Vec<Layer>,
    pub(crate) limit: Option<Limit>,
}

/// A value for each step; `None` and what is no number leave a gap.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(crate) ink: Ink,
    pub(crate) values: Vec<Option<f64>>,
}

/// A level that is not to be exceeded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limit {
    pub(crate) label: String,
    pub(crate) value: f64,
}

/// One bar for each row, or one within another.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Bars {
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) label: String,
    /// The value in words.
    pub(crate) told: String,
    /// Lengths from zero, each drawn over the one before; `None` and what is no number is not drawn.
    pub(crate) lengths: Vec<(Ink, Option<f64>)>,
}

/// Figures to read and to copy; the first column names the row.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// A number that can be drawn: finite, and none below zero.
pub(crate) fn drawable(value: Option<f64>) -> Option<f64> {
    value
        .filter(|value| value.is_finite())
        .map(|value| value.max(0.0))
}

impl Panel {
    /// A bar for each row.
    pub(crate) fn of_bars(title: &str, note: &str, rows: impl Iterator<Item = Row>) -> Self {
        Self {
            title: title.to_owned(),
            note: note.to_owned(),
            chart: Chart::Bars(Bars { rows: rows.collect() }),
        }
    }
}

impl Timeline {
    /// The highest point, with the limit.
    pub(crate) fn peak(&self) -> f64 {
        let stack = |step: usize| -> f64 {
            let values = self.stacked.iter().map(|layer| layer.at(step).unwrap_or(0.0));
            values.sum()
        };
        let stacks = (0..self.begins.len()).map(stack);
        let lines = self.lines.iter().flat_map(|layer| layer.values.iter().copied());
        let limit = self.limit.as_ref().map(|limit| limit.value);
        stacks
            .chain(lines.chain([limit]).filter_map(drawable))
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max)
    }

    /// The same in at most so many steps, each the mean of those that it stands for.
    pub(crate) fn thinned(mut self, steps: usize) -> Self {
        let group = self.begins.len().div_ceil(steps.max(1)).max(1);
        if group > 1 {
            let mean = |values: &[Option<f64>]| {
                let known: Vec<f64> = values.iter().copied().filter_map(drawable).collect();
                (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
            };
            for layer in self.stacked.iter_mut().chain(&mut self.lines) {
                layer.values = layer.values.chunks(group).map(mean).collect();
            }
            self.begins = self.begins.into_iter().step_by(group).collect();
        }
        self
    }
}

impl Layer {
    pub(crate) fn at(&self, step: usize) -> Option<f64> {
        drawable(self.values.get(step).copied().flatten())
    }
}
