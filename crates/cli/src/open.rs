//! `datakey open` and `datakey verify`.
mod message;

use std::path::Path;

use serde_json::{Map, Value, json};

pub(crate) use self::message::{Opened, Opening, Place};
use crate::{
    args::{OpenArgs, ThreadArgs, VerifyArgs},
    each::{Each, is_done},
    failure::Failure,
    input,
    keys::Chosen,
    output::{self, How, Output},
    plan::{Item, Naming, Plan},
    print,
    progress::Progress,
    seal::{names, others},
    session::Session,
    text,
};

/// What became of a file.
enum Done {
    Now(Opened),
    Before,
}

/// Opens each input to its output, whole or not at all.
pub(crate) fn run(args: &OpenArgs, session: &Session) -> Result<(), Failure> {
    let naming = Naming {
        is_input: &input::is_sealed_name,
        result: &input::opened_name,
    };
    let plan = Plan::new(&args.inputs, args.output.output.as_deref(), &naming)?;
    plan.check(session.kept(
        &Chosen::of(&args.key, &session.settings)?.keys,
        &args.expected.binding,
    ))?;
    let how = How::plain(args.output.force);
    let opening = Opening::new(&args.key, &args.expected, &args.reader, session)?;
    let each = each(&plan, &args.threads, session);
    let outcome = each.run(|item, threads| {
        if args.output.resume && is_done(&item.input, &item.output)? {
            return Ok(Done::Before);
        }
        let place = Place {
            input: &item.input,
            output: &item.output,
        };
        let start = || {
            if plan.is_many {
                Output::start_in_folders(&item.output, how)
            } else {
                Output::start(&item.output, how)
            }
        };
        opening
            .file(&place, threads, &each.progress, start)
            .map(Done::Now)
    });
    if plan.is_many {
        let told = Told {
            verb: "opened",
            plan: &plan,
        };
        told.many(&outcome.done, outcome.failed, session.json)?;
    } else if let ([(_, done)], Some(item)) = (outcome.done.as_slice(), plan.items.first()) {
        report(&item.output, done, session.json)?;
    }
    outcome.into_result()
}

/// Opens each input, and writes nothing.
pub(crate) fn verify(args: &VerifyArgs, session: &Session) -> Result<(), Failure> {
    let plan = Plan::without_outputs(&args.inputs, &input::is_sealed_name)?;
    let opening = Opening::new(&args.key, &args.expected, &args.reader, session)?;
    let each = each(&plan, &args.threads, session);
    let outcome = each.run(|item, threads| {
        let place = Place {
            input: &item.input,
            output: Path::new(""),
        };
        let opened = opening.file(&place, threads, &each.progress, || Ok(Output::nowhere()));
        opened.map(Done::Now)
    });
    if plan.is_many {
        let told = Told {
            verb: "verified",
            plan: &plan,
        };
        told.many(&outcome.done, outcome.failed, session.json)?;
    } else if let ([(_, Done::Now(opened))], Some(item)) = (outcome.done.as_slice(), plan.items.first()) {
        verified(item, opened, session.json)?;
    }
    outcome.into_result()
}

fn each<'p>(plan: &'p Plan, threads: &ThreadArgs, session: &Session) -> Each<'p> {
    Each {
        progress: Progress::new(plan.bytes(), plan.items.len() as u64, session.json),
        plan,
        threads: session.threads(threads),
        files_at_once: session.files_at_once(threads),
        is_sealing: false,
        json: session.json,
    }
}

fn values(opened: &Opened) -> Map<String, Value> {
    let pairs: Map<String, Value> = opened
        .context
        .iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    let mut values = Map::new();
    values.insert("plaintext_bytes".to_owned(), opened.bytes.into());
    values.insert("records".to_owned(), opened.records.into());
    values.insert("encryption_context".to_owned(), pairs.into());
    values
}

fn amount(opened: &Opened) -> String {
    let of_records = opened
        .records
        .map(|count| format!(" in {}", text::counted(count, "record")))
        .unwrap_or_default();
    format!("{}{of_records}", text::counted(opened.bytes, "byte"))
}

/// Tells what was opened: where it went to standard output, on standard error.
pub(crate) fn tell(place: &Path, opened: &Opened, json: bool) -> Result<(), Failure> {
    let mut values = values(opened);
    text::path_in(&mut values, "output", place);
    let told = format!("opened {} to {}", amount(opened), output::named(place));
    if output::is_stdout(place) {
        print::note(json, &values.into(), &told);
        return Ok(());
    }
    print::done(json, &values.into(), &told)
}

fn report(place: &Path, done: &Done, json: bool) -> Result<(), Failure> {
    match done {
        Done::Now(opened) => tell(place, opened, json),
        Done::Before => {
            let mut values = Map::new();
            text::path_in(&mut values, "output", place);
            values.insert("already".to_owned(), true.into());
            let told = format!("{} is there already", output::named(place));
            print::done(json, &values.into(), &told)
        }
    }
}

fn verified(item: &Item, opened: &Opened, json: bool) -> Result<(), Failure> {
    let mut values = values(opened);
    text::path_in(&mut values, "input", &item.input);
    values.insert("authentic".to_owned(), true.into());
    let name = if item.input == Path::new("-") {
        "standard input".to_owned()
    } else {
        text::path(&item.input)
    };
    let told = format!("{name} is authentic and whole: {}", amount(opened));
    // Whoever does not read it has the exit code.
    print::done(json, &values.into(), &told)
}

/// What was done to several files.
struct Told<'t> {
    verb: &'static str,
    plan: &'t Plan,
}

impl Told<'_> {
    fn many(&self, done: &[(usize, Done)], failed: u64, json: bool) -> Result<(), Failure> {
        let (mut files, mut total, mut now, mut before) = (Vec::new(), 0_u64, 0_u64, 0_u64);
        for (index, file) in done {
            let Some(item) = self.plan.items.get(*index) else {
                continue;
            };
            let mut values = names(item);
            match file {
                Done::Now(opened) => {
                    total = total.saturating_add(opened.bytes);
                    now = now.saturating_add(1);
                    values.extend(self::values(opened));
                }
                Done::Before => {
                    before = before.saturating_add(1);
                    values.insert("already".to_owned(), true.into());
                }
            }
            if json {
                files.push(Value::from(values));
            }
        }
        let passed_over = self.plan.passed_over;
        let mut value = json!({
            "files": files, "already": before, "failed": failed, "passed_over": passed_over, "plaintext_bytes": total,
        });
        if let Some(values) = value.as_object_mut() {
            values.insert(self.verb.to_owned(), now.into());
        }
        let (files, bytes) = (text::counted(now, "file"), text::counted(total, "byte"));
        let told = format!("{} {files}, {bytes}{}", self.verb, others(before, passed_over));
        print::done(json, &value, &told)
    }
}
