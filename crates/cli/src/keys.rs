//! The provider that a command seals or opens with: a key file, or one or more KMS keys.
#[cfg(feature = "account")]
mod account;

use std::{sync::Arc, time::Duration};

use datakey::{local::KeyFile, provider::KeyProvider, retry::Policy};

use crate::{args::KeyArgs, failure::Failure};

/// A provider of whichever kind was chosen.
pub(crate) type Provider = Arc<dyn KeyProvider>;

/// The provider that the arguments choose.
///
/// # Errors
/// When the key file cannot be used, or the AWS configuration is not valid.
pub(crate) async fn provider(args: &KeyArgs) -> Result<Provider, Failure> {
    if let Some(path) = &args.choice.key_file {
        return Ok(Arc::new(KeyFile::open(path)?.into_keys()));
    }
    #[cfg(feature = "account")]
    return account::provider(args).await;
    #[cfg(not(feature = "account"))]
    Err(Failure::Usage(
        "this build of the command has no keys of KMS: it is without the feature account, which is on by default".to_owned(),
    ))
}

/// The retry policy, for as long as the arguments say.
pub(crate) fn policy(args: &KeyArgs) -> Policy {
    let policy = Policy::default();
    match args.timeout {
        Some(seconds) => policy.with_deadline(Duration::from_secs(seconds)),
        None => policy,
    }
}

/// The address of an endpoint: `http` or `https` and a host.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn endpoint(text: &str) -> Result<String, String> {
    let uri: hyper::Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) => Ok(text.to_owned()),
        _ => Err("an endpoint is http:// or https:// and a host".to_owned()),
    }
}
