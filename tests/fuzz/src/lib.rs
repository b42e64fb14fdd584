//! The functions that the targets call are those of the ordinary tests, shared as files.
#[path = "../../src/envelope.rs"]
pub mod envelope;
#[path = "../../src/envelope_fuzz.rs"]
pub mod envelope_fuzz;
#[path = "../../src/envelope_parts.rs"]
pub mod envelope_parts;
#[path = "../../src/envelope_vectors.rs"]
pub mod envelope_vectors;
#[path = "../../src/esdk_fuzz.rs"]
pub mod esdk_fuzz;
#[path = "../../src/esdk_mend.rs"]
pub mod esdk_mend;
