//! `datakey keygen`: a key file for use without a KMS.
use std::path::Path;

use datakey::local::{KeyFile, LocalKeys};
use serde_json::{Map, Value};

use crate::{
    args::KeygenArgs,
    failure::Failure,
    output::{self, How, Output},
    print, text,
};

/// Makes the file; with `--rotate`, one that still opens what the old file's keys sealed.
pub(crate) fn run(args: &KeygenArgs, json: bool) -> Result<(), Failure> {
    let keys = match &args.rotate {
        Some(old) => whole(old, args.keys)?.with_generated(&args.name)?,
        None => LocalKeys::generate(&args.name)?,
    };
    if output::is_stdout(&args.output) {
        return to_stdout(&keys, json);
    }
    let file = KeyFile::create(&args.output, keys)?;
    let key_id = file.keys().active_key_id();
    let mut values = told(file.keys());
    text::path_in(&mut values, "key_file", file.path());
    let path = text::path(file.path());
    let told = format!("{path}: key {key_id}; keep it secret and keep a copy");
    print::done(json, &values.into(), &told)
}

fn told(keys: &LocalKeys) -> Map<String, Value> {
    let names: Vec<&str> = keys.names().collect();
    let mut values = Map::new();
    values.insert("key_id".to_owned(), keys.active_key_id().into());
    values.insert("keys".to_owned(), names.into());
    values
}

/// Writes the text of the key file; what was made is told beside it.
fn to_stdout(keys: &LocalKeys, json: bool) -> Result<(), Failure> {
    let place = Path::new("-");
    let mut output = Output::start(place, How::plain(false))?;
    KeyFile::write_to(keys, &mut output).map_err(|error| Failure::write(place, error))?;
    output.commit(place)?;
    let note = format!("key {}; keep it secret and keep a copy", keys.active_key_id());
    print::note(json, &told(keys).into(), &note);
    Ok(())
}

/// The keys of a file that has all of them: by its own word, or by that of whoever rotates it.
fn whole(path: &Path, count: Option<usize>) -> Result<LocalKeys, Failure> {
    let file = KeyFile::open(path)?;
    let names: Vec<&str> = file.keys().names().collect();
    match count {
        None if file.proves_its_end() => {}
        Some(count) if count == names.len() => {}
        Some(count) => {
            return Err(Failure::Usage(format!(
                "{path:?} has {} of {count} keys ({}); restore it from a copy",
                names.len(),
                names.join(", ")
            )));
        }
        None => {
            let (count, names) = (names.len(), names.join(", "));
            return Err(Failure::Usage(format!(
                "{path:?} is of version 1, which does not show whether keys are missing at its end. It has {count}: {names}. \
                 If these are all, say --keys {count}"
            )));
        }
    }
    Ok(file.into_keys())
}
