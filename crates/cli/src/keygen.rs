//! `datakey keygen`: a key file for use without a KMS.
use datakey::local::{KeyFile, LocalKeys};
use serde_json::json;

use crate::{args::KeygenArgs, failure::Failure, print};

/// Makes the file; with `--rotate`, one that still opens what the old file's keys sealed.
pub(crate) fn run(args: &KeygenArgs, json: bool) -> Result<(), Failure> {
    let keys = match &args.rotate {
        Some(old) => {
            let old = KeyFile::open(old)?.into_keys();
            old.with_generated(&args.name)?
        }
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
