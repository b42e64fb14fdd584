//! What is counted, published and told.
#[cfg(feature = "metrics")]
pub(crate) mod described;
pub(crate) mod miss;
#[cfg(feature = "metrics")]
pub(crate) mod publish;
pub(crate) mod record;
#[cfg(feature = "metrics")]
pub(crate) mod several;
