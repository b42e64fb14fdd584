//! Connections to KMS: kept while they answer, and all that lie idle let go at the first sign that they do not.
//!
//! A firewall, a load balancer or a machine that slept ends idle connections without a word. Each is found out by a call that waits
//! for its time-out: attempt after attempt, a pool of six is met one by one for half a minute. But what a call finds out about its
//! connection most often holds for all that lay idle as long. So after a time-out or a broken connection the next call gets a new
//! one, and those that lie idle are closed. Calls that are under way on others go on.
//!
//! The limit of idle connections goes by a clock that stands still while the machine is suspended. So the wall clock is looked at
//! too: after a pause of that length no connection is used again that was there before it.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_async::{rt::sleep::SharedAsyncSleep, time::SharedTimeSource};
use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        connector_metadata::ConnectorMetadata,
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::HttpRequest,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::config_bag::ConfigBag;

/// A call that was given up after so long without an answer says something about its connection: 100 milliseconds, which is
/// more than KMS takes. Whoever gives up sooner has other reasons.
const SUSPICIOUS: Duration = Duration::from_millis(100);

/// The SDK's own HTTP client, with connections that are let go together. An idle one is closed after so long.
pub(crate) fn client(idle: Duration) -> SharedHttpClient {
    SharedHttpClient::new(Connections {
        idle,
        pools: Mutex::default(),
    })
}

/// By connect and read timeout.
type Pools = HashMap<(Option<Duration>, Option<Duration>), Pool>;

/// One pool for each pair of connect and read timeouts, as the SDK has it.
#[derive(Debug)]
struct Connections {
    idle: Duration,
    pools: Mutex<Pools>,
}

impl Connections {
    fn pools(&self) -> MutexGuard<'_, Pools> {
        // Nothing that runs under the lock leaves the table half changed.
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpClient for Connections {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let new = || {
            let recipe = Recipe {
                idle: self.idle,
                settings: settings.clone(),
                sleep: components.sleep_impl(),
            };
            Pool::new(recipe, components.time_source().unwrap_or_default())
        };
        let key = (settings.connect_timeout(), settings.read_timeout());
        SharedHttpConnector::new(self.pools().entry(key).or_insert_with(new).clone())
    }

    fn validate_base_client_config(
        &self,
        _: &RuntimeComponentsBuilder,
        _: &ConfigBag,
    ) -> Result<(), BoxError> {
        // The system's root certificates are read when the first one is made: when a client is built, not at its first call.
        let recipe = Recipe {
            idle: self.idle,
            settings: HttpConnectorSettings::builder().build(),
            sleep: None,
        };
        drop(recipe.make());
        Ok(())
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some("1.x".into())))
    }
}

/// How a hyper client is made: as the SDK makes its own, but for the limit of idle connections.
#[derive(Debug)]
struct Recipe {
    idle: Duration,
    settings: HttpConnectorSettings,
    sleep: Option<SharedAsyncSleep>,
}

impl Recipe {
    fn make(&self) -> SharedHttpConnector {
        let mut builder = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .connector_settings(self.settings.clone())
            .proxy_config(ProxyConfig::from_env())
            .pool_idle_timeout(self.idle);
        builder.set_sleep_impl(self.sleep.clone());
        SharedHttpConnector::new(builder.build())
    }
}

/// Connections of which any serves, until one of them turns out to be dead.
#[derive(Debug, Clone)]
struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    recipe: Recipe,
    clock: SharedTimeSource,
    /// When a call began or ended last, by the wall clock, in milliseconds.
    used: AtomicU64,
    current: RwLock<Generation>,
}

/// A hyper client with the connections that it has. Dropped, it closes those that lie idle.
#[derive(Debug, Clone)]
struct Generation {
    number: u64,
    connector: SharedHttpConnector,
}

impl Pool {
    fn new(recipe: Recipe, clock: SharedTimeSource) -> Self {
        let first = Generation {
            number: 0,
            connector: recipe.make(),
        };
        Self(Arc::new(Shared {
            used: AtomicU64::new(millis(clock.now())),
            recipe,
            clock,
            current: RwLock::new(first),
        }))
    }

    /// Notes that connections are used, and answers for how long none was.
    fn use_now(&self) -> Duration {
        let now = millis(self.0.clock.now());
        let before = self.0.used.swap(now, Ordering::Relaxed);
        Duration::from_millis(now.saturating_sub(before))
    }

    fn current(&self) -> Generation {
        let current = self.0.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// The connections of the next call: new ones, if none was used for so long that all have been idle for too long.
    fn usable(&self) -> Generation {
        let rested = self.use_now();
        let current = self.current();
        if rested < self.0.recipe.idle {
            return current;
        }
        self.let_go(current.number);
        self.current()
    }

    /// Has later calls make new connections, unless that was done since a generation was the current one.
    fn let_go(&self, number: u64) {
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.number != number {
            return;
        }
        let next = Generation {
            number: number.wrapping_add(1),
            connector: self.0.recipe.make(),
        };
        let old = std::mem::replace(&mut *current, next);
        drop(current);
        // Outside of the lock, as this closes connections.
        drop(old);
    }
}

fn millis(wall: SystemTime) -> u64 {
    let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Generation { number, connector } = self.usable();
        let mut watch = Watch {
            pool: self.clone(),
            generation: number,
            began: self.0.clock.now(),
            is_open: true,
        };
        let answer = connector.call(request);
        HttpConnectorFuture::new(async move {
            let answered = answer.await;
            watch.is_open = false;
            // What the caller did wrong says nothing about a connection.
            if answered.as_ref().is_err_and(|error| !error.is_user()) {
                watch.pool.let_go(watch.generation);
            }
            answered
        })
    }
}

/// A call without an answer so far. Who gives up on it drops it: most often for a time-out of a layer above.
struct Watch {
    pool: Pool,
    generation: u64,
    began: SystemTime,
    is_open: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.pool.use_now();
        let waited = self.pool.0.clock.now().duration_since(self.began);
        if self.is_open && waited.is_ok_and(|waited| waited >= SUSPICIOUS) {
            self.pool.let_go(self.generation);
        }
    }
}
