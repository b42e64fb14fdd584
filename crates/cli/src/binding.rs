//! What a message is bound to: its encryption context and its associated data.
use std::{fmt, fs, path::Path};

use datakey::{EncryptionContext, Format, envelope, esdk};

use crate::{args::BindingArgs, failure::Failure, settings::Settings};

/// The encryption context from `KEY=VALUE` pairs; without any, that of the settings.
pub(crate) fn context(args: &BindingArgs, settings: &Settings) -> Result<EncryptionContext, Failure> {
    if let (true, Some(pairs)) = (args.context.is_empty(), &settings.context) {
        let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        return Ok(EncryptionContext::new(pairs)?);
    }
    let mut pairs = Vec::new();
    for text in &args.context {
        let pair = text.split_once('=').ok_or_else(|| {
            Failure::Usage(format!(
                "--context takes KEY=VALUE, such as tenant=acme; {text:?} has no `=`"
            ))
        })?;
        pairs.push(pair);
    }
    Ok(EncryptionContext::new(pairs)?)
}

/// The encryption context of a message that is to be sealed, which the format has a place for: found before a key service is asked.
pub(crate) fn context_for(
    format: &Format,
    args: &BindingArgs,
    settings: &Settings,
) -> Result<EncryptionContext, Failure> {
    let context = context(args, settings)?;
    match format {
        Format::Datakey(_) => envelope::check_context(&context).map_err(refused)?,
        Format::Esdk(params) => params.check_context(&context).map_err(refused)?,
        _ => {}
    }
    Ok(context)
}

/// The encryption context that a message is expected to have, which one of the formats has a place for.
pub(crate) fn expected_context(
    args: &BindingArgs,
    settings: &Settings,
) -> Result<EncryptionContext, Failure> {
    let context = context(args, settings)?;
    match (envelope::check_context(&context), esdk::check_context(&context)) {
        (Err(limit), Err(_)) => Err(refused(limit)),
        _ => Ok(context),
    }
}

fn refused(limit: impl fmt::Display) -> Failure {
    Failure::Usage(format!("the encryption context is not valid: {limit}"))
}

/// The associated data: text, a file's bytes, or nothing.
pub(crate) fn associated_data(args: &BindingArgs) -> Result<Vec<u8>, Failure> {
    match (&args.aad, &args.aad_file) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(path)) if path == Path::new("-") => Err(Failure::Usage(
            "--aad-file takes a file, and standard input is none; a file of that name is ./-".to_owned(),
        )),
        (None, Some(path)) => fs::read(path).map_err(|source| Failure::read(path, source)),
        (None, None) => Ok(Vec::new()),
    }
}
