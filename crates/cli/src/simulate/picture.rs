//! A simulation as a page with charts.
pub(crate) mod over_time;
mod side_by_side;

use datakey_sim::{Arrivals, Outcome, Scenario, Simulation};

use crate::plan_fleet::table::of_region;
use crate::report::{Block, Report as Page, Section, Table, Tone, dollars, seconds, share, whole};

/// What a simulation came to.
pub(super) fn of(simulation: &Simulation) -> Page {
    let scenario = &simulation.scenario;
    let mut sections = vec![over_time::calls(simulation), side_by_side::of(simulation)];
    sections.extend(over_time::messages(simulation));
    sections.extend([
        over_time::keys(simulation),
        in_words(simulation),
        figures(simulation),
        played(simulation),
    ]);
    Page {
        kind: "datakey simulate",
        title: scenario.name.clone(),
        about: scenario.teaches.clone(),
        verdict: verdict(&simulation.outcomes),
        tone: tone(&simulation.outcomes),
        sections,
    }
}

fn well(outcomes: &[Outcome]) -> impl Iterator<Item = &Outcome> {
    outcomes.iter().filter(|outcome| outcome.is_well())
}

fn tone(outcomes: &[Outcome]) -> Tone {
    match well(outcomes).count() {
        0 => Tone::Bad,
        all if all == outcomes.len() => Tone::Good,
        _ => Tone::Plain,
    }
}

/// Who kept up, and who did not; with one strategy, what it says of itself.
fn verdict(outcomes: &[Outcome]) -> String {
    let named = |of: &mut dyn Iterator<Item = &Outcome>| -> String {
        let names: Vec<&str> = of.map(|outcome| outcome.strategy.as_str()).collect();
        names.join(", ")
    };
    if let [only] = outcomes {
        return only.verdict();
    }
    let good = well(outcomes).count();
    let refused = outcomes
        .iter()
        .fold(0, |sum: u64, outcome| sum.saturating_add(outcome.kms.throttled));
    let refused = match refused {
        0 => "KMS refused no call.".to_owned(),
        calls => format!("KMS refused {} calls of all of them together.", whole(calls)),
    };
    if good == outcomes.len() {
        return format!("All {good} strategies did what came. {refused}");
    }
    let bad = named(&mut outcomes.iter().filter(|outcome| !outcome.is_well()));
    if good == 0 {
        return format!("No strategy did all that came: not {bad}. {refused}");
    }
    format!(
        "Did all that came: {}. Did not: {bad}. {refused}",
        named(&mut well(outcomes))
    )
}

fn in_words(simulation: &Simulation) -> Section {
    let facts = simulation.outcomes.iter().map(|outcome| {
        let limits: Vec<String> = outcome
            .limits
            .iter()
            .map(|bound| format!("{} ({})", bound.limit.as_str(), whole(bound.times)))
            .collect();
        let met = match limits.join(", ") {
            none if none.is_empty() => "No limit was met.".to_owned(),
            limits => format!("Limits that were met, and how often: {limits}."),
        };
        (outcome.strategy.clone(), format!("{} {met}", outcome.verdict()))
    });
    Section {
        title: "In words".to_owned(),
        lead: String::new(),
        blocks: vec![Block::Words(facts.collect())],
    }
}

fn figures(simulation: &Simulation) -> Section {
    let columns = [
        "strategy",
        "came",
        "sealed",
        "opened",
        "given up",
        "waiting",
        "KMS answered",
        "refused",
        "half within",
        "99 % within",
        "longest",
        "USD a month",
        "data keys",
        "a key seals",
        "for",
    ];
    Section {
        title: "The same in figures".to_owned(),
        lead: String::new(),
        blocks: vec![Block::Table(Table {
            caption: "Times are how long a message waited for its data key to be sealed with, of those that were sealed; the longest is of opening too. \
                      What a key seals, and for how long, are the most of any."
                .to_owned(),
            columns: columns.map(str::to_owned).to_vec(),
            rows: simulation.outcomes.iter().map(figures_of).collect(),
        })],
    }
}

fn figures_of(outcome: &Outcome) -> Vec<String> {
    let Outcome {
        sealing,
        opening,
        kms,
        exposure,
        ..
    } = outcome;
    let longest = sealing.latency.max_seconds.max(opening.latency.max_seconds);
    let seconds = |time| seconds(time).replace(' ', "\u{a0}");
    vec![
        outcome.strategy.clone(),
        whole(sealing.offered),
        whole(sealing.done),
        whole(opening.done),
        whole(sealing.failed.saturating_add(opening.failed)),
        whole(sealing.waiting.saturating_add(opening.waiting)),
        whole(kms.answered),
        whole(kms.throttled),
        seconds(sealing.latency.p50_seconds),
        seconds(sealing.latency.p99_seconds),
        seconds(longest),
        dollars(outcome.cost.usd_per_month),
        whole(exposure.data_keys),
        whole(exposure.max_messages),
        seconds(exposure.max_seconds),
    ]
}

fn played(simulation: &Simulation) -> Section {
    let facts = fleet(simulation).into_iter().chain(events(&simulation.scenario));
    Section {
        title: "What was played".to_owned(),
        lead: "A fleet under virtual time, with the retries, the keyring and the branch keys of datakey themselves, against the emulator's quota. \
               Each strategy has a KMS of its own and the same messages."
            .to_owned()
            + &super::table::not_played(&simulation.scenario),
        blocks: vec![Block::Facts(
            facts.map(|(name, value)| (name.to_owned(), value)).collect(),
        )],
    }
}

/// The fleet, what comes to it, and its KMS.
fn fleet(simulation: &Simulation) -> Vec<(&'static str, String)> {
    let scenario = &simulation.scenario;
    let Scenario { fleet, price, .. } = scenario;
    let hosts = format!(
        "{} that seal, each with {} requests for a key at once and room for {} that wait",
        whole(fleet.hosts.into()),
        whole(fleet.callers.into()),
        whole(fleet.backlog.into())
    );
    let readers = match &scenario.readers {
        Some(readers) => format!(
            "{} hosts, which open {} to {} after it was sealed",
            whole(readers.hosts.into()),
            readers.delay_from,
            readers.latest()
        ),
        None => "none".to_owned(),
    };
    vec![
        (
            "Virtual time",
            format!("{}, of which each step is {}", scenario.duration, scenario.step),
        ),
        ("Seed", scenario.seed.to_string()),
        ("Hosts", hosts),
        ("Messages", messages(simulation)),
        ("Encryption contexts", contexts(simulation)),
        ("Readers", readers),
        (
            "KMS",
            format!(
                "{} calls a second in {}.{}",
                whole(simulation.quota_per_second),
                scenario.kms.region,
                of_region(scenario.kms.quota_per_second, &scenario.kms.region)
            ),
        ),
        (
            "Price",
            format!(
                "{} USD for 10,000 calls that are answered, {} USD a month for each of {} keys",
                price.usd_per_10_000_calls,
                price.usd_per_key_month,
                whole(price.keys.into())
            ),
        ),
    ]
}

/// What others do, what goes wrong, and who is restarted.
fn events(scenario: &Scenario) -> Vec<(&'static str, String)> {
    let neighbours = scenario.neighbours.iter().map(|neighbour| {
        let until = neighbour.until.unwrap_or(scenario.duration);
        let (rate, from) = (neighbour.calls_per_second, neighbour.from);
        (
            "Neighbour",
            format!("{rate} calls a second from {from} to {until}"),
        )
    });
    let faults = scenario.faults.iter().map(|fault| {
        let (kind, part) = (fault.kind.as_str(), share(fault.share, 1.0));
        let told = format!(
            "{kind} from {} to {}, for {part} of the calls",
            fault.from, fault.until
        );
        ("Fault", told)
    });
    let restarts = scenario.restarts.iter().map(|restart| {
        let over = match restart.over {
            none if none.is_zero() => "all at once".to_owned(),
            over => format!("one after the other within {over}"),
        };
        ("Restart", format!("of all hosts at {}, {over}", restart.at))
    });
    neighbours.chain(faults).chain(restarts).collect()
}

fn messages(simulation: &Simulation) -> String {
    let come = match &simulation.scenario.arrivals {
        Arrivals::Steady { .. } => "at even times",
        Arrivals::Poisson { .. } => "at random",
        Arrivals::Bursts { .. } => "in bursts",
        Arrivals::Diurnal { .. } => "as the day goes",
        _ => "as a trace says",
    };
    let bytes = whole(simulation.scenario.messages.bytes);
    format!("{bytes} bytes each, which come {come}")
}

fn contexts(simulation: &Simulation) -> String {
    let contexts = &simulation.scenario.contexts;
    if contexts.one_per_message {
        return "one for each message".to_owned();
    }
    let count = whole(contexts.count.into());
    if contexts.skew == 0.0 {
        return format!("{count}, evenly");
    }
    format!("{count}, by Zipf's law with an exponent of {}", contexts.skew)
}
