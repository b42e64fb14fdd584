//! The command as a script sees it: files, pipes, JSON and exit codes of the real binary.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "that is how tests fail, in their fixtures too"
)]
mod corpus;
mod demo;
mod ends;
#[cfg(feature = "account")]
mod esdk;
mod fake_kms;
mod files;
mod kept;
mod keys;
#[cfg(feature = "account")]
mod kms;
mod limits;
mod many;
mod output;
mod parts;
mod plan;
mod records;
mod refusals;
#[cfg(feature = "report")]
mod report;
mod rewrap;
mod settings;
mod shell;
mod simulate;
mod snapshots;
mod standard;
mod terminal;
#[cfg(feature = "tls")]
mod tls;
mod wording;
