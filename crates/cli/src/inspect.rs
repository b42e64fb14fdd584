//! `datakey inspect`: what sealed messages say about themselves.
mod said;
mod summary;

use std::{
    io::{self, Read as _},
    path::Path,
};

use datakey::{MessageHeader, SealedHeader};
use serde_json::Value;

use self::{
    said::{Said, unknown},
    summary::Summary,
};
use crate::{
    args::InspectArgs,
    failure::Failure,
    input::{self, Front, Input},
    plan::Plan,
    print,
    progress::Progress,
};

/// Prints the header, or a summary of many. Nothing of it is proven: that takes the key.
pub(crate) fn run(args: &InspectArgs, json: bool) -> Result<(), Failure> {
    let plan = Plan::without_outputs(&args.inputs, &input::is_sealed_name)?;
    if let ([only], false) = (plan.items.as_slice(), plan.is_many || !args.under.is_empty()) {
        return one(&only.input, json).map_err(|failure| failure.of(&only.input));
    }
    many(&plan, &args.under, json)
}

/// A message's header, and its input behind it.
fn header(path: &Path) -> Result<(SealedHeader, Input), Failure> {
    let mut source = Input::open(path, Front::Message, &Progress::new(Some(0), 1, true))?;
    let sealed = SealedHeader::read(&mut source).map_err(|error| Failure::from_read(path, error))?;
    Ok((sealed, source))
}

fn one(path: &Path, json: bool) -> Result<(), Failure> {
    let (sealed, mut source) = header(path)?;
    let header_len = sealed.header().len() as u64;
    let body_len = match source.len {
        Some(len) => len.saturating_sub(header_len),
        None => io::copy(&mut source.by_ref(), &mut io::sink())
            .map_err(|error| Failure::from_read(path, error))?,
    };
    let mut said = Said::default();
    match sealed.header() {
        MessageHeader::Datakey(header) => said.datakey(&header),
        MessageHeader::Esdk(header) => said.esdk(&header),
        _ => return Err(unknown()),
    }
    said.tell("header_bytes", header_len.into());
    said.tell("body_bytes", body_len.into());
    said.lines.push(format!(
        "length    header {header_len} bytes, body {body_len} bytes"
    ));
    said.lines.append(&mut said.pairs);
    print::result(json, &Value::Object(said.values), &said.lines.join("\n"))
}

fn many(plan: &Plan, under: &[String], json: bool) -> Result<(), Failure> {
    let mut summary = Summary::new(under);
    let (mut failed, mut first) = (0_u64, None);
    for failure in &plan.unread {
        print::failure(failure, json);
        failed = failed.saturating_add(1);
        first.get_or_insert(failure.exit_code());
    }
    for item in &plan.items {
        let added = header(&item.input)
            .and_then(|(sealed, _)| summary.add(&item.input, &sealed.header(), item.bytes));
        if let Err(failure) = added {
            let failure = failure.of(&item.input);
            print::failure(&failure, json);
            failed = failed.saturating_add(1);
            first.get_or_insert(failure.exit_code());
        }
    }
    let (value, told) = summary.tell(failed, plan.passed_over);
    print::result(json, &value, &told)?;
    match first {
        None => Ok(()),
        Some(code) => Err(Failure::Some {
            failed,
            count: (plan.items.len() as u64).saturating_add(plan.unread.len() as u64),
            code,
        }),
    }
}
