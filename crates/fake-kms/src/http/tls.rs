//! TLS: who the server says it is.
use std::{
    fmt, io,
    sync::{Arc, OnceLock},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// A certificate with its private key, by which a [`FakeKmsServer`](crate::FakeKmsServer) speaks TLS 1.2 and 1.3.
///
/// ```
/// use datakey_fake_kms::{FakeKms, FakeKmsServer, TlsIdentity};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = TlsIdentity::made_for(["localhost", "127.0.0.1"])?;
/// let trusted = identity.ca_pem().unwrap_or_default().to_owned(); // give this to the client
/// let server = FakeKmsServer::builder(FakeKms::new()).tls(identity).start().await?;
/// assert!(server.url().starts_with("https://127.0.0.1:"));
/// # assert!(trusted.starts_with("-----BEGIN CERTIFICATE-----"));
/// # server.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    ca: Option<Arc<str>>,
}

/// Why something is no identity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A name that no certificate can be for, or no random bytes for its keys.
    #[error("a certificate cannot be made: {0}")]
    Made(Box<str>),
    /// The text of the certificates is not PEM, or has none.
    #[error("these are no certificates in PEM: {0}")]
    Certificates(Box<str>),
    /// The text of the private key is not PEM, or has none.
    #[error("this is no private key in PEM")]
    PrivateKey,
    /// They do not go together, or are of a kind that is not known.
    #[error("the certificate and its private key cannot be used: {0}")]
    Unusable(Box<str>),
}

impl TlsIdentity {
    /// A certificate for these host names and addresses, by an authority that signs no other: its key is forgotten at once.
    ///
    /// # Errors
    /// [`TlsError::Made`].
    pub fn made_for<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Result<Self, TlsError> {
        let failed = |error: rcgen::Error| TlsError::Made(error.to_string().into());
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        for name in &names {
            let host = name.strip_prefix("*.").unwrap_or(name);
            ServerName::try_from(host).map_err(|_not_so| {
                TlsError::Made(format!("{name:?} is no host name and no address").into())
            })?;
        }
        let (authority, authority_key) = (authority(), KeyPair::generate().map_err(failed)?);
        let trusted = authority.self_signed(&authority_key).map_err(failed)?;
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().map_err(failed)?;
        let mut own = CertificateParams::new(names).map_err(failed)?;
        own.distinguished_name
            .push(DnType::CommonName, "datakey-fake-kms");
        own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        own.use_authority_key_identifier_extension = true;
        let certificate = own.signed_by(&key, &issuer).map_err(failed)?;
        let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|_ours| TlsError::PrivateKey)?;
        let identity = Self::new(vec![certificate.der().clone()], private)?;
        Ok(Self {
            ca: Some(trusted.pem().into()),
            ..identity
        })
    }

    /// A certificate, with those that lead to its authority after it, and its private key: both in PEM.
    ///
    /// # Errors
    /// [`TlsError`]; it repeats nothing of the key.
    pub fn from_pem(certificates: &[u8], private_key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::Certificates(error.to_string().into()))?;
        if chain.is_empty() {
            return Err(TlsError::Certificates("there is none".into()));
        }
        let key = PrivateKeyDer::from_pem_slice(private_key).map_err(|_names_bytes| TlsError::PrivateKey)?;
        Self::new(chain, key)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let failed = |error: rustls::Error| TlsError::Unusable(error.to_string().into());
        let mut config = ServerConfig::builder_with_provider(ciphers())
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(failed)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            ca: None,
        })
    }

    /// The certificate of the authority that clients are to trust, in PEM, when it was made here.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

fn authority() -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "datakey-fake-kms, for tests only");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority
}

/// Those of AWS-LC, whatever the process has as its own.
fn ciphers() -> Arc<CryptoProvider> {
    static CIPHERS: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(CIPHERS.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

/// What is told in the clear to whoever speaks no TLS.
pub(super) const NO_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
    This port speaks TLS: begin the URL with https.\n";

/// Whether a first byte begins a request in the clear, all of which begin with the letter of a method.
pub(super) fn is_in_the_clear(first: u8) -> bool {
    first.is_ascii_uppercase()
}

/// The end of a handshake that came to nothing.
pub(super) fn too_slow() -> io::Error {
    io::ErrorKind::TimedOut.into()
}
