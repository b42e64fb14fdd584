//! Bringing a new file into being: whole or not at all, for its owner only, and never in place of another.
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Creates `path` with `contents`, durably. [`io::ErrorKind::AlreadyExists`] when something is there.
pub(crate) fn create_whole(path: &Path, contents: &[u8]) -> io::Result<()> {
    create_with(path, contents, |from, to| fs::hard_link(from, to))
}

fn create_with(
    path: &Path,
    contents: &[u8],
    link: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let (mut file, beside) = Beside::create(path)?;
    file.write_all(contents)?;
    file.sync_all()?;
    // A link fails when the name is taken, which a rename would not.
    match link(&beside.0, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        Err(_no_links_here) => reserve_and_rename(&beside.0, path)?,
    }
    sync_folder(path)
}

/// For file systems without hard links: take the name with an empty file of our own, then rename over that.
fn reserve_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    drop(for_owner_only().open(to)?);
    fs::rename(from, to).inspect_err(|_| remove(to))
}

fn for_owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A temporary file in the folder of the final one, removed when dropped.
struct Beside(PathBuf);

impl Beside {
    fn create(path: &Path) -> io::Result<(File, Self)> {
        let own_name = path
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file"))?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let mut name = OsString::from(".");
        name.push(own_name);
        name.push(format!(".{:016x}.tmp", u64::from_be_bytes(random)));
        let beside = path.with_file_name(name);
        Ok((for_owner_only().open(&beside)?, Self(beside)))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(path: &Path) {
    // It may be gone already, by the rename.
    let _gone_or_not = fs::remove_file(path);
}

fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_links(_: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[test]
    fn without_hard_links_it_is_as_careful() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("key");
        create_with(&path, b"first", no_links).expect("nothing is there");
        assert_eq!(fs::read(&path).expect("readable"), b"first");
        let again = create_with(&path, b"second", no_links).expect_err("something is there");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("readable"), b"first");
        assert_eq!(fs::read_dir(folder.path()).expect("listable").count(), 1);
    }
}
