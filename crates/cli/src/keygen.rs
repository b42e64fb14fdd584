//! `datakey keygen`: a key file for use without a KMS.
use std::{fs, path::Path};

use datakey::local::{KeyFile, KeyFileError, LocalKeys};
use serde_json::{Map, Value};

use crate::{
    args::KeygenArgs,
    failure::Failure,
    kept::Kept,
    output::{self, How, Output},
    print,
    role::Role,
    text,
};

/// Makes the file; with `--rotate`, one that still opens what the old file's keys sealed.
pub(crate) fn run(args: &KeygenArgs, json: bool) -> Result<(), Failure> {
    Kept::default()
        .with(Role::Key, args.rotate.as_deref())
        .check(&args.output)?;
    let keys = match &args.rotate {
        Some(old) => whole(old, args.keys)?.with_generated(&args.name)?,
        None => LocalKeys::generate(&args.name)?,
    };
    if output::is_stdout(&args.output) {
        return to_stdout(&keys, json);
    }
    to_file(&keys, &args.output)?;
    let key_id = keys.active_key_id();
    let mut values = told(&keys);
    text::path_in(&mut values, "key_file", &args.output);
    let path = text::path(&args.output);
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

/// Writes it without a name until it is whole, where the system has such files: nothing is left of a command that is killed. A name that
/// is taken, by a dangling link too, stays as it is.
fn to_file(keys: &LocalKeys, place: &Path) -> Result<(), Failure> {
    let is_taken = |path: &Path| KeyFileError::Exists {
        path: path.to_owned(),
    };
    if fs::symlink_metadata(place).is_ok() {
        return Err(is_taken(place).into());
    }
    let write = || {
        let mut output = Output::start(place, How::plain(false))?;
        KeyFile::write_to(keys, &mut output).map_err(|error| Failure::write(place, error))?;
        output.commit(place)
    };
    write().map_err(|failure| match failure {
        Failure::OutputExists { path } => is_taken(&path).into(),
        other => other,
    })
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
