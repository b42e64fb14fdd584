//! Whole pages, of small reports and of hostile ones.
use std::path::Path;

use roxmltree::{Document, ParsingOptions};

use super::{html::page, *};

fn timeline(values: &[Option<f64>]) -> Timeline {
    Timeline {
        unit: "calls/s".to_owned(),
        begins: (0..values.len()).map(|step| step as f64).collect(),
        end: values.len() as f64,
        axis_end: 4.0,
        stacked: vec![
            Layer {
                ink: Ink::Good,
                values: values.to_vec(),
            },
            Layer {
                ink: Ink::Bad,
                values: vec![Some(3.0)],
            },
        ],
        lines: vec![Layer {
            ink: Ink::Second,
            values: values.to_vec(),
        }],
        limit: Some(Limit {
            label: "quota 10/s".to_owned(),
            value: 10.0,
        }),
    }
}

/// A report in which everything is `name`, with so many strategies that each came to `values`.
fn report(name: &str, strategies: usize, values: &[Option<f64>]) -> Report {
    let panel = |chart| Panel {
        title: name.to_owned(),
        note: name.to_owned(),
        chart,
    };
    let row = |index: usize| Row {
        label: name.to_owned(),
        told: name.to_owned(),
        lengths: vec![(Ink::Good, values.get(index).copied().flatten())],
    };
    let mut panels: Vec<Panel> = (0..strategies)
        .map(|_| panel(Chart::Timeline(timeline(values))))
        .collect();
    panels.push(Panel::of_bars(name, name, (0..strategies).map(row)));
    Report {
        kind: "test",
        title: name.to_owned(),
        about: name.to_owned(),
        verdict: name.to_owned(),
        tone: Tone::Plain,
        sections: vec![Section {
            title: name.to_owned(),
            lead: name.to_owned(),
            blocks: vec![
                Block::Panels(Panels {
                    legend: vec![(Ink::Good, name.to_owned())],
                    same_scale: true,
                    panels,
                }),
                Block::Table(Table {
                    caption: name.to_owned(),
                    columns: vec![name.to_owned(), name.to_owned()],
                    rows: vec![vec![name.to_owned(), name.to_owned()]; strategies],
                }),
                Block::Facts(vec![(name.to_owned(), name.to_owned())]),
                Block::Words(vec![(name.to_owned(), name.to_owned())]),
                Block::Code(format!("{name}\n{name}")),
            ],
        }],
    }
}

fn parsed(page: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(page, options).unwrap()
}

/// Every number of every drawing is on its sheet: nothing is clipped, and nothing is `NaN`.
fn stays_on_its_sheets(page: &Document<'_>) -> bool {
    let drawings = page.descendants().filter(|node| node.has_tag_name("svg"));
    drawings.into_iter().all(|drawing| {
        let size: Vec<f64> = drawing
            .attribute("viewBox")
            .unwrap()
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        let most = size[2].max(size[3]);
        let places = ["x", "y", "x1", "x2", "y1", "y2", "width", "height", "points"];
        drawing
            .descendants()
            .skip(1)
            .flat_map(|node| places.iter().filter_map(move |name| node.attribute(*name)))
            .flat_map(|numbers| numbers.split([' ', ',']).filter(|number| !number.is_empty()))
            .all(|number| {
                number
                    .parse::<f64>()
                    .is_ok_and(|number| (0.0..=most).contains(&number))
            })
    })
}

#[test]
fn the_page_of_a_small_report_is_as_it_was() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/report.html");
    let made = page(&report("A name", 1, &[Some(2.0), None, Some(12.5)])).unwrap();
    if std::env::var_os("TRYCMD").is_some_and(|what| what == "overwrite") {
        std::fs::write(&place, &made).unwrap();
    }
    assert!(
        std::fs::read_to_string(&place).is_ok_and(|kept| kept == made),
        "{} differs: look at it, and write it anew with TRYCMD=overwrite",
        place.display()
    );
}

#[test]
fn every_page_is_well_formed_and_stays_on_its_sheets() {
    let series: [&[Option<f64>]; 8] = [
        &[],
        &[Some(0.0)],
        &[Some(7.0)],
        &[None, None],
        &[Some(f64::NAN), Some(f64::INFINITY), Some(-3.0)],
        &[Some(1e300), Some(f64::MAX), Some(1e-300)],
        &[Some(u64::MAX as f64); 12],
        &[Some(1.0); 700],
    ];
    for values in series {
        for strategies in [0, 1, 2, 4, 12] {
            for name in [
                "a",
                &"a strategy of a very long name ".repeat(40),
                &"W".repeat(500),
            ] {
                let page = page(&report(name, strategies, values)).unwrap();
                assert!(stays_on_its_sheets(&parsed(&page)), "{strategies} of {values:?}");
            }
        }
    }
}

#[test]
fn what_is_off_a_sheet_would_be_seen() {
    let page = "<p><svg viewBox=\"0 0 10 10\"><text x=\"11\"/></svg></p>";
    assert!(!stays_on_its_sheets(&parsed(page)));
    assert!(!stays_on_its_sheets(&parsed(&page.replace("11", "NaN"))));
    assert!(stays_on_its_sheets(&parsed(&page.replace("11", "10"))));
}

#[test]
fn no_text_is_markup_or_acts_on_who_reads_it() {
    let name = "<script>alert(1)</script>\"' onload=x\u{202e}\u{0}\u{1b}]\u{feff}\u{fffe}&amp;\r\n</svg><img src=//x>";
    let page = page(&report(name, 2, &[Some(1.0)])).unwrap();
    let document = parsed(&page);
    for element in document.descendants().filter(|node| node.is_element()) {
        let tag = element.tag_name().name();
        assert!(!["script", "img", "link", "iframe"].contains(&tag), "{tag}");
        let attributes = element.attributes();
        assert!(
            attributes
                .into_iter()
                .all(|own| own.name() != "onload" && own.name() != "src")
        );
    }
    assert!(!page.contains(['\u{202e}', '\u{0}', '\u{1b}', '\u{feff}', '\u{fffe}', '\r']));
    let title = document
        .descendants()
        .find(|node| node.has_tag_name("title"))
        .unwrap();
    let told = title.text().unwrap();
    assert!(
        told.starts_with("<script>alert(1)</script>\"' onload=x\\u{202e}\\0"),
        "{told}"
    );
}

#[test]
fn a_page_refers_to_nothing_outside_of_it() {
    let page = page(&report("a", 3, &[Some(1.0)])).unwrap();
    for outside in [
        "http:", "https:", "//", "src=", "href", "@import", "url(", "<script", "<link", "<!ENTITY",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn the_same_report_gives_the_same_page_with_every_figure_in_it() {
    let one = page(&report("a", 3, &[Some(1.0)])).unwrap();
    assert_eq!(one, page(&report("a", 3, &[Some(1.0)])).unwrap());
    assert_ne!(one, page(&report("a", 3, &[Some(2.0)])).unwrap());
    let document = parsed(&one);
    let cells = document.descendants().filter(|node| node.has_tag_name("td"));
    assert_eq!(cells.count(), 3);
    let drawings = document.descendants().filter(|node| node.has_tag_name("svg"));
    assert!(
        drawings
            .into_iter()
            .all(|own| own.attribute("aria-label") == Some("a: a"))
    );
}

#[test]
fn many_steps_are_drawn_as_the_means_of_a_few() {
    let thin = timeline(&[Some(1.0), Some(3.0), None, Some(f64::NAN), Some(5.0)]).thinned(3);
    assert_eq!(thin.begins, [0.0, 2.0, 4.0]);
    assert_eq!(thin.stacked[0].values, [Some(2.0), None, Some(5.0)]);
    assert_eq!(timeline(&[Some(1.0); 3]).thinned(3), timeline(&[Some(1.0); 3]));
}
