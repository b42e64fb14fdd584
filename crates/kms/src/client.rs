//! The SDK's client as this crate needs it: one attempt for each call.
use std::time::Duration;

use crate::{build_error::BuildError, credentials::Credentials};
use aws_sdk_kms::{
    Client, Config,
    config::{Builder, retry::RetryConfig, timeout::TimeoutConfig},
};
use aws_smithy_async::rt::sleep::default_async_sleep;

/// How long name lookup, connecting and the TLS handshake may take together: 3.1 seconds, as in the AWS SDKs, which
/// leaves room for two lost packets of a TCP handshake (sent again after one and three seconds).
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// How long a connection lies idle before it is closed: 50 seconds.
///
/// Less than the minute after which load balancers and firewalls commonly forget a connection, most often without telling
/// either side; the SDK's own limit is 90 seconds. A service that calls more seldom pays a TLS handshake for each call.
///
/// Raise it where calls are minutes apart and nothing stands between this host and KMS; lower it behind a firewall that forgets sooner.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// How long a call of [`re_encrypt`](crate::KmsProvider::re_encrypt) or [`warm_up`](crate::KmsProvider::warm_up) may take where
/// neither builder nor client says: 5 seconds.
///
/// No retry layer makes these calls, so none can end them. KMS answers in tens of milliseconds; a far region adds some hundred, a
/// cold start credentials and a TLS handshake.
///
/// It is set anew with [`attempt_timeout`](crate::KmsProviderBuilder::attempt_timeout).
pub const UNRETRIED_TIMEOUT: Duration = Duration::from_secs(5);

/// What the builder was told about attempts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) attempt: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) keep_retries: bool,
}

/// Builds a client from a configuration that a caller made, which keeps its credentials here.
pub(crate) fn prepare(
    given: &Config,
    limits: Limits,
    credentials: Credentials,
) -> Result<Client, BuildError> {
    if [limits.attempt, limits.connect].contains(&Some(Duration::ZERO)) {
        return Err(BuildError::ZeroTimeout);
    }
    // `Client::from_conf` panics without one, whether or not timeouts are set: its identity cache wants it too.
    let sleep = given.sleep_impl().or_else(default_async_sleep);
    let mut builder = given.to_builder();
    builder.set_sleep_impl(Some(sleep.ok_or(BuildError::NoSleep)?));
    builder.set_timeout_config(Some(timeouts(given.timeout_config(), limits)));
    builder.set_identity_cache(credentials);
    if !limits.keep_retries {
        builder.set_retry_config(Some(RetryConfig::disabled()));
    }
    #[cfg(feature = "default-https-client")]
    if given.http_client().is_none() {
        let idle = limits.idle.unwrap_or(DEFAULT_IDLE_TIMEOUT);
        builder.set_http_client(Some(crate::connections::client(idle)));
    }
    Ok(Client::from_conf(builder.build()))
}

/// How long a call may take in all; `None` where the SDK retries for as long as it takes.
pub(crate) fn time_limit(client: &Client) -> Option<Duration> {
    let (timeouts, retries) = (client.config().timeout_config()?, client.config().retry_config());
    let once = retries.is_some_and(|retries| retries.max_attempts() == 1);
    let attempt = timeouts.operation_attempt_timeout().filter(|_| once);
    [timeouts.operation_timeout(), attempt]
        .into_iter()
        .flatten()
        .min()
}

/// The caller's timeouts, with those that are missing filled in.
fn timeouts(given: Option<&TimeoutConfig>, limits: Limits) -> TimeoutConfig {
    let attempt = limits.attempt.or_else(|| given?.operation_attempt_timeout());
    let connect = limits
        .connect
        .or_else(|| given?.connect_timeout())
        .unwrap_or(DEFAULT_CONNECT_TIMEOUT);
    let mut timeouts = given
        .map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder)
        .connect_timeout(connect);
    timeouts.set_operation_attempt_timeout(attempt);
    timeouts.build()
}

/// What a call that no retry layer makes has besides: a limit, if the client sets none.
pub(crate) fn unretried(client: &Client) -> Builder {
    let has_limit = client.config().timeout_config().is_some_and(|timeouts| {
        timeouts.operation_attempt_timeout().is_some() || timeouts.operation_timeout().is_some()
    });
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(UNRETRIED_TIMEOUT);
    let mut builder = Config::builder();
    builder.set_timeout_config((!has_limit).then(|| timeouts.build()));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn connecting_always_has_a_limit_and_an_attempt_one_that_is_set() {
        for given in [None, Some(&TimeoutConfig::disabled())] {
            let made = timeouts(given, Limits::default());
            assert_eq!(made.operation_attempt_timeout(), None);
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
        let credentials = Credentials::default();
        let refused = prepare(&config.clone().build(), Limits::default(), credentials.clone());
        assert_eq!(refused.map(drop), Err(BuildError::NoSleep));
        assert!(
            prepare(
                &config.sleep_impl(Brought).build(),
                Limits::default(),
                credentials
            )
            .is_ok()
        );
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
