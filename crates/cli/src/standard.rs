//! Whether the standard streams were closed when the process began.
//!
//! Rust opens `/dev/null` in the place of one that was, for reading and writing, before anything of this program runs. Redirections
//! do not open it so; but a program that starts this one may, and then both look the same, unless its descriptors of several streams
//! are one and the same: Rust opens each by itself.
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};

/// What is said of one that was closed.
pub(crate) const CLOSED: &str = "it is closed, or it is /dev/null opened for both reading and writing";

/// Whether a standard stream seems to have been closed.
#[cfg(unix)]
pub(crate) fn was_closed(stream: &impl AsFd) -> bool {
    use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, stat};
    let stream = stream.as_fd();
    let (Ok(found), Ok(null)) = (fstat(stream), stat("/dev/null")) else {
        return true;
    };
    let is_null = found.st_rdev == null.st_rdev
        && FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice
        && fcntl_getfl(stream).is_ok_and(|flags| flags.contains(OFlags::RDWR));
    is_null && !is_shared(stream)
}

/// Whether another standard stream is the same open file: a flag that is set on one is then set on the other. To a `/dev/null`, this
/// flag says nothing.
#[cfg(unix)]
fn is_shared(stream: BorrowedFd<'_>) -> bool {
    use std::os::fd::AsRawFd as _;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let others = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let others = others
        .iter()
        .filter(|other| other.as_raw_fd() != stream.as_raw_fd());
    let Ok(flags) = fcntl_getfl(stream) else {
        return false;
    };
    let is_marked = |other: &BorrowedFd<'_>| fcntl_getfl(other).map(|flags| flags.contains(OFlags::APPEND));
    let before: Vec<_> = others.clone().map(is_marked).collect();
    if fcntl_setfl(stream, flags ^ OFlags::APPEND).is_err() {
        return false;
    }
    let after: Vec<_> = others.map(is_marked).collect();
    let _it_was_so = fcntl_setfl(stream, flags);
    before != after
}

/// Windows tells it when something is read or written.
#[cfg(not(unix))]
pub(crate) const fn was_closed<S>(_: &S) -> bool {
    false
}
