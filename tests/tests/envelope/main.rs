//! The message format and its cipher suites, one idea a module.

mod buffers;
mod debug;
mod debug_builds;
mod format_text;
mod fuzz_smoke;
mod limits;
mod pieces;
mod properties;
mod random_access;
mod reference;
mod refusals;
mod rewrap;
mod round_trip;
mod std_io;
mod streams;
mod threads;
mod too_large;
mod two_keys;
mod vectors;
mod wiped;
mod wycheproof;
