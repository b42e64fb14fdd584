//! The scenarios that come with the crate.
use crate::{Error, Scenario};

/// A scenario that comes with the crate, as the text of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// The file, in TOML: to read, to print, and to start from.
    pub toml: &'static str,
}

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        &[$(BuiltIn {
            name: $name,
            toml: include_str!(concat!("../scenarios/", $name, ".toml")),
        }),+]
    };
}

impl BuiltIn {
    /// All of them.
    pub const ALL: &'static [Self] = built_in!(
        "bulk-post",
        "below-and-above",
        "records-or-messages",
        "order-id",
        "outgrown-cache",
        "rollout",
        "half-moved",
        "late-readers",
        "noisy-neighbour",
        "dark-region",
        "diurnal-day",
    );

    /// The one of this name.
    ///
    /// ```
    /// use datakey_sim::BuiltIn;
    ///
    /// let scenario = BuiltIn::named("bulk-post")?.scenario()?;
    /// assert!(scenario.teaches.contains("bulk post"));
    /// assert!(BuiltIn::named("bulk").is_err());
    /// # Ok::<(), datakey_sim::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownScenario`], with the names that there are.
    pub fn named(name: &str) -> Result<&'static Self, Error> {
        Self::ALL
            .iter()
            .find(|own| own.name == name)
            .ok_or_else(|| Error::UnknownScenario {
                name: name.into(),
                known: Self::ALL
                    .iter()
                    .map(|own| own.name)
                    .collect::<Vec<_>>()
                    .join(", ")
                    .into(),
            })
    }

    /// The scenario itself.
    ///
    /// # Errors
    /// None, as long as the crate's tests hold: each of them is read there.
    pub fn scenario(&self) -> Result<Scenario, Error> {
        Scenario::from_toml(self.toml)
    }
}
