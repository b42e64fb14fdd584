//! The vectors of the message format: written anew, or compared with what the generator makes.
use anyhow::{Result, bail};

use crate::programs;

/// Writes the vectors; with `--check`, fails on any difference and writes nothing.
pub fn run(arguments: &[String]) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => generator("write"),
        ["--check"] => generator("check"),
        _ => bail!("usage: cargo xtask vectors [--check]"),
    }
}

/// What CI runs.
pub fn check(_: &[String]) -> Result<()> {
    generator("check")
}

fn generator(what: &str) -> Result<()> {
    programs::run("envelope_vectors", &[what])
}
