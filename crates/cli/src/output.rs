//! Output that is whole or absent.
mod draft;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

pub(crate) use self::draft::{Draft, Secrecy};
use crate::{armor::ArmorWriter, failure::Failure, standard, text};

/// How an output is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// Whether a file that exists is replaced.
    pub(crate) replace: bool,
    pub(crate) secrecy: Secrecy,
    /// Whether it is written as text.
    pub(crate) armor: bool,
}

impl How {
    /// Plaintext.
    pub(crate) const fn plain(replace: bool) -> Self {
        Self {
            replace,
            secrecy: Secrecy::Plain,
            armor: false,
        }
    }

    /// A report.
    #[cfg(feature = "report")]
    pub(crate) const fn page(replace: bool) -> Self {
        Self {
            replace,
            secrecy: Secrecy::Figures,
            armor: false,
        }
    }
}

/// Where sealed or opened bytes go.
pub(crate) struct Output {
    to: To,
    armored: Option<ArmorWriter<To>>,
}

enum To {
    /// A file that appears under its name only when it is whole.
    File(Draft),
    /// Standard output, or a device or pipe. What has been written cannot be taken back.
    Stream(File),
    /// Nowhere: what is written is only checked.
    Nowhere,
}

impl Output {
    /// Starts an output: a file, standard output for `-`, or the device or pipe that is there.
    ///
    /// # Errors
    /// When the file exists and is not to be replaced, its folder cannot be written to, or bytes that are not for a terminal would go
    /// to one.
    pub(crate) fn start(place: &Path, how: How) -> Result<Self, Failure> {
        let to = if is_stdout(place) {
            To::Stream(stdout(how)?)
        } else {
            to_place(place, how)?
        };
        Ok(if how.armor {
            Self {
                to: To::Nowhere,
                armored: Some(ArmorWriter::new(to)),
            }
        } else {
            Self { to, armored: None }
        })
    }

    /// As [`start`](Self::start), and makes the folders that it is in.
    ///
    /// # Errors
    /// As `start`.
    pub(crate) fn start_in_folders(place: &Path, how: How) -> Result<Self, Failure> {
        match Self::start(place, how) {
            Err(Failure::Write { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let folder = place.parent().unwrap_or_else(|| Path::new(""));
                fs::create_dir_all(folder).map_err(|source| Failure::write(place, source))?;
                Self::start(place, how)
            }
            started => started,
        }
    }

    /// Whether an output could be started.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(crate) fn check(place: &Path, how: How) -> Result<(), Failure> {
        // What is opened to be written to is not opened twice: whoever reads a pipe would take the first for all.
        let is_special = fs::metadata(place).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        if is_special && !is_stdout(place) {
            return Ok(());
        }
        Self::start(place, how).map(drop)
    }

    /// An output that only checks.
    pub(crate) const fn nowhere() -> Self {
        Self {
            to: To::Nowhere,
            armored: None,
        }
    }

    /// Whether what is written is out at once.
    pub(crate) const fn is_released_at_once(&self) -> bool {
        matches!(self.to, To::Stream(_))
    }

    /// The file, if its bytes may be written in any order.
    pub(crate) const fn draft(&self) -> Option<&File> {
        match (&self.to, &self.armored) {
            (To::File(draft), None) => Some(draft.file()),
            _ => None,
        }
    }

    /// Whether nothing is written.
    pub(crate) const fn is_nowhere(&self) -> bool {
        matches!((&self.to, &self.armored), (To::Nowhere, None))
    }

    /// Puts the finished output in its place.
    ///
    /// # Errors
    /// When the bytes cannot be brought to disk, or something took the place meanwhile.
    pub(crate) fn commit(self, place: &Path) -> Result<(), Failure> {
        let to = match self.armored {
            Some(armored) => armored.finish().map_err(|source| Failure::write(place, source))?,
            None => self.to,
        };
        match to {
            To::File(draft) => draft.commit(),
            To::Stream(_) | To::Nowhere => Ok(()),
        }
    }
}

impl Write for To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(draft) => draft.file().write(bytes),
            Self::Stream(file) => file.write(bytes),
            Self::Nowhere => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.armored {
            Some(armored) => armored.write(bytes),
            None => self.to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether this names standard output.
pub(crate) fn is_stdout(place: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]
        .iter()
        .any(|name| place == Path::new(name))
}

/// An output as text for people.
pub(crate) fn named(place: &Path) -> String {
    if place == Path::new("-") {
        "standard output".to_owned()
    } else {
        text::path(place)
    }
}

/// Standard output as it is: without a buffer of its own, and with every error that it has.
fn stdout(how: How) -> Result<File, Failure> {
    let stdout = io::stdout();
    if how.secrecy == Secrecy::Sealed && !how.armor && stdout.is_terminal() {
        return Err(Failure::Terminal);
    }
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        if standard::was_closed(&stdout) {
            return Err(Failure::Closed);
        }
        let own = stdout.as_fd().try_clone_to_owned();
        own.map(File::from)
            .map_err(|source| Failure::write(Path::new("-"), source))
    }
    #[cfg(windows)]
    {
        use std::os::windows::io::AsHandle as _;
        let own = stdout.as_handle().try_clone_to_owned();
        own.map(File::from)
            .map_err(|source| Failure::write(Path::new("-"), source))
    }
}

fn to_place(place: &Path, how: How) -> Result<To, Failure> {
    let path = place.to_owned();
    let metadata = match fs::metadata(place) {
        Ok(metadata) => metadata,
        // A link to nothing is something that exists.
        Err(_) if !how.replace && place.symlink_metadata().is_ok() => {
            return Err(Failure::OutputExists { path });
        }
        Err(_) => {
            return Ok(To::File(Draft::begin(
                behind_links(place)?,
                how.replace,
                how.secrecy,
            )?));
        }
    };
    if metadata.is_dir() {
        return Err(Failure::OutputIsFolder { path });
    }
    if metadata.is_file() {
        if !how.replace {
            return Err(Failure::OutputExists { path });
        }
        return Ok(To::File(Draft::begin(behind_links(place)?, true, how.secrecy)?));
    }
    special(place, &metadata, how)
}

/// A device or a pipe is never replaced by a file: whoever names one wants it to be written to. A disk is not written to.
fn special(place: &Path, metadata: &fs::Metadata, how: How) -> Result<To, Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let kind = metadata.file_type();
        if !kind.is_char_device() && !kind.is_fifo() {
            let what = if kind.is_block_device() { "disk" } else { "socket" };
            let path = place.to_owned();
            return Err(Failure::OutputIsSpecial { path, what });
        }
    }
    let _of_unix = metadata;
    let file = OpenOptions::new()
        .write(true)
        .open(place)
        .map_err(|source| Failure::write(place, source))?;
    if how.secrecy == Secrecy::Sealed && !how.armor && file.is_terminal() {
        return Err(Failure::Terminal);
    }
    Ok(To::Stream(file))
}

/// The most links that are followed, one after the other.
const MAX_LINKS: usize = 40;

/// Where a path of symbolic links leads, whether something is there or not: that is written, and the links stay.
fn behind_links(place: &Path) -> Result<PathBuf, Failure> {
    let mut place = place.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&place) {
            Ok(to) => place = place.parent().unwrap_or_else(|| Path::new("")).join(to),
            Err(_no_link) => return Ok(place),
        }
    }
    Err(Failure::write(
        &place,
        io::Error::other("too many symbolic links"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: How = How::plain(false);

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::start(&folder.path().join("out"), PLAIN).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_committed_output_is_whole_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        let mut output = Output::start(&place, PLAIN).unwrap();
        output.write_all(b"whole").unwrap();
        output.commit(&place).unwrap();
        assert_eq!(
            (names(folder.path()), fs::read(&place).unwrap()),
            (vec!["out".to_owned()], b"whole".to_vec())
        );
    }

    #[test]
    fn an_existing_file_is_kept_unless_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        fs::write(&place, b"old").unwrap();
        assert!(matches!(
            Output::start(&place, PLAIN),
            Err(Failure::OutputExists { .. })
        ));
        let mut output = Output::start(&place, How::plain(true)).unwrap();
        output.write_all(b"new").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"old", "not before it is whole");
        output.commit(&place).unwrap();
        assert_eq!(
            (fs::read(&place).unwrap(), names(folder.path()).len()),
            (b"new".to_vec(), 1)
        );
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        let output = Output::start(&place, PLAIN).unwrap();
        fs::write(&place, b"theirs").unwrap();
        assert!(matches!(output.commit(&place), Err(Failure::OutputExists { .. })));
        assert_eq!(
            (names(folder.path()).len(), fs::read(&place).unwrap()),
            (1, b"theirs".to_vec())
        );
    }
}
