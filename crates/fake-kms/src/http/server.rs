//! The server: connections in, and their end.
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{connection::connection, endpoint::Endpoint, settings::Settings};
use crate::{FakeKms, access::Source};

/// How long [`FakeKmsServer::shutdown`] waits for calls that are being answered.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How many connections a server keeps at a time; more wait until one is closed.
pub const MAX_CONNECTIONS: usize = 10_000;

/// A [`FakeKms`] behind an HTTP endpoint, in the protocol of KMS. Dropping it stops it.
///
/// HTTP/1.1 with keep-alive, plain unless it is built with an identity for TLS; point an AWS client at it with an endpoint URL. Unless it
/// is [built](Self::builder) to verify signatures, any credentials will do.
///
/// ```
/// use datakey_fake_kms::{FakeKms, FakeKmsServer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let server = FakeKmsServer::start(fake.clone()).await?;
/// let (endpoint, key) = (server.url(), fake.create_key()?); // give these to the client
/// assert!(endpoint.starts_with("http://127.0.0.1:"));
/// server.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct FakeKmsServer {
    fake: FakeKms,
    address: SocketAddr,
    is_secure: bool,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl FakeKmsServer {
    pub(super) fn listen(fake: FakeKms, settings: Settings, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let is_secure = settings.is_secure();
        let endpoint = Endpoint {
            fake: fake.clone(),
            settings: Arc::new(settings),
            source: Source::HERE,
        };
        let task = tokio::spawn(serve(listener, endpoint, stopped));
        Ok(Self {
            fake,
            address,
            is_secure,
            stop,
            task,
        })
    }

    /// Where it listens.
    ///
    /// With the port that the operating system chose, where none was asked for.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL, without a slash at the end.
    ///
    /// It begins with `https` where the server was built with an identity. It has the address in it and no host name, so a certificate has
    /// to be for that address.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The fake behind it.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, FakeKmsServer};
    /// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = FakeKmsServer::start(FakeKms::new()).await?;
    /// // Any client that can write a line of HTTP.
    /// let body = r#"{"NumberOfBytes": 16}"#;
    /// let request = format!(
    ///     "POST / HTTP/1.1\r\nHost: kms\r\nX-Amz-Target: TrentService.GenerateRandom\r\n\
    ///      Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
    ///     body.len(),
    /// );
    /// let mut connection = tokio::net::TcpStream::connect(server.addr()).await?;
    /// connection.write_all(request.as_bytes()).await?;
    /// let mut answer = String::new();
    /// connection.read_to_string(&mut answer).await?;
    /// assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Plaintext"));
    /// assert_eq!(server.fake().ledger().calls(), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn fake(&self) -> &FakeKms {
        &self.fake
    }

    /// Takes no more connections and calls, lets those finish that are being answered, at most for
    /// [`SHUTDOWN_GRACE`], and returns when all is closed.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // An error here is a panic of the server's task, which has nothing left to stop.
        let _stopped = (&mut self.task).await;
    }
}

impl Drop for FakeKmsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, endpoint: Endpoint, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    let source = Source {
                        address: Some(peer.ip()),
                        is_secure: endpoint.settings.is_secure(),
                    };
                    let endpoint = Endpoint { source, ..endpoint.clone() };
                    connections.spawn(connection(stream, endpoint, stopped.clone()));
                }
                // Out of descriptors, mostly: some will be closed in a moment.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    let all_closed = async { while connections.join_next().await.is_some() {} };
    let _cut_off = timeout(SHUTDOWN_GRACE, all_closed).await;
}
