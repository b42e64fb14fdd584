//! Commands on files.
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{BindingArgs, ExpectedArgs, KeyArgs};
use crate::{key_uri::KeyUri, span::Span};

/// In which format a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Datakey's own
    Datakey,
    /// That of the AWS Encryption SDK, which every AWS Encryption SDK opens; it has no associated data and no records
    Esdk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
pub(crate) enum SuiteArg {
    /// Datakey's format, its default; each opens on every machine
    #[value(name = "chacha20-poly1305")]
    #[serde(rename = "chacha20-poly1305")]
    ChaCha20Poly1305,
    /// Datakey's format; faster where the processor has AES instructions
    #[value(name = "aes-256-gcm")]
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
    /// Format esdk, its default, as of the AWS Encryption SDK: 0x0578, signed
    #[value(name = "commit-key-ecdsa-p384")]
    #[serde(rename = "commit-key-ecdsa-p384")]
    CommitKeyEcdsaP384,
    /// Format esdk: 0x0478, not signed
    #[value(name = "commit-key")]
    #[serde(rename = "commit-key")]
    CommitKey,
}

/// Which messages of the AWS Encryption SDK open, under its names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyArg {
    /// Those that commit to their data key
    #[default]
    #[value(name = "require-encrypt-require-decrypt")]
    Require,
    /// All
    #[value(name = "require-encrypt-allow-decrypt")]
    Allow,
    /// All
    #[value(name = "forbid-encrypt-allow-decrypt")]
    Forbid,
}

/// How messages of the AWS Encryption SDK are read.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Messages of the AWS Encryption SDK")]
pub(crate) struct ReaderArgs {
    /// Which to open by whether they commit to their data key.
    #[arg(long, value_enum, default_value_t = PolicyArg::Require)]
    pub(crate) commitment_policy: PolicyArg,
    /// How many encrypted data keys they may have [default: as many as there are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_encrypted_data_keys: Option<u16>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct OutputArgs {
    /// Where the result goes: a file, or a folder, which several inputs or a folder need; `-` is standard output, and what was
    /// done is then told on standard error.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Replace outputs that exist.
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Pass over inputs whose output is there already and not older: go on where a run was stopped.
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ThreadArgs {
    /// How many threads work on large files, or on several [default: as many as there are processors] [env: DATAKEY_THREADS]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct SealArgs {
    /// What to seal; `-`, the default, is standard input. A file's output is FILE.datakey beside it, in the format esdk
    /// FILE.encrypted; of a folder, each file in it is sealed.
    #[arg(default_value = "-", value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// The format of the message.
    #[arg(long, value_enum, default_value_t = FormatArg::Datakey)]
    pub(crate) format: FormatArg,
    /// The cipher suite, one of the format's. [env: DATAKEY_SUITE]
    #[arg(long, value_enum)]
    pub(crate) suite: Option<SuiteArg>,
    /// Write text (base64 between two lines) instead of bytes; each command that reads messages reads it.
    #[arg(long, short)]
    pub(crate) armor: bool,
    /// Seal each line as a record: records seal --shape lines.
    #[arg(long, hide = true)]
    pub(crate) lines: bool,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) binding: BindingArgs,
}

#[derive(Debug, Default, Args)]
pub(crate) struct OpenArgs {
    /// What to open, of either format; `-`, the default, is standard input. FILE.datakey and FILE.encrypted become FILE; of a
    /// folder, each such file in it is opened. Opened files are for their owner only (mode 0600).
    #[arg(default_value = "-", value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Open only this record, counted from 0: records open --index N.
    #[arg(long, value_name = "N", hide = true)]
    pub(crate) record: Option<u64>,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) expected: ExpectedArgs,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The sealed messages, of either format; `-`, the default, is standard input; of a folder, each FILE.datakey and
    /// FILE.encrypted in it.
    #[arg(default_value = "-", value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) expected: ExpectedArgs,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The sealed messages; `-`, the default, is standard input. Of a folder, or of several, a summary by wrapping key, encryption
    /// context, format and suite.
    #[arg(default_value = "-", value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    /// List the messages that are under this wrapping key, by its key id; several times for several.
    #[arg(long, value_name = "KEY_ID")]
    pub(crate) under: Vec<String>,
}

// It opens no message, so that there is nothing to check associated data against.
#[derive(Debug, Args)]
#[command(mut_arg("aad", |arg| arg.hide(true)), mut_arg("aad_file", |arg| arg.hide(true)))]
pub(crate) struct RewrapArgs {
    /// The sealed messages, of datakey's format; of a folder, each FILE.datakey in it. They are replaced, each at once.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    /// The new key, named as with --key; several times for several. Between KMS keys of one region the data key stays in the KMS
    /// (ReEncrypt).
    #[arg(long, required = true, value_name = "KEY", help_heading = "Keys")]
    pub(crate) to: Vec<KeyUri>,
    /// Leave the wrapped keys of --key in the messages too, for as long as somebody still reads under them.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Say what would be done, and do none of it.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) expected: ExpectedArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    /// The sealed messages; `-`, the default, is standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Only these bytes of the plaintext, from START up to and without END, counted from 0: START..END, START.. or ..END, or N for one. Of a
    /// file of datakey's format no more is read than is needed, and the end, which proves its length.
    #[arg(long, value_name = "RANGE")]
    pub(crate) bytes: Option<Span>,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) expected: ExpectedArgs,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
}
