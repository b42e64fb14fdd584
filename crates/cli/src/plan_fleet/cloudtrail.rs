//! Exports of CloudTrail: files, folders, standard input.
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::de::DeserializeSeed as _;
use walkdir::WalkDir;

use super::{event::Events, measured::Measured, trail::Trail};
use crate::failure::Failure;

/// Reads exports, one event after the other.
pub(super) fn read(paths: &[PathBuf]) -> Result<Measured, Failure> {
    let mut trail = Trail::default();
    for path in paths {
        if path.as_os_str() == "-" {
            add(path, io::stdin().lock(), &mut trail)?;
            continue;
        }
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|error| Failure::read(path, error.into()))?;
            if entry.file_type().is_dir() {
                continue;
            }
            let file = File::open(entry.path()).map_err(|error| Failure::read(entry.path(), error))?;
            let mut source = BufReader::new(file);
            // What is named by itself is taken for an export; in a folder there may be others.
            if entry.depth() > 0 && !is_export(entry.path(), &mut source)? {
                trail.pass_over();
                continue;
            }
            add(entry.path(), source, &mut trail)?;
        }
    }
    if trail.calls() == 0 {
        return Err(Failure::Usage("the export has no event of KMS".to_owned()));
    }
    Ok(Measured {
        name: "cloudtrail",
        value: trail.value(),
        text: trail.text(),
        records_per_second: None,
        hosts: None,
        contexts: None,
    })
}

/// What a file that is packed with gzip begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Whether a file begins as an export does: packed, or with an object, or with nothing.
fn is_export(path: &Path, source: &mut impl BufRead) -> Result<bool, Failure> {
    let begins = source.fill_buf().map_err(|error| Failure::read(path, error))?;
    let first = begins.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(begins.starts_with(&GZIP) || matches!(first, None | Some(b'{')))
}

/// One value after the other: an export is one, a file of lines has one on each; packed or not.
fn add(path: &Path, mut source: impl BufRead, trail: &mut Trail) -> Result<(), Failure> {
    let begins = source.fill_buf().map_err(|error| Failure::read(path, error))?;
    if begins.starts_with(&GZIP) {
        return packed(path, source, trail);
    }
    events(path, source, trail)
}

/// As they lie in a bucket.
#[cfg(feature = "gzip")]
fn packed(path: &Path, source: impl BufRead, trail: &mut Trail) -> Result<(), Failure> {
    events(
        path,
        BufReader::new(flate2::bufread::MultiGzDecoder::new(source)),
        trail,
    )
}

#[cfg(not(feature = "gzip"))]
fn packed(path: &Path, _: impl BufRead, _: &mut Trail) -> Result<(), Failure> {
    let next = "it is packed; unpack it, as in gunzip -c FILE | datakey plan --from-cloudtrail -";
    Err(Failure::read(
        path,
        io::Error::new(io::ErrorKind::InvalidData, next),
    ))
}

fn events(path: &Path, source: impl BufRead, trail: &mut Trail) -> Result<(), Failure> {
    let mut json = serde_json::Deserializer::from_reader(source);
    let mut take = |event| trail.add(&event);
    loop {
        match json.end() {
            Ok(()) => return Ok(()),
            Err(error) if error.is_io() => return Err(Failure::read(path, error.into())),
            Err(_more) => {}
        }
        Events(&mut take)
            .deserialize(&mut json)
            .map_err(|error| Failure::read(path, error.into()))?;
    }
}
