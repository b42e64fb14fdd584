//! A file that is written in full before it has its name.
//!
//! Where the system has files without names (`O_TMPFILE`) a draft has none until it is whole, so that nothing is left of it however
//! the process ends, not even after `kill -9`. Elsewhere it has a name in the same folder, which is removed when the command fails or is
//! told to end by a signal that can be caught.
use std::{
    fs::{self, File, Permissions},
    io,
    path::{Path, PathBuf},
};

use tempfile::TempPath;

use crate::{failure::Failure, interrupt, print};

/// What a file's permissions are where none are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Sealed: as the umask says.
    Sealed,
    /// Plaintext, which somebody found worth sealing: its owner's only.
    Plain,
    /// Figures, which are nobody's secret: as the umask says.
    #[cfg(feature = "report")]
    Figures,
}

#[cfg(unix)]
impl Secrecy {
    const fn mode(self) -> u32 {
        match self {
            Self::Sealed => 0o666,
            Self::Plain => 0o600,
            #[cfg(feature = "report")]
            Self::Figures => 0o666,
        }
    }
}

/// A file that is being written.
pub(crate) struct Draft {
    file: File,
    /// Its name in the meantime, if it has one.
    named: Option<Named>,
    /// Where it goes.
    place: PathBuf,
    folder: PathBuf,
    replace: bool,
}

/// A name that is removed unless it becomes the output's.
struct Named(Option<TempPath>);

impl Drop for Named {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let known = path.to_path_buf();
            drop(path);
            interrupt::forget(&known);
        }
    }
}

/// How the name of a draft begins and ends. It is not made of the place's, which may have the greatest length that a name can have.
fn name() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".datakey.").suffix(".part");
    builder
}

impl Draft {
    /// Begins a file for this place.
    ///
    /// # Errors
    /// When its folder is not there or cannot be written to.
    pub(crate) fn begin(place: PathBuf, replace: bool, secrecy: Secrecy) -> Result<Self, Failure> {
        let folder = match place.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let (file, named) = match unnamed(&folder, secrecy) {
            Some(file) => (file, None),
            None => with_name(&folder, secrecy).map_err(|source| Failure::write(&place, source))?,
        };
        Ok(Self {
            file,
            named,
            place,
            folder,
            replace,
        })
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name: all of it is there then, and nothing was before.
    ///
    /// # Errors
    /// When the bytes cannot be brought to disk, or something took the place meanwhile.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let place = self.place.clone();
        self.put().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::OutputExists { path: place },
            _ => Failure::write(&place, error),
        })
    }

    fn put(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if self.replace {
            self.take_permissions()?;
        }
        match self.named.take() {
            None => self.link(),
            Some(mut named) => {
                let path = named.0.take().ok_or(io::ErrorKind::NotFound)?;
                let known = path.to_path_buf();
                let put = if self.replace {
                    path.persist(&self.place)
                } else {
                    path.persist_noclobber(&self.place)
                };
                interrupt::forget(&known);
                put.map_err(|error| error.error)
            }
        }
    }

    /// What could be read, written and executed by whom stays so, as does whose it is, where this process may give files away. What a
    /// file may do beyond that, as with the set-user-ID bit, was granted to what it held.
    fn take_permissions(&self) -> io::Result<()> {
        let Ok(existing) = fs::metadata(&self.place) else {
            return Ok(());
        };
        #[cfg(unix)]
        let permissions = {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = existing.permissions().mode() & 0o777;
            Permissions::from_mode(self.take_owner(&existing, mode)?)
        };
        #[cfg(not(unix))]
        let permissions: Permissions = existing.permissions();
        self.file.set_permissions(permissions)
    }

    /// Gives the file to the owner and the group that the existing one has, and answers the mode that it may then have: another group
    /// gets no more than everybody.
    #[cfg(unix)]
    fn take_owner(&self, existing: &fs::Metadata, mode: u32) -> io::Result<u32> {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let own = self.file.metadata()?;
        let (is_owners, is_groups) = (own.uid() == existing.uid(), own.gid() == existing.gid());
        let group = is_groups || fchown(&self.file, None, Some(existing.gid())).is_ok();
        let owner = is_owners || fchown(&self.file, Some(existing.uid()), None).is_ok();
        if owner && group {
            return Ok(mode);
        }
        let what = match (owner, group) {
            (false, false) => "its owner and group",
            (false, true) => "its owner",
            _ => "its group",
        };
        print::warning(&format!(
            "{:?} does not keep {what}, as this user may not give files to others",
            self.place
        ));
        let everybodys = mode & 0o007;
        let of_group = if group {
            mode & 0o070
        } else {
            mode & (everybodys << 3)
        };
        Ok((mode & 0o700) | of_group | everybodys)
    }

    /// A link takes no other's place: where one is to be replaced, it is made beside it and renamed, the file being whole by then.
    fn link(&self) -> io::Result<()> {
        match link(&self.file, &self.place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.replace => {}
            done => return done,
        }
        let beside = name().make_in(&self.folder, |path| {
            interrupt::begin(path, || link(&self.file, path))
        })?;
        let known = beside.path().to_owned();
        let renamed = beside.into_temp_path().persist(&self.place);
        interrupt::forget(&known);
        renamed.map_err(|error| error.error)
    }
}

#[cfg(unix)]
fn options(secrecy: Secrecy) -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.mode(secrecy.mode());
    options
}

/// The folder says who may read it.
#[cfg(not(unix))]
fn options(_secrecy: Secrecy) -> fs::OpenOptions {
    fs::OpenOptions::new()
}

fn with_name(folder: &Path, secrecy: Secrecy) -> io::Result<(File, Option<Named>)> {
    fs::metadata(folder)?;
    let mut options = options(secrecy);
    options.read(true).write(true).create_new(true);
    let mut cause = None;
    let draft = name().make_in(folder, |path| {
        let begun = interrupt::begin(path, || options.open(path));
        begun.inspect_err(|error| cause = error.raw_os_error())
    });
    // Without the draft's name, which means nothing to the reader.
    let draft = draft.map_err(|error| {
        let of_kind = || io::Error::from(error.kind());
        cause.map_or_else(of_kind, io::Error::from_raw_os_error)
    })?;
    let (file, path) = draft.into_parts();
    Ok((file, Some(Named(Some(path)))))
}

/// Where a process sees its own open files, through which one without a name gets one.
#[cfg(target_os = "linux")]
const OWN_FILES: &str = "/proc/self/fd";

/// A file without a name in this folder; nothing where the system or the file system has none.
#[cfg(target_os = "linux")]
fn unnamed(folder: &Path, secrecy: Secrecy) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd as _;
    // For file systems that have such files and do not keep their word.
    if std::env::var_os("DATAKEY_NAMED_DRAFTS").is_some_and(|wanted| !wanted.is_empty() && wanted != "0") {
        return None;
    }
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(secrecy.mode());
    let file = File::from(rustix::fs::open(folder, flags, mode).ok()?);
    // Without it there would be no way to give the file a name.
    let seen = Path::new(OWN_FILES).join(file.as_raw_fd().to_string());
    seen.symlink_metadata().ok().map(|_there| file)
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_folder: &Path, _secrecy: Secrecy) -> Option<File> {
    None
}

#[cfg(target_os = "linux")]
fn link(file: &File, place: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd as _;
    let seen = Path::new(OWN_FILES).join(file.as_raw_fd().to_string());
    Ok(linkat(CWD, &seen, CWD, place, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn link(_file: &File, _place: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
