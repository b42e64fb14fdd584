//! The message format of the AWS Encryption SDK, one idea a module.

mod caching;
mod commitment;
mod edges;
mod facade;
mod facade_opening;
mod facade_refusals;
mod facade_streams;
mod fuzz_smoke;
mod keyrings;
mod net_4_0_0;
mod outside;
mod printed;
mod properties;
mod raw_aes;
mod raw_rsa;
mod refusals;
mod round_trip;
mod sdks;
mod streams;
