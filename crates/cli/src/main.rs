//! The command `datakey`.
#![forbid(unsafe_code)]

mod args;
mod binding;
mod demo;
mod failure;
mod input;
mod inspect;
mod keygen;
mod keys;
mod open;
mod output;
mod print;
mod seal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::{Cli, Command},
    failure::Failure,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print::failure(&failure, cli.json);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::other("the runtime cannot be started", source))?;
    match &cli.command {
        Command::Demo(args) => runtime.block_on(demo::run(args, cli.json)),
        Command::Seal(args) => runtime.block_on(seal::run(args, cli.json)),
        Command::Open(args) => runtime.block_on(open::run(args, cli.json)),
        Command::Inspect(args) => inspect::run(args, cli.json),
        Command::Keygen(args) => keygen::run(args, cli.json),
    }
}
