//! Output that is whole or absent: written beside its place and renamed when it is complete.
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{failure::Failure, interrupt};

/// Where sealed or opened bytes go.
pub(crate) enum Output {
    /// A file that appears under its name only when [`commit`](Self::commit) succeeds.
    File {
        draft: NamedTempFile,
        place: PathBuf,
        replace: bool,
    },
    /// Standard output. What has been written cannot be taken back.
    Stdout(io::Stdout),
}

impl Output {
    /// Starts an output: a file, or standard output for `-`.
    ///
    /// # Errors
    /// When the file exists and `replace` is not set, or its folder cannot be written to.
    pub(crate) fn start(place: &Path, replace: bool) -> Result<Self, Failure> {
        if place == Path::new("-") {
            return Ok(Self::Stdout(io::stdout()));
        }
        check_place(place, replace)?;
        let folder = match place.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::metadata(folder).map_err(|source| Failure::write(place, source))?;
        // The draft's name is not made of the place's, which may have the greatest length that a name can have.
        let draft = tempfile::Builder::new()
            .prefix(".datakey.")
            .suffix(".part")
            .tempfile_in(folder)
            // Without the draft's name, which means nothing to the reader.
            .map_err(|source| Failure::write(place, source.kind().into()))?;
        interrupt::remember(draft.path());
        Ok(Self::File {
            draft,
            place: place.to_owned(),
            replace,
        })
    }

    /// Puts the finished file in its place; nothing exists under its name before.
    ///
    /// # Errors
    /// When the bytes cannot be brought to disk, or something took the place meanwhile.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        match self {
            Self::Stdout(mut stdout) => stdout
                .flush()
                .map_err(|source| Failure::write(Path::new("-"), source)),
            Self::File {
                draft,
                place,
                replace,
            } => {
                draft
                    .as_file()
                    .sync_all()
                    .map_err(|source| Failure::write(&place, source))?;
                widen(&draft, &place).map_err(|source| Failure::write(&place, source))?;
                let persisted = if replace {
                    draft.persist(&place)
                } else {
                    draft.persist_noclobber(&place)
                };
                match persisted {
                    Ok(_) => Ok(()),
                    Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                        Err(Failure::OutputExists { path: place })
                    }
                    Err(error) => Err(Failure::write(&place, error.error)),
                }
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { draft, .. } => draft.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File { draft, .. } => draft.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// A path as text for JSON. What of it is not UTF-8 is shown as the replacement character.
pub(crate) fn shown(place: &Path) -> String {
    place.display().to_string()
}

/// A path as text for people.
pub(crate) fn named(place: &Path) -> String {
    if place == Path::new("-") {
        "standard output".to_owned()
    } else {
        shown(place)
    }
}

/// Whether a file may be put there: nothing stands there, or a file that may be replaced. A device or a pipe is never
/// replaced by a file: whoever names one wants it to be written to.
fn check_place(place: &Path, replace: bool) -> Result<(), Failure> {
    let path = place.to_owned();
    match fs::metadata(place) {
        Ok(metadata) if metadata.is_dir() => Err(Failure::OutputIsFolder { path }),
        Ok(metadata) if !metadata.is_file() => Err(Failure::OutputIsSpecial { path }),
        _ if !replace && place.symlink_metadata().is_ok() => Err(Failure::OutputExists { path }),
        _ => Ok(()),
    }
}

/// Gives the draft the permissions of the file that it replaces. A new file stays readable by its owner only: it may
/// hold what somebody found worth sealing.
fn widen(draft: &NamedTempFile, place: &Path) -> io::Result<()> {
    match fs::metadata(place) {
        Ok(existing) => draft.as_file().set_permissions(existing.permissions()),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::start(&folder.path().join("out"), false).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_committed_output_is_whole_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        let mut output = Output::start(&place, false).unwrap();
        output.write_all(b"whole").unwrap();
        output.commit().unwrap();
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
            Output::start(&place, false),
            Err(Failure::OutputExists { .. })
        ));
        let mut output = Output::start(&place, true).unwrap();
        output.write_all(b"new").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"old", "not before it is whole");
        output.commit().unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"new");
    }

    #[test]
    fn a_device_is_never_replaced() {
        let device = Path::new("/dev/null");
        for replace in [false, true] {
            assert!(matches!(
                check_place(device, replace),
                Err(Failure::OutputIsSpecial { .. })
            ));
        }
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        let output = Output::start(&place, false).unwrap();
        fs::write(&place, b"theirs").unwrap();
        assert!(matches!(output.commit(), Err(Failure::OutputExists { .. })));
        assert_eq!(
            (names(folder.path()).len(), fs::read(&place).unwrap()),
            (1, b"theirs".to_vec())
        );
    }
}
