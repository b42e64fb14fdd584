//! A server is set up, and started.
use std::{io, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;

use super::{server::FakeKmsServer, settings::Settings};
use crate::FakeKms;

impl FakeKmsServer {
    /// A server with settings of its own.
    pub fn builder(fake: FakeKms) -> FakeKmsServerBuilder {
        FakeKmsServerBuilder::new(fake)
    }

    /// Serves on a free port of the loopback interface.
    ///
    /// # Errors
    /// What the operating system says when it gives no port.
    pub async fn start(fake: FakeKms) -> io::Result<Self> {
        Self::builder(fake).start().await
    }

    /// Serves on an address. Whoever reaches it may use every key: keep it on the loopback interface.
    ///
    /// # Errors
    /// What the operating system says when the address is taken or not ours.
    pub async fn bind(fake: FakeKms, address: SocketAddr) -> io::Result<Self> {
        Self::builder(fake).bind(address).await
    }
}

/// The settings of a [`FakeKmsServer`].
///
/// ```
/// use std::time::Duration;
/// use datakey_fake_kms::{FakeKms, FakeKmsServer, Principal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::builder().wall_clock().build()?;
/// fake.add_principal(Principal::new("AKIASHOP", "its secret", "arn:aws:iam::111122223333:role/shop")?);
/// let server = FakeKmsServer::builder(fake)
///     .verify_signatures()
///     .regions_by_signature()
///     .metrics_path("/metrics")
///     .request_timeout(Duration::from_secs(30))
///     .start()
///     .await?;
/// # server.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct FakeKmsServerBuilder {
    fake: FakeKms,
    settings: Settings,
}

impl FakeKmsServerBuilder {
    fn new(fake: FakeKms) -> Self {
        Self {
            fake,
            settings: Settings::default(),
        }
    }

    /// Refuses requests that no principal of the fake signed, for this Region, within five minutes of the fake's
    /// clock. Default: signatures are not looked at. Real clients sign with the time of day: see
    /// [`wall_clock`](crate::FakeKmsBuilder::wall_clock).
    pub fn verify_signatures(mut self) -> Self {
        self.settings.verify_signatures = true;
        self
    }

    /// Answers each request in the Region that its signature is scoped to, as if this were the endpoint of all
    /// Regions. Default: in the Region of the fake, whatever the signature says.
    pub fn regions_by_signature(mut self) -> Self {
        self.settings.regions_by_signature = true;
        self
    }

    /// Closes connections that take longer than this for a request's head, or for its body. Default: never, as on a
    /// paused clock time passes while nothing happens.
    pub fn request_timeout(mut self, time: Duration) -> Self {
        self.settings.request_timeout = Some(time);
        self
    }

    /// Answers `GET` of this path with metrics, in the text format of Prometheus. Default: none.
    ///
    /// What they count is what the ledger counts, by operation and how calls ended, with how long they took.
    pub fn metrics_path(mut self, path: &str) -> Self {
        self.settings.metrics_path = Some(path.into());
        self
    }

    /// Answers `GET` of this path with the ledgers of all Regions, in JSON; `DELETE` empties them, or with `?region=eu-west-1` that
    /// of a Region. Default: none.
    pub fn ledger_path(mut self, path: &str) -> Self {
        self.settings.ledger_path = Some(path.into());
        self
    }

    /// Takes fault rules on this path, for tests in other languages: `POST` adds those of the body, one a line in the form
    /// that [`FaultRule`](crate::FaultRule) is parsed from, `DELETE` takes all out; of another Region with
    /// `?region=eu-west-1`. Whoever reaches the endpoint may do so. Default: none.
    pub fn faults_path(mut self, path: &str) -> Self {
        self.settings.faults_path = Some(path.into());
        self
    }

    /// Moves the clock on by the time in the body of a `POST` to this path, such as `7d`: see
    /// [`FakeKms::advance_clock`]. `GET` tells what it shows. Default: none.
    ///
    /// Times are a number and a unit: `250ms`, `1h`, `7d`. Anything else is refused with status 400, and the clock stays.
    pub fn clock_path(mut self, path: &str) -> Self {
        self.settings.clock_path = Some(path.into());
        self
    }

    /// Speaks TLS by this identity, and nothing else. Default: plain HTTP. A handshake may take as long as a request's head
    /// ([`request_timeout`](Self::request_timeout)).
    #[cfg(feature = "tls")]
    pub fn tls(mut self, identity: super::tls::TlsIdentity) -> Self {
        self.settings.tls = Some(identity);
        self
    }

    /// Serves on a free port of the loopback interface.
    ///
    /// # Errors
    /// What the operating system says when it gives no port.
    pub async fn start(self) -> io::Result<FakeKmsServer> {
        self.bind(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Serves on an address. Whoever reaches it may use every key, unless signatures are verified; and plain HTTP hides
    /// nothing: keep it on the loopback interface.
    ///
    /// # Errors
    /// What the operating system says when the address is taken or not ours.
    pub async fn bind(self, address: SocketAddr) -> io::Result<FakeKmsServer> {
        self.listen_on(TcpListener::bind(address).await?)
    }

    /// Serves on a listener, as [`bind`](Self::bind) does on an address: for whoever is to know that an address is free before
    /// anything else is done.
    ///
    /// # Errors
    /// What the operating system says when the listener has no address.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn listen_on(self, listener: TcpListener) -> io::Result<FakeKmsServer> {
        FakeKmsServer::listen(self.fake, self.settings, listener)
    }
}
