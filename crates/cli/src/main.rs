//! The command `datakey`.
#![forbid(unsafe_code)]

mod args;
mod armor;
mod binding;
#[cfg(feature = "dynamodb")]
mod branch_key;
mod cat;
mod demo;
mod each;
mod failure;
mod fake_kms;
mod input;
mod inspect;
mod interrupt;
mod kept;
mod key_uri;
mod keygen;
mod keys;
mod manual;
mod open;
mod output;
mod plan;
mod plan_fleet;
mod print;
mod progress;
mod pump;
mod records;
#[cfg(feature = "report")]
mod report;
mod rewrap;
mod role;
mod seal;
mod session;
mod settings;
mod simulate;
mod span;
mod standard;
mod text;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Runtime;

use crate::{
    args::{Cli, Command, RecordsCommand},
    failure::Failure,
    session::Session,
    settings::Settings,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    print::warn_in_json(cli.json);
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
    } else if error.use_stderr() {
        let _nobody_reads_it = error.print();
    } else if let Err(failure) = print::help(error) {
        print::failure(&failure, false);
        return ExitCode::from(failure.exit_code());
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
    let runtime = || {
        interrupt::can_listen()
            .and_then(|()| tokio::runtime::Builder::new_multi_thread().enable_all().build())
            .map_err(|source| Failure::other("the runtime cannot be started", source))
    };
    // Whoever writes a file has what it began removed when a signal ends it.
    let cleaning = || {
        let runtime = runtime()?;
        interrupt::clean_up_on_signal(runtime.handle());
        Ok::<Runtime, Failure>(runtime)
    };
    match &cli.command {
        Command::Demo(args) => cleaning()?.block_on(demo::run(args, cli.json)),
        Command::FakeKms(args) => runtime()?.block_on(fake_kms::run(args, cli.json)),
        Command::Simulate(args) => {
            let _cleans = cleaning()?;
            simulate::run(args, cli.json)
        }
        Command::Keygen(args) => {
            let _cleans = cleaning()?;
            keygen::run(args, cli.json)
        }
        #[cfg(feature = "dynamodb")]
        Command::BranchKey { command } => runtime()?.block_on(branch_key::run(command, cli.json)),
        Command::Inspect(args) => inspect::run(args, cli.json),
        Command::Plan(args) => {
            let _cleans = cleaning()?;
            plan_fleet::run(args, cli.json)
        }
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::pages(args),
        command => {
            let settings = Settings::read(cli.config.as_ref())?;
            with_keys(command, &cleaning()?, settings, cli.json)
        }
    }
}

/// The commands that use keys.
fn with_keys(command: &Command, runtime: &Runtime, settings: Settings, json: bool) -> Result<(), Failure> {
    let session = Session::new(runtime.handle().clone(), settings, json);
    match command {
        Command::Seal(args) if args.lines => records::seal_lines(args, &session),
        Command::Seal(args) => seal::run(args, &session),
        Command::Open(args) => match args.record {
            Some(record) => records::open_one(args, record, &session),
            None => open::run(args, &session),
        },
        Command::Verify(args) => open::verify(args, &session),
        Command::Rewrap(args) => rewrap::run(args, &session),
        Command::Cat(args) => cat::run(args, &session),
        Command::Records {
            command: RecordsCommand::Seal(args),
        } => records::seal_records(args, &session),
        Command::Records {
            command: RecordsCommand::Open(args),
        } => records::open_records(args, &session),
        _ => Err(Failure::Usage("the command uses no keys".to_owned())),
    }
}
