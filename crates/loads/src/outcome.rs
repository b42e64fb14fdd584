//! How a load ended.
use std::{fmt, time::Duration};

use thiserror::Error;

/// Why there is no value. Cheap to clone where `E` is, since one failed load is reported to all who waited for it.
///
/// | variant | the source was asked | what to do |
/// |---|---|---|
/// | [`Failed`](Self::Failed) | yes | what its error says |
/// | [`TimedOut`](Self::TimedOut) | yes | as for an outage: it hangs |
/// | [`Overloaded`](Self::Overloaded), [`QueueFull`](Self::QueueFull) | no | ask later; loads are slower than requests come |
/// | [`Panicked`](Self::Panicked) | yes | mend the source |
/// | [`ShutDown`](Self::ShutDown) | no | ask elsewhere |
/// | [`NoRuntime`](Self::NoRuntime) | no, or it is not known | poll it on a tokio runtime with a clock |
///
/// ```
/// use datakey_loads::LoadError;
///
/// /// Whether the same request may succeed in a moment.
/// fn may_pass(error: &LoadError<std::io::ErrorKind>) -> bool {
///     match error {
///         LoadError::Failed(kind) => *kind == std::io::ErrorKind::ConnectionReset,
///         LoadError::TimedOut { .. } | LoadError::Overloaded { .. } | LoadError::QueueFull { .. } => true,
///         _ => false,
///     }
/// }
/// assert!(may_pass(&LoadError::QueueFull { queued: 4096 }));
/// assert!(!may_pass(&LoadError::ShutDown));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The source failed.
    #[error(transparent)]
    Failed(E),
    /// The source did not answer within the deadline of a load.
    #[error("the load did not end within {after:?}")]
    TimedOut {
        /// The deadline.
        after: Duration,
    },
    /// So many loads were in flight that this one never got its turn.
    #[error("{loads} loads were in flight for {after:?} and left no room for another")]
    Overloaded {
        /// How many loads may be in flight.
        loads: usize,
        /// How long this one waited.
        after: Duration,
    },
    /// So many loads wait for their turn that this one was not let in.
    #[error("{queued} loads wait for their turn, and no more may")]
    QueueFull {
        /// How many may wait.
        queued: usize,
    },
    /// The source panicked.
    #[error("the load panicked")]
    Panicked,
    /// No more loads: they were shut down.
    #[error("loads are shut down")]
    ShutDown,
    /// There is no tokio runtime here to load on.
    #[error("loads need a tokio runtime, and there is none here")]
    NoRuntime,
}

/// How a load ended, for those who wait.
#[derive(Debug, Clone)]
pub enum Outcome<V, E> {
    /// With a value.
    Loaded(V),
    /// Without.
    Failed(LoadError<E>),
    /// An invalidation came first: start over.
    Superseded,
}

/// What is to be said once the lock is released.
type Told = Box<dyn FnOnce() + Send>;

/// How a load ended, and what is left to do once the lock is released.
///
/// A source answers it from under a lock, so whatever is slow or not its own goes in here and happens after: values whose drop may take
/// long or panic, lines of a log, channels.
///
/// ```
/// use std::sync::mpsc;
/// use datakey_loads::{Landed, LoadError, Outcome};
///
/// let (tell, told) = mpsc::channel();
/// let failed: Landed<u8, &str> = Landed::new(Outcome::Failed(LoadError::Failed("throttled")))
///     .announcing(move || tell.send("a refresh failed").expect("somebody listens"));
/// assert!(told.try_recv().is_err()); // not said yet: that is for whoever released the lock
/// # drop(failed);
/// ```
pub struct Landed<V, E> {
    pub(crate) outcome: Outcome<V, E>,
    pub(crate) gone: Vec<V>,
    pub(crate) told: Option<Told>,
}

impl<V, E> Landed<V, E> {
    /// Ended in this way, with nothing left to do.
    #[must_use]
    pub const fn new(outcome: Outcome<V, E>) -> Self {
        Self {
            outcome,
            gone: Vec::new(),
            told: None,
        }
    }

    /// Has these values dropped outside of the lock.
    #[must_use]
    pub fn dropping(mut self, gone: impl IntoIterator<Item = V>) -> Self {
        self.gone.extend(gone);
        self
    }

    /// Has this announced outside of the lock.
    #[must_use]
    pub fn announcing(mut self, tell: impl FnOnce() + Send + 'static) -> Self {
        self.told = Some(Box::new(tell));
        self
    }
}

impl<V, E> fmt::Debug for Landed<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Landed")
            .field("gone", &self.gone.len())
            .finish_non_exhaustive()
    }
}

/// Why loads are ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Who waits starts over.
    Invalidated,
    /// Who waits gets [`LoadError::ShutDown`], and so does everybody who comes after.
    ShutDown,
}

impl Ending {
    pub(crate) fn outcome<V, E>(self) -> Outcome<V, E> {
        match self {
            Self::Invalidated => Outcome::Superseded,
            Self::ShutDown => Outcome::Failed(LoadError::ShutDown),
        }
    }
}
