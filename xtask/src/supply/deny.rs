//! Licences, forbidden crates and sources, by cargo-deny and `deny.toml`. The lock file beside it counts.
use std::process::Command;

use anyhow::Result;

use crate::{cargo, tools};

/// Without arguments all that needs no network; `advisories` looks at the advisory database, which is fetched.
pub fn run(arguments: &[String]) -> Result<()> {
    let tool = tools::needed(&cargo::root(), "cargo-deny")?;
    let mut command = Command::new(tool);
    command.args(["--all-features", "--workspace", "check", "--hide-inclusion-graph"]);
    if arguments.is_empty() {
        command.args(["bans", "licenses", "sources"]);
    } else {
        command.args(arguments);
    }
    cargo::run_to_end(&mut command)
}
