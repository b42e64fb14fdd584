//! Programs that talk to services on loopback: they see no proxy, and nothing of the machine's own AWS configuration.
use std::{env, process::Command};

use anyhow::Result;

use crate::cargo;

/// Loopback is not behind a proxy, whatever the rest of the world is.
pub const DIRECT: [(&str, &str); 2] = [("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1")];
/// What the clients take from their environment.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_DEFAULT_REGION", "eu-central-1"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
];

/// A command with the credentials of the emulator and no others.
pub fn isolated(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.envs(ENVIRONMENT).envs(DIRECT);
    command
}

/// Runs such a command to its end.
pub fn call(program: &str, arguments: &[&str]) -> Result<()> {
    cargo::run_to_end(isolated(program).args(arguments))
}
