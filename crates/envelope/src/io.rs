//! Streams behind `Read` and `Write` of `std`.
//!
//! What is sealed and opened is decided by the streams, on slices; here bytes are only moved.
mod read;
mod waiting;
mod write;

pub use read::{OpenReader, read_header};
pub use write::SealWriter;
