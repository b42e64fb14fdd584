//! The message format of the AWS Encryption SDK, one idea a module.

mod commitment;
mod net_4_0_0;
mod properties;
mod python;
mod raw_aes;
mod refusals;
mod round_trip;
mod streams;
