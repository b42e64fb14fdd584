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

/// Removes the draft and ends the process on SIGINT or SIGTERM, with the exit code that shells give such an end.
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

/// From here on SIGINT and SIGTERM do not end the process. What is answered waits for one of them, and then has the
/// exit code that shells give such an end.
#[cfg(unix)]
pub(crate) fn signal() -> std::io::Result<impl Future<Output = i32>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => 128 + 2,
            _ = terminate.recv() => 128 + 15,
        }
    })
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
