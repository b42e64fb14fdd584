//! Measurements that are compared with something: instruction counts with those kept, peak memory with its bar,
//! time with its floors.
use anyhow::{Result, bail};

mod instructions;
mod memory;
mod ratios;

/// `--check`, `--update`, `memory` or `ratios`.
pub fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--check"] => instructions::check(),
        ["--update"] => instructions::update(),
        ["memory"] => memory::check(),
        ["ratios", flags @ ..] => ratios::run(flags),
        _ => bail!(
            "cargo xtask bench --check    compares instruction counts with those kept\n       \
             cargo xtask bench --update   keeps the counts of this machine\n       \
             cargo xtask bench memory     peak memory of a 4 GiB stream\n       \
             cargo xtask bench ratios     time beside its floors; further flags, such as `--features aws-lc`, go to cargo"
        ),
    }
}
