//! `datakey seal`.
mod message;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use crate::{
    args::{FormatArg, SealArgs},
    each::{Each, is_done},
    failure::Failure,
    input,
    keys::Chosen,
    output::{self, How, Secrecy},
    plan::{Item, Naming, Plan},
    print,
    progress::Progress,
    session::Session,
    text,
};

pub(crate) use self::message::{SealChoice, Sealing, format};

/// What became of a file.
enum Sealed {
    Now { bytes: u64 },
    Before,
}

/// Seals each input, whole or not at all.
pub(crate) fn run(args: &SealArgs, session: &Session) -> Result<(), Failure> {
    let choice = SealChoice {
        format: args.format,
        suite: args.suite,
        key: &args.key,
        binding: &args.binding,
    };
    let format = format(&choice, &session.settings)?;
    let naming = Naming {
        is_input: &|path| !input::is_sealed_name(path),
        result: &|path| Ok(input::sealed_name(path, args.format)),
    };
    let plan = Plan::new(&args.inputs, args.output.output.as_deref(), &naming)?;
    plan.check(session.kept(&Chosen::of(&args.key, &session.settings)?.keys, &args.binding))?;
    let how = How {
        replace: args.output.force,
        secrecy: Secrecy::Sealed,
        armor: args.armor,
    };
    if let ([only], false) = (plan.items.as_slice(), plan.is_many) {
        // Before any key service is asked.
        message::check_ends(only, how, args.output.resume && !is_empty(&only.output))?;
    }
    let each = Each {
        progress: Progress::new(plan.bytes(), plan.items.len() as u64, session.json),
        plan: &plan,
        threads: session.threads(&args.threads),
        files_at_once: session.files_at_once(&args.threads),
        is_sealing: true,
        json: session.json,
    };
    let sealing = Sealing::new(&choice, format, how, session)?;
    let outcome = each.run(|item, threads| {
        if args.output.resume && !is_empty(&item.output) && is_done(&item.input, &item.output)? {
            return Ok(Sealed::Before);
        }
        let bytes = sealing.file(item, threads, &each.progress)?;
        Ok(Sealed::Now { bytes })
    });
    if plan.is_many {
        many(&plan, &outcome.done, outcome.failed, session.json)?;
    } else if let [(_, sealed)] = outcome.done.as_slice() {
        one(&plan, sealed, session.json)?;
    }
    outcome.into_result()
}

/// Whether there is a file without a byte, which no message is.
fn is_empty(place: &Path) -> bool {
    fs::metadata(place).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

fn one(plan: &Plan, sealed: &Sealed, json: bool) -> Result<(), Failure> {
    let place = plan.items.first().map_or(Path::new("-"), |item| &item.output);
    let bytes = match sealed {
        Sealed::Now { bytes } => *bytes,
        Sealed::Before => {
            let mut values = Map::new();
            text::path_in(&mut values, "output", place);
            values.insert("already".to_owned(), true.into());
            let told = format!("{} is there already", output::named(place));
            return print::done(json, &values.into(), &told);
        }
    };
    report(place, bytes, None, json)
}

/// Tells what was sealed: where the result went to standard output, on standard error.
pub(crate) fn report(place: &Path, bytes: u64, records: Option<u64>, json: bool) -> Result<(), Failure> {
    let mut values = Map::new();
    text::path_in(&mut values, "output", place);
    values.insert("plaintext_bytes".to_owned(), bytes.into());
    values.insert("records".to_owned(), records.into());
    let of_records = records
        .map(|count| format!(" in {}", text::counted(count, "record")))
        .unwrap_or_default();
    let bytes = text::counted(bytes, "byte");
    let told = format!("sealed {bytes}{of_records} to {}", output::named(place));
    if output::is_stdout(place) {
        print::note(json, &values.into(), &told);
        return Ok(());
    }
    print::done(json, &values.into(), &told)
}

fn many(plan: &Plan, done: &[(usize, Sealed)], failed: u64, json: bool) -> Result<(), Failure> {
    let (mut files, mut total, mut sealed, mut before) = (Vec::new(), 0_u64, 0_u64, 0_u64);
    for (index, file) in done {
        let Some(item) = plan.items.get(*index) else {
            continue;
        };
        let mut values = names(item);
        match file {
            Sealed::Now { bytes } => {
                total = total.saturating_add(*bytes);
                sealed = sealed.saturating_add(1);
                values.insert("plaintext_bytes".to_owned(), (*bytes).into());
            }
            Sealed::Before => {
                before = before.saturating_add(1);
                values.insert("already".to_owned(), true.into());
            }
        }
        if json {
            files.push(Value::from(values));
        }
    }
    let value = json!({
        "files": files, "sealed": sealed, "already": before, "failed": failed, "passed_over": plan.passed_over,
        "plaintext_bytes": total,
    });
    let mut told = format!(
        "sealed {}, {}",
        text::counted(sealed, "file"),
        text::counted(total, "byte")
    );
    told.push_str(&others(before, plan.passed_over));
    print::done(json, &value, &told)
}

/// The names of a file and its result, for JSON.
pub(crate) fn names(item: &Item) -> Map<String, Value> {
    let mut values = Map::new();
    text::path_in(&mut values, "input", &item.input);
    text::path_in(&mut values, "output", &item.output);
    values
}

/// What else there was.
pub(crate) fn others(before: u64, passed_over: u64) -> String {
    let mut told = String::new();
    if before > 0 {
        let were = if before == 1 { "was" } else { "were" };
        told.push_str(&format!("; {before} {were} there already"));
    }
    if passed_over > 0 {
        told.push_str(&format!(
            "; passed over {} in folders",
            text::counted(passed_over, "other file")
        ));
    }
    told
}

/// The output of a file sealed in datakey's own format, if none was named.
pub(crate) fn place_of(input: &Path, named: Option<&Path>) -> Result<PathBuf, Failure> {
    let naming = Naming {
        is_input: &|_path| true,
        result: &|path| Ok(input::sealed_name(path, FormatArg::Datakey)),
    };
    let plan = Plan::new(&[input.to_owned()], named, &naming)?;
    match plan.items.into_iter().next() {
        Some(item) if !plan.is_many => Ok(item.output),
        _ => Err(Failure::read(input, std::io::ErrorKind::IsADirectory.into())),
    }
}
