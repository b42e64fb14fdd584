//! Completions for shells, and manual pages.
use std::fs;

use clap::CommandFactory as _;

use crate::{
    args::{Cli, CompletionsArgs, ManArgs},
    failure::Failure,
    print, text,
};

/// Prints the script of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "datakey", &mut script);
    print::raw(&script)
}

/// Prints the page of the command, or writes the pages of all commands.
pub(crate) fn pages(args: &ManArgs) -> Result<(), Failure> {
    match &args.output {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut page)
                .map_err(|error| Failure::other("the manual page", error))?;
            print::raw(&page)
        }
        Some(folder) => {
            fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
                .map_err(|error| Failure::write(folder, error))?;
            let told = format!("wrote the manual pages to {}", text::path(folder));
            print::done(false, &serde_json::Value::Null, &told)
        }
    }
}
