//! Seals and opens the same data with this project and with other libraries for envelope encryption, in turns, and says
//! how many times our time each takes.
//!
//! Every library keeps a data key for many messages where it can, needs no network, and is called in the way that
//! costs it least: `cargo xtask bench peers` runs this with either backend.
mod branch_keys;
mod enveloper;
mod esdk;
mod kms;
mod measure;
mod messages;
mod ours;

use std::process::ExitCode;

use anyhow::{Result, bail};
use measure::{Call, Contender, Times};

/// The backend of ours and of kms-aead.
const BACKEND: &str = if cfg!(feature = "aws-lc") {
    "AWS-LC"
} else {
    "RustCrypto"
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    if let Some(given) = branch_keys::Given::of_environment()? {
        return branch_keys::run(&given);
    }
    let mut contenders = vec![
        ours::prepared()?,
        ours::through_the_cache()?,
        kms::contender()?,
        enveloper::contender()?,
        esdk::contender()?,
    ];
    let times = measure::all(&mut contenders);
    print(&contenders, &times);
    let ahead = behind(&contenders, &times);
    println!();
    messages::run().and(ahead)
}

fn print(contenders: &[Contender], times: &Times) {
    println!("AES-256-GCM, {BACKEND}; in brackets, how many times the time of the first row");
    print!("| library | commits |");
    for call in Call::ALL {
        print!(" {call} |");
    }
    println!("\n|---|---|---|---|---|---|");
    for (contender, row) in contenders.iter().zip(times) {
        print!("| {} | {} |", contender.name, contender.commits);
        for (call, taken) in Call::ALL.iter().zip(row) {
            let ratio = taken / times[0][*call as usize];
            print!(" {} ({ratio:.2}) |", call.text(*taken));
        }
        println!();
    }
}

/// The first two rows are ours. A peer that is as fast as the first, the format by itself, in anything is an error.
fn behind(contenders: &[Contender], times: &Times) -> Result<()> {
    let mut found = Vec::new();
    for (contender, row) in contenders.iter().zip(times).skip(2) {
        for (call, taken) in Call::ALL.iter().zip(row) {
            if *taken <= times[0][*call as usize] {
                found.push(format!("{} is ahead of us at: {call}", contender.name));
            }
        }
    }
    if found.is_empty() {
        println!("ahead of all of them");
        return Ok(());
    }
    bail!("{}", found.join("\n"))
}
