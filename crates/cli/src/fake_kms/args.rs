//! The arguments of `datakey fake-kms`.
use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use clap::Args;
use datakey::fake_kms::{FaultRule, Latency, ParseError, Quota};

/// Faults and latencies have a small language of their own; the help shows all of it.
const LANGUAGE: &str = "\
Quotas:     1000 (calls per second), bucket:RATE,BURST, kms (those of a new account), unlimited
Latencies:  5ms, 3ms..40ms, normal:MEAN,DEVIATION, lognormal:MEDIAN,P99, exponential:MEAN
Faults:     what happens, and to which calls, with commas between:
  error=KMSInternalException  hang[=30s]  drop  reset  garbage  page=503  cut  slow=5s  delay=100ms
  on=Decrypt  key=alias/orders  after=2  times=3  from=10s  until=20s  probability=0.1
Principals: a JSON list of {\"access_key_id\", \"secret_access_key\", \"session_token\", \"arn\", \"policy\", \"tags\",
  \"source_ip\"}, of which the first two must be there; tags are {\"team\": \"shop\"}, the address is that of all its calls

All calls of a Region are at METRICS_PATH for Prometheus, and at LEDGER_PATH in JSON. It answers in every Region: in the
one that a request's signature is scoped to. It ends on SIGINT, SIGTERM or SIGHUP. Clients that go through a proxy by
HTTP_PROXY must be told not to for its address: NO_PROXY=127.0.0.1, as the ready line has it. With --tls a client must trust
the authority of --tls-ca: AWS_CA_BUNDLE for the AWS command line and boto3, NODE_EXTRA_CA_CERTS, SSL_CERT_FILE and others.";

#[derive(Debug, Args)]
#[command(after_help = LANGUAGE)]
pub(crate) struct FakeKmsArgs {
    /// The address to listen on; port 0 is a free one. Whoever reaches it may use every key: keep it on the loopback interface.
    #[arg(long, default_value = "127.0.0.1:4599", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The Region of --key, and of requests that say none.
    #[arg(long, default_value = "us-east-1")]
    pub(crate) region: String,
    /// The account: twelve digits.
    #[arg(long, default_value = "111122223333")]
    pub(crate) account: String,
    /// Make a key with this alias, unless the state has it already; several times for several keys.
    #[arg(long, value_name = "ALIAS")]
    pub(crate) key: Vec<String>,
    /// The same for multi-Region keys.
    #[arg(long, value_name = "ALIAS")]
    pub(crate) multi_region_key: Vec<String>,
    /// How many cryptographic calls are answered per second in each Region; see below.
    #[arg(long, default_value = "unlimited")]
    pub(crate) quota: QuotaArg,
    /// How long answers take; see below.
    #[arg(long, default_value = "0ms")]
    pub(crate) latency: Latency,
    /// Something that goes wrong in --region; see below. Several times for several rules, the first of which that fits decides.
    #[arg(long, value_name = "RULE")]
    pub(crate) fault: Vec<FaultRule>,
    /// A file with such rules, one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) faults_file: Option<PathBuf>,
    /// Keep keys in this file, in the clear: whoever reads it opens whatever they sealed.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Let a principal in, and nobody who is not let in; several times for several. NAME is as in user/shop.
    #[arg(long, value_name = "ACCESS_KEY:SECRET[:NAME]")]
    pub(crate) credential: Vec<String>,
    /// Let in the principals of this file, with policies of their own; see below.
    #[arg(long, value_name = "FILE")]
    pub(crate) principals: Option<PathBuf>,
    /// Refuse requests that no such principal signed just now.
    #[arg(long)]
    pub(crate) verify_signatures: bool,
    /// Where metrics are.
    #[arg(long, default_value = "/metrics", value_name = "PATH", value_parser = path)]
    pub(crate) metrics_path: String,
    /// Where the ledger is (GET), and is emptied (DELETE).
    #[arg(long, default_value = "/ledger", value_name = "PATH", value_parser = path)]
    pub(crate) ledger_path: String,
    /// Where fault rules can be added (POST, one a line) and taken out (DELETE) while it runs.
    #[arg(long, default_value = "/faults", value_name = "PATH", value_parser = path)]
    pub(crate) faults_path: String,
    /// Where the clock can be moved on (POST of a time, such as 7d), for deletions and rotations.
    #[arg(long, default_value = "/clock", value_name = "PATH", value_parser = path)]
    pub(crate) clock_path: String,
    /// How many calls of a Region the ledger keeps.
    #[arg(long, default_value_t = 10_000, value_name = "CALLS")]
    pub(crate) ledger_calls: usize,
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// The seed of latencies and of faults with a probability.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[cfg(feature = "tls")]
#[derive(Debug, Args)]
pub(crate) struct TlsArgs {
    /// Speak TLS, by a certificate that is made at the start (--tls-ca) or given (--tls-cert, --tls-key).
    #[arg(long, requires = "identity")]
    pub(crate) tls: bool,
    /// Where to write the authority that signed the certificate made at the start, for clients to trust: in PEM, a new one each time.
    #[arg(long, value_name = "FILE", requires = "tls", group = "identity")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Replace the file of --tls-ca if there is one.
    #[arg(long, requires = "tls_ca")]
    pub(crate) force: bool,
    /// A host name or address that the certificate made at the start is for, besides those of this machine and that of --listen;
    /// several times for several.
    #[arg(long, value_name = "NAME", requires = "tls_ca")]
    pub(crate) tls_name: Vec<String>,
    /// The certificate, with those that lead to its authority after it, in PEM.
    #[arg(long, value_name = "FILE", requires_all = ["tls", "tls_key"], group = "identity")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// A path of its own beside `/`, where KMS is.
fn path(text: &str) -> Result<String, String> {
    let is_fit = |byte: u8| byte.is_ascii_graphic() && byte != b'?' && byte != b'#';
    if text.len() > 1 && text.starts_with('/') && text.bytes().all(is_fit) {
        Ok(text.to_owned())
    } else {
        Err("a path begins with a slash, has more than that, and no spaces, ? or #".to_owned())
    }
}

/// A quota for all cryptographic operations, or those that KMS gives a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuotaArg {
    OfKms,
    These(Quota),
}

impl FromStr for QuotaArg {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "kms" => Ok(Self::OfKms),
            _ => text.parse().map(Self::These),
        }
    }
}
