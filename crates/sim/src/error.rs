//! Why a scenario cannot be played.
use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why a scenario cannot be played. Each names the field or the file that is at fault, and what is allowed there.
///
/// ```
/// use datakey_sim::{Error, Scenario};
///
/// let misspelt = Scenario::from_toml("name = 'x'\nhost = 3").unwrap_err();
/// assert!(matches!(misspelt, Error::Toml { line: 2, .. })); // an unknown field, and where it stands
/// ```
///
/// All but [`Build`](Self::Build) and [`Unplayed`](Self::Unplayed) are found before anything is played: mend the scenario and play it.
/// Those two are for settings that only show when a host is built, and for a machine that has no thread left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not TOML, or has fields that a scenario does not have.
    #[error("{}, line {line}: {what}", scenario_in(file.as_deref()))]
    Toml {
        /// The file, where it was read from one.
        file: Option<PathBuf>,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        what: Box<str>,
    },
    /// A value is out of its limits.
    #[error("{field} is {got}, and has to be {allowed}")]
    Value {
        /// The field, as it is written in a scenario file.
        field: Box<str>,
        /// What stands there.
        got: Box<str>,
        /// What may stand there.
        allowed: Box<str>,
    },
    /// A file cannot be read.
    #[error("{path:?} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A line of a trace file is no number of posts.
    #[error(
        "line {line} of the trace {path:?} is {text:?}, and has to be a number of posts, such as 120 or 0.5"
    )]
    Trace {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: Box<str>,
    },
    /// No built-in scenario has this name.
    #[error("no scenario is called {name:?}; there are {known}")]
    UnknownScenario {
        /// The name.
        name: Box<str>,
        /// Those that there are.
        known: Box<str>,
    },
    /// No strategy of the scenario has this name.
    #[error("no strategy is called {name:?}; there are {known}")]
    UnknownStrategy {
        /// The name.
        name: Box<str>,
        /// Those that there are.
        known: Box<str>,
    },
    /// What a host is made of refuses the scenario's settings.
    #[error("the strategy {strategy:?} cannot be built")]
    Build {
        /// The strategy.
        strategy: Box<str>,
        /// What refused, and why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A thread or its runtime could not be started, or ended before its strategy did.
    #[error("the strategy {strategy:?} was not played to its end: {why}")]
    Unplayed {
        /// The strategy.
        strategy: Box<str>,
        /// What happened.
        why: Box<str>,
    },
}

impl Error {
    /// A value that is out of its limits.
    pub(crate) fn value(
        field: impl Into<Box<str>>,
        got: impl std::fmt::Display,
        allowed: impl Into<Box<str>>,
    ) -> Self {
        Self::Value {
            field: field.into(),
            got: format!("{got}").into(),
            allowed: allowed.into(),
        }
    }
}

fn scenario_in(file: Option<&Path>) -> String {
    file.map_or_else(
        || "the scenario".to_owned(),
        |file| format!("the scenario {file:?}"),
    )
}
