//! Scenarios from text and from files.
use std::path::Path;

use crate::{Arrivals, Error, Scenario, Span, check, file::text_of};

impl Scenario {
    /// Reads a scenario, and checks it.
    ///
    /// # Errors
    /// [`Error::Toml`] for what is no scenario, [`Error::Value`] for one that is out of limits. A trace file is not read: see
    /// [`load`](Self::load).
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let scenario = Self::parse(text, None)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Reads a scenario from a file, with the trace that it names, relative to it.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml); [`Error::Read`] and [`Error::Trace`] of either file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut scenario = Self::parse(&text_of(path)?, Some(path))?;
        scenario
            .arrivals
            .read_trace(path.parent().unwrap_or(Path::new("")))?;
        scenario.check()?;
        Ok(scenario)
    }

    fn parse(text: &str, file: Option<&Path>) -> Result<Self, Error> {
        let scenario: Self = toml::from_str(text).map_err(|error| {
            let begin = error.span().map_or(0, |span| span.start);
            let before = text.get(..begin).unwrap_or_default();
            Error::Toml {
                file: file.map(Path::to_owned),
                line: before.split('\n').count(),
                what: error.message().into(),
            }
        })?;
        // Once the file is read its posts stand beside its name.
        if let Arrivals::Trace {
            posts, file: Some(_), ..
        } = &scenario.arrivals
            && !posts.is_empty()
        {
            let allowed = "a trace with one of them";
            return Err(Error::value(
                "arrivals",
                "a trace with both posts and file",
                allowed,
            ));
        }
        Ok(scenario)
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
    ///
    /// ```
    /// use datakey_sim::{BuiltIn, Error};
    ///
    /// let scenario = BuiltIn::named("bulk-post")?.scenario()?;
    /// let first = scenario.strategies[0].name.clone();
    /// let alone = scenario.clone().only(&[&first])?;
    /// assert_eq!(alone.strategies.len(), 1);
    /// let typo = scenario.only(&["chaching"]).unwrap_err();
    /// assert!(matches!(&typo, Error::UnknownStrategy { known, .. } if known.contains(&*first))); // with those that there are
    /// # Ok::<(), Error>(())
    /// ```
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
    /// Has it last so long, with longer steps where its own would be too many.
    ///
    /// ```
    /// use datakey_sim::{BuiltIn, Span};
    ///
    /// let month = Span::from_secs(30 * 86_400);
    /// let scenario = BuiltIn::named("bulk-post")?.scenario()?.lasting(month);
    /// assert_eq!((scenario.duration, scenario.step), (month, Span::from_secs(26)));
    /// scenario.check()?;
    /// # Ok::<(), datakey_sim::Error>(())
    /// ```
    #[must_use]
    pub fn lasting(mut self, duration: Span) -> Self {
        let least = duration.duration().div_f64(check::MOST_STEPS);
        if self.step.duration() < least {
            self.step = Span::from_secs(least.as_secs().saturating_add(1));
        }
        self.duration = duration;
        self
    }
}
