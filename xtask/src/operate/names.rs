//! The names of metrics: those that are asked for and documented are those that are published.
use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, Result, bail};

use super::{
    places::{DASHBOARD, PAGE, RULES},
    queries,
};

/// Compares with what an exporter says.
pub fn check(text: &str) -> Result<()> {
    let published = families(text, "# TYPE ");
    let described = families(text, "# HELP ");
    let page = fs::read_to_string(PAGE).with_context(|| format!("{PAGE} cannot be read"))?;
    let rows = page.lines().filter_map(|line| {
        let name = line.strip_prefix("| `datakey_")?.split_once('`')?.0;
        Some(format!("datakey_{name}"))
    });
    let documented: BTreeSet<String> = rows.collect();
    let rules = fs::read_to_string(RULES).with_context(|| format!("{RULES} cannot be read"))?;
    let recorded: BTreeSet<String> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- record: ").map(str::to_owned))
        .collect();
    let mut wrong = differences(&published, &described, "is not described");
    wrong.extend(differences(
        &published,
        &documented,
        &format!("has no row in {PAGE}"),
    ));
    wrong.extend(differences(
        &documented,
        &published,
        &format!("is in {PAGE} and not published"),
    ));
    let of_dashboard = queries::of_dashboard()?;
    let texts = of_dashboard.iter().map(|query| (DASHBOARD, query.text.as_str()));
    for (place, text) in texts.chain([(RULES, rules.as_str())]) {
        for name in asked(text) {
            let is_there = recorded.contains(&name) || published.contains(base(&name, &published));
            if !is_there {
                wrong.insert(format!("{name} is asked for in {place} and not published"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
    }
    println!(
        "operate: {} metrics, each described, documented, and none asked for but these",
        published.len()
    );
    Ok(())
}

fn families(text: &str, kind: &str) -> BTreeSet<String> {
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix(kind)?.split(' ').next());
    names.map(str::to_owned).collect()
}

fn differences(one: &BTreeSet<String>, other: &BTreeSet<String>, what: &str) -> BTreeSet<String> {
    one.difference(other)
        .map(|name| format!("{name} {what}"))
        .collect()
}

/// What begins like one of ours.
fn asked(text: &str) -> BTreeSet<String> {
    let is_in_name = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let words = text.split(|character| !is_in_name(character));
    let ours = words.filter(|word| word.starts_with("datakey_") || word.starts_with("datakey:"));
    ours.map(str::to_owned).collect()
}

/// The histogram that a series is a part of, or the name itself.
fn base<'a>(name: &'a str, published: &BTreeSet<String>) -> &'a str {
    let parts = ["_bucket", "_sum", "_count"].into_iter();
    let mut bases = parts.filter_map(|part| name.strip_suffix(part));
    bases.find(|base| published.contains(*base)).unwrap_or(name)
}
