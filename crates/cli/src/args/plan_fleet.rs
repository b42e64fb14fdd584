//! The arguments of `datakey plan`.
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use datakey_sim::Span;

/// What a fleet has to seal, or what it was measured to.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("start").required(true).args(["records_per_second", "from_metrics", "from_cloudtrail"]).multiple(true)))]
pub(crate) struct PlanArgs {
    /// Records that the whole fleet seals a second.
    #[arg(long, value_name = "N")]
    pub(crate) records_per_second: Option<f64>,
    /// Hosts that seal [default: 10, or as many as there are files of metrics]
    #[arg(long, value_name = "N")]
    pub(crate) hosts: Option<u32>,
    /// Hosts that open; each batch goes to one of them, drawn at random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) readers: u32,
    /// Encryption contexts [default: 1, or as many data keys as the metrics count on a host]
    #[arg(long, value_name = "N")]
    pub(crate) contexts: Option<u32>,
    /// How unevenly records spread over the contexts: the exponent of Zipf's law, 0 is evenly.
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    pub(crate) skew: f64,
    /// Each record has an encryption context of its own, as one with an order id in it has.
    #[arg(long)]
    pub(crate) context_per_record: bool,
    /// Branch keys that the contexts share where data keys are wrapped locally, such as one for each tenant.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) branch_keys: u32,
    /// Records that come together.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) batch: u32,
    /// The length of a record.
    #[arg(long, value_name = "BYTES", default_value_t = 300)]
    pub(crate) record_bytes: u64,
    /// The longest time after which records are opened, such as 30s or 2h.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub(crate) opened_within: Span,
    /// KMS calls a second that the account has [default: what AWS gives an account in the Region]
    #[arg(long, value_name = "N")]
    pub(crate) quota: Option<u64>,
    /// The Region.
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    pub(crate) region: String,
    /// The key is in a custom key store, which answers 1,800 calls a second.
    #[arg(long)]
    pub(crate) custom_key_store: bool,
    /// Calls a second that others in the account and Region make.
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    pub(crate) others_per_second: f64,
    /// The share of the quota that has to stay free.
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    pub(crate) headroom: f64,
    /// The most records under a data key [default: 16777216]
    #[arg(long, value_name = "N")]
    pub(crate) max_messages_per_key: Option<u64>,
    /// The most bytes under a data key [default: 1099511627776]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_bytes_per_key: Option<u64>,
    /// The age past which a data key is never used, such as 5m.
    #[arg(long, value_name = "TIME")]
    pub(crate) max_age: Option<Span>,
    /// Play the recommended way for ten minutes of virtual time, and tell the calls that were counted.
    #[arg(long)]
    pub(crate) simulate: bool,
    /// Say what a service measured: Prometheus text with datakey's metrics, a file for each host.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) from_metrics: Vec<PathBuf>,
    /// For how long the counters of the metrics have counted, such as 6h; makes rates of them.
    #[arg(long, value_name = "TIME", requires = "from_metrics")]
    pub(crate) over: Option<Span>,
    /// Say what CloudTrail recorded: exports in JSON, files or folders, `-` is standard input.
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "from_metrics")]
    pub(crate) from_cloudtrail: Vec<PathBuf>,
    #[cfg(feature = "report")]
    #[command(flatten)]
    pub(crate) report: super::ReportArgs,
}
