//! Dependencies that nothing uses, by cargo-machete.
use std::process::Command;

use anyhow::Result;

use crate::{cargo, tools};

/// Looks at each manifest under `crates/`, `tests/` and `xtask/`.
pub fn run(_: &[String]) -> Result<()> {
    let tool = tools::needed(&cargo::root(), "cargo-machete")?;
    cargo::run_to_end(Command::new(tool).args(["crates", "tests", "xtask"]))
}
