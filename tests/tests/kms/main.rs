//! The client of AWS KMS against the fake and against scripted answers, one idea a module.

mod answers;
mod build;
mod callers;
mod codes;
mod connections;
mod credentials;
mod errors;
mod limits;
mod regions;
mod requests;
mod roles;
mod slow;
mod transport;
