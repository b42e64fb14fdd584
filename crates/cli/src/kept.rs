//! What a command reads, and none of its results may take the place of: its keys, its inputs, what it was configured by.
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{failure::Failure, output, role::Role};

/// A file, whichever of its names it is called by: its device and its number on it.
#[cfg(unix)]
type Identity = (u64, u64);

/// A file: the path that is left when links are followed. One of several hard links is taken for another file.
#[cfg(not(unix))]
type Identity = PathBuf;

/// The files that are to stay as they are.
#[derive(Debug, Default)]
pub(crate) struct Kept(HashMap<Identity, (Role, PathBuf)>);

impl Kept {
    /// These too. A path that leads to no file is passed over, as is a device or a pipe, which nothing takes the place of.
    #[must_use]
    pub(crate) fn with<'p>(mut self, role: Role, paths: impl IntoIterator<Item = &'p Path>) -> Self {
        for path in paths {
            if let Some(identity) = of_input(path) {
                self.0.entry(identity).or_insert_with(|| (role, path.to_owned()));
            }
        }
        self
    }

    /// Whether an output is none of them.
    ///
    /// # Errors
    /// When it is one, also by another name, through a link, or as standard output.
    pub(crate) fn check(&self, place: &Path) -> Result<(), Failure> {
        let found = of_output(place).and_then(|identity| self.0.get(&identity));
        match found {
            None => Ok(()),
            Some((role, path)) => Err(Failure::OutputIsRead {
                output: place.to_owned(),
                role: *role,
                path: path.clone(),
            }),
        }
    }
}

fn of_input(path: &Path) -> Option<Identity> {
    #[cfg(unix)]
    if path == Path::new("-") {
        return of_stream(std::io::stdin());
    }
    of_path(path)
}

fn of_output(place: &Path) -> Option<Identity> {
    #[cfg(unix)]
    if output::is_stdout(place) {
        return of_stream(std::io::stdout());
    }
    if output::is_stdout(place) {
        return None;
    }
    of_path(place)
}

/// The file that a stream was redirected to, if it was to one.
#[cfg(unix)]
fn of_stream(stream: impl std::os::fd::AsFd) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let own = stream.as_fd().try_clone_to_owned().ok()?;
    let metadata = fs::File::from(own).metadata().ok()?;
    metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
}

#[cfg(unix)]
fn of_path(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path).ok()?;
    metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn of_path(path: &Path) -> Option<Identity> {
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file.then(|| fs::canonicalize(path).ok()).flatten()
}
