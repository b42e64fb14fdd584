//! Fixtures that the tests of the workspace share, and the pages whose examples are tested with them.
#![forbid(unsafe_code)]

pub mod branch_fleet;
pub mod chaos;
pub mod corpus;
pub mod envelope;
pub mod envelope_cases;
pub mod envelope_fuzz;
pub mod envelope_parts;
pub mod envelope_vectors;
pub mod errors;
pub mod esdk;
pub mod esdk_fuzz;
pub mod esdk_mend;
pub mod esdk_seeds;
pub mod fake_kms;
pub mod keyring;
pub mod keyrings;
pub mod kms;
pub mod kms_memory;
pub mod memory;
pub mod mutations;
pub mod pipeline;
pub mod retry;
pub mod retry_contention;
pub mod retry_fleet;
pub mod retry_quotas;
pub mod retry_regions;
pub mod retry_windows;
pub mod secrets;
pub mod streams;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The examples of the page on the format of the AWS Encryption SDK.
#[cfg(doctest)]
#[doc = include_str!("../../docs/esdk.md")]
pub struct Esdk;

/// The examples of the page on branch keys.
#[cfg(doctest)]
#[doc = include_str!("../../docs/branch-keys.md")]
pub struct BranchKeys;

/// The examples of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
pub struct Guide;

/// The examples of the page for whoever comes from another library.
#[cfg(doctest)]
#[doc = include_str!("../../docs/migration.md")]
pub struct Migration;

/// The examples of the page on simulating a fleet.
#[cfg(doctest)]
#[doc = include_str!("../../docs/simulate.md")]
pub struct Simulate;

/// The examples of the page on planning for a quota.
#[cfg(doctest)]
#[doc = include_str!("../../docs/plan.md")]
pub struct Planning;
