//! Input: a file or standard input, with a progress bar on a terminal.
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{args::FormatArg, failure::Failure};

/// What a sealed file's name ends in.
const SUFFIX: &str = "datakey";

/// The same of a message of the AWS Encryption SDK, as its own command has it.
const ESDK_SUFFIX: &str = "encrypted";

/// How much input takes long enough to be told about, in bytes.
const WORTH_A_BAR: u64 = 16 << 20;

/// An open input.
pub(crate) struct Input {
    reader: Box<dyn Read + Send>,
    quiet: bool,
    /// The length in bytes, where it is known.
    pub(crate) len: Option<u64>,
    bar: ProgressBar,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// When it cannot be opened, or is a folder.
    pub(crate) fn open(path: &Path, quiet: bool) -> Result<Self, Failure> {
        let (reader, len): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(|source| Failure::read(path, source))?;
            let metadata = file.metadata().map_err(|source| Failure::read(path, source))?;
            if metadata.is_dir() {
                return Err(Failure::read(path, io::ErrorKind::IsADirectory.into()));
            }
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        };
        Ok(Self {
            reader,
            quiet,
            len,
            bar: bar(len, quiet),
        })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let before = self.bar.position();
        self.bar.inc(read as u64);
        if self.len.is_none() && !self.quiet && before < WORTH_A_BAR && self.bar.position() >= WORTH_A_BAR {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        Ok(read)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar on standard error when that is a terminal and there is enough to do; of an input whose length is unknown,
/// once that much of it has come.
fn bar(len: Option<u64>, quiet: bool) -> ProgressBar {
    if quiet || len.is_some_and(|len| len < WORTH_A_BAR) {
        return ProgressBar::hidden();
    }
    let (target, template) = match len {
        Some(_) => (
            ProgressDrawTarget::stderr(),
            "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ),
        None => (ProgressDrawTarget::hidden(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    let bar = ProgressBar::with_draw_target(len, target);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_no_template) => bar,
    }
}

/// The output that was named, or the one that follows from the input.
pub(crate) fn output_for_seal(input: &Path, named: Option<&Path>, format: FormatArg) -> PathBuf {
    match named {
        Some(named) => named.to_owned(),
        None if input == Path::new("-") => PathBuf::from("-"),
        None => {
            let mut name = input.as_os_str().to_owned();
            name.push(".");
            name.push(match format {
                FormatArg::Datakey => SUFFIX,
                FormatArg::Esdk => ESDK_SUFFIX,
            });
            PathBuf::from(name)
        }
    }
}

/// The output that was named, or the input's name without its suffix.
///
/// # Errors
/// When the input's name does not end in the suffix, so that no output follows from it.
pub(crate) fn output_for_open(input: &Path, named: Option<&Path>) -> Result<PathBuf, Failure> {
    match named {
        Some(named) => Ok(named.to_owned()),
        None if input == Path::new("-") => Ok(PathBuf::from("-")),
        None if input
            .extension()
            .is_some_and(|extension| extension == SUFFIX || extension == ESDK_SUFFIX) =>
        {
            Ok(input.with_extension(""))
        }
        None => Err(Failure::Usage(format!(
            "the name of {} does not end in .{SUFFIX} or .{ESDK_SUFFIX}; say with --output where the result goes",
            input.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_follow_from_inputs() {
        let path = |text: &str| PathBuf::from(text);
        for (format, sealed) in [
            (FormatArg::Datakey, "a/b.csv.datakey"),
            (FormatArg::Esdk, "a/b.csv.encrypted"),
        ] {
            assert_eq!(output_for_seal(&path("a/b.csv"), None, format), path(sealed));
            assert_eq!(output_for_seal(&path("-"), None, format), path("-"));
            assert_eq!(
                output_for_seal(&path("a"), Some(Path::new("b")), format),
                path("b")
            );
            assert_eq!(output_for_open(&path(sealed), None).unwrap(), path("a/b.csv"));
        }
        assert_eq!(output_for_open(&path("-"), None).unwrap(), path("-"));
        assert!(matches!(
            output_for_open(&path("a.csv"), None),
            Err(Failure::Usage(_))
        ));
    }
}
