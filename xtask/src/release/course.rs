//! Which version a release has, and whether it begins or goes on: decided from what the repository says, and nothing else.
use cargo_metadata::semver::Version;

use super::{asked::Asked, refusal::Refusal};

/// What the repository says of versions.
#[derive(Debug)]
pub struct Known {
    /// That of the workspace's packages.
    pub manifest: Version,
    /// Those with a tag.
    pub tagged: Vec<Version>,
    /// Those with a section in the changelog.
    pub told: Vec<Version>,
}

/// A release begins with a commit of its own, or goes on from the one that it made.
#[derive(Debug, PartialEq, Eq)]
pub enum Course {
    Begin(Version),
    GoOn(Version),
}

impl Course {
    /// The version that is to be released.
    pub fn version(&self) -> &Version {
        match self {
            Self::Begin(version) | Self::GoOn(version) => version,
        }
    }
}

/// Decides on the version, or refuses.
pub fn decide(asked: &Asked, known: &Known) -> Result<Course, Refusal> {
    let manifest = &known.manifest;
    let wanted = asked
        .version
        .as_ref()
        .map_or_else(|| manifest.clone(), |wanted| wanted.after(manifest));
    if known.tagged.contains(&wanted) {
        return Err(Refusal::Released(wanted));
    }
    let newest = known.tagged.iter().max().filter(|tagged| **tagged > wanted);
    if let Some(than) = newest.or_else(|| (wanted < *manifest).then_some(manifest)) {
        let than = than.clone();
        return Err(Refusal::NotNewer { wanted, than });
    }
    let begun = known.told.contains(manifest) && !known.tagged.contains(manifest);
    if wanted == *manifest {
        return Ok(if begun {
            Course::GoOn(wanted)
        } else {
            Course::Begin(wanted)
        });
    }
    if begun && !asked.abandon {
        return Err(Refusal::Unfinished(manifest.clone()));
    }
    if known.told.contains(&wanted) {
        return Err(Refusal::SectionExists(wanted));
    }
    Ok(Course::Begin(wanted))
}

#[cfg(test)]
mod tests {
    use super::{super::asked::Wanted, *};

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap_or(Version::new(0, 0, 0))
    }

    fn case(
        wanted: Option<Wanted>,
        manifest: &str,
        tagged: &[&str],
        told: &[&str],
    ) -> Result<Course, Refusal> {
        let asked = Asked {
            version: wanted,
            ..Asked::default()
        };
        let all = |texts: &[&str]| texts.iter().map(|text| version(text)).collect();
        decide(
            &asked,
            &Known {
                manifest: version(manifest),
                tagged: all(tagged),
                told: all(told),
            },
        )
    }

    #[test]
    fn the_first_release_has_the_version_of_the_manifest() {
        assert_eq!(case(None, "0.1.0", &[], &[]), Ok(Course::Begin(version("0.1.0"))));
        assert_eq!(
            case(None, "0.1.0", &[], &["0.1.0"]),
            Ok(Course::GoOn(version("0.1.0")))
        );
    }

    #[test]
    fn a_released_version_is_refused() {
        let released = case(None, "0.1.0", &["0.1.0"], &["0.1.0"]);
        assert_eq!(released, Err(Refusal::Released(version("0.1.0"))));
        let patch = case(Some(Wanted::Patch), "0.1.0", &["0.1.0"], &["0.1.0"]);
        assert_eq!(patch, Ok(Course::Begin(version("0.1.1"))));
    }

    #[test]
    fn an_older_version_is_refused() {
        for (wanted, tagged) in [("0.0.9", "0.0.1"), ("0.1.1", "0.2.0")] {
            let asked = case(Some(Wanted::Exactly(version(wanted))), "0.1.0", &[tagged], &[]);
            assert!(matches!(asked, Err(Refusal::NotNewer { .. })), "{asked:?}");
        }
    }

    #[test]
    fn a_release_that_was_begun_is_ended_first() {
        let next = case(Some(Wanted::Minor), "0.1.0", &[], &["0.1.0"]);
        assert_eq!(next, Err(Refusal::Unfinished(version("0.1.0"))));
        let asked = Asked {
            version: Some(Wanted::Minor),
            abandon: true,
            ..Asked::default()
        };
        let known = Known {
            manifest: version("0.1.0"),
            tagged: vec![],
            told: vec![version("0.1.0")],
        };
        assert_eq!(decide(&asked, &known), Ok(Course::Begin(version("0.2.0"))));
        let twice = case(Some(Wanted::Minor), "0.1.0", &["0.1.0"], &["0.2.0", "0.1.0"]);
        assert_eq!(twice, Err(Refusal::SectionExists(version("0.2.0"))));
    }
}
