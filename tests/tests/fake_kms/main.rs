//! The fake KMS in process and over HTTP, one idea a module.

mod access;
mod aws_managed;
mod conditions;
mod control;
mod dry_runs;
mod escalation;
mod every_operation;
mod faults;
mod grants;
mod http;
mod key_states;
mod lacking;
mod management;
mod multi_region;
mod operations;
mod provider;
mod quotas_over_http;
mod refusals;
mod server;
mod shared_quota;
mod signatures;
mod state;
mod tls;
mod wire;
mod world;
