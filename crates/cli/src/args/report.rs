//! Where a report goes.
use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    failure::Failure,
    kept::Kept,
    output::{self, How, Output},
    print,
    report::{self, Report},
    role::Role,
    text,
};

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Write a page with charts of it too: HTML that stands by itself, for a browser or a printer.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Replace the report if it exists.
    #[arg(long, short, requires = "report")]
    pub(crate) force: bool,
}

impl ReportArgs {
    /// Whether the report can be written, before what it tells of is begun.
    ///
    /// # Errors
    /// As [`Output::check`]; standard output is taken by the figures, and nothing takes the place of what was read for them.
    pub(crate) fn check<'p>(&self, read: impl IntoIterator<Item = &'p Path>) -> Result<(), Failure> {
        match &self.report {
            Some(place) if output::is_stdout(place) => Err(Failure::Usage(
                "--report names a file: the figures are on standard output".to_owned(),
            )),
            Some(place) => Kept::default()
                .with(Role::Figures, read)
                .check(place)
                .and_then(|()| Output::check(place, How::page(self.force)))
                .map_err(of_report),
            None => Ok(()),
        }
    }

    /// Writes the report where one is wanted, and says so on standard error.
    ///
    /// # Errors
    /// As [`report::write`].
    pub(crate) fn write(&self, json: bool, report: impl FnOnce() -> Report) -> Result<(), Failure> {
        let Some(place) = &self.report else {
            return Ok(());
        };
        report::write(&report(), place, self.force).map_err(of_report)?;
        if !json {
            let said = format!("report in {}", text::path(place));
            print::note(false, &serde_json::Value::Null, &said);
        }
        Ok(())
    }
}

/// A report has options of its own.
fn of_report(failure: Failure) -> Failure {
    match failure {
        Failure::OutputExists { path } => Failure::ReportExists { path },
        Failure::OutputIsFolder { path } => {
            Failure::Usage(format!("{path:?} is a folder; name a file in it with --report"))
        }
        other @ Failure::OutputIsRead { .. } => {
            Failure::Usage(format!("{other}; name another file with --report"))
        }
        other => other,
    }
}
