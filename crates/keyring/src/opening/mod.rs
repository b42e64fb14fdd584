//! The opening half: one key for each wrapped key and encryption context.
pub(crate) mod builder;
pub(crate) mod core;
pub(crate) mod entry;
pub(crate) mod keyring;
pub(crate) mod limits;
pub(crate) mod prime;
pub(crate) mod refusals;
pub(crate) mod stats;
pub(crate) mod walk;
