//! The vectors of the message format, made with fixed randomness by parts that can be put together wrongly.
//!
//! Nothing of the crate under test is used, so that a defect of it cannot reach the vectors.
use crate::envelope_vectors::Vector;

mod body;
mod context;
mod decoys;
mod draft;
mod fixed;
mod frames;
mod keys;
mod opened;
mod truncated;

/// Every vector, sorted by name.
#[must_use]
pub fn all() -> Vec<Vector> {
    let mut cases = draft::Cases(Vec::new());
    for add in [
        opened::add,
        fixed::add,
        context::add,
        keys::add,
        decoys::add,
        truncated::add,
        body::add,
        frames::add,
    ] {
        add(&mut cases);
    }
    cases.0.sort_by(|one, other| one.name.cmp(&other.name));
    cases.0
}
