//! The sealing half: one live key for each encryption context.
pub(crate) mod budget;
#[cfg(test)]
mod budget_cases;
pub(crate) mod builder;
pub(crate) mod core;
pub(crate) mod entry;
pub(crate) mod keyring;
pub(crate) mod limits;
pub(crate) mod stats;
