//! The page: HTML that is well-formed XML too, so that any reader of either takes it.
use std::fmt::Write as _;

use super::{
    bars,
    canvas::NotDrawn,
    model::{Block, Chart, Panel, Panels, Report, Section, Table, Tone},
    timeline,
};
use crate::text;

const STYLE: &str = include_str!("style.css");

/// The width of a small picture, in pixels: a phone's, and a third of the page.
const NARROW: i32 = 344;
const PAGE: i32 = 1_080;
const TALL: i32 = 170;

/// The page of a report, whole.
///
/// # Errors
/// What the drawing library says.
pub(crate) fn page(report: &Report) -> Result<String, NotDrawn> {
    let tone = match report.tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Plain => "plain",
    };
    let (title, kind, verdict) = (
        escape(&report.title),
        escape(report.kind),
        escape(&report.verdict),
    );
    let about = match escape(&report.about) {
        none if none.is_empty() => none,
        about => format!("<p class=\"lead\">{about}</p>\n"),
    };
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<p class=\"kind\">{kind}</p>\n<h1><bdi>{title}</bdi></h1>\n\
         {about}<p class=\"verdict {tone}\">{verdict}</p>\n</header>\n"
    );
    for part in &report.sections {
        section(&mut page, part)?;
    }
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(page)
}

/// Text of any origin as text of the page: nothing in it is markup, and what acts on who reads it is an escape that shows.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text::tame(text).chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // No text of XML.
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn section(page: &mut String, section: &Section) -> Result<(), NotDrawn> {
    let (title, lead) = (escape(&section.title), escape(&section.lead));
    let _strings_take_all = write!(page, "<section>\n<h2>{title}</h2>\n");
    if !lead.is_empty() {
        let _strings_take_all = writeln!(page, "<p class=\"lead\">{lead}</p>");
    }
    for block in &section.blocks {
        match block {
            Block::Panels(shown) => panels(page, shown)?,
            Block::Table(shown) => table(page, shown),
            Block::Facts(shown) => facts(page, shown, "facts"),
            Block::Words(shown) => facts(page, shown, "words"),
            Block::Code(shown) => code(page, shown),
        }
    }
    page.push_str("</section>\n");
    Ok(())
}

fn panels(page: &mut String, panels: &Panels) -> Result<(), NotDrawn> {
    if !panels.legend.is_empty() {
        page.push_str("<ul class=\"legend\">");
        for (ink, name) in &panels.legend {
            let (name, colour) = (escape(name), ink.name());
            let _strings_take_all = write!(
                page,
                "<li><i style=\"background:var(--{colour})\"></i>{name}</li>"
            );
        }
        page.push_str("</ul>\n");
    }
    let highest = panels.panels.iter().map(peak).fold(0.0, f64::max);
    let columns = columns(panels.panels.len());
    let _strings_take_all = writeln!(page, "<div class=\"panels of-{columns}\">");
    for shown in &panels.panels {
        let top = if panels.same_scale { highest } else { peak(shown) };
        panel(page, shown, top, columns)?;
    }
    page.push_str("</div>\n");
    Ok(())
}

/// How many stand beside each other where there is room.
const fn columns(panels: usize) -> i32 {
    match panels {
        0 | 1 => 1,
        2 | 4 => 2,
        _ => 3,
    }
}

/// How wide each then is, in pixels: with the space between them they fill the page.
const fn wide(columns: i32) -> i32 {
    match columns {
        1 => PAGE,
        2 => 528,
        _ => NARROW,
    }
}

fn peak(panel: &Panel) -> f64 {
    match &panel.chart {
        Chart::Timeline(timeline) => timeline.peak(),
        Chart::Bars(_) => 0.0,
    }
}

fn panel(page: &mut String, panel: &Panel, top: f64, columns: i32) -> Result<(), NotDrawn> {
    let (title, note) = (escape(&panel.title), escape(&panel.note));
    let _strings_take_all = write!(page, "<figure>\n<figcaption><b><bdi>{title}</bdi></b>");
    if !note.is_empty() {
        let _strings_take_all = write!(page, "<span>{note}</span>");
    }
    page.push_str("</figcaption>\n");
    let label = format!("{title}: {note}");
    let draw = |width| match &panel.chart {
        Chart::Timeline(shown) => timeline::draw(shown, (width, TALL), top, &label),
        Chart::Bars(shown) => bars::draw(shown, width, &label),
    };
    let wide = wide(columns);
    if wide > NARROW {
        let _strings_take_all = write!(
            page,
            "<div class=\"narrow\">{}</div>\n<div class=\"wide\">{}</div>\n",
            draw(NARROW)?,
            draw(wide)?
        );
    } else {
        page.push_str(&draw(NARROW)?);
    }
    page.push_str("</figure>\n");
    Ok(())
}

/// With the roles said: where there is no room, rows are shown as lists, which would else take them away.
fn table(page: &mut String, table: &Table) {
    let _strings_take_all = write!(
        page,
        "<table role=\"table\">\n<caption>{}</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">",
        escape(&table.caption)
    );
    for name in &table.columns {
        let name = escape(name);
        let _strings_take_all = write!(page, "<th role=\"columnheader\" scope=\"col\">{name}</th>");
    }
    page.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for row in &table.rows {
        page.push_str("<tr role=\"row\">");
        for (index, (cell, name)) in row.iter().zip(&table.columns).enumerate() {
            let (cell, name) = (escape(cell), escape(name));
            let _strings_take_all = if index == 0 {
                write!(
                    page,
                    "<th role=\"rowheader\" scope=\"row\"><bdi>{cell}</bdi></th>"
                )
            } else {
                write!(page, "<td role=\"cell\" data-name=\"{name}\">{cell}</td>")
            };
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n");
}

fn facts(page: &mut String, facts: &[(String, String)], kind: &str) {
    let _strings_take_all = writeln!(page, "<dl class=\"{kind}\">");
    for (name, value) in facts {
        let (name, value) = (escape(name), escape(value));
        let _strings_take_all = writeln!(page, "<div><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div>");
    }
    page.push_str("</dl>\n");
}

fn code(page: &mut String, text: &str) {
    let lines: Vec<_> = text.lines().map(escape).collect();
    let _strings_take_all = writeln!(page, "<pre>{}</pre>", lines.join("\n"));
}
