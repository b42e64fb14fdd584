//! What all commands that use keys share.
use std::thread;

use serde_json::Value;
use tokio::runtime::Handle;

use crate::{
    args::{BindingArgs, ThreadArgs},
    kept::Kept,
    key_uri::KeyUri,
    print,
    role::Role,
    settings::Settings,
};

/// The most threads that are used without being asked for: a file system takes no more at a time.
const MAX_THREADS: usize = 8;

/// How many small files are worked on at once without being asked for: each waits for the disk, which writes what came meanwhile
/// together.
const FILES_AT_ONCE: usize = 32;

/// How many descriptors are left to what is no file: standard streams, the runtime, connections.
#[cfg(unix)]
const OTHER_DESCRIPTORS: u64 = 24;

/// How many a file takes that is worked on: its input, its output, and another for a moment.
#[cfg(unix)]
const DESCRIPTORS_OF_A_FILE: u64 = 3;

/// How many files can be open at once.
#[cfg(unix)]
fn files_at_most() -> usize {
    use rustix::process::{Resource, getrlimit};
    let Some(most) = getrlimit(Resource::Nofile).current else {
        return usize::MAX;
    };
    let files = most
        .saturating_sub(OTHER_DESCRIPTORS)
        .div_euclid(DESCRIPTORS_OF_A_FILE);
    usize::try_from(files).unwrap_or(usize::MAX).max(1)
}

#[cfg(not(unix))]
const fn files_at_most() -> usize {
    usize::MAX
}

/// One run of the command.
pub(crate) struct Session {
    pub(crate) runtime: Handle,
    pub(crate) settings: Settings,
    pub(crate) json: bool,
}

impl Session {
    pub(crate) const fn new(runtime: Handle, settings: Settings, json: bool) -> Self {
        Self {
            runtime,
            settings,
            json,
        }
    }

    /// What no output may take the place of: key files, the file of associated data, the configuration.
    pub(crate) fn kept<'k>(&self, keys: impl IntoIterator<Item = &'k KeyUri>, binding: &BindingArgs) -> Kept {
        let files = keys.into_iter().filter_map(|key| match key {
            KeyUri::Local(path) => Some(path.as_path()),
            KeyUri::Kms(_) | KeyUri::Branch(_) => None,
        });
        Kept::default()
            .with(Role::Key, files)
            .with(Role::AssociatedData, binding.aad_file.as_deref())
            .with(Role::Configuration, self.settings.path.as_deref())
    }

    /// How many threads work on files.
    pub(crate) fn threads(&self, args: &ThreadArgs) -> usize {
        let said = args.threads.or(self.settings.threads).map(usize::from);
        said.unwrap_or_else(|| {
            let there = thread::available_parallelism().map_or(1, usize::from);
            there.min(MAX_THREADS)
        })
    }

    /// How many small files are worked on at once.
    pub(crate) fn files_at_once(&self, args: &ThreadArgs) -> usize {
        let said = args.threads.or(self.settings.threads).map(usize::from);
        said.unwrap_or(FILES_AT_ONCE).min(files_at_most())
    }

    /// Tells something on standard error that whoever reads JSON has by other means.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            print::note(false, &Value::Null, text);
        }
    }
}
