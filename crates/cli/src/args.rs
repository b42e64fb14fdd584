//! The command line.
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use datakey::kms::KmsKeyId;

use crate::fake_kms::FakeKmsArgs;

/// Envelope encryption on AWS KMS, or on a key file.
#[derive(Debug, Parser)]
#[command(name = "datakey", version, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Print one JSON object instead of text; errors become JSON on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the demo found an order lost, doubled or altered, or something unforeseen failed
  2  the command line is wrong
  3  the input is not a sealed message, is malformed or cut short, or lacks the record
  4  the message is not authentic: altered or cut short, or another key or associated data
  5  the message's encryption context is not the expected one
  6  the key cannot be used: not found, denied, disabled, another key, or a bad key file
  7  the key service is busy, cannot be reached or does not accept who asks (credentials, clock, proxy): try again
  8  a file cannot be read or written, or the output exists already";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Post 69,659 real orders through a throttled KMS in seven ways, and compare.
    Demo(DemoArgs),
    /// Seal a file or standard input.
    Seal(SealArgs),
    /// Open a sealed file or standard input, of datakey's format or of the AWS Encryption SDK's.
    Open(OpenArgs),
    /// Show what a sealed message says about itself; needs no key, proves nothing.
    Inspect(InspectArgs),
    /// Make a key file for use without a KMS.
    Keygen(KeygenArgs),
    /// Be a KMS on this machine, with quotas and faults: for tests in any language.
    FakeKms(Box<FakeKmsArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Requests per second that the KMS lets through, shared by both services.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub(crate) quota: u32,
    /// Give the strategies that make a call for each order one order in so many.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) every: u32,
    /// Run only these strategies.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) only: Vec<String>,
}

/// Which key wraps the data key.
#[derive(Debug, Args)]
#[group(required = true, multiple = false, id = "key")]
pub(crate) struct KeyChoice {
    /// A key file made by `datakey keygen`.
    #[arg(long, short = 'k', value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// A KMS key: its ARN, id or alias. Several times for several keys, each of which opens the message; keys of
    /// several regions by their ARNs.
    #[arg(long, value_name = "KEY")]
    pub(crate) kms_key: Vec<KmsKeyId>,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(flatten)]
    pub(crate) choice: KeyChoice,
    /// The KMS endpoint, if not that of the region.
    #[arg(long, value_name = "URL", requires = "kms_key", value_parser = crate::keys::endpoint)]
    pub(crate) endpoint_url: Option<String>,
    /// The AWS region, if not that of the key's ARN or of the environment.
    #[arg(long, requires = "kms_key")]
    pub(crate) region: Option<String>,
    /// For how many seconds to try while the KMS throttles or does not answer [default: 60]
    #[arg(long, value_name = "SECONDS", requires = "kms_key", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct BindingArgs {
    /// A pair of the encryption context: few values, sent to the KMS and stored in the clear.
    #[arg(long = "context", short = 'c', value_name = "KEY=VALUE")]
    pub(crate) context: Vec<String>,
    /// Associated data: text that is bound to the message but not stored; give it again to open.
    #[arg(long, value_name = "TEXT", conflicts_with = "aad_file")]
    pub(crate) aad: Option<String>,
    /// Associated data from a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) aad_file: Option<PathBuf>,
}

/// In which format a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Datakey's own
    Datakey,
    /// That of the AWS Encryption SDK, which every AWS Encryption SDK opens; it has no associated data and no records
    Esdk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuiteArg {
    /// Datakey's format, its default; each opens on every machine
    #[value(name = "chacha20-poly1305")]
    ChaCha20Poly1305,
    /// Datakey's format; faster where the processor has AES instructions
    #[value(name = "aes-256-gcm")]
    Aes256Gcm,
    /// Format esdk, its default, as of the AWS Encryption SDK: 0x0578, signed
    #[value(name = "commit-key-ecdsa-p384")]
    CommitKeyEcdsaP384,
    /// Format esdk: 0x0478, not signed
    #[value(name = "commit-key")]
    CommitKey,
}

/// Which messages of the AWS Encryption SDK open, under its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyArg {
    /// Those that commit to their data key
    #[value(name = "require-encrypt-require-decrypt")]
    Require,
    /// All
    #[value(name = "require-encrypt-allow-decrypt")]
    Allow,
    /// All
    #[value(name = "forbid-encrypt-allow-decrypt")]
    Forbid,
}

#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Where the result goes; `-` is standard output, and what was done is then told on standard error.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output if it exists.
    #[arg(long, short)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SealArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) binding: BindingArgs,
    /// The format of the message.
    #[arg(long, value_enum, default_value_t = FormatArg::Datakey)]
    pub(crate) format: FormatArg,
    /// The cipher suite, one of the format's.
    #[arg(long, value_enum)]
    pub(crate) suite: Option<SuiteArg>,
    /// Seal each line as a record of its own, readable by number, without its line feed; opening ends each with one.
    #[arg(long)]
    pub(crate) lines: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// What to seal; `-`, the default, is standard input. A file's output is FILE.datakey, in the format esdk FILE.encrypted, unless
    /// told otherwise.
    #[arg(default_value = "-")]
    pub(crate) input: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) binding: BindingArgs,
    /// Open whatever the message's encryption context is: the message may be meant for somebody or something else.
    #[arg(long, conflicts_with = "context")]
    pub(crate) danger_any_context: bool,
    /// Open only this record of a message sealed with --lines, counted from 0.
    #[arg(long, value_name = "N")]
    pub(crate) record: Option<u64>,
    /// Of the AWS Encryption SDK's messages: which to open by whether they commit to their data key.
    #[arg(long, value_enum, default_value_t = PolicyArg::Require)]
    pub(crate) commitment_policy: PolicyArg,
    /// Of the AWS Encryption SDK's messages: how many encrypted data keys they may have [default: as many as there are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_encrypted_data_keys: Option<u16>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// What to open, of either format; `-`, the default, is standard input. FILE.datakey and FILE.encrypted become FILE unless told
    /// otherwise.
    #[arg(default_value = "-")]
    pub(crate) input: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The sealed message; `-`, the default, is standard input.
    #[arg(default_value = "-")]
    pub(crate) input: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The key's name: it becomes the key id `local:NAME`.
    #[arg(long, short, default_value = "default")]
    pub(crate) name: String,
    /// Keep the keys of this file too, so that what they sealed still opens; the new key seals from then on.
    #[arg(long, value_name = "FILE")]
    pub(crate) rotate: Option<PathBuf>,
    /// How many keys the rotated file has; asked for where the file is of version 1, which does not say so itself.
    #[arg(long, value_name = "N", requires = "rotate")]
    pub(crate) keys: Option<usize>,
    /// The new key file; an existing one is never overwritten.
    pub(crate) output: PathBuf,
}
