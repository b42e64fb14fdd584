//! Whole ways of a message: sealed and opened by services, under faults, with every provider.

mod chaos;
mod conformance;
mod corpus;
mod decoys;
mod faults_end;
mod parts;
mod records;
mod refusals;
mod regions;
mod seal_open;
mod secrets;
mod sim;
mod stacks;
mod streams;
mod streams_async;
mod throttled;
