//! An interrupted command leaves no draft behind, which may hold what somebody found worth sealing.
//!
//! Most drafts have no name, and are gone with the process however it ends. This is for those that have one.
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
};

use tokio::runtime::Handle;

/// The named drafts of this process.
static DRAFTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Begins a draft that is to go when the process is told to end: none is begun when it is ending.
///
/// # Errors
/// Those of beginning it.
pub(crate) fn begin<T>(draft: &Path, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    drafts(|drafts| {
        let made = make()?;
        drafts.insert(draft.to_owned());
        Ok(made)
    })
}

/// The draft is no more, or has become the output.
pub(crate) fn forget(draft: &Path) {
    drafts(|drafts| drafts.remove(draft));
}

fn drafts<T>(with: impl FnOnce(&mut BTreeSet<PathBuf>) -> T) -> T {
    with(&mut DRAFTS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Whether there are as many descriptors left as listening takes, whose lack would end in a panic of the runtime.
///
/// # Errors
/// When there are not.
#[cfg(unix)]
pub(crate) fn can_listen() -> io::Result<()> {
    use std::os::unix::net::UnixStream;
    let _held = (UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?);
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) const fn can_listen() -> io::Result<()> {
    Ok(())
}

/// Removes the drafts and ends the process when a signal says so, with the exit code that shells give such an end.
pub(crate) fn clean_up_on_signal(runtime: &Handle) {
    let _guard = runtime.enter();
    // A file that becomes too long is then an error of the write, which names it.
    #[cfg(unix)]
    let too_long = raw::too_long();
    let Ok(told) = any_signal() else {
        return; // no handler could be installed, and the signal ends the process as ever
    };
    runtime.spawn(async move {
        #[cfg(unix)]
        let _caught = too_long;
        let code = told.await;
        drafts(|drafts| {
            for draft in &*drafts {
                let _it_may_be_in_its_place_already = fs::remove_file(draft);
            }
            // Under the lock: no draft is begun meanwhile.
            process::exit(code)
        })
    });
}

/// From here on SIGINT, SIGTERM and SIGHUP do not end the process. What is answered waits for one of them, and then has
/// the exit code that shells give such an end. A process that was started to ignore SIGHUP, as `nohup` does, goes on
/// ignoring it.
#[cfg(unix)]
pub(crate) fn signal() -> io::Result<impl Future<Output = i32>> {
    use rustix::process::Signal;
    raw::first_of(&[Signal::HUP, Signal::INT, Signal::TERM])
}

/// The same for each signal that ends a process by default and can be caught.
#[cfg(unix)]
fn any_signal() -> io::Result<impl Future<Output = i32>> {
    use rustix::process::Signal;
    raw::first_of(&[
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::ALARM,
        Signal::USR1,
        Signal::USR2,
        Signal::VTALARM,
        Signal::PROF,
        Signal::XCPU,
    ])
}

#[cfg(unix)]
mod raw {
    use std::{fs, io};

    use futures_util::future::select_all;
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};

    /// Waits for the first of these signals; those that the process was started to ignore stay ignored.
    pub(super) fn first_of(signals: &[Signal]) -> io::Result<impl Future<Output = i32> + use<>> {
        let ignored = ignored().unwrap_or(0);
        let mut caught = Vec::new();
        for number in signals.iter().map(|signal| signal.as_raw()) {
            let bit = u32::try_from(number).unwrap_or(0).saturating_sub(1);
            if ignored.checked_shr(bit).is_some_and(|mask| mask & 1 == 1) {
                continue;
            }
            caught.push((number, signal(SignalKind::from_raw(number))?));
        }
        Ok(async move {
            if caught.is_empty() {
                return std::future::pending().await;
            }
            let waits = caught.into_iter().map(|(number, mut signal)| {
                Box::pin(async move {
                    signal.recv().await;
                    number
                })
            });
            let (number, ..) = select_all(waits).await;
            number.saturating_add(128)
        })
    }

    /// Catches SIGXFSZ, for as long as what is answered is kept.
    pub(super) fn too_long() -> io::Result<tokio::signal::unix::Signal> {
        signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))
    }

    /// The signals that the process was started to ignore, the lowest bit being signal 1; nothing where the system does not tell.
    fn ignored() -> Option<u64> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(ignored.trim(), 16).ok()
    }
}

#[cfg(not(unix))]
pub(crate) fn signal() -> io::Result<impl Future<Output = i32>> {
    Ok(async {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            // No handler could be installed, and the signal ends the process as ever.
            Err(_) => std::future::pending().await,
        }
    })
}

#[cfg(not(unix))]
fn any_signal() -> io::Result<impl Future<Output = i32>> {
    signal()
}
