//! How to test with it, by what is to be shown.
//!
//! | page | for tests of |
//! |---|---|
//! | [`counting`] | how many calls are made, by whom, about what: caches, batching |
//! | [`quotas`] | what happens over the request quota |
//! | [`failing`] | errors, silence, broken answers |
//! | [`keys`] | keys that are disabled, deleted, rotated, renamed, replicated |
//! | [`roles`] | who is let do what |
//! | [`time`] | anything that takes time, and clocks |
#![cfg_attr(
    feature = "http",
    doc = "| [`serving`] | programs that speak to KMS over HTTP, in any language |"
)]
#![cfg_attr(feature = "http", doc = "| [`keeping`] | a fake that outlives its process |")]
//! | [`recipes`] | several of these at once: whole tests to start from |
//! | [`believing`] | how far a test against it says something about KMS |
//!
//! All of them have the same shape: a fake with nothing but what the test is about, a provider or an endpoint given to the code under
//! test, and at the end a look at the [`Ledger`](crate::Ledger). A fake is made in microseconds, so each test has its own, and tests do
//! not meet.

pub mod believing;
pub mod counting;
pub mod failing;
#[cfg(feature = "http")]
pub mod keeping;
pub mod keys;
pub mod quotas;
pub mod recipes;
pub mod roles;
#[cfg(feature = "http")]
pub mod serving;
pub mod time;
