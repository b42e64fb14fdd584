//! The command line.
#[cfg(feature = "dynamodb")]
mod branch_key;
mod files;
mod key;
mod plan_fleet;
mod records;
#[cfg(feature = "report")]
mod report;
mod simulate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "dynamodb")]
pub(crate) use self::branch_key::{
    BranchKeyCommand, BranchKeyCreateArgs, BranchKeyOneArgs, BranchKeyRotateArgs, TableArgs,
};
#[cfg(feature = "report")]
pub(crate) use self::report::ReportArgs;
pub(crate) use self::{
    files::{
        CatArgs, FormatArg, InspectArgs, OpenArgs, PolicyArg, ReaderArgs, RewrapArgs, SealArgs, SuiteArg,
        ThreadArgs, VerifyArgs,
    },
    key::{BindingArgs, ExpectedArgs, KeyArgs},
    plan_fleet::PlanArgs,
    records::{RecordsCommand, RecordsOpenArgs, RecordsSealArgs, RecordsShape},
    simulate::SimulateArgs,
};
use crate::fake_kms::FakeKmsArgs;

/// Envelope encryption on AWS KMS, or on a key file.
#[derive(Debug, Parser)]
#[command(name = "datakey", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Print one JSON object instead of text; errors become JSON on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The configuration file [default: datakey/config.toml in the user's configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the demo found an order lost, doubled or altered, or something unforeseen failed
  2    the command line or the configuration is wrong
  3    the input is malformed or cut short, is no sealed message or not as --shape says, or lacks
       the record
  4    the message is not authentic: altered or cut short, or another key or associated data
  5    the message's encryption context is not the expected one
  6    the key cannot be used: not found, denied, disabled, another key, or a bad key file
  7    the key service is busy, cannot be reached or does not accept who asks (credentials, clock,
       proxy): try again
  8    a file cannot be read or written, or the output exists already
  141  whoever read standard output went away before its end
Of several files, the code is that of the first that failed.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Seal files, folders or standard input.
    Seal(SealArgs),
    /// Open sealed files, folders or standard input, of datakey's format or of the AWS Encryption SDK's.
    Open(OpenArgs),
    /// Show what sealed messages say about themselves; needs no key, proves nothing.
    Inspect(InspectArgs),
    /// Check that sealed messages are authentic and whole, without writing anything.
    Verify(VerifyArgs),
    /// Wrap the data keys of sealed messages under other keys, in place; nothing else of them changes.
    Rewrap(RewrapArgs),
    /// Seal lines, NDJSON or CSV as a batch of records, and read them back, all or by number.
    Records {
        #[command(subcommand)]
        command: RecordsCommand,
    },
    /// Write the plaintext of sealed messages, or a range of its bytes, to standard output.
    Cat(CatArgs),
    /// Make a key file for use without a KMS.
    Keygen(KeygenArgs),
    /// Create and rotate branch keys in a table of DynamoDB, and look at them.
    #[cfg(feature = "dynamodb")]
    BranchKey {
        #[command(subcommand)]
        command: BranchKeyCommand,
    },
    /// Be a KMS on this machine, with quotas and faults: for tests in any language.
    FakeKms(Box<FakeKmsArgs>),
    /// Say which way to seal fits a KMS quota, with its settings, calls and cost; also from metrics or CloudTrail.
    Plan(Box<PlanArgs>),
    /// Play a fleet on one KMS quota under virtual time: what is throttled, how long it waits, what it costs.
    Simulate(SimulateArgs),
    /// Post 69,659 real orders through a throttled KMS in seven ways, and compare.
    Demo(DemoArgs),
    /// Print a script that completes commands and options in a shell.
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands into a folder.
    Man(ManArgs),
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
    #[cfg(feature = "report")]
    #[command(flatten)]
    pub(crate) report: ReportArgs,
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
    /// The new key file; an existing one is never overwritten. `-` is standard output.
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// A folder for the pages of all commands, such as ~/.local/share/man/man1.
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
}
