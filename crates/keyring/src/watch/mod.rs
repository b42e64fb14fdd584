//! What is counted, published and told.
pub(crate) mod counters;
pub(crate) mod events;
pub(crate) mod miss;
#[cfg(feature = "metrics")]
pub(crate) mod publish;
