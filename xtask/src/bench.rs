//! Measurements that are compared with something: instruction counts with those kept, peak memory with its bar, time
//! with its floors, the format with other libraries, retry with the AWS SDK's own.
use anyhow::{Result, bail};

use crate::interop_branch_keys;

mod esdk;
mod fleet;
mod instructions;
mod memory;
mod peers;
mod ratios;
mod retry;

/// Instruction counts, for CI: where they can be compared, and a word where they cannot.
pub fn ci(_: &[String]) -> Result<()> {
    instructions::check()
}

/// `--check`, `--update`, `branch-keys`, `esdk`, `fleet`, `memory`, `peers`, `ratios` or `retry`.
pub fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--check"] => instructions::check(),
        ["--update"] => instructions::update(),
        ["branch-keys"] => interop_branch_keys::time(),
        ["esdk"] => esdk::run(),
        ["fleet", ..] => fleet::run(arguments.get(1..).unwrap_or_default()),
        ["memory"] => memory::check(),
        ["peers"] => peers::run(),
        ["ratios", flags @ ..] => ratios::run(flags),
        ["retry", ..] => retry::run(arguments.get(1..).unwrap_or_default()),
        _ => bail!(
            "cargo xtask bench --check        compares instruction counts with those kept\n       \
             cargo xtask bench --update       keeps the counts of this machine\n       \
             cargo xtask bench branch-keys    a data key for each message under a cached branch key, beside the AWS Encryption SDKs\n       \
             cargo xtask bench esdk           orders under cached data keys beside the AWS Encryption SDK for Python\n       \
             cargo xtask bench fleet [SEED]   an hour of a thousand hosts: data key caching beside branch keys\n       \
             cargo xtask bench memory         peak memory of 4 GiB streams\n       \
             cargo xtask bench peers          the format beside other libraries, which takes minutes to build\n       \
             cargo xtask bench ratios         time beside its floors; further flags, such as `--features aws-lc`, go to cargo\n       \
             cargo xtask bench retry [RUNS] [--only SCENARIO]   retry beside the AWS SDK's own, at a KMS with a quota\n       \
             cargo xtask bench retry constants [NAME ...]       what each number of the adaptive rate does\n       \
             cargo xtask bench retry windows                    small quotas, counted by the second, under virtual time"
        ),
    }
}
