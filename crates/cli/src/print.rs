//! The only place that prints.
use std::io::{self, Write as _};

use serde_json::Value;

use crate::failure::Failure;

/// Prints text or JSON on standard output. A closed pipe is the reader's choice, not an error.
pub(crate) fn result(json: bool, value: &Value, text: &str) -> Result<(), Failure> {
    let line = if json {
        value.to_string()
    } else {
        text.trim_end().to_owned()
    };
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::write(std::path::Path::new("-"), error))
        }
        _ => Ok(()),
    }
}

/// `1 record`, `2 records`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Prints what was done on standard error, so that it never mixes with bytes on standard output.
pub(crate) fn note(json: bool, value: &Value, text: &str) {
    let line = if json { value.to_string() } else { text.to_owned() };
    let _nobody_reads_it = writeln!(io::stderr().lock(), "{line}");
}

/// Prints why a command failed.
pub(crate) fn failure(failure: &Failure, json: bool) {
    note(json, &failure.to_json(), &format!("error: {}", failure.chain()));
}
