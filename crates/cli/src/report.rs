//! Pictures: a page of HTML that stands by itself, with what a person wants to see first at its top.
//!
//! [`Report`] says what is on the page, without a word of where it came from; [`html::page`] makes the page of it. The page has no
//! script and refers to nothing outside of it, its colours follow the reader's choice of light and dark, and the same report
//! gives the same bytes.
mod axis;
mod bars;
mod canvas;
mod html;
mod ink;
mod model;
mod numbers;
#[cfg(test)]
mod tests;
mod ticks;
mod timeline;

use std::{io::Write as _, path::Path};

pub(crate) use self::{
    ink::Ink,
    model::{Block, Chart, Layer, Limit, Panel, Panels, Report, Row, Section, Table, Timeline, Tone},
    numbers::{amount, dollars, seconds, share, whole},
};
use crate::{
    failure::Failure,
    output::{How, Output},
};

/// Writes the page, whole or not at all.
///
/// # Errors
/// As [`Output::start`] and [`Output::commit`]; a file that exists is kept unless it is to be replaced.
pub(crate) fn write(report: &Report, place: &Path, replace: bool) -> Result<(), Failure> {
    let page = html::page(report).map_err(|error| Failure::other("the report cannot be drawn", error))?;
    let mut output = Output::start(place, How::page(replace))?;
    output
        .write_all(page.as_bytes())
        .map_err(|source| Failure::write(place, source))?;
    output.commit(place)
}
