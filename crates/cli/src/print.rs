//! The only place that prints.
use std::{
    io::{self, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use crate::{failure::Failure, standard, text};

/// Prints text or JSON on standard output, for which the command was run. A closed pipe is the reader's choice, not an error.
pub(crate) fn result(json: bool, value: &Value, text: &str) -> Result<(), Failure> {
    match on_stdout(json, value, text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::write(std::path::Path::new("-"), error))
        }
        _ => Ok(()),
    }
}

/// Prints what was done, when it was done. That it cannot be told does not undo it: only whoever asked for JSON, and so reads it,
/// learns that in the exit code.
pub(crate) fn done(json: bool, value: &Value, text: &str) -> Result<(), Failure> {
    match on_stdout(json, value, text) {
        Err(error) if json && error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Untold { source: error })
        }
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _nobody_reads_it = writeln!(io::stderr().lock(), "{text}");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn on_stdout(json: bool, value: &Value, text: &str) -> io::Result<()> {
    let line = if json {
        text::json(value)
    } else {
        text.trim_end().to_owned()
    };
    if line.is_empty() {
        return Ok(()); // a list of nothing
    }
    let mut stdout = stdout()?;
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// What is written to a standard output that was closed would be lost without a word.
fn stdout() -> io::Result<io::StdoutLock<'static>> {
    let stdout = io::stdout();
    if standard::was_closed(&stdout) {
        return Err(io::Error::new(io::ErrorKind::NotConnected, standard::CLOSED));
    }
    Ok(stdout.lock())
}

/// Prints what was done on standard error, so that it never mixes with bytes on standard output.
pub(crate) fn note(json: bool, value: &Value, text: &str) {
    let line = if json { text::json(value) } else { text.to_owned() };
    let _nobody_reads_it = writeln!(io::stderr().lock(), "{line}");
}

/// Whether warnings are JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Has warnings be JSON, for whoever asked for it.
pub(crate) fn warn_in_json(json: bool) {
    IS_JSON.store(json, Ordering::Relaxed);
}

/// Prints what is not as it should be and keeps nothing from being done.
pub(crate) fn warning(text: &str) {
    let value = json!({ "warning": { "message": text } });
    note(
        IS_JSON.load(Ordering::Relaxed),
        &value,
        &format!("warning: {}", text::tame(text)),
    );
}

/// Prints why a command failed, or why one of several files did.
pub(crate) fn failure(failure: &Failure, json: bool) {
    one_of_several(failure, json, true);
}

/// The same, and what to do next only where it was not said of another.
pub(crate) fn one_of_several(failure: &Failure, json: bool, with_next: bool) {
    if matches!(failure, Failure::ReaderGone) {
        return;
    }
    let mut said = format!("error: {}", text::tame(&failure.chain()));
    if let Some(next) = failure.next().filter(|_| with_next) {
        said = format!("{said}\n  next: {next}");
    }
    note(json, &failure.to_json(), &said);
}

/// Prints what was asked for with `--help` or `--version`.
pub(crate) fn help(help: &clap::Error) -> Result<(), Failure> {
    let written = stdout().and_then(|stdout| {
        drop(stdout);
        help.print()?;
        io::stdout().flush()
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::write(std::path::Path::new("-"), error))
        }
        _ => Ok(()),
    }
}

/// Prints what is neither text nor JSON of a command, such as a script.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let written = stdout().and_then(|mut stdout| {
        stdout.write_all(bytes)?;
        stdout.flush()
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::write(std::path::Path::new("-"), error))
        }
        _ => Ok(()),
    }
}
