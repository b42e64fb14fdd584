//! How a simulation went over time: a chart for each strategy.
use datakey_sim::{Outcome, Simulation, Step};

use crate::report::{
    Block, Chart, Ink, Layer, Limit, Panel, Panels, Section, Timeline, amount, share, whole,
};

/// As many steps as a chart shows apart.
const STEPS: usize = 240;

fn all(simulation: &Simulation, any: impl Fn(&Step) -> bool) -> bool {
    let steps = simulation.outcomes.iter().flat_map(|outcome| &outcome.series);
    steps.into_iter().any(any)
}

/// A rate by the second, of what was counted in a step.
fn rate(ink: Ink, outcome: &Outcome, count: fn(&Step) -> u64) -> Layer {
    let each = |step: &Step| Some(count(step) as f64 / step.seconds);
    Layer {
        ink,
        values: outcome.series.iter().map(each).collect(),
    }
}

/// How things stood at the end of a step.
fn level(ink: Ink, outcome: &Outcome, count: fn(&Step) -> u64) -> Layer {
    Layer {
        ink,
        values: outcome
            .series
            .iter()
            .map(|step| Some(count(step) as f64))
            .collect(),
    }
}

fn timeline(unit: &str, outcome: &Outcome, stacked: Vec<Layer>, lines: Vec<Layer>) -> Timeline {
    let end = outcome
        .series
        .last()
        .map_or(0.0, |last| last.at_seconds + last.seconds);
    Timeline {
        unit: unit.to_owned(),
        begins: outcome.series.iter().map(|step| step.at_seconds).collect(),
        end,
        axis_end: end,
        stacked,
        lines,
        limit: None,
    }
}

fn each_point(simulation: &Simulation) -> String {
    let steps = simulation
        .outcomes
        .iter()
        .map(|outcome| outcome.series.len())
        .max();
    let step = simulation.scenario.step;
    match steps.unwrap_or(0).div_ceil(STEPS) {
        0 | 1 => format!("each point is {step}"),
        mean => format!("each point is the mean of {mean} steps of {step}"),
    }
}

fn panels(
    simulation: &Simulation,
    legend: Vec<(Ink, &str)>,
    note: impl Fn(&Outcome) -> String,
    chart: impl Fn(&Outcome) -> Timeline,
) -> Block {
    let panel = |outcome: &Outcome| Panel {
        title: outcome.strategy.clone(),
        note: note(outcome),
        chart: Chart::Timeline(chart(outcome).thinned(STEPS)),
    };
    Block::Panels(Panels {
        legend: legend
            .into_iter()
            .map(|(ink, name)| (ink, name.to_owned()))
            .collect(),
        same_scale: true,
        panels: simulation.outcomes.iter().map(panel).collect(),
    })
}

/// The calls of the fleet and its neighbours.
pub(crate) fn calls(simulation: &Simulation) -> Section {
    let quota = simulation.quota_per_second;
    let mut legend = vec![
        (Ink::Good, "answered"),
        (Ink::Bad, "refused with ThrottlingException"),
    ];
    if all(simulation, |step| step.kms_failed > 0) {
        legend.push((Ink::Failed, "failed otherwise"));
    }
    if all(simulation, |step| step.neighbours_answered > 0) {
        legend.push((Ink::Others, "neighbours, answered"));
    }
    let chart = |outcome: &Outcome| Timeline {
        limit: Some(Limit {
            label: format!("quota {}/s", whole(quota)),
            value: quota as f64,
        }),
        ..timeline(
            "calls/s",
            outcome,
            vec![
                rate(Ink::Others, outcome, |step| step.neighbours_answered),
                rate(Ink::Good, outcome, |step| step.kms_answered),
                rate(Ink::Bad, outcome, |step| step.kms_throttled),
                rate(Ink::Failed, outcome, |step| step.kms_failed),
            ],
            Vec::new(),
        )
    };
    Section {
        title: "What KMS was asked, against its quota".to_owned(),
        lead: format!(
            "Calls of hosts and readers, as KMS counts them; {}. All charts have the same scales.",
            each_point(simulation)
        ),
        blocks: vec![panels(
            simulation,
            legend,
            |outcome| calls_note(outcome, quota),
            chart,
        )],
    }
}

/// The peak is that of what they asked, refused or not, in the step with the most.
fn calls_note(outcome: &Outcome, quota: u64) -> String {
    let kms = &outcome.kms;
    let asked = |step: &Step| {
        let all = step.kms_answered.saturating_add(step.kms_throttled);
        all.saturating_add(step.kms_failed) as f64 / step.seconds
    };
    let peak = outcome.series.iter().map(asked).fold(0.0, f64::max);
    let refused = match kms.throttled {
        0 => "none refused".to_owned(),
        calls => format!("{} refused", whole(calls)),
    };
    format!(
        "{} answered, {refused}; peak {} of quota",
        whole(kms.answered),
        share(peak, quota as f64)
    )
}

/// What came, and what became of it; what waited, where anything did.
pub(crate) fn messages(simulation: &Simulation) -> Vec<Section> {
    let mut legend = vec![(Ink::Good, "sealed"), (Ink::Bad, "given up, not sealed")];
    legend.push((Ink::Text, "came (line)"));
    let has_readers = simulation.scenario.readers.is_some();
    if has_readers {
        legend.push((Ink::Second, "opened (line)"));
    }
    let opening_fails = all(simulation, |step| step.opening_failed > 0);
    if opening_fails {
        legend.push((Ink::Failed, "given up while opening (line)"));
    }
    let chart = |outcome: &Outcome| {
        let mut lines = vec![rate(Ink::Text, outcome, |step| step.offered)];
        if has_readers {
            lines.push(rate(Ink::Second, outcome, |step| step.opened));
        }
        if opening_fails {
            lines.push(rate(Ink::Failed, outcome, |step| step.opening_failed));
        }
        let stacked = vec![
            rate(Ink::Good, outcome, |step| step.sealed),
            rate(Ink::Bad, outcome, |step| {
                step.failed.saturating_sub(step.opening_failed)
            }),
        ];
        timeline("messages/s", outcome, stacked, lines)
    };
    let note = |outcome: &Outcome| {
        let (sealing, opening) = (&outcome.sealing, &outcome.opening);
        let lost = |messages| match messages {
            0 => "none given up".to_owned(),
            some => format!("{} given up", whole(some)),
        };
        let sealed = format!(
            "{} of {} sealed, {}",
            whole(sealing.done),
            whole(sealing.offered),
            lost(sealing.failed)
        );
        if opening.offered == 0 {
            return sealed;
        }
        let (done, came) = (whole(opening.done), whole(opening.offered));
        format!("{sealed}; {done} of {came} opened, {}", lost(opening.failed))
    };
    let mut sections = vec![Section {
        title: "What came, and what was done with it".to_owned(),
        lead: format!("Messages by the second; {}.", each_point(simulation)),
        blocks: vec![panels(simulation, legend, note, chart)],
    }];
    if all(simulation, |step| step.waiting > 0) {
        sections.push(waiting(simulation));
    }
    sections
}

fn waiting(simulation: &Simulation) -> Section {
    let chart = |outcome: &Outcome| {
        let waits = level(Ink::Failed, outcome, |step| step.waiting);
        timeline("messages", outcome, vec![waits], Vec::new())
    };
    let note = |outcome: &Outcome| {
        let most = outcome.series.iter().map(|step| step.waiting).max().unwrap_or(0);
        let left = outcome.sealing.waiting.saturating_add(outcome.opening.waiting);
        format!("at most {}; {} at the end", amount(most as f64), whole(left))
    };
    Section {
        title: "What waits for a key".to_owned(),
        lead: "Messages in hosts and readers at the end of each step.".to_owned(),
        blocks: vec![panels(simulation, Vec::new(), note, chart)],
    }
}

/// The data keys in use.
pub(crate) fn keys(simulation: &Simulation) -> Section {
    let mut legend = vec![(Ink::Good, "to seal with")];
    let has_readers = simulation.scenario.readers.is_some();
    if has_readers {
        legend.push((Ink::Second, "to open with (line)"));
    }
    let chart = |outcome: &Outcome| {
        let sealing = level(Ink::Good, outcome, |step| step.sealing_keys);
        let opening = level(Ink::Second, outcome, |step| step.opening_keys);
        let lines = if has_readers { vec![opening] } else { Vec::new() };
        timeline("keys", outcome, vec![sealing], lines)
    };
    let note = |outcome: &Outcome| {
        let keys = outcome.exposure.data_keys;
        let (data_keys, most) = (
            if keys == 1 { "key" } else { "keys" },
            outcome.exposure.max_messages,
        );
        let messages = if most == 1 { "message" } else { "messages" };
        format!(
            "{} data {data_keys} sealed up to {} {messages} each",
            whole(keys),
            whole(most)
        )
    };
    Section {
        title: "Data keys in use".to_owned(),
        lead: "Those that hosts and readers keep, at the end of each step. A data key that serves one message is not kept.".to_owned(),
        blocks: vec![panels(simulation, legend, note, chart)],
    }
}
