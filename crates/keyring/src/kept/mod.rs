//! Keys that are kept: where they lie, who holds them, how they are found.
pub(crate) mod handle;
pub(crate) mod lease;
pub(crate) mod nearby;
#[cfg(test)]
mod nearby_cases;
pub(crate) mod secret;
pub(crate) mod store;
