//! Colours. Charts are drawn in stand-ins, which become names of colours that the page's style defines for light, dark and paper.
use plotters::style::RGBColor;

/// What something is drawn with, by what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Text.
    Text,
    /// Text that stands back.
    Quiet,
    /// Lines behind the data, and room that a bar does not fill.
    Grid,
    /// What went well.
    Good,
    /// The same, where it stands behind [`Good`](Self::Good).
    GoodPale,
    /// What was refused or lost.
    Bad,
    /// What failed for other reasons.
    Failed,
    /// What others did.
    Others,
    /// A second kind of what went well.
    Second,
    /// The page itself, around a line that crosses areas.
    Page,
}

impl Ink {
    pub(crate) const ALL: [Self; 10] = [
        Self::Text,
        Self::Quiet,
        Self::Grid,
        Self::Good,
        Self::GoodPale,
        Self::Bad,
        Self::Failed,
        Self::Others,
        Self::Second,
        Self::Page,
    ];

    /// The name of its colour in the style of the page.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Quiet => "quiet",
            Self::Grid => "grid",
            Self::Good => "good",
            Self::GoodPale => "good-pale",
            Self::Bad => "bad",
            Self::Failed => "failed",
            Self::Others => "others",
            Self::Second => "second",
            Self::Page => "page",
        }
    }

    /// What the charts are drawn in.
    pub(crate) const fn stand_in(self) -> RGBColor {
        RGBColor(1, 2, self as u8)
    }

    /// A drawing with the names of the colours in place of the stand-ins.
    pub(crate) fn name_all(drawing: &str) -> String {
        Self::ALL.iter().fold(drawing.to_owned(), |drawing, ink| {
            let RGBColor(red, green, blue) = ink.stand_in();
            drawing.replace(
                &format!("\"#{red:02X}{green:02X}{blue:02X}\""),
                &format!("\"var(--{})\"", ink.name()),
            )
        })
    }
}
