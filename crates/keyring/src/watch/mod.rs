//! What is counted, published and told.
pub(crate) mod miss;
#[cfg(feature = "metrics")]
pub(crate) mod publish;
pub(crate) mod record;
