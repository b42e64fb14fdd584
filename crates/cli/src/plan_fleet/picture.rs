//! A plan as a page with charts.
use datakey_sim::{
    Simulation,
    plan::{Candidate, Plan},
};

use crate::{
    report::{
        Block, Ink, Panel, Panels, Report as Page, Row, Section, Table, Tone, amount, dollars, seconds,
        share, whole,
    },
    simulate::picture::over_time,
};

/// A plan, what of it was played, and what was measured before.
pub(super) fn of(plan: &Plan, simulation: Option<&Simulation>, measured: Option<&str>) -> Page {
    let mut sections = vec![calls(plan)];
    if let Some(simulation) = simulation {
        let mut played = vec![over_time::calls(simulation)];
        played.extend(over_time::messages(simulation));
        played.push(over_time::keys(simulation));
        for section in &mut played {
            section.title = format!("Played: {}", section.title);
        }
        sections.extend(played);
    }
    sections.extend([side_by_side(plan), figures(plan), why(plan)]);
    sections.extend(code(plan));
    if let Some(text) = measured {
        sections.push(Section {
            title: "What was measured".to_owned(),
            lead: String::new(),
            blocks: vec![Block::Code(text.to_owned())],
        });
    }
    sections.push(planned_for(plan));
    Page {
        kind: "datakey plan",
        title: format!(
            "{} records a second, and a quota of {} KMS calls a second",
            amount(plan.workload.records_per_second),
            whole(plan.quota_per_second)
        ),
        about: String::new(),
        verdict: plan.why.lines().next().map(sentence).unwrap_or_default(),
        tone: if plan.chosen.is_some() {
            Tone::Good
        } else {
            Tone::Bad
        },
        sections,
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

fn row(one: &Candidate, told: String, lengths: Vec<(Ink, Option<f64>)>) -> Row {
    Row {
        label: one.way.as_str().to_owned(),
        told,
        lengths,
    }
}

/// Orange where a way does not hold.
fn ink(one: &Candidate) -> Ink {
    if one.holds() { Ink::Good } else { Ink::Bad }
}

fn calls(plan: &Plan) -> Section {
    let free = plan.quota_per_second as f64 * (1.0 - plan.bounds.headroom) - plan.bounds.others_per_second;
    let quota = plan.quota_per_second as f64;
    let bar = |one: &Candidate| {
        let rate = one.prediction.calls_per_second();
        let about = if one.prediction.is_estimate { "about " } else { "" };
        let told = format!("{about}{}/s, {} of quota", amount(rate), share(rate, quota));
        // Beyond the quota the length says nothing more.
        row(
            one,
            told,
            vec![(Ink::Grid, Some(quota)), (ink(one), Some(rate.min(quota)))],
        )
    };
    Section {
        title: "What KMS would be asked, against its quota".to_owned(),
        lead: format!(
            "Predicted calls a second of the whole fleet once it runs. A full bar is the quota of {} calls a second; {} of it may be used, as {} is to stay free and others make {} calls a second. \
             What does not hold is orange.",
            whole(plan.quota_per_second),
            amount(free.max(0.0)),
            share(plan.bounds.headroom, 1.0),
            amount(plan.bounds.others_per_second),
        ),
        blocks: vec![Block::Panels(Panels {
            panels: vec![Panel::of_bars(
                "KMS calls",
                "GenerateDataKey and Decrypt together",
                plan.candidates.iter().map(bar),
            )],
            ..Panels::default()
        })],
    }
}

fn side_by_side(plan: &Plan) -> Section {
    let bars = |title, note, row: fn(&Candidate) -> Row| {
        Panel::of_bars(title, note, plan.candidates.iter().map(row))
    };
    Section {
        title: "Side by side".to_owned(),
        lead: String::new(),
        blocks: vec![Block::Panels(Panels {
            panels: vec![
                bars("Cost", "US dollars a month, calls and keys", |one| {
                    let usd = one.usd_per_month;
                    row(one, dollars(usd), vec![(ink(one), Some(usd))])
                }),
                bars("Exposure", "records under one data key, at most", |one| {
                    let most = one.prediction.messages_per_key;
                    row(one, amount(most), vec![(ink(one), Some(most))])
                }),
                bars("Age of a data key", "how long it seals, at most", |one| {
                    let most = one.prediction.seconds_per_key;
                    row(one, seconds(most), vec![(ink(one), Some(most))])
                }),
            ],
            ..Panels::default()
        })],
    }
}

fn figures(plan: &Plan) -> Section {
    let columns = [
        "way",
        "GenerateDataKey/s",
        "Decrypt/s",
        "of quota",
        "first second",
        "USD a month",
        "records a key",
        "bytes a key",
        "seconds a key",
        "holds",
    ];
    let row = |one: &Candidate| {
        let told = &one.prediction;
        vec![
            one.way.as_str().to_owned(),
            amount(told.generate_data_key),
            amount(told.decrypt),
            share(1.0 - one.headroom, 1.0),
            amount(told.first_second),
            dollars(one.usd_per_month),
            amount(told.messages_per_key),
            amount(told.bytes_per_key),
            seconds(told.seconds_per_key),
            if one.holds() { "yes" } else { "no" }.to_owned(),
        ]
    };
    Section {
        title: "The same in figures".to_owned(),
        lead: String::new(),
        blocks: vec![Block::Table(Table {
            caption: "Of the quota is what the way and all others take of it. The first second is that in which all hosts start at once: calls in it. Rates are those that come once the fleet runs.".to_owned(),
            columns: columns.map(str::to_owned).to_vec(),
            rows: plan.candidates.iter().map(row).collect(),
        })],
    }
}

fn why(plan: &Plan) -> Section {
    let fact = |one: &Candidate| {
        let said = if one.holds() {
            "holds".to_owned()
        } else {
            one.fails.join("; ")
        };
        (one.way.as_str().to_owned(), sentence(&said))
    };
    Section {
        title: "Why".to_owned(),
        lead: plan.why.lines().next().map(sentence).unwrap_or_default(),
        blocks: vec![Block::Words(plan.candidates.iter().map(fact).collect())],
    }
}

fn code(plan: &Plan) -> Option<Section> {
    let one = plan.recommended()?;
    Some(Section {
        title: "The settings in Rust".to_owned(),
        lead: String::new(),
        blocks: vec![Block::Code(one.snippet().trim_end().to_owned())],
    })
}

fn planned_for(plan: &Plan) -> Section {
    let facts = asked(plan).into_iter().chain(allowed(plan));
    Section {
        title: "What was planned for".to_owned(),
        lead: String::new(),
        blocks: vec![Block::Facts(
            facts.map(|(name, value)| (name.to_owned(), value)).collect(),
        )],
    }
}

fn asked(plan: &Plan) -> Vec<(&'static str, String)> {
    let workload = &plan.workload;
    let contexts = if workload.contexts.one_per_message {
        "one for each record".to_owned()
    } else {
        let (count, skew) = (whole(workload.contexts.count.into()), workload.contexts.skew);
        format!("{count}, with a skew of {skew}")
    };
    let readers = match workload.readers {
        0 => "none".to_owned(),
        readers => format!(
            "{}, which open within {}",
            whole(readers.into()),
            workload.opened_within
        ),
    };
    let records = format!(
        "{} a second of {} bytes, {} at a time",
        amount(workload.records_per_second),
        whole(workload.record_bytes),
        whole(workload.batch.into())
    );
    vec![
        ("Records", records),
        ("Hosts", format!("{} that seal", whole(workload.hosts.into()))),
        ("Readers", readers),
        ("Encryption contexts", contexts),
        ("Branch keys", whole(workload.branch_keys.into())),
    ]
}

fn allowed(plan: &Plan) -> Vec<(&'static str, String)> {
    let bounds = &plan.bounds;
    let given = match bounds.quota_per_second {
        None => format!(", as AWS gives in {}", bounds.region),
        Some(_) => String::new(),
    };
    let exposure = format!(
        "{} records, {} bytes",
        whole(bounds.max_messages),
        whole(bounds.max_bytes)
    );
    let oldest = bounds.max_age.map_or_else(
        || "15 minutes, or an hour where that does not suffice".to_owned(),
        |age| age.to_string(),
    );
    vec![
        (
            "Quota",
            format!("{} calls a second{given}", whole(plan.quota_per_second)),
        ),
        (
            "Calls of others",
            format!("{} a second", amount(bounds.others_per_second)),
        ),
        ("Most under a data key", exposure),
        ("Oldest data key", oldest),
    ]
}
