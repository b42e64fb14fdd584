//! The message format beside other libraries: `tests/peers`, a workspace of its own, run with either cipher backend.
use anyhow::{Result, bail};

use crate::cargo;

/// One of them states a newer Rust than it needs.
const RUN: [&str; 9] = [
    "run",
    "--release",
    "--locked",
    "--quiet",
    "--ignore-rust-version",
    "--manifest-path",
    "tests/peers/Cargo.toml",
    "--target-dir",
    "target/peers",
];

/// Prints a table for each backend; fails where a peer is ahead of us in anything.
pub fn run() -> Result<()> {
    let mut behind = Vec::new();
    for features in ["", "aws-lc"] {
        let mut arguments = RUN.to_vec();
        arguments.extend(["--features", features]);
        behind.extend(cargo::cargo(&arguments).err());
    }
    match behind.is_empty() {
        true => Ok(()),
        false => bail!("a peer is ahead of us, or did not build"),
    }
}
