//! `datakey branch-key`.
use clap::{Args, Subcommand};
use datakey::{branch_keys::BranchKeyVersion, kms::KmsKeyId};

#[derive(Debug, Subcommand)]
pub(crate) enum BranchKeyCommand {
    /// Create a branch key; where it is there already and the same was asked for, that is said.
    Create(BranchKeyCreateArgs),
    /// Make a new version, which seals from then on; earlier versions open as before.
    Rotate(BranchKeyRotateArgs),
    /// List the versions of a branch key, the oldest first.
    List(BranchKeyOneArgs),
    /// Show the version that seals, and have KMS say that nothing of it was changed in the table.
    Show(BranchKeyOneArgs),
}

/// Where branch keys are.
#[derive(Debug, Args)]
pub(crate) struct TableArgs {
    /// The table in DynamoDB.
    #[arg(long)]
    pub(crate) table: String,
    /// The name that is bound into each key, where the table is called otherwise than at first.
    #[arg(long, value_name = "NAME")]
    pub(crate) logical_name: Option<String>,
    /// The KMS key that wraps them, by its ARN.
    #[arg(long, value_name = "ARN")]
    pub(crate) kms_key: KmsKeyId,
    /// The KMS endpoint, if not that of the region; that of DynamoDB is in `AWS_ENDPOINT_URL_DYNAMODB`.
    #[arg(long, value_name = "URL", value_parser = crate::keys::endpoint)]
    pub(crate) endpoint_url: Option<String>,
    /// The AWS region, if not that of the key's ARN.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// For how many seconds to try while KMS or DynamoDB throttles or does not answer [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct BranchKeyCreateArgs {
    /// The branch key id, which needs a context too [default: a random UUID]
    pub(crate) id: Option<String>,
    /// A pair of the custom encryption context, which KMS binds to each version.
    #[arg(long = "context", short = 'c', value_name = "KEY=VALUE")]
    pub(crate) context: Vec<String>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BranchKeyRotateArgs {
    /// The branch key id.
    pub(crate) id: String,
    /// Only if this is the version that seals still: for a job that may run twice.
    #[arg(long, value_name = "VERSION")]
    pub(crate) from: Option<BranchKeyVersion>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BranchKeyOneArgs {
    /// The branch key id.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}
