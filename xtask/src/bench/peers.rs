//! The message format beside other libraries: `tests/peers`, a workspace of its own, run with either cipher backend.
use anyhow::{Result, bail};

use crate::cargo;

/// Prints a table for each backend; fails where a peer is ahead of us in anything.
pub fn run() -> Result<()> {
    let mut behind = Vec::new();
    for features in ["", "aws-lc"] {
        let mut arguments = cargo::PEERS.to_vec();
        arguments.extend(["--features", features]);
        behind.extend(cargo::cargo(&arguments).err());
    }
    match behind.is_empty() {
        true => Ok(()),
        false => bail!("a peer is ahead of us, or did not build"),
    }
}
