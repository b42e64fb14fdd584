//! What a service was measured to do.
use serde_json::Value;

/// What was measured, for programs and for people, and what of it a plan can start from.
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) value: Value,
    pub(super) text: String,
    pub(super) records_per_second: Option<f64>,
    pub(super) hosts: Option<u32>,
    pub(super) contexts: Option<u32>,
}
