//! Fixtures that the tests of the workspace share.
pub mod kms;

pub mod retry;

pub mod envelope;

pub mod keyring;

pub mod fake_kms;
