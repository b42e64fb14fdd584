//! Why a release does not begin, or does not go on. Each says what to do.
use cargo_metadata::semver::Version;
use thiserror::Error;

/// A release that is refused before anything has changed, or that stopped half way.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    #[error("`{0}` is not understood; {USAGE}")]
    Usage(String),
    #[error("these files are not committed, so that they would be in no release: {}", .0.join(", "))]
    Dirty(Vec<String>),
    #[error("releases are made from `{wanted}`, and this is `{found}`")]
    Branch { wanted: &'static str, found: String },
    #[error("{wanted} is not newer than {than}")]
    NotNewer { wanted: Version, than: Version },
    #[error("{0} is released: it has a tag; name a newer version, or say `patch`, `minor` or `major`")]
    Released(Version),
    #[error(
        "{0} was begun and has no tag: end it with `cargo xtask release {0} --execute`, or leave it for good with `--abandon`"
    )]
    Unfinished(Version),
    #[error("CHANGELOG.md has a section of {0} already, and the workspace is of an older version")]
    SectionExists(Version),
    #[error(
        "nothing is said of what changed: there is no file in docs/changes, and no text under `## Unreleased`"
    )]
    NothingChanged,
    #[error("the notes of changes are not in form:\n  {}", .0.join("\n  "))]
    Notes(Vec<String>),
    #[error("the manifest has no {0}")]
    Manifest(&'static str),
    #[error("these crates depend on each other in a circle, so that none can be published first: {}", .0.join(", "))]
    Circle(Vec<String>),
    #[error(
        "{name} {version} is in the registry with other content ({there}, here {here}); it needs a newer version"
    )]
    OtherContent {
        name: String,
        version: Version,
        there: String,
        here: String,
    },
    #[error("{} of {} crates are in the registry; the same command goes on with {}", .done.len(), .done.len() + .left.len(), .left.join(", "))]
    Stopped { done: Vec<String>, left: Vec<String> },
    #[error("the branch has moved while the release was checked; nothing was published: begin again")]
    Moved,
}

/// How the command is called.
pub const USAGE: &str = "usage: cargo xtask release [VERSION | patch | minor | major] [--dry-run | --execute] [--skip ci | semver | \
                         packages | sbom]... [--registry NAME] [--abandon]";
