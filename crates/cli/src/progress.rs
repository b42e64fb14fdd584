//! How far a command is: a bar on standard error when that is a terminal and there is enough to do.
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How much input takes long enough to be told about, in bytes.
const WORTH_A_BAR: u64 = 16 << 20;

/// How many files.
const FILES_WORTH_A_BAR: u64 = 100;

/// Counts bytes of input. Cheap to clone; clones share the bar.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Shared>);

struct Shared {
    bar: ProgressBar,
    /// Whether the bar appears once enough has come: nobody knows how much there is.
    is_open: bool,
}

impl Progress {
    /// Of `files` files with so many bytes together; nobody knows with `None`. Nothing is shown to whoever reads JSON.
    pub(crate) fn new(bytes: Option<u64>, files: u64, quiet: bool) -> Self {
        let is_worth = bytes.is_none_or(|bytes| bytes >= WORTH_A_BAR) || files >= FILES_WORTH_A_BAR;
        let bar = if quiet || !is_worth {
            ProgressBar::hidden()
        } else {
            bar(bytes)
        };
        Self(Arc::new(Shared {
            bar,
            is_open: bytes.is_none() && !quiet,
        }))
    }

    /// So many bytes were read.
    pub(crate) fn add(&self, bytes: usize) {
        let Shared { bar, is_open } = &*self.0;
        let before = bar.position();
        bar.inc(bytes as u64);
        if *is_open && before < WORTH_A_BAR && bar.position() >= WORTH_A_BAR {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// Takes the bar away, before the result is told.
    pub(crate) fn finish(&self) {
        self.0.bar.finish_and_clear();
    }

    /// Runs what writes to the terminal without the bar in its way.
    pub(crate) fn aside<T>(&self, tell: impl FnOnce() -> T) -> T {
        self.0.bar.suspend(tell)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar(bytes: Option<u64>) -> ProgressBar {
    let (target, template) = match bytes {
        Some(_) => (
            ProgressDrawTarget::stderr(),
            "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
        ),
        None => (ProgressDrawTarget::hidden(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    let bar = ProgressBar::with_draw_target(bytes, target);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_no_template) => bar,
    }
}
