//! One process at a time has a state file: of two that write the whole of it, each would undo what the other did.
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use fs4::{FileExt, TryLockError};

/// How often a lock is tried that its last holder takes away meanwhile.
const TRIES: usize = 100;

/// Holds the state file at a path, by a lock on an empty file beside it: the state file itself is replaced at each save. A
/// process that is killed holds nothing any more.
#[derive(Debug)]
pub(crate) struct StateLock {
    _locked: File,
    path: PathBuf,
}

impl StateLock {
    /// Nothing when another one holds it.
    pub(crate) fn take(state: &Path) -> io::Result<Option<Self>> {
        let mut name = OsString::from(state);
        name.push(".lock");
        let path = PathBuf::from(name);
        for _ in 0..TRIES {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            match FileExt::try_lock(&file) {
                Ok(()) if is_at(&file, &path)? => return Ok(Some(Self { _locked: file, path })),
                // Its holder went, and took the file away that was opened here.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // While it is held, so that nobody else's is taken away. Where that cannot be seen, the empty file stays.
        if cfg!(unix) {
            let _it_does_no_harm = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether an open file is still the one at its path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let own = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((own.dev(), own.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an open file is still the one at its path: it is never taken away.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}
