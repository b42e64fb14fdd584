//! What was typed behind `cargo xtask release`.
use cargo_metadata::semver::{BuildMetadata, Prerelease, Version};

use super::refusal::Refusal;

/// The command line of a release.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Without it, that of the manifest.
    pub version: Option<Wanted>,
    /// Without it nothing is changed or published.
    pub execute: bool,
    pub skip: Vec<Check>,
    /// As in cargo's configuration; without it crates.io.
    pub registry: Option<String>,
    /// A version that was begun and not ended may be passed over.
    pub abandon: bool,
}

/// The version that is to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    Exactly(Version),
    Patch,
    Minor,
    Major,
}

/// What is checked before anything is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Ci,
    Semver,
    Packages,
    Sbom,
}

impl Asked {
    /// Reads the arguments.
    pub fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next().cloned();
                value.ok_or_else(|| Refusal::Usage(argument.clone()))
            };
            match argument.as_str() {
                "--execute" => asked.execute = true,
                "--dry-run" => asked.execute = false,
                "--abandon" => asked.abandon = true,
                "--skip" => asked.skip.push(Check::read(&value()?)?),
                "--registry" => asked.registry = Some(value()?),
                version if asked.version.is_none() => asked.version = Some(Wanted::read(version)?),
                _ => return Err(Refusal::Usage(argument.clone())),
            }
        }
        Ok(asked)
    }

    /// Whether a check is to run.
    pub fn has(&self, check: Check) -> bool {
        !self.skip.contains(&check)
    }
}

impl Check {
    fn read(word: &str) -> Result<Self, Refusal> {
        Ok(match word {
            "ci" => Self::Ci,
            "semver" => Self::Semver,
            "packages" => Self::Packages,
            "sbom" => Self::Sbom,
            _ => return Err(Refusal::Usage(format!("--skip {word}"))),
        })
    }
}

impl Wanted {
    fn read(word: &str) -> Result<Self, Refusal> {
        Ok(match word {
            "patch" => Self::Patch,
            "minor" => Self::Minor,
            "major" => Self::Major,
            _ => Self::Exactly(Version::parse(word).map_err(|_| Refusal::Usage(word.to_owned()))?),
        })
    }

    /// The version that follows one.
    pub fn after(&self, now: &Version) -> Version {
        let mut next = now.clone();
        next.pre = Prerelease::EMPTY;
        next.build = BuildMetadata::EMPTY;
        match self {
            Self::Exactly(version) => return version.clone(),
            // Of 1.2.3-rc.1 the next patch is 1.2.3.
            Self::Patch if !now.pre.is_empty() => {}
            Self::Patch => next.patch += 1,
            Self::Minor => (next.minor, next.patch) = (now.minor + 1, 0),
            Self::Major => (next.major, next.minor, next.patch) = (now.major + 1, 0, 0),
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, Refusal> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Asked::read(&words)
    }

    #[test]
    fn nothing_is_a_dry_run_of_all_checks() -> Result<(), Refusal> {
        let asked = read("")?;
        assert!(!asked.execute && asked.version.is_none() && asked.has(Check::Ci) && asked.has(Check::Sbom));
        let asked = read("1.2.3 --execute --skip ci --registry local")?;
        assert!(asked.execute && !asked.has(Check::Ci) && asked.has(Check::Semver));
        assert_eq!(asked.registry.as_deref(), Some("local"));
        Ok(())
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for line in [
            "--skip",
            "--skip tests",
            "--now",
            "1.2",
            "1.2.3 1.2.4",
            "--registry",
        ] {
            assert!(matches!(read(line), Err(Refusal::Usage(_))), "{line}");
        }
    }

    #[test]
    fn levels_raise_their_part() {
        let now = Version::new(1, 2, 3);
        assert_eq!(Wanted::Patch.after(&now), Version::new(1, 2, 4));
        assert_eq!(Wanted::Minor.after(&now), Version::new(1, 3, 0));
        assert_eq!(Wanted::Major.after(&now), Version::new(2, 0, 0));
        let mut candidate = now.clone();
        candidate.pre = Prerelease::new("rc.1").unwrap_or(Prerelease::EMPTY);
        assert_eq!(Wanted::Patch.after(&candidate), now);
    }
}
