//! Scenarios from text and from files.
use std::{fs, path::Path};

use crate::{Error, Scenario, check};

impl Scenario {
    /// Reads a scenario, and checks it.
    ///
    /// # Errors
    /// [`Error::Toml`] for what is no scenario, [`Error::Value`] for one that is out of limits. A trace file is not read: see
    /// [`load`](Self::load).
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let scenario = Self::parse(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Reads a scenario from a file, with the trace that it names, relative to it.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml); [`Error::Read`] and [`Error::Trace`] of either file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut scenario = Self::parse(&text)?;
        scenario
            .arrivals
            .read_trace(path.parent().unwrap_or(Path::new("")))?;
        scenario.check()?;
        Ok(scenario)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::Toml(Box::new(error)))
    }

    /// Checks every value, as [`from_toml`](Self::from_toml) and [`run`](crate::run) do.
    ///
    /// # Errors
    /// [`Error::Value`] of the first that is out of its limits.
    pub fn check(&self) -> Result<(), Error> {
        check::scenario(self)
    }

    /// Keeps only the strategies of these names, in the order of the scenario.
    ///
    /// # Errors
    /// [`Error::UnknownStrategy`].
    pub fn only(mut self, names: &[impl AsRef<str>]) -> Result<Self, Error> {
        if let Some(unknown) = names
            .iter()
            .find(|name| !self.strategies.iter().any(|own| own.name == name.as_ref()))
        {
            let known: Vec<_> = self.strategies.iter().map(|own| own.name.as_str()).collect();
            return Err(Error::UnknownStrategy {
                name: unknown.as_ref().into(),
                known: known.join(", ").into(),
            });
        }
        self.strategies
            .retain(|own| names.iter().any(|name| own.name == name.as_ref()));
        Ok(self)
    }
}
