//! What a connection needs to know.
use std::time::Duration;

/// The settings of a server.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) verify_signatures: bool,
    pub(super) regions_by_signature: bool,
    pub(super) request_timeout: Option<Duration>,
    pub(super) metrics_path: Option<Box<str>>,
    pub(super) ledger_path: Option<Box<str>>,
    pub(super) faults_path: Option<Box<str>>,
    pub(super) clock_path: Option<Box<str>>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<super::tls::TlsIdentity>,
}

impl Settings {
    pub(super) fn is_secure(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}
