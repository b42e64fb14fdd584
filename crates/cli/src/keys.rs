//! The provider that a command seals or opens with: a key file, or one or more KMS keys.
#[cfg(feature = "account")]
mod account;
mod patience;

use std::{sync::Arc, time::Duration};

use datakey::{local::KeyFile, provider::KeyProvider, retry::Policy};
use patience::never_opens;

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

/// The retry policy, for as long as the arguments say: it is the time that ends it, and no number of failures.
pub(crate) fn policy(timeout: Option<u64>) -> Policy {
    let policy = Policy::default()
        .with_max_attempts(u32::MAX)
        .with_breaker(never_opens());
    match timeout {
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

#[cfg(test)]
mod tests {
    use datakey::{
        Aad, EncryptionContext, ErrorClass, Opener, Sealer,
        fake_kms::{FakeKms, FaultRule, KmsErrorCode},
        keyring::DEFAULT_HEDGE_DELAY,
    };
    use tokio::time::Instant;

    use super::{patience::patient, *};

    /// Not for as long as it takes a breaker to open, nor for a number of attempts.
    #[tokio::test(start_paused = true)]
    async fn a_kms_that_fails_is_tried_for_as_long_as_the_command_says() {
        for (timeout, seconds) in [(None, 60), (Some(20), 20), (Some(300), 300)] {
            for keys in [1, 2] {
                let fake = FakeKms::new();
                let provider = || fake.provider(&fake.create_key().unwrap());
                let providers: Vec<_> = (0..keys).map(|_| provider()).collect();
                let context = EncryptionContext::empty();
                let sealer = Sealer::new(patient(providers.clone()).unwrap());
                let sealed = sealer.seal(&context, b"order", Aad::EMPTY).await.unwrap();
                fake.inject(FaultRule::new(KmsErrorCode::Internal));

                let sealer = Sealer::builder(patient(providers.clone()).unwrap()).retry(policy(timeout));
                let opener = Opener::builder(patient(providers).unwrap()).retry(policy(timeout));
                let began = Instant::now();
                let refused = sealer.build().unwrap().seal(&context, b"order", Aad::EMPTY).await;
                assert_eq!(refused.unwrap_err().class(), Some(ErrorClass::Transient));
                let sealing = began.elapsed();
                let began = Instant::now();
                let refused = opener.build().unwrap().open(&context, &sealed, Aad::EMPTY).await;
                assert_eq!(refused.unwrap_err().class(), Some(ErrorClass::Transient));
                let opening = began.elapsed();
                let said = Duration::from_secs(seconds);
                // The second wrapped key of a message is begun up to this much later, and has its own time.
                let later = DEFAULT_HEDGE_DELAY * (keys - 1);
                for (took, most) in [(sealing, said), (opening, said + later)] {
                    // The last wait that would end after the deadline is not begun.
                    assert!(
                        (said - Duration::from_secs(5)..=most).contains(&took),
                        "{keys} keys: {took:?} of {most:?}"
                    );
                }
            }
        }
    }
}
