//! How a provider is put together.
use std::{fmt, sync::Arc, time::Duration};

use aws_sdk_kms::{Client, Config, config::BehaviorVersion};
use aws_types::SdkConfig;
use datakey_provider::Rank;

use crate::{
    BuildError, DiscoveryFilter, KmsKeyId, KmsProvider,
    build_error::{MAX_GRANT_TOKEN_LEN, MAX_GRANT_TOKENS},
    client::{self, Limits},
    credentials::Credentials,
    endpoint::{self, Destination},
    provider::Inner,
    quotas::Quotas,
    recognise::Opening,
};

/// Puts a [`KmsProvider`] together. Made by [`KmsProvider::from_client`], [`KmsProvider::from_sdk_config`] or
/// `KmsProvider::from_env`.
///
/// ```
/// use datakey_kms::KmsProvider;
///
/// fn sealer(client: &aws_sdk_kms::Client) -> Result<KmsProvider, datakey_kms::BuildError> {
///     KmsProvider::from_client(client).wrapping_key("alias/orders").build()
/// }
///
/// fn opener(client: &aws_sdk_kms::Client) -> Result<KmsProvider, datakey_kms::BuildError> {
///     KmsProvider::from_client(client)
///         .opening_key("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")
///         .opening_key("arn:aws:kms:eu-central-1:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321")
///         .build()
/// }
/// ```
///
/// | what | left out |
/// |---|---|
/// | a wrapping key | the provider opens only; sealing is refused without a call |
/// | opening keys and discovery | the provider seals only; everything is foreign to it |
/// | both | not built |
/// | account, key stores | calls count against the Region as a whole |
/// | timeouts | those of the given client; for an attempt the layer's above |
#[derive(Clone)]
#[must_use]
pub struct KmsProviderBuilder {
    config: Config,
    /// Of a configuration that says so; a client does not.
    destination: Option<Destination>,
    without_credentials: bool,
    wrapping: Option<Box<str>>,
    opening: Vec<Box<str>>,
    discovery: Option<DiscoveryFilter>,
    replicas: bool,
    grant_tokens: Vec<String>,
    rank: Rank,
    account: Option<Box<str>>,
    stores: Vec<(Box<str>, Box<str>)>,
    limits: Limits,
}

impl KmsProvider {
    /// Starts from a client, of which the region, credentials, endpoint (FIPS and dual-stack too), HTTP client and
    /// interceptors are taken over. Its retries are not, see
    /// [`danger_keep_sdk_retries`](KmsProviderBuilder::danger_keep_sdk_retries), nor is its cache of identities: the provider keeps
    /// the credentials itself.
    ///
    /// The provider makes a client of its own, so that the given one stays as it is. Both share the HTTP client,
    /// and so the connections, if the configuration names one; otherwise each has its own.
    pub fn from_client(client: &Client) -> KmsProviderBuilder {
        KmsProviderBuilder::new(client.config().clone())
    }

    /// Starts from a configuration, most often one that `aws-config` loaded. A missing behaviour version is the
    /// SDK's latest, and an endpoint that is set to nothing is none.
    ///
    /// ```
    /// use aws_types::SdkConfig;
    /// use datakey_kms::{BuildError, KmsProvider};
    ///
    /// fn orders(config: &SdkConfig) -> Result<KmsProvider, BuildError> {
    ///     KmsProvider::from_sdk_config(config).key("alias/orders").build()
    /// }
    ///
    /// let incomplete = SdkConfig::builder().build();
    /// assert_eq!(orders(&incomplete).unwrap_err(), BuildError::NoRegion);
    /// ```
    pub fn from_sdk_config(config: &SdkConfig) -> KmsProviderBuilder {
        KmsProviderBuilder::from_sdk_config(config)
    }

    /// Starts from the environment: region, credentials, endpoint and profile as the AWS command line finds them.
    ///
    /// Environment variables, profiles, web identity (EKS), and the container and instance metadata (ECS, EC2) are
    /// looked at. Single sign-on and credential processes are features of `aws-config`, to be enabled there.
    ///
    /// ```no_run
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = datakey_kms::KmsProvider::from_env().await.key("alias/orders").build()?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "aws-config")]
    pub async fn from_env() -> KmsProviderBuilder {
        let latest = BehaviorVersion::latest();
        KmsProviderBuilder::from_sdk_config(&aws_config::load_defaults(latest).await)
    }
}

impl KmsProviderBuilder {
    fn from_sdk_config(config: &SdkConfig) -> Self {
        let mut builder = aws_sdk_kms::config::Builder::from(config);
        builder.set_endpoint_url(endpoint::given(config));
        if config.behavior_version().is_none() {
            builder.set_behavior_version(Some(BehaviorVersion::latest()));
        }
        Self {
            destination: Some(Destination::of(config)),
            without_credentials: config.credentials_provider().is_none(),
            ..Self::new(builder.build())
        }
    }

    fn new(config: Config) -> Self {
        Self {
            config,
            destination: None,
            without_credentials: false,
            wrapping: None,
            opening: Vec::new(),
            discovery: None,
            replicas: false,
            grant_tokens: Vec::new(),
            rank: Rank::LOCAL,
            account: None,
            stores: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// Wraps and unwraps with this key: [`wrapping_key`](Self::wrapping_key) and [`opening_key`](Self::opening_key) in one.
    pub fn key(self, id: impl AsRef<str>) -> Self {
        let id = id.as_ref();
        self.wrapping_key(id).opening_key(id)
    }

    /// The key that data keys are generated and wrapped under: a key id, key ARN, alias name or alias ARN.
    ///
    /// Wrapping under a key does not by itself allow to open with it.
    pub fn wrapping_key(mut self, id: impl AsRef<str>) -> Self {
        self.wrapping = Some(id.as_ref().into());
        self
    }

    /// Adds a key that wrapped keys may be opened with. `Decrypt` always names it, so that a message which was wrapped
    /// under anybody else's key does not open.
    ///
    /// Prefer a key ARN, which says all. A bare key id is looked up in the caller's account, an alias too: what the
    /// alias names may change, so that a message of yesterday's key no longer opens. With an alias every wrapped key
    /// of its account and region is worth a call, since KMS alone knows which key it names; one alias at most.
    pub fn opening_key(mut self, id: impl AsRef<str>) -> Self {
        self.opening.push(id.as_ref().into());
        self
    }

    /// Lets a replica of a multi-Region key (`mrk-...`) open what was wrapped by another replica of the same key. Only the
    /// replica in the client's region is called: it stands in for an opening key of another region, and for what a
    /// message names.
    ///
    /// ```
    /// # #[cfg(all(feature = "default-https-client", feature = "rt-tokio"))] {
    /// # use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    /// # let credentials = SharedCredentialsProvider::new(Credentials::new("AKIAEXAMPLE", "secret", None, None, "example"));
    /// # let region = aws_types::region::Region::new("eu-central-1");
    /// # let config = aws_types::SdkConfig::builder().region(region).credentials_provider(credentials).build();
    /// use datakey_kms::KmsProvider;
    /// use datakey_provider::{OpeningProvider as _, WrappedKey};
    ///
    /// const HERE: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    /// let there = WrappedKey::new(HERE.replace("eu-central-1", "us-east-1"), *b"opaque").unwrap();
    /// let builder = || KmsProvider::from_sdk_config(&config).opening_key(HERE);
    /// assert_eq!(builder().build().unwrap().rank(&there), None);
    /// assert!(builder().allow_multi_region_replicas().build().unwrap().rank(&there).is_some());
    /// # }
    /// ```
    pub const fn allow_multi_region_replicas(mut self) -> Self {
        self.replicas = true;
        self
    }

    /// Opens with whatever key a message names, within a partition and accounts.
    ///
    /// What it risks: the message, which anybody may have written, chooses the key. Whoever may use any key of these
    /// accounts, for whatever purpose, writes messages that this provider opens; the encryption context is all that
    /// tells them apart. Name opening keys wherever they are known.
    ///
    /// ```
    /// # #[cfg(all(feature = "default-https-client", feature = "rt-tokio"))] {
    /// # use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    /// # let credentials = SharedCredentialsProvider::new(Credentials::new("AKIAEXAMPLE", "secret", None, None, "example"));
    /// # let region = aws_types::region::Region::new("eu-central-1");
    /// # let config = aws_types::SdkConfig::builder().region(region).credentials_provider(credentials).build();
    /// use datakey_kms::{BuildError, DiscoveryFilter, KmsProvider};
    /// use datakey_provider::{OpeningProvider as _, WrappedKey};
    ///
    /// let ours = DiscoveryFilter::new("aws", ["111122223333"]).unwrap();
    /// let kms = KmsProvider::from_sdk_config(&config).danger_discovery(ours.clone()).build().unwrap();
    /// let under = |account| {
    ///     WrappedKey::new(format!("arn:aws:kms:eu-central-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"), *b"x").unwrap()
    /// };
    /// assert!(kms.rank(&under("111122223333")).is_some());
    /// assert!(kms.rank(&under("999988887777")).is_none());
    /// let both = KmsProvider::from_sdk_config(&config).danger_discovery(ours).opening_key("alias/orders").build();
    /// assert!(matches!(both, Err(BuildError::PinnedAndDiscovery)));
    /// # }
    /// ```
    pub fn danger_discovery(mut self, filter: DiscoveryFilter) -> Self {
        self.discovery = Some(filter);
        self
    }

    /// Grant tokens to send with each call, at most [`MAX_GRANT_TOKENS`]: they make a new grant count before it has
    /// spread, which takes KMS up to five minutes.
    ///
    /// They are no secrets, and of no use to others than the grant's principal.
    pub fn grant_tokens<T: Into<String>>(mut self, tokens: impl IntoIterator<Item = T>) -> Self {
        self.grant_tokens = tokens.into_iter().map(Into::into).collect();
        self
    }

    /// How near this provider is, for [`Several`](datakey_provider::Several): [`Rank::LOCAL`] unless said otherwise;
    /// [`Rank::REMOTE`] for a client of another region. Aliases and discovery rank one behind. That a region which fails
    /// ranks last is the part of a layer above, the circuit breaker of `datakey-retry`.
    pub const fn rank(mut self, rank: Rank) -> Self {
        self.rank = rank;
        self
    }

    /// Names the account whose quota the calls count against. KMS counts by the *caller's* account and the Region, so clients
    /// of one Region are taken to share a quota; where one process has clients of several accounts, name each of them, by any
    /// name.
    ///
    /// Source: "Request quotas" in the AWS KMS Developer Guide.
    ///
    /// It is a name for this process and sent nowhere: an account number does, and so does `payments`.
    pub fn calling_account(mut self, name: impl Into<Box<str>>) -> Self {
        self.account = Some(name.into());
        self
    }

    /// Says that a key, named as it is elsewhere or by its ARN, is in a custom key store, which has a quota of its own beside that of
    /// the account: 1,800 calls a second, or what its cluster or external key manager can do. What is throttled there keeps
    /// nobody from keys elsewhere. The store's name is any.
    ///
    /// Where it is not said, a key that is throttled alone is taken to have a quota of its own until another key of the
    /// Region is throttled too, see `AdaptiveRate` of `datakey-retry`.
    ///
    /// ```
    /// # use datakey_kms::{BuildError, KmsProvider};
    /// fn in_a_cluster(client: &aws_sdk_kms::Client) -> Result<KmsProvider, BuildError> {
    ///     KmsProvider::from_client(client)
    ///         .key("alias/cards")
    ///         .custom_key_store("alias/cards", "hsm-cluster")
    ///         .build()
    /// }
    /// ```
    ///
    /// Source: "Custom key store request quotas" in the AWS KMS Developer Guide.
    pub fn custom_key_store(mut self, key_id: impl AsRef<str>, store: impl Into<Box<str>>) -> Self {
        self.stores.push((key_id.as_ref().into(), store.into()));
        self
    }

    /// How long one call may take in all. Without it: the attempt timeout of the given client, and where that has none, as
    /// long as it takes.
    ///
    /// For whoever has no layer above that ends an attempt: the retry policy of `datakey-retry` does, and two limits on one
    /// attempt make it hard to say which ended it. Calls that no such layer makes, of
    /// [`re_encrypt`](KmsProvider::re_encrypt) and [`warm_up`](KmsProvider::warm_up), end after
    /// [`UNRETRIED_TIMEOUT`](crate::UNRETRIED_TIMEOUT) where nothing else is said.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use datakey_kms::{BuildError, KmsProvider};
    /// fn without_retry(client: &aws_sdk_kms::Client) -> Result<KmsProvider, BuildError> {
    ///     KmsProvider::from_client(client)
    ///         .key("alias/orders")
    ///         .attempt_timeout(Duration::from_secs(5))
    ///         .build()
    /// }
    /// ```
    ///
    /// It bounds the call with all that belongs to it but loading credentials, and is what the provider tells layers above as its [time
    /// limit](datakey_provider::SealingProvider::sealing_time_limit).
    pub const fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.limits.attempt = Some(timeout);
        self
    }

    /// How long connecting may take. Without it: the connect timeout of the given client, else
    /// [`DEFAULT_CONNECT_TIMEOUT`](crate::DEFAULT_CONNECT_TIMEOUT).
    ///
    /// Behind a slow proxy, or where names are looked up far away, it is what fails first.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect = Some(timeout);
        self
    }

    /// How long a connection lies idle before it is closed. Without it: [`DEFAULT_IDLE_TIMEOUT`](crate::DEFAULT_IDLE_TIMEOUT).
    /// Zero keeps none.
    ///
    /// Whatever it is: after a call that timed out or lost its connection, the next one gets a new connection, and those that
    /// lie idle are closed, so that several that have died unseen are not met one by one. None of this concerns an HTTP client that the
    /// given configuration brings; that has limits of its own.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle = Some(timeout);
        self
    }

    /// Leaves the retries of the SDK as the given client has them.
    ///
    /// What it risks: a retry layer above multiplies with them (five of its attempts times three of the SDK's), the
    /// SDK's retry budget runs dry at about a hundred calls throttled at once, and its waits are not seen by any
    /// deadline above. It is meant for comparing strategies, and for callers without a retry layer.
    pub const fn danger_keep_sdk_retries(mut self) -> Self {
        self.limits.keep_retries = true;
        self
    }

    /// Checks everything and builds the provider. Makes no call; see [`KmsProvider::warm_up`].
    ///
    /// # Errors
    /// [`BuildError`] names what is missing, malformed, or at odds with the client.
    pub fn build(self) -> Result<KmsProvider, BuildError> {
        let region: Box<str> = match self.config.region() {
            Some(region) if !region.as_ref().is_empty() => region.as_ref().into(),
            _ => return Err(BuildError::NoRegion),
        };
        if self.without_credentials {
            return Err(BuildError::NoCredentials);
        }
        self.destination.map_or(Ok(()), Destination::check)?;
        let wrapping = self.wrapping.map(|text| key_in(&region, text)).transpose()?;
        let pins = self
            .opening
            .into_iter()
            .map(|text| pin_in(&region, text, self.replicas));
        let opening = opening(pins.collect::<Result<_, _>>()?, self.discovery)?;
        if wrapping.is_none() && opening.is_none() {
            return Err(BuildError::NoKey);
        }
        let stores = self
            .stores
            .into_iter()
            .map(|(key, store)| Ok((parse(key)?, store)));
        let stores: Vec<_> = stores.collect::<Result<_, BuildError>>()?;
        let quotas = Quotas::new(&region, self.account.as_deref(), &stores, wrapping.as_ref());
        let credentials = Credentials::default();
        Ok(KmsProvider::from_inner(Arc::new(Inner {
            quotas,
            client: client::prepare(&self.config, self.limits, credentials.clone())?,
            credentials,
            wrapping,
            opening,
            region,
            replicas: self.replicas,
            grant_tokens: check_grant_tokens(self.grant_tokens)?,
            rank: self.rank,
        })))
    }
}

impl fmt::Debug for KmsProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsProviderBuilder")
            .field("wrapping", &self.wrapping)
            .field("opening", &self.opening)
            .field("discovery", &self.discovery)
            .field("replicas", &self.replicas)
            .field("grant_tokens", &self.grant_tokens.len())
            .field("rank", &self.rank)
            .field("account", &self.account)
            .field("stores", &self.stores)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn parse(text: Box<str>) -> Result<KmsKeyId, BuildError> {
    match text.parse() {
        Ok(key) => Ok(key),
        Err(source) => Err(BuildError::KeyId { text, source }),
    }
}

/// A key to open with. Where replicas may stand in, the one in the client's region does.
fn pin_in(region: &str, text: Box<str>, replicas: bool) -> Result<KmsKeyId, BuildError> {
    let key = parse(text)?;
    let local = replicas.then(|| key.replica_in(region)).flatten();
    check_region(region, local.unwrap_or(key))
}

fn key_in(region: &str, text: Box<str>) -> Result<KmsKeyId, BuildError> {
    check_region(region, parse(text)?)
}

fn check_region(region: &str, key: KmsKeyId) -> Result<KmsKeyId, BuildError> {
    if key.region().is_some_and(|own| own != region) {
        return Err(BuildError::OtherRegion {
            key,
            region: region.into(),
        });
    }
    Ok(key)
}

fn opening(pins: Vec<KmsKeyId>, discovery: Option<DiscoveryFilter>) -> Result<Option<Opening>, BuildError> {
    if let Some(filter) = discovery {
        return if pins.is_empty() {
            Ok(Some(Opening::Discovery(filter)))
        } else {
            Err(BuildError::PinnedAndDiscovery)
        };
    }
    if pins.is_empty() {
        return Ok(None);
    }
    let (mut aliases, keys): (Vec<_>, Vec<_>) = pins.into_iter().partition(KmsKeyId::is_alias);
    let alias = aliases.pop();
    if aliases.is_empty() {
        Ok(Some(Opening::Pinned {
            keys: keys.into(),
            alias,
        }))
    } else {
        Err(BuildError::SeveralAliases)
    }
}

fn check_grant_tokens(tokens: Vec<String>) -> Result<Option<Vec<String>>, BuildError> {
    let well_formed = |token: &String| !token.is_empty() && token.len() <= MAX_GRANT_TOKEN_LEN;
    if tokens.len() > MAX_GRANT_TOKENS || !tokens.iter().all(well_formed) {
        return Err(BuildError::GrantTokens);
    }
    Ok((!tokens.is_empty()).then_some(tokens))
}
