//! An interrupted command leaves no draft behind, which may hold what somebody found worth sealing.
use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
};

use tokio::runtime::Runtime;

/// The draft of this process: a command has one output.
static DRAFT: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Takes note of a draft that is to go when the process is told to end.
pub(crate) fn remember(draft: &Path) {
    *DRAFT.lock().unwrap_or_else(PoisonError::into_inner) = Some(draft.to_owned());
}

/// Removes the draft and ends the process on SIGINT, SIGTERM or SIGHUP, with the exit code that shells give such an end.
pub(crate) fn clean_up_on_signal(runtime: &Runtime) {
    runtime.spawn(async {
        let Ok(told) = signal() else {
            return; // no handler could be installed, and the signal ends the process as ever
        };
        let code = told.await;
        if let Some(draft) = &*DRAFT.lock().unwrap_or_else(PoisonError::into_inner) {
            let _it_may_be_in_its_place_already = fs::remove_file(draft);
        }
        process::exit(code);
    });
}

/// From here on SIGINT, SIGTERM and SIGHUP do not end the process. What is answered waits for one of them, and then has
/// the exit code that shells give such an end. A process that was started to ignore SIGHUP, as `nohup` does, goes on
/// ignoring it.
#[cfg(unix)]
pub(crate) fn signal() -> std::io::Result<impl Future<Output = i32>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hang_up = match hang_up_is_ignored() {
        Some(false) => Some(signal(SignalKind::hangup())?),
        _ => None,
    };
    Ok(async move {
        let hung_up = async {
            match &mut hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hung_up => 128 + 1,
            _ = interrupt.recv() => 128 + 2,
            _ = terminate.recv() => 128 + 15,
        }
    })
}

/// Whether the process was started to ignore SIGHUP; nothing where the system does not tell.
#[cfg(unix)]
fn hang_up_is_ignored() -> Option<bool> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    // The lowest bit is that of signal 1, SIGHUP.
    let mask = u64::from_str_radix(ignored.trim(), 16).ok()?;
    Some(mask & 1 == 1)
}

#[cfg(not(unix))]
pub(crate) fn signal() -> std::io::Result<impl Future<Output = i32>> {
    Ok(async {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            // No handler could be installed, and the signal ends the process as ever.
            Err(_) => std::future::pending().await,
        }
    })
}
