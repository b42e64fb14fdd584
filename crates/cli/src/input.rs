//! Input: a file or standard input, of bytes or of armored text.
use std::{
    fs::{self, File},
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
};

use crate::{
    args::FormatArg,
    armor::{self, ArmorReader},
    failure::Failure,
    progress::Progress,
    standard,
};

/// What a sealed file's name ends in.
pub(crate) const SUFFIX: &str = "datakey";

/// The same of a message of the AWS Encryption SDK, as its own command has it.
pub(crate) const ESDK_SUFFIX: &str = "encrypted";

/// An open input.
pub(crate) struct Input {
    from: From,
    progress: Progress,
    /// The length in bytes, where it is known: of a file that is not armored.
    pub(crate) len: Option<u64>,
}

enum From {
    File(File),
    Stream(Box<dyn Read + Send>),
}

/// What may stand at the front of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Front {
    /// Bytes, whatever they are.
    Bytes,
    /// A sealed message, which may be armored.
    Message,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// When it cannot be opened, or is a folder.
    pub(crate) fn open(path: &Path, front: Front, progress: &Progress) -> Result<Self, Failure> {
        let input = |from, len| Self {
            from,
            progress: progress.clone(),
            len,
        };
        if path == Path::new("-") {
            let mut stdin: Box<dyn Read + Send> = Box::new(unbuffered_stdin(path)?);
            if front == Front::Message {
                stdin = dearmored(stdin).map_err(|source| Failure::read(path, source))?.1;
            }
            return Ok(input(From::Stream(stdin), None));
        }
        let mut file = File::open(path).map_err(|source| Failure::read(path, source))?;
        let metadata = file.metadata().map_err(|source| Failure::read(path, source))?;
        if metadata.is_dir() {
            return Err(Failure::read(path, io::ErrorKind::IsADirectory.into()));
        }
        // The files of /proc say that they are empty, and are not.
        if metadata.is_file() && metadata.len() > 0 {
            let len = metadata.len();
            if front == Front::Message
                && begins_with_armor(&mut file).map_err(|source| Failure::read(path, source))?
            {
                return Ok(input(From::Stream(Box::new(ArmorReader::new(file))), None));
            }
            return Ok(input(From::File(file), Some(len)));
        }
        let mut stream: Box<dyn Read + Send> = Box::new(file);
        if front == Front::Message {
            stream = dearmored(stream).map_err(|source| Failure::read(path, source))?.1;
        }
        Ok(input(From::Stream(stream), None))
    }

    /// The file and its length, if its bytes may be read in any order.
    pub(crate) const fn file(&self) -> Option<(&File, u64)> {
        match (&self.from, self.len) {
            (From::File(file), Some(len)) => Some((file, len)),
            _ => None,
        }
    }

    pub(crate) const fn progress(&self) -> &Progress {
        &self.progress
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.from {
            From::File(file) => file.read(buffer)?,
            From::Stream(stream) => stream.read(buffer)?,
        };
        self.progress.add(read);
        Ok(read)
    }
}

/// Standard input without a buffer of its own, which would take small portions.
fn unbuffered_stdin(path: &Path) -> Result<File, Failure> {
    if standard::was_closed(&io::stdin()) {
        return Err(Failure::read(
            path,
            io::Error::new(io::ErrorKind::NotConnected, standard::CLOSED),
        ));
    }
    #[cfg(unix)]
    let own = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned();
    #[cfg(windows)]
    let own = std::os::windows::io::AsHandle::as_handle(&io::stdin()).try_clone_to_owned();
    own.map(File::from).map_err(|source| Failure::read(path, source))
}

/// Whether a file is armored; it is then at its beginning again.
fn begins_with_armor(file: &mut File) -> io::Result<bool> {
    use std::io::Seek as _;
    let front = front(file)?;
    file.rewind()?;
    Ok(front == armor::BEGIN.as_bytes())
}

/// As many bytes as the first line of the armor has, or all that there are.
fn front(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut front = Vec::with_capacity(armor::BEGIN.len());
    from.take(armor::BEGIN.len() as u64).read_to_end(&mut front)?;
    Ok(front)
}

/// The bytes of a stream that may be armored, and whether it is.
pub(crate) fn dearmored(mut stream: Box<dyn Read + Send>) -> io::Result<(bool, Box<dyn Read + Send>)> {
    let front = front(&mut stream)?;
    let is_armored = front == armor::BEGIN.as_bytes();
    let whole = Cursor::new(front).chain(stream);
    Ok((
        is_armored,
        if is_armored {
            Box::new(ArmorReader::new(whole))
        } else {
            Box::new(whole)
        },
    ))
}

/// Whether a file is armored text. What cannot be read is found out by whoever reads it.
pub(crate) fn is_armored(path: &Path) -> bool {
    File::open(path)
        .is_ok_and(|mut file| front(&mut file).is_ok_and(|front| front == armor::BEGIN.as_bytes()))
}

/// Whether a name is that of a sealed file.
pub(crate) fn is_sealed_name(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == SUFFIX || extension == ESDK_SUFFIX)
}

/// The name of the sealed file that is made of this one.
pub(crate) fn sealed_name(input: &Path, format: FormatArg) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push(".");
    name.push(match format {
        FormatArg::Datakey => SUFFIX,
        FormatArg::Esdk => ESDK_SUFFIX,
    });
    PathBuf::from(name)
}

/// The name of the file that is made of this sealed one.
///
/// # Errors
/// When the input's name does not end in the suffix, so that no output follows from it.
pub(crate) fn opened_name(input: &Path) -> Result<PathBuf, Failure> {
    if is_sealed_name(input) {
        return Ok(input.with_extension(""));
    }
    Err(Failure::Usage(format!(
        "the name of {input:?} does not end in .{SUFFIX} or .{ESDK_SUFFIX}; say with --output where the result goes",
    )))
}

/// Whether there is a folder at this path.
pub(crate) fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
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
            assert_eq!(sealed_name(&path("a/b.csv"), format), path(sealed));
            assert_eq!(opened_name(&path(sealed)).unwrap(), path("a/b.csv"));
        }
        assert!(matches!(opened_name(&path("a.csv")), Err(Failure::Usage(_))));
    }
}
