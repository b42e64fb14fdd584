//! `datakey records`.
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{BindingArgs, ExpectedArgs, KeyArgs, SuiteArg};
use crate::span::Span;

#[derive(Debug, Subcommand)]
pub(crate) enum RecordsCommand {
    /// Seal a file or standard input as one batch, record by record.
    Seal(RecordsSealArgs),
    /// Write the records of a batch, each ended by a line feed.
    Open(RecordsOpenArgs),
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordsShape {
    /// A line, without the line feed that ends it
    Lines,
    /// A line that must be JSON; empty lines are passed over
    Ndjson,
    /// A row; fields in quotes may have line feeds in them. The heading, if there is one, is record 0
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct RecordsSealArgs {
    /// What to seal; `-`, the default, is standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Where the batch goes; `-` is standard output. Of a file it is FILE.datakey unless told otherwise.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output if it exists.
    #[arg(long, short)]
    pub(crate) force: bool,
    /// What a record is [default: by the name of the input: .csv, .ndjson and .jsonl, else lines]
    #[arg(long, value_enum)]
    pub(crate) shape: Option<RecordsShape>,
    /// The cipher suite. [env: DATAKEY_SUITE]
    #[arg(long, value_enum)]
    pub(crate) suite: Option<SuiteArg>,
    /// Write text (base64 between two lines) instead of bytes.
    #[arg(long, short)]
    pub(crate) armor: bool,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) binding: BindingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RecordsOpenArgs {
    /// The batch; `-`, the default, is standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Where the records go; `-` is standard output. FILE.datakey becomes FILE unless told otherwise; with --index it is standard
    /// output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output if it exists.
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Only these records, counted from 0: N, START..END, START.. or ..END; several times for several, in the order given. Of a
    /// file no more is read than they and the table at its end.
    #[arg(long, short, value_name = "RANGE")]
    pub(crate) index: Vec<Span>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) expected: ExpectedArgs,
}
