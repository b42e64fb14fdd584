//! The message format of the AWS Encryption SDK, one idea a module.

mod commitment;
mod properties;
mod python;
mod raw_aes;
mod refusals;
mod round_trip;
mod streams;
