//! KMS keys of an account: credentials, Regions and endpoints as the AWS command line finds them.
use std::env;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_kms::config::Region;
use datakey::kms::{KmsKeyId, KmsProvider};

use crate::failure::Failure;

/// Where the KMS is, as far as it was said.
pub(super) struct Place<'p> {
    pub(super) region: Option<&'p str>,
    pub(super) endpoint_url: Option<&'p str>,
}

/// A provider of each of the keys of KMS, in their order.
///
/// # Errors
/// When the AWS configuration is not valid.
pub(super) async fn providers(keys: &[&KmsKeyId], place: &Place<'_>) -> Result<Vec<KmsProvider>, Failure> {
    let config = aws_configuration(keys, place).await;
    check_credentials(&config).await?;
    let mut providers = Vec::new();
    for key in keys {
        let config = in_region_of(key, place, &config)?;
        let built = KmsProvider::from_sdk_config(&config).key(key.as_str()).build();
        providers.push(built.map_err(|error| Failure::Usage(format!("the key {key}: {error}")))?);
    }
    Ok(providers)
}

/// The configuration of KMS for one key, and that of other services in its Region, whose endpoints are their own.
///
/// # Errors
/// When the AWS configuration is not valid.
#[cfg(feature = "dynamodb")]
pub(super) async fn configurations(
    key: &KmsKeyId,
    place: &Place<'_>,
) -> Result<(SdkConfig, SdkConfig), Failure> {
    let config = aws_configuration(&[key], place).await;
    check_credentials(&config).await?;
    let elsewhere = Place {
        region: place.region,
        endpoint_url: None,
    };
    let other = aws_configuration(&[key], &elsewhere).await;
    Ok((
        in_region_of(key, place, &config)?,
        in_region_of(key, &elsewhere, &other)?,
    ))
}

async fn aws_configuration(keys: &[&KmsKeyId], place: &Place<'_>) -> SdkConfig {
    let mut loader = aws_config::defaults(aws_config::BehaviorVersion::latest());
    // Looking for a region elsewhere may take a while, and each key may say its own.
    let of_key = keys.iter().find_map(|key| key.region());
    if let Some(region) = place.region.or(of_key) {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(url) = place.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

/// Whether there are credentials at all. Their absence is found here, at once, and not by trying the KMS again and again.
async fn check_credentials(config: &SdkConfig) -> Result<(), Failure> {
    let found = match config.credentials_provider() {
        Some(provider) => provider.provide_credentials().await.map(|_found| ()),
        None => return Err(Failure::NoCredentials),
    };
    found.map_err(|source| Failure::Credentials(Box::new(source)))
}

/// The configuration for one key: in the region that its ARN states, unless `--region` states one.
fn in_region_of(key: &KmsKeyId, place: &Place<'_>, config: &SdkConfig) -> Result<SdkConfig, Failure> {
    match (key.region(), place.region) {
        (Some(of_key), None) => Ok(config.to_builder().region(Region::new(of_key.to_owned())).build()),
        _ if config.region().is_some() => Ok(config.clone()),
        _ => {
            let hint = if env::var_os("AWS_PROFILE").is_some() {
                "in the profile"
            } else {
                "in AWS_REGION"
            };
            Err(Failure::Usage(format!(
                "no AWS region is set; say it with --region, or {hint}"
            )))
        }
    }
}
