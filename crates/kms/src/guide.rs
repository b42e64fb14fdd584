//! Pages to read, without items: which key to name how, what a role needs, what failures say, and how it is tested.
//!
//! | page | answers |
//! |---|---|
//! | [`keys`] | key ids, ARNs, aliases, replicas: which to name, and what each risks |
//! | [`roles`] | permissions, conditions, grants, and moving messages to another key |
//! | [`failures`] | what KMS and the way to it answer, and what is made of it |
//! | [`connections`] | credentials, clocks, proxies, connections that died, runtimes and forks |
//! | [`regions`] | one provider for each Region, in which order they are tried, and the quotas that they count against |
//! | [`testing`] | an emulator in place of KMS, over HTTP |
pub mod connections;
pub mod failures;
pub mod keys;
pub mod regions;
pub mod roles;
pub mod testing;
