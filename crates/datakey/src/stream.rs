//! Streaming: the formats' incremental sealers and openers behind `Read`, `Write`, `AsyncRead` and `AsyncWrite`.
//!
//! What is sealed and opened is decided by the format's crate, on slices and without waiting; here bytes are only moved.

mod header;
mod opener;
mod pending;
mod read;
mod records;
mod sealer;
mod write;

pub use header::SealedHeader;
pub use read::OpenReader;
pub use records::{RecordReader, RecordWriter};
pub use write::SealWriter;
