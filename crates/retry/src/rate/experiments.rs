//! What the experiments need that set the governor's numbers. No part of the public interface.
use std::sync::Arc;

use super::{AdaptiveRate, governor::Constants, quotas::Quotas};

#[doc(hidden)]
impl AdaptiveRate {
    /// Each number of the governor: its name, the value chosen, and the one that does away with it.
    #[must_use]
    pub const fn constants() -> &'static [(&'static str, f64, f64)] {
        Constants::ALL
    }

    /// One with other values for some numbers; `None` if there is none of a name. What it is made of is never freed.
    #[must_use]
    pub fn with_constants(values: &[(&str, f64)]) -> Option<Self> {
        let constants = Box::leak(Box::new(Constants::with(values)?));
        Some(Self(Arc::new(Quotas::new(constants))))
    }
}
