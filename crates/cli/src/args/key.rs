//! Which keys, and what a message is bound to.
use std::path::PathBuf;

use clap::Args;
use datakey::kms::KmsKeyId;

use crate::key_uri::KeyUri;

/// Which keys wrap the data key.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeyArgs {
    /// A key: aws-kms:alias/NAME, an ARN of KMS, or local:FILE for a key file. Several times for several, each of which opens what
    /// is sealed; KMS keys of several regions by their ARNs. [env: DATAKEY_KEY]
    #[arg(long, short, value_name = "KEY")]
    pub(crate) key: Vec<KeyUri>,
    /// A key file: --key local:FILE.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) key_file: Option<PathBuf>,
    /// A KMS key: --key aws-kms:KEY.
    #[arg(long, value_name = "KEY", hide = true)]
    pub(crate) kms_key: Vec<KmsKeyId>,
    /// The KMS endpoint, if not that of the region.
    #[arg(long, value_name = "URL", value_parser = crate::keys::endpoint)]
    pub(crate) endpoint_url: Option<String>,
    /// The AWS region, if not that of the key's ARN or of the environment.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// For how many seconds to try while the KMS throttles or does not answer [default: 60] [env: DATAKEY_TIMEOUT]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,
}

/// What a message is bound to.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Binding")]
pub(crate) struct BindingArgs {
    /// A pair of the encryption context: few values, sent to the KMS and stored in the clear. [env: DATAKEY_CONTEXT]
    #[arg(long = "context", short = 'c', value_name = "KEY=VALUE")]
    pub(crate) context: Vec<String>,
    /// Associated data: text that is bound to the message but not stored; give it again to open.
    #[arg(long, value_name = "TEXT", conflicts_with = "aad_file")]
    pub(crate) aad: Option<String>,
    /// Associated data from a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) aad_file: Option<PathBuf>,
}

/// What a message is expected to be bound to.
#[derive(Debug, Default, Args)]
pub(crate) struct ExpectedArgs {
    #[command(flatten)]
    pub(crate) binding: BindingArgs,
    /// Take the message whatever its encryption context is: it may be meant for somebody or something else.
    #[arg(long, conflicts_with = "context", help_heading = "Binding")]
    pub(crate) danger_any_context: bool,
}
