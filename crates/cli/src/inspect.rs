//! `datakey inspect`: what a sealed message says about itself.
use std::io::{self, Read as _};

use datakey::{Kind, SealedHeader};
use serde_json::{Value, json};

use crate::{args::InspectArgs, failure::Failure, input::Input, print};

/// Prints the header. Nothing of it is proven: that takes the key.
pub(crate) fn run(args: &InspectArgs, json: bool) -> Result<(), Failure> {
    let mut source = Input::open(&args.input, true)?;
    let sealed = SealedHeader::read(&mut source).map_err(|error| Failure::from_read(&args.input, error))?;
    let body_len = match source.len {
        Some(len) => len.saturating_sub(sealed.header().len() as u64),
        None => io::copy(&mut source.by_ref(), &mut io::sink())
            .map_err(|error| Failure::read(&args.input, error))?,
    };
    let value = describe(&sealed, body_len);
    print::result(json, &value, &text(&sealed, body_len))
}

fn describe(sealed: &SealedHeader, body_len: u64) -> Value {
    let header = sealed.header();
    let pairs: serde_json::Map<_, _> = header
        .context_pairs()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    let keys: Vec<Value> = header
        .wrapped_key_refs()
        .map(|key| json!({ "key_id": key.key_id(), "blob_bytes": key.blob().len() }))
        .collect();
    json!({
        "authenticated": false,
        "format_version": 1,
        "suite": header.suite().as_str(),
        "kind": header.kind().as_str(),
        "frame_bytes": header.frame_len().bytes(),
        "encryption_context": pairs,
        "wrapped_keys": keys,
        "header_bytes": header.len(),
        "body_bytes": body_len,
    })
}

fn text(sealed: &SealedHeader, body_len: u64) -> String {
    let header = sealed.header();
    let frames = match header.kind() {
        Kind::Bytes => format!("frames of {} bytes", header.frame_len().bytes()),
        _ => format!("records of at most {} bytes", header.frame_len().bytes()),
    };
    let mut lines = vec![
        "What the message says about itself; only opening it proves it.".to_owned(),
        format!("suite     {}", header.suite()),
        format!("kind      {}, {frames}", header.kind()),
        format!("length    header {} bytes, body {body_len} bytes", header.len()),
    ];
    lines.extend(
        header
            .context_pairs()
            .map(|(key, value)| format!("context   {key:?} = {value:?}")),
    );
    lines.extend(
        header
            .wrapped_key_refs()
            .map(|key| format!("key       {} ({} bytes)", key.key_id(), key.blob().len())),
    );
    lines.join("\n")
}
