//! The provider that a command seals or opens with: a key file, or one or more KMS keys.
use std::{env, sync::Arc};

use aws_sdk_kms::config::Region;
use datakey::{
    kms::KmsProvider,
    local::KeyFile,
    provider::{KeyProvider, Several},
};

use crate::{args::KeyArgs, failure::Failure};

/// A provider of whichever kind was chosen.
pub(crate) type Provider = Arc<dyn KeyProvider>;

/// The provider that the arguments choose.
///
/// # Errors
/// When the key file cannot be used, or a KMS key's id or the AWS configuration is not valid.
pub(crate) async fn provider(args: &KeyArgs) -> Result<Provider, Failure> {
    if let Some(path) = &args.choice.key_file {
        return Ok(Arc::new(
            KeyFile::open(path).map_err(Failure::key_file)?.into_keys(),
        ));
    }
    let config = aws_configuration(args).await?;
    let mut providers = Vec::new();
    for key in &args.choice.kms_key {
        let built = KmsProvider::from_sdk_config(&config).key(key).build();
        providers.push(built.map_err(|error| Failure::Usage(format!("--kms-key {key}: {error}")))?);
    }
    Ok(Arc::new(
        Several::new(providers).map_err(|none| Failure::Usage(none.to_string()))?,
    ))
}

async fn aws_configuration(args: &KeyArgs) -> Result<aws_config::SdkConfig, Failure> {
    let mut loader = aws_config::defaults(aws_config::BehaviorVersion::latest());
    if let Some(region) = &args.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &args.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    if config.region().is_none() {
        let hint = if env::var_os("AWS_PROFILE").is_some() {
            "in the profile"
        } else {
            "in AWS_REGION"
        };
        return Err(Failure::Usage(format!(
            "no AWS region is set; say it with --region, or {hint}"
        )));
    }
    Ok(config)
}
