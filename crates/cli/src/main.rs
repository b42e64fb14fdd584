//! The command `datakey`.
#![forbid(unsafe_code)]

mod args;
mod binding;
mod demo;
mod failure;
mod fake_kms;
mod input;
mod inspect;
mod interrupt;
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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print::failure(&failure, cli.json);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Answers a command line that asks for help, or that cannot be read.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        print::failure(&Failure::Usage(what_is_wrong(error)), true);
    } else {
        let _nobody_reads_it = error.print();
    }
    // 2, or 0 for help.
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// What is wrong with a command line, without the help that stands below it on a terminal.
fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let ends = ["\n\nUsage:", "\n\nFor more information"];
    let end = ends.iter().filter_map(|start| text.find(start)).min();
    let said = text.get(..end.unwrap_or(text.len())).unwrap_or(&text);
    said.trim().trim_start_matches("error: ").to_owned()
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::other("the runtime cannot be started", source))?;
    if matches!(cli.command, Command::Seal(_) | Command::Open(_)) {
        interrupt::clean_up_on_signal(&runtime);
    }
    match &cli.command {
        Command::Demo(args) => runtime.block_on(demo::run(args, cli.json)),
        Command::FakeKms(args) => runtime.block_on(fake_kms::run(args, cli.json)),
        Command::Seal(args) => runtime.block_on(seal::run(args, cli.json)),
        Command::Open(args) => runtime.block_on(open::run(args, cli.json)),
        Command::Inspect(args) => inspect::run(args, cli.json),
        Command::Keygen(args) => keygen::run(args, cli.json),
    }
}
