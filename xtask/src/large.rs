//! What the command must bear and takes long: 10 GiB in constant memory, and more lines than a batch holds.
use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::cargo;

/// How much goes through, in bytes.
const LEN: u64 = 10 << 30;

/// How much memory a process may have meanwhile, in KiB.
const MEMORY: u64 = 96 << 10;

/// One more than a batch holds.
const LINES: u64 = (1 << 24) + 1;

/// Runs both in a folder of their own.
pub fn run(_: &[String]) -> Result<()> {
    cargo::cargo(&["build", "--release", "--locked", "--package", "datakey-cli"])?;
    let program = fs::canonicalize("target/release/datakey").context("the command is not there")?;
    let folder = Path::new("target/large");
    drop(fs::remove_dir_all(folder));
    fs::create_dir_all(folder)?;
    let done = large(&program, folder).and_then(|()| lines(&program, folder));
    fs::remove_dir_all(folder)?;
    done
}

fn large(program: &Path, folder: &Path) -> Result<()> {
    File::create(folder.join("long"))?.set_len(LEN)?;
    let from = LEN - 3;
    let script = format!(
        "ulimit -d {MEMORY}; \"$0\" keygen key && \"$0\" seal -k key long -o - | \"$0\" open -k key | tail -c +{from} | wc -c"
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(program)
        .current_dir(folder)
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        told.trim().ends_with("\n4"),
        "{LEN} bytes did not come out as they went in: {told} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("large: {LEN} bytes sealed and opened, each in less than {MEMORY} KiB");
    Ok(())
}

fn lines(program: &Path, folder: &Path) -> Result<()> {
    let mut text = BufWriter::new(File::create(folder.join("lines"))?);
    for _ in 0..LINES {
        text.write_all(b"\n")?;
    }
    text.flush()?;
    drop(text);
    let output = Command::new(program)
        .args(["records", "seal", "-k", "key", "lines"])
        .current_dir(folder)
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(2)
            && told.contains("16777216 records")
            && told.contains("line 16777217"),
        "{LINES} lines end in {:?}: {told}",
        output.status.code()
    );
    ensure!(!folder.join("lines.datakey").exists(), "half a batch is left");
    println!("large: {LINES} lines are refused");
    Ok(())
}
