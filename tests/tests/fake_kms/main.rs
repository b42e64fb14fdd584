//! The fake KMS in process and over HTTP, one idea a module.

mod access;
mod dry_runs;
mod faults;
mod grants;
mod http;
mod management;
mod multi_region;
mod operations;
mod provider;
mod quota;
mod quotas;
mod refusals;
mod server;
mod signatures;
mod state;
mod wire;
