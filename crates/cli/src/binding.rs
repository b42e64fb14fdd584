//! What a message is bound to: its encryption context and its associated data.
use std::fs;

use datakey::EncryptionContext;

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

/// The associated data: text, a file's bytes, or nothing.
pub(crate) fn associated_data(args: &BindingArgs) -> Result<Vec<u8>, Failure> {
    match (&args.aad, &args.aad_file) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(path)) => fs::read(path).map_err(|source| Failure::read(path, source)),
        (None, None) => Ok(Vec::new()),
    }
}
