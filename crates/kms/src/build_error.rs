//! Why a provider cannot be built.
use thiserror::Error;

use crate::{KmsKeyId, KmsKeyIdError};

/// The most grant tokens in a request. Source: `GrantTokens` in the KMS API reference.
///
/// They go with each call, so that only grants that are new need one.
pub const MAX_GRANT_TOKENS: usize = 10;

/// The longest grant token, in characters. Source: `GrantTokenType` in the KMS API reference.
pub const MAX_GRANT_TOKEN_LEN: usize = 8192;

/// Why a provider cannot be built.
///
/// All of it is found without a call, so a service that cannot be built says so before it takes requests.
///
/// ```
/// # #[cfg(all(feature = "default-https-client", feature = "rt-tokio"))] {
/// # use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
/// # let credentials = SharedCredentialsProvider::new(Credentials::new("AKIAEXAMPLE", "secret", None, None, "example"));
/// # let region = aws_types::region::Region::new("eu-central-1");
/// # let config = aws_types::SdkConfig::builder().region(region).credentials_provider(credentials).build();
/// use std::time::Duration;
/// use datakey_kms::{BuildError, KmsProvider};
///
/// let unsaid = KmsProvider::from_sdk_config(&config).build();
/// assert!(matches!(unsaid, Err(BuildError::NoKey)));
/// let elsewhere = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// let unreachable = KmsProvider::from_sdk_config(&config).key(elsewhere).build();
/// assert!(matches!(unreachable, Err(BuildError::OtherRegion { .. }))); // its client is of eu-central-1
/// let instant = KmsProvider::from_sdk_config(&config).key("alias/orders").attempt_timeout(Duration::ZERO).build();
/// assert!(matches!(instant, Err(BuildError::ZeroTimeout)));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Neither a key to seal with nor anything to open with.
    #[error("name a key to wrap data keys under, a key to open with, or both")]
    NoKey,
    /// Something given as a key id is none.
    #[error("{text:?} does not name a KMS key")]
    KeyId {
        /// What was given.
        text: Box<str>,
        /// What is wrong with it.
        source: KmsKeyIdError,
    },
    /// An ARN of another region than the client's, which that client cannot reach.
    #[error(
        "{key} is not in {region}, the client's region; make one provider for each region, and one of both with `Several`"
    )]
    OtherRegion {
        /// The key or alias.
        key: KmsKeyId,
        /// The region of the client.
        region: Box<str>,
    },
    /// More than one alias to open with.
    #[error(
        "a provider opens with one alias at most, since only KMS knows which key it names; combine several providers with `Several`"
    )]
    SeveralAliases,
    /// Opening keys and discovery exclude each other.
    #[error("a provider opens either with the keys that it names or with those that it discovers")]
    PinnedAndDiscovery,
    /// The client or configuration has no region.
    #[error("set a region: in AWS_REGION, in the profile, or in the configuration of the client")]
    NoRegion,
    /// The configuration has no credentials provider.
    #[error("set a credentials provider in the configuration")]
    NoCredentials,
    /// The SDK cannot make an endpoint of what the configuration says of it: FIPS or dual-stack together with an endpoint URL,
    /// a URL that is none.
    #[error("the endpoint cannot be used: {0}; check the endpoint URL, FIPS and dual-stack")]
    Endpoint(Box<str>),
    /// Timeouts need something to sleep with.
    #[error("enable the feature `rt-tokio`, or give the client a `sleep_impl`")]
    NoSleep,
    /// A timeout of zero.
    #[error("a timeout is longer than zero")]
    ZeroTimeout,
    /// Too many grant tokens, or one that is empty or too long.
    #[error("a request takes {MAX_GRANT_TOKENS} grant tokens of 1 to {MAX_GRANT_TOKEN_LEN} characters")]
    GrantTokens,
}

impl BuildError {
    /// Whether building may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}
