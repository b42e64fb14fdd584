//! A sheet to draw on, and the drawing as a part of a page.
use plotters::{
    coord::Shift,
    element::Text,
    prelude::{DrawingArea, IntoDrawingArea as _, SVGBackend},
    style::{
        Color as _, IntoFont as _, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::ink::Ink;

/// How much finer than a pixel of the page is drawn: the library draws in whole numbers.
pub(crate) const FINE: i32 = 4;

/// The size of all text, in pixels of the page.
pub(crate) const TEXT: f64 = 12.0;

/// A drawing that failed. The library's own errors are of drawing areas and have no types in common.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotDrawn(String);

impl NotDrawn {
    pub(crate) fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

pub(crate) type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws on a sheet of so many pixels of a page, and gives the element `svg`, which says `label` where it is not seen.
pub(crate) fn draw(
    width: i32,
    height: i32,
    label: &str,
    on: impl FnOnce(&Sheet<'_>) -> Result<(), NotDrawn>,
) -> Result<String, NotDrawn> {
    let size = [width, height].map(|length| u32::try_from(fine(length)).unwrap_or(1));
    let mut drawing = String::new();
    {
        let sheet = SVGBackend::with_string(&mut drawing, (size[0], size[1])).into_drawing_area();
        on(&sheet)?;
        sheet.present().map_err(NotDrawn::of)?;
    }
    let inside = drawing
        .split_once('>')
        .map_or("", |(_, inside)| inside.trim_start());
    let named = Ink::name_all(inside)
        .replace(" opacity=\"1\"", "")
        .replace(" font-family=\"page\"", "")
        .replace(" stroke=\"none\"", "");
    Ok(format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{label}\">\n{named}",
        size[0], size[1]
    ))
}

/// Pixels of the page in the sheet's own.
pub(crate) const fn fine(pixels: i32) -> i32 {
    pixels.saturating_mul(FINE)
}

/// A place on the sheet, rounded.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a float saturates; sheets are small"
)]
pub(crate) fn place(pixels: f64) -> i32 {
    (pixels * f64::from(FINE)).round() as i32
}

/// Where text stands beside its place.
pub(crate) fn text(ink: Ink, across: HPos, upright: VPos) -> TextStyle<'static> {
    // The library divides by 1.24.
    let size = TEXT * 1.24 * f64::from(FINE);
    TextStyle {
        font: ("page", size).into_font(),
        color: ink.stand_in().to_backend_color(),
        pos: Pos::new(across, upright),
    }
}

/// Text of any origin as a drawing may have it: what acts on who reads it, or is no text of XML, is an escape that shows.
pub(crate) fn legible(text: &str) -> String {
    crate::text::tame(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// Writes text at a place in pixels of the page.
pub(crate) fn write(
    sheet: &Sheet<'_>,
    text: &str,
    at: (f64, f64),
    style: TextStyle<'_>,
) -> Result<(), NotDrawn> {
    sheet
        .draw(&Text::new(text.to_owned(), (place(at.0), place(at.1)), style))
        .map_err(NotDrawn::of)
}

/// About how wide text is, in pixels of the page.
pub(crate) fn width_of(text: &str) -> f64 {
    text.chars().map(width_of_letter).sum()
}

/// Of common sans-serif fonts, on the safe side.
fn width_of_letter(letter: char) -> f64 {
    let ems = match letter {
        'i' | 'j' | 'l' | '.' | ',' | '\'' | '|' | ' ' | 'f' | 't' => 0.34,
        'm' | 'w' | 'M' | 'W' | '%' => 0.92,
        _ if letter.is_ascii_uppercase() => 0.72,
        _ if letter.is_ascii() => 0.65,
        _ => 1.0,
    };
    ems * TEXT
}

/// The text, shortened to what there is room for.
pub(crate) fn fitted(text: &str, room: f64) -> String {
    if width_of(text) <= room {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let mut used = width_of_letter('…');
    for letter in text.chars() {
        used += width_of_letter(letter);
        if used > room {
            break;
        }
        fitted.push(letter);
    }
    format!("{}…", fitted.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_shortened_to_its_room() {
        assert_eq!(fitted("naive", 100.0), "naive");
        let long = fitted(&"a strategy of a long name ".repeat(9), 120.0);
        assert!(long.ends_with('…') && width_of(&long) <= 120.0, "{long}");
        assert_eq!(fitted("anything", 0.0), "…");
    }

    #[test]
    fn a_drawing_has_names_of_colours_and_no_foreign_name() {
        let drawing = draw(100, 50, "a label", |sheet| {
            write(
                sheet,
                "<b>&\"",
                (10.0, 10.0),
                text(Ink::Bad, HPos::Left, VPos::Top),
            )
        });
        let drawing = drawing.unwrap();
        assert!(
            drawing.contains("var(--bad)") && drawing.contains("viewBox=\"0 0 400 200\""),
            "{drawing}"
        );
        assert!(
            drawing.contains("&lt;b&gt;&amp;&quot;") && !drawing.contains("http") && !drawing.contains('#'),
            "{drawing}"
        );
    }
}
