//! Loads by themselves, without a keyring around them, one idea a module.

mod flights;
mod forks;
mod gate;
mod janitor;
mod panics;
mod runtimes;
mod scripted;
mod sleepers;
