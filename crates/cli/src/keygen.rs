//! `datakey keygen`: a key file for use without a KMS.
use std::path::Path;

use datakey::local::{KeyFile, LocalKeys};
use serde_json::json;

use crate::{args::KeygenArgs, failure::Failure, print};

/// Makes the file; with `--rotate`, one that still opens what the old file's keys sealed.
pub(crate) fn run(args: &KeygenArgs, json: bool) -> Result<(), Failure> {
    let keys = match &args.rotate {
        Some(old) => whole(old, args.keys)?.with_generated(&args.name)?,
        None => LocalKeys::generate(&args.name)?,
    };
    let file = KeyFile::create(&args.output, keys)?;
    let (path, key_id) = (
        file.path().display().to_string(),
        file.keys().active_key_id().to_owned(),
    );
    let value =
        json!({ "key_file": path, "key_id": key_id, "keys": file.keys().names().collect::<Vec<_>>() });
    print::result(
        json,
        &value,
        &format!("{path}: key {key_id}; keep it secret and keep a copy"),
    )
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
