//! The client of AWS KMS against the fake and against scripted answers, one idea a module.

mod answers;
mod build;
mod codes;
mod connections;
mod errors;
mod limits;
mod regions;
mod requests;
mod roles;
mod slow;
mod transport;
