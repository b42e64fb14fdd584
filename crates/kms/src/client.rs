//! The SDK's client as this crate needs it: one attempt for each call, and none without a limit.
use std::time::Duration;

use aws_sdk_kms::{
    Client, Config,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
};
use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_types::{SdkConfig, service_config::ServiceConfigKey};

use crate::{BuildError, DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_CONNECT_TIMEOUT};

/// What the builder was told about attempts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) attempt: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) keep_retries: bool,
}

/// Builds a client from a configuration that a caller made.
pub(crate) fn prepare(given: &Config, limits: Limits) -> Result<Client, BuildError> {
    if [limits.attempt, limits.connect].contains(&Some(Duration::ZERO)) {
        return Err(BuildError::ZeroTimeout);
    }
    // `Client::from_conf` panics without one, whether or not timeouts are set: its identity cache wants it too.
    let sleep = given.sleep_impl().or_else(default_async_sleep);
    let mut builder = given.to_builder();
    builder.set_sleep_impl(Some(sleep.ok_or(BuildError::NoSleep)?));
    builder.set_timeout_config(Some(timeouts(given.timeout_config(), limits)));
    if !limits.keep_retries {
        builder.set_retry_config(Some(RetryConfig::disabled()));
    }
    Ok(Client::from_conf(builder.build()))
}

/// The endpoint that a configuration sets, found as the SDK finds it, but for one that is set to nothing.
///
/// An environment variable that is there and empty sets it to nothing, as compose files do; the SDK would panic over it
/// at the first call.
pub(crate) fn endpoint(config: &SdkConfig) -> Option<String> {
    let own = || {
        let key = ServiceConfigKey::builder()
            .service_id("KMS")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        config.service_config()?.load_config(key.ok()?)
    };
    let is_set = |url: &String| !url.trim().is_empty();
    let given = || config.endpoint_url().map(str::to_owned).filter(is_set);
    if config.get_origin("endpoint_url").is_client_config() {
        given()
    } else {
        own().filter(is_set).or_else(given)
    }
}

/// The caller's timeouts, with those that are missing filled in.
fn timeouts(given: Option<&TimeoutConfig>, limits: Limits) -> TimeoutConfig {
    let attempt = limits
        .attempt
        .or_else(|| given?.operation_attempt_timeout())
        .unwrap_or(DEFAULT_ATTEMPT_TIMEOUT);
    let connect = limits
        .connect
        .or_else(|| given?.connect_timeout())
        .unwrap_or(DEFAULT_CONNECT_TIMEOUT);
    given
        .map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder)
        .operation_attempt_timeout(attempt)
        .connect_timeout(connect)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn attempts_always_have_a_limit() {
        for given in [None, Some(&TimeoutConfig::disabled())] {
            let made = timeouts(given, Limits::default());
            assert_eq!(made.operation_attempt_timeout(), Some(DEFAULT_ATTEMPT_TIMEOUT));
            assert_eq!(made.connect_timeout(), Some(DEFAULT_CONNECT_TIMEOUT));
            assert_eq!(made.operation_timeout(), None);
        }
    }

    #[cfg(not(feature = "rt-tokio"))]
    #[test]
    fn without_a_timer_it_is_refused_rather_than_a_panic() {
        use aws_sdk_kms::config::{AsyncSleep, BehaviorVersion, Sleep};

        #[derive(Debug)]
        struct Brought;
        impl AsyncSleep for Brought {
            fn sleep(&self, _: Duration) -> Sleep {
                Sleep::new(std::future::ready(()))
            }
        }

        let config = Config::builder().behavior_version(BehaviorVersion::latest());
        let refused = prepare(&config.clone().build(), Limits::default());
        assert_eq!(refused.map(drop), Err(BuildError::NoSleep));
        assert!(prepare(&config.sleep_impl(Brought).build(), Limits::default()).is_ok());
    }

    #[test]
    fn the_builder_wins_over_the_client_and_the_client_over_the_default() {
        let given = TimeoutConfig::builder()
            .operation_attempt_timeout(MS * 2)
            .connect_timeout(MS * 3)
            .read_timeout(MS * 4)
            .operation_timeout(MS * 5)
            .build();
        let limits = Limits {
            attempt: Some(MS * 6),
            ..Limits::default()
        };
        let made = timeouts(Some(&given), limits);
        assert_eq!(made.operation_attempt_timeout(), Some(MS * 6));
        assert_eq!(made.connect_timeout(), Some(MS * 3));
        assert_eq!(
            (made.read_timeout(), made.operation_timeout()),
            (Some(MS * 4), Some(MS * 5))
        );
    }
}
