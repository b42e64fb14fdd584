//! The provider that a command seals or opens with: key files and KMS keys.
#[cfg(feature = "account")]
mod account;
#[cfg(feature = "dynamodb")]
pub(crate) mod branch;
mod patience;

use std::{sync::Arc, time::Duration};

use datakey::{
    kms::{KmsKeyId, KmsProvider},
    local::{KeyFile, LocalKeys},
    provider::KeyProvider,
    retry::Policy,
};
use patience::{never_opens, patient};

use crate::{
    args::KeyArgs,
    failure::Failure,
    key_uri::{BranchUri, KeyUri},
    settings::Settings,
};

/// A provider of whichever kinds were chosen.
pub(crate) type Provider = Arc<dyn KeyProvider>;

/// Which keys, and how the KMS is reached: by the command line, else by the settings.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) keys: Vec<KeyUri>,
    #[cfg_attr(
        not(feature = "account"),
        expect(dead_code, reason = "there is no KMS without an account")
    )]
    pub(crate) region: Option<String>,
    #[cfg_attr(
        not(feature = "account"),
        expect(dead_code, reason = "there is no KMS without an account")
    )]
    pub(crate) endpoint_url: Option<String>,
    pub(crate) timeout: Option<u64>,
}

impl Chosen {
    /// What was chosen.
    ///
    /// # Errors
    /// When no key is.
    pub(crate) fn of(args: &KeyArgs, settings: &Settings) -> Result<Self, Failure> {
        let mut keys = args.key.clone();
        keys.extend(args.key_file.iter().cloned().map(KeyUri::Local));
        keys.extend(args.kms_key.iter().cloned().map(KeyUri::Kms));
        if keys.is_empty() {
            keys.clone_from(&settings.keys);
        }
        if keys.is_empty() {
            let path = settings.path.as_ref();
            let places = path.map_or_else(
                || "with --key or in DATAKEY_KEY".to_owned(),
                |path| format!("with --key, in DATAKEY_KEY, or as `key` in {}", path.display()),
            );
            return Err(Failure::Usage(format!(
                "no key is named; say it {places}. `datakey keygen FILE` makes a key file"
            )));
        }
        Ok(Self {
            keys,
            region: args.region.clone().or_else(|| settings.region.clone()),
            endpoint_url: args
                .endpoint_url
                .clone()
                .or_else(|| settings.endpoint_url.clone()),
            timeout: args.timeout.or(settings.timeout),
        })
    }

    /// The same for other keys.
    pub(crate) fn with_keys(&self, keys: &[KeyUri]) -> Self {
        Self {
            keys: keys.to_vec(),
            ..self.clone()
        }
    }

    /// The retry policy, for as long as was said.
    pub(crate) fn policy(&self) -> Policy {
        policy(self.timeout)
    }

    /// A provider for each of the keys.
    ///
    /// # Errors
    /// When a key file cannot be used, or the AWS configuration is not valid.
    pub(crate) async fn wrappers(&self) -> Result<Vec<Wrapper>, Failure> {
        let is_kms = |key: &KeyUri| matches!(key, KeyUri::Kms(_));
        let mut kms = if self.keys.iter().any(is_kms) {
            self.kms().await?
        } else {
            Vec::new()
        }
        .into_iter();
        let mut wrappers = Vec::new();
        for key in &self.keys {
            match key {
                KeyUri::Local(path) => wrappers.push(Wrapper::Local(KeyFile::open(path)?.into_keys())),
                KeyUri::Kms(id) => wrappers.extend(
                    kms.next()
                        .map(|provider| Wrapper::Kms(Box::new(provider), id.clone())),
                ),
                KeyUri::Branch(key) => wrappers.push(Wrapper::Branch(self.branch(key).await?)),
            }
        }
        Ok(wrappers)
    }

    /// The names of the keys of KMS.
    #[cfg_attr(
        not(feature = "account"),
        expect(dead_code, reason = "there are none without an account")
    )]
    fn kms_keys(&self) -> impl Iterator<Item = &KmsKeyId> {
        self.keys.iter().filter_map(|key| match key {
            KeyUri::Kms(id) => Some(id),
            KeyUri::Local(_) | KeyUri::Branch(_) => None,
        })
    }

    #[cfg(feature = "account")]
    async fn kms(&self) -> Result<Vec<KmsProvider>, Failure> {
        let place = account::Place {
            region: self.region.as_deref(),
            endpoint_url: self.endpoint_url.as_deref(),
        };
        let keys: Vec<&KmsKeyId> = self.kms_keys().collect();
        account::providers(&keys, &place).await
    }

    #[cfg(feature = "dynamodb")]
    async fn branch(&self, key: &BranchUri) -> Result<Provider, Failure> {
        let config = self.configuration(&key.kms_key).await?;
        Ok(Arc::new(branch::provider(&config, key, &self.policy())?))
    }

    #[cfg(not(feature = "dynamodb"))]
    #[expect(clippy::unused_async, reason = "as with the feature")]
    async fn branch(&self, key: &BranchUri) -> Result<Provider, Failure> {
        Err(Failure::Usage(format!(
            "{key} is in a table of DynamoDB, which this build of the command cannot read: build it with the feature dynamodb"
        )))
    }

    /// The AWS configuration for a key of KMS, and for DynamoDB in its Region.
    #[cfg(feature = "dynamodb")]
    pub(crate) async fn configuration(&self, key: &KmsKeyId) -> Result<branch::Configuration, Failure> {
        let place = account::Place {
            region: self.region.as_deref(),
            endpoint_url: self.endpoint_url.as_deref(),
        };
        let (kms, other) = account::configurations(key, &place).await?;
        Ok(branch::Configuration { kms, other })
    }

    #[cfg(not(feature = "account"))]
    #[expect(clippy::unused_async, reason = "as with the feature")]
    async fn kms(&self) -> Result<Vec<KmsProvider>, Failure> {
        Err(Failure::Usage(
            "this build of the command has no keys of KMS: it is without the feature account, which is on by default".to_owned(),
        ))
    }

    /// One provider of all the keys: the first seals, and each opens.
    ///
    /// # Errors
    /// As [`wrappers`](Self::wrappers).
    pub(crate) async fn provider(&self) -> Result<Provider, Failure> {
        let wrappers = self.wrappers().await?;
        let mut providers: Vec<Provider> = wrappers.into_iter().map(Wrapper::into_provider).collect();
        let is_one_file = matches!(self.keys.as_slice(), [KeyUri::Local(_)]);
        match providers.pop() {
            // There is nothing to be patient with.
            Some(one) if is_one_file && providers.is_empty() => Ok(one),
            last => {
                providers.extend(last);
                let several = patient(providers).map_err(|none| Failure::Usage(none.to_string()))?;
                Ok(Arc::new(several))
            }
        }
    }
}

/// A provider of one key, or of one key file.
pub(crate) enum Wrapper {
    Kms(Box<KmsProvider>, KmsKeyId),
    Local(LocalKeys),
    Branch(Provider),
}

impl Wrapper {
    pub(crate) fn into_provider(self) -> Provider {
        match self {
            Self::Kms(provider, _) => Arc::new(*provider),
            Self::Local(keys) => Arc::new(keys),
            Self::Branch(keys) => keys,
        }
    }

    pub(crate) fn provider(&self) -> &dyn KeyProvider {
        match self {
            Self::Kms(provider, _) => &**provider,
            Self::Local(keys) => keys,
            Self::Branch(keys) => &**keys,
        }
    }
}

/// The retry policy, for as long as the arguments say: it is the time that ends it, and no number of failures.
fn policy(timeout: Option<u64>) -> Policy {
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

    use super::*;

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
