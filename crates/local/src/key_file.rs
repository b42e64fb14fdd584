//! A set of keys in a file.
use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    FormatError, LocalKeys,
    format::{self, Parsed},
    place,
    wrapping_key::is_refused,
};

/// The longest key file, in bytes.
pub const MAX_KEY_FILE_LEN: usize = 64 * 1024;

/// A set of wrapping keys in a file: one line of plain text for each, and one that proves that none is missing.
///
/// A key file is created whole, with mode 0600, and is never written again: a rotation writes a new file, and whoever
/// deploys it replaces the old one when the new one is in a safe place. It is refused when group or others have any
/// access (Unix).
///
/// ```
/// use datakey_local::{KeyFile, KeyFileError, LocalKeys};
///
/// # let folder = std::env::temp_dir().join(format!("datakey-key-file-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("orders.key");
/// KeyFile::create(&path, LocalKeys::generate("orders-1")?)?;
/// assert_eq!(KeyFile::open(&path)?.keys().active(), "orders-1");
///
/// let again = KeyFile::create(&path, LocalKeys::generate("orders-1")?);
/// assert!(matches!(again, Err(KeyFileError::Exists { .. }))); // never overwritten
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What is checked, and when
///
/// Everything is checked when the file is [opened](Self::open): that it is a regular file, its permission bits, its length, each line, and
/// that none is missing. After that the file is not looked at again. A key file that is replaced takes effect in processes that start
/// afterwards.
///
/// # Who may read it
///
/// Its owner, and whoever is that user. Mode 0400 does as well as 0600. A file with access for its group is refused and not used with a
/// warning, as a warning is read after the fact. In a container, mount it with the owner that the process runs as.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
    keys: LocalKeys,
    is_whole: bool,
}

/// Why a key file cannot be created or used. Never holds key bytes.
///
/// | variant | what to do |
/// |---|---|
/// | [`Exists`](Self::Exists) | choose another path: a key file is not written over, as somebody may have sealed under it |
/// | [`Missing`](Self::Missing), [`NotAFile`](Self::NotAFile), [`TooLarge`](Self::TooLarge) | correct the path |
/// | [`OpenToOthers`](Self::OpenToOthers) | take the access of group and others away; where it was open for long, rotate |
/// | [`Format`](Self::Format) | restore the file from a copy |
/// | [`Io`](Self::Io) | what the operating system says |
///
/// ```
/// use datakey_local::{KeyFile, KeyFileError};
///
/// let path = std::env::temp_dir().join("no-such-folder-of-datakey").join("orders.key");
/// let missing = KeyFile::open(&path);
/// assert!(matches!(missing, Err(KeyFileError::Missing { .. })));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Something is at the path already.
    #[error("{} exists; a key file is never overwritten, choose another path", path.display())]
    Exists {
        /// The path of the key file.
        path: PathBuf,
    },
    /// There is nothing at the path.
    #[error("there is no key file {}; create one, or correct the path", path.display())]
    Missing {
        /// The path of the key file.
        path: PathBuf,
    },
    /// A folder, a device or a pipe.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// The path of the key file.
        path: PathBuf,
    },
    /// Group or others have access to the file.
    #[error(
        "{} is open to others (mode {mode:04o}); run `chmod 600` on it, and rotate its keys if others may have read it",
        path.display()
    )]
    OpenToOthers {
        /// The path of the key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Longer than [`MAX_KEY_FILE_LEN`].
    #[error("{} has more than {MAX_KEY_FILE_LEN} bytes; this is no key file", path.display())]
    TooLarge {
        /// The path of the key file.
        path: PathBuf,
    },
    /// The program computes with the FIPS module of AWS-LC (the feature `fips`), which does not approve of what local keys wrap with.
    #[error("{} is of no use to this program: {}", path.display(), crate::LocalKeysError::NotApproved)]
    NotApproved {
        /// The path of the key file.
        path: PathBuf,
    },
    /// The text is not that of a key file.
    #[error("{} is not a key file that can be used", path.display())]
    Format {
        /// The path of the key file.
        path: PathBuf,
        /// The line, and what is wrong with it.
        source: FormatError,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done: `create` or `read`.
        doing: &'static str,
        /// The path of the key file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl KeyFile {
    /// Writes a new key file: beside its place first, synced to the disk, then linked into place.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] when the path is taken, by a dangling link too; [`KeyFileError::Io`].
    pub fn create(path: impl Into<PathBuf>, keys: LocalKeys) -> Result<Self, KeyFileError> {
        let path = path.into();
        let text = format::render(&keys);
        match place::create_whole(&path, text.as_bytes()) {
            Ok(()) => Ok(Self {
                path,
                keys,
                is_whole: true,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(KeyFileError::Exists { path }),
            Err(source) => Err(KeyFileError::Io {
                doing: "create",
                path,
                source,
            }),
        }
    }

    /// Writes the text of a key file somewhere else than into a file. Where it ends up, it must be for its owner only: a file that is
    /// open to others is refused when it is [read](Self::open).
    ///
    /// # Errors
    /// Those of `out`.
    ///
    /// ```
    /// use datakey_local::{KeyFile, LocalKeys};
    ///
    /// // Into a secret store, by whatever client it has.
    /// let mut text = Vec::new();
    /// KeyFile::write_to(&LocalKeys::generate("orders-2026")?, &mut text)?;
    /// let text = String::from_utf8(text)?;
    /// assert_eq!(text.lines().next(), Some("datakey-local-keys v2"));
    /// assert!(text.lines().any(|line| line == "active orders-2026"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_to(keys: &LocalKeys, out: &mut impl io::Write) -> io::Result<()> {
        out.write_all(format::render(keys).as_bytes())?;
        out.flush()
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyFileError`]: missing, not a file, open to others, too large, or malformed, with the line's number.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        let path = path.into();
        if is_refused() {
            return Err(KeyFileError::NotApproved { path });
        }
        // Asked of the path first, as opening a pipe would wait for a writer; then of what was opened.
        let metadata = fs::metadata(&path).map_err(|error| not_read(&path, error))?;
        check_metadata(&path, &metadata)?;
        let mut file = File::open(&path).map_err(|error| not_read(&path, error))?;
        let metadata = file.metadata().map_err(|error| not_read(&path, error))?;
        check_metadata(&path, &metadata)?;
        let mut buffer = Zeroizing::new(vec![0; MAX_KEY_FILE_LEN.saturating_add(1)]);
        let len = read_up_to(&mut file, &mut buffer).map_err(|error| not_read(&path, error))?;
        if len > MAX_KEY_FILE_LEN {
            return Err(KeyFileError::TooLarge { path });
        }
        match format::parse(buffer.get(..len).unwrap_or_default()) {
            Ok(Parsed { keys, is_whole }) => Ok(Self { path, keys, is_whole }),
            Err(source) => Err(KeyFileError::Format { path, source }),
        }
    }

    /// Whether the file proves that it has all the keys that it was written with.
    ///
    /// Files of version 1 have no line for that: one that was cut between two lines looks like a whole one with fewer keys. Who
    /// writes a new file from such a set loses what the missing keys sealed, and asks somebody first.
    #[must_use]
    pub fn proves_its_end(&self) -> bool {
        self.is_whole
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keys, which are the provider.
    #[must_use]
    pub fn keys(&self) -> &LocalKeys {
        &self.keys
    }

    /// The keys, which are the provider.
    #[must_use]
    pub fn into_keys(self) -> LocalKeys {
        self.keys
    }
}

fn not_read(path: &Path, source: io::Error) -> KeyFileError {
    let path = path.to_owned();
    if source.kind() == io::ErrorKind::NotFound {
        KeyFileError::Missing { path }
    } else {
        KeyFileError::Io {
            doing: "read",
            path,
            source,
        }
    }
}

fn check_metadata(path: &Path, metadata: &Metadata) -> Result<(), KeyFileError> {
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile {
            path: path.to_owned(),
        });
    }
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::OpenToOthers {
                path: path.to_owned(),
                mode,
            });
        }
    }
    Ok(())
}

/// Reads until the end or until the buffer is full, without a second buffer in between.
fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled: usize = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(len) => filled = filled.saturating_add(len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
