//! A plan, for people.
use comfy_table::{Cell, CellAlignment, Table, presets};
use datakey_sim::plan::{Candidate, Plan};

/// The plan: what to do, the ways beside each other, why, and the code.
pub(super) fn text(plan: &Plan) -> String {
    let mut parts = vec![headline(plan), table(plan), plan.why.clone()];
    if let Some(one) = plan.recommended() {
        parts.push(remarks(plan, one));
        parts.push(one.snippet().trim_end().to_owned());
    }
    parts.join("\n\n")
}

fn headline(plan: &Plan) -> String {
    let quota = plan.quota_per_second;
    match plan.recommended() {
        Some(one) => format!(
            "Recommended: {}, at a quota of {quota} calls a second.",
            one.way.as_str()
        ),
        None => format!("Nothing holds, at a quota of {quota} calls a second."),
    }
}

fn table(plan: &Plan) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "way",
        "GenerateDataKey/s",
        "Decrypt/s",
        "of quota",
        "USD a month",
        "records a key",
        "seconds a key",
        "holds",
    ]);
    for one in &plan.candidates {
        table.add_row(row(one));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn row(one: &Candidate) -> [Cell; 8] {
    let told = &one.prediction;
    let about = if told.is_estimate { "about " } else { "" };
    [
        Cell::new(one.way.as_str()),
        Cell::new(format!("{about}{}", rate(told.generate_data_key))),
        Cell::new(format!("{about}{}", rate(told.decrypt))),
        Cell::new(format!("{:.0}%", (1.0 - one.headroom) * 100.0)),
        Cell::new(format!("{:.2}", one.usd_per_month)),
        Cell::new(format!("{:.0}", told.messages_per_key)),
        Cell::new(format!("{:.0}", told.seconds_per_key)),
        Cell::new(if one.holds() { "yes" } else { "no" }),
    ]
}

/// Four digits that matter.
fn rate(per_second: f64) -> String {
    match per_second {
        none if none <= 0.0 => "0".to_owned(),
        many if many >= 100.0 => format!("{many:.0}"),
        some if some >= 0.1 => format!("{some:.2}"),
        few => format!("{few:.4}"),
    }
}

/// Says so where the quota is the one of Regions that have none of their own.
pub(crate) fn of_region(given: Option<u64>, region: &str) -> String {
    let quota = datakey_sim::quota_of_region(region);
    if given.is_some() || quota != OF_OTHERS {
        return String::new();
    }
    format!(
        " The quota of {quota} calls a second is that of other Regions, as {region} has none of its own in AWS's table."
    )
}

/// What AWS gives an account in a Region that its table does not name.
const OF_OTHERS: u64 = 10_000;

/// What a rate does not say.
fn remarks(plan: &Plan, one: &Candidate) -> String {
    let mut text = String::new();
    if let Some(start) = one.start {
        text = format!(
            "Where all hosts start in the same second, they make {:.0} calls",
            start.calls
        );
        text = if start.seconds > 1.0 {
            format!(
                "{text} until the quota has caught up: retries spread them over {:.1} s, and a message waits up to {:.1} s.",
                start.seconds, start.longest_wait_seconds
            )
        } else {
            format!("{text} in it.")
        };
    }
    text.push_str(&of_region(plan.bounds.quota_per_second, &plan.bounds.region));
    if let Some(cache) = &one.part.cache {
        let hard = cache.hard_age;
        text = format!("{text} While KMS does not answer, a data key is used for up to {hard}.");
    }
    if one.prediction.is_estimate {
        text.push_str(" The calls are an estimate, as a cache is too small for what it has to keep.");
    }
    text
}
