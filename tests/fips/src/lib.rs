//! What the tests share: the vectors of the main workspace.
#![forbid(unsafe_code)]

#[path = "../../src/envelope_vectors.rs"]
pub mod envelope_vectors;
