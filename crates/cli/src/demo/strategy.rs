//! The ways to seal every order that are compared.
use std::time::Duration;

use aws_sdk_kms::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region,
        retry::{RetryConfig, RetryPartition},
    },
};
use aws_smithy_http_client::Builder;
use datakey::{
    ConfigError, Opener, OpenerBuilder, Sealer, SealerBuilder,
    esdk::{Params, Suite},
    kms::{BuildError, KmsProvider},
    retry::Policy,
};

/// One way to seal every order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strategy {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Whether it is fast enough for all orders; otherwise it gets a share of them, so that the demo takes less than a
    /// minute.
    pub(crate) all_orders: bool,
    /// Whether it runs beside the others, as it waits most of its time.
    pub(crate) beside: bool,
    /// Whether losing an order breaks its promise.
    pub(crate) claims_delivery: bool,
    pub(crate) records: bool,
    /// Posts messages of the AWS Encryption SDK, which an accounting service in any language opens.
    esdk: bool,
    sdk: SdkRetry,
    retry: bool,
    cache: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SdkRetry {
    Off,
    Standard,
    Adaptive,
}

const ONE_CALL_PER_ORDER: Strategy = Strategy {
    name: "naive",
    what: "naive, no retry",
    all_orders: false,
    beside: false,
    claims_delivery: false,
    records: false,
    esdk: false,
    sdk: SdkRetry::Off,
    retry: false,
    cache: false,
};

/// All of them, from the worst to the best.
pub(crate) const ALL: [Strategy; 7] = [
    ONE_CALL_PER_ORDER,
    Strategy {
        name: "sdk-standard",
        what: "AWS SDK, standard",
        sdk: SdkRetry::Standard,
        ..ONE_CALL_PER_ORDER
    },
    Strategy {
        name: "sdk-adaptive",
        what: "AWS SDK, adaptive",
        // At its first throttle it waits for a rate of a call in two seconds to have room for ten: 20 seconds on either side.
        beside: true,
        sdk: SdkRetry::Adaptive,
        ..ONE_CALL_PER_ORDER
    },
    Strategy {
        name: "retry",
        what: "datakey, retry alone",
        retry: true,
        claims_delivery: true,
        ..ONE_CALL_PER_ORDER
    },
    Strategy {
        name: "keyring",
        what: "datakey, keyring",
        all_orders: true,
        retry: true,
        cache: true,
        claims_delivery: true,
        ..ONE_CALL_PER_ORDER
    },
    Strategy {
        name: "keyring-esdk",
        what: "datakey, ESDK format",
        all_orders: true,
        esdk: true,
        retry: true,
        cache: true,
        claims_delivery: true,
        ..ONE_CALL_PER_ORDER
    },
    Strategy {
        name: "keyring-records",
        what: "datakey, records",
        all_orders: true,
        records: true,
        retry: true,
        cache: true,
        claims_delivery: true,
        ..ONE_CALL_PER_ORDER
    },
];

/// Which of the two services a stack is for: each has a client and SDK retry state of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    Shop,
    Accounting,
}

/// A stack that could not be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StackError {
    #[error("the KMS provider could not be built: {0}")]
    Kms(#[from] BuildError),
    #[error("the layers could not be built: {0}")]
    Layers(#[from] ConfigError),
}

/// How long a load may take that the SDK retries: it must not be our own limit that ends it.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where the KMS is, and which key to use.
#[derive(Debug, Clone)]
pub(crate) struct Kms {
    pub(crate) url: String,
    pub(crate) region: String,
    pub(crate) key: String,
}

impl Strategy {
    /// The shop's stack.
    ///
    /// # Errors
    /// [`StackError`]
    pub(crate) fn sealer(&self, kms: &Kms) -> Result<Sealer, StackError> {
        let builder = SealerBuilder::new(self.provider(kms, Side::Shop)?);
        let builder = if self.esdk {
            builder.format(Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey))
        } else {
            builder
        };
        let builder = if self.retry {
            builder
        } else {
            builder.retry(self.no_retry()).load_timeout(PATIENCE)
        };
        Ok(if self.cache {
            builder
        } else {
            builder.without_cache()
        }
        .build()?)
    }

    /// The accounting service's stack.
    ///
    /// # Errors
    /// [`StackError`]
    pub(crate) fn opener(&self, kms: &Kms) -> Result<Opener, StackError> {
        let builder = OpenerBuilder::new(self.provider(kms, Side::Accounting)?);
        let builder = if self.retry {
            builder
        } else {
            builder.retry(self.no_retry()).load_timeout(PATIENCE)
        };
        Ok(if self.cache {
            builder
        } else {
            builder.without_cache()
        }
        .build()?)
    }

    /// No retry of ours, and no time limit of ours on what the SDK tries more than once.
    fn no_retry(&self) -> Policy {
        match self.sdk {
            SdkRetry::Off => Policy::never(),
            _ => Policy::never().without_attempt_timeout(),
        }
    }

    fn provider(&self, kms: &Kms, side: Side) -> Result<KmsProvider, StackError> {
        let retry = match self.sdk {
            SdkRetry::Off => RetryConfig::disabled(),
            SdkRetry::Standard => RetryConfig::standard(),
            SdkRetry::Adaptive => RetryConfig::adaptive(),
        };
        // The SDK keeps its token bucket and its rate limiter in process-wide statics, by partition.
        let partition = RetryPartition::new(format!("{}-{side:?}", self.name));
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("AKIDDEMO", "demo", None, None, "demo"))
            .region(Region::new(kms.region.clone()))
            .endpoint_url(&kms.url)
            .http_client(Builder::new().build_http())
            .retry_config(retry)
            .retry_partition(partition)
            .build();
        let provider = KmsProvider::from_client(&Client::from_conf(config)).key(&kms.key);
        let provider = match self.sdk {
            SdkRetry::Off => provider,
            _ => provider.danger_keep_sdk_retries(),
        };
        Ok(provider.build()?)
    }
}
