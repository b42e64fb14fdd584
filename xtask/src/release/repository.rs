//! What git knows, and the few things that a release has it do.
use std::path::Path;

use anyhow::{Context as _, Result};
use cargo_metadata::semver::Version;

use super::{changelog, refusal::Refusal, shell::Shell};

/// Releases are made from this branch.
pub const BRANCH: &str = "main";

/// Refuses a work tree with changes, and any branch but [`BRANCH`].
pub fn must_be_ready(home: &Shell) -> Result<()> {
    let found = home
        .git(&["rev-parse", "--abbrev-ref", "HEAD"])?
        .trim()
        .to_owned();
    if found != BRANCH {
        return Err(Refusal::Branch {
            wanted: BRANCH,
            found,
        }
        .into());
    }
    let status = home.git(&["status", "--porcelain"])?;
    let changed: Vec<String> = status
        .lines()
        .filter_map(|line| line.get(3..))
        .map(str::to_owned)
        .collect();
    if !changed.is_empty() {
        return Err(Refusal::Dirty(changed).into());
    }
    Ok(())
}

/// The commit that is checked out.
pub fn head(shell: &Shell) -> Result<String> {
    Ok(shell.git(&["rev-parse", "HEAD"])?.trim().to_owned())
}

/// The name of a version's tag.
pub fn tag(version: &Version) -> String {
    format!("v{version}")
}

/// The versions with a tag.
pub fn tagged(shell: &Shell) -> Result<Vec<Version>> {
    let tags = shell.git(&["tag", "--list", "v*"])?;
    let names = tags.lines().filter_map(|tag| tag.strip_prefix('v'));
    Ok(names.filter_map(|name| Version::parse(name).ok()).collect())
}

/// The commit that brought a version's section into the changelog.
pub fn commit_of(shell: &Shell, version: &Version) -> Result<String> {
    let section = format!("-S{}", changelog::heading(version));
    let found = shell.git(&["log", "-1", "--format=%H", &section, "--", changelog::FILE])?;
    let found = found.trim();
    (!found.is_empty())
        .then(|| found.to_owned())
        .with_context(|| format!("no commit has the section of {version}"))
}

/// How many commits since a tag touch a folder; without a tag, all of them.
pub fn commits(shell: &Shell, since: Option<&Version>, folder: &str) -> Result<usize> {
    let range = since.map_or_else(|| "HEAD".to_owned(), |version| format!("{}..HEAD", tag(version)));
    let count = shell.git(&["rev-list", "--count", &range, "--", folder])?;
    count.trim().parse().context("git counts commits")
}

/// A clone in another folder, whose commits are by whoever calls.
pub fn clone(home: &Shell, to: &Path) -> Result<Shell> {
    let (from, into) = (home.folder().to_string_lossy(), to.to_string_lossy());
    home.git(&["clone", "--quiet", "--no-hardlinks", &from, &into])?;
    let (name, mail, _) = identity(home)?;
    let mut clone = home.moved(to);
    for role in ["AUTHOR", "COMMITTER"] {
        clone = clone
            .with(&format!("GIT_{role}_NAME"), &name)
            .with(&format!("GIT_{role}_EMAIL"), &mail);
    }
    Ok(clone)
}

/// Today, by the clock that git takes for a commit, as `YYYY-MM-DD`.
pub fn today(home: &Shell) -> Result<String> {
    let (_, _, seconds) = identity(home)?;
    let now = time::OffsetDateTime::from_unix_timestamp(seconds).context("git's clock is out of range")?;
    Ok(now.date().to_string())
}

/// Commits all that has changed.
pub fn commit(shell: &Shell, message: &str) -> Result<()> {
    shell.git(&["add", "--all"])?;
    shell.git(&["commit", "--quiet", "--message", message])?;
    Ok(())
}

/// Moves the branch to a commit of a clone, if it still is where the clone began and nothing has changed.
pub fn take_over(home: &Shell, from: &Shell, began: &str, commit: &str) -> Result<()> {
    must_be_ready(home)?;
    if head(home)? != began {
        return Err(Refusal::Moved.into());
    }
    let clone = from.folder().to_string_lossy();
    home.git(&["fetch", "--quiet", &clone, commit])?;
    home.git(&["merge", "--quiet", "--ff-only", commit])?;
    Ok(())
}

/// Name, address and time of whoever commits.
fn identity(shell: &Shell) -> Result<(String, String, i64)> {
    let line = shell
        .git(&["var", "GIT_COMMITTER_IDENT"])
        .context("git knows no name to commit by")?;
    let parts = line.trim().split_once(" <").and_then(|(name, rest)| {
        let (mail, time) = rest.rsplit_once("> ")?;
        let seconds = time.split_whitespace().next()?.parse().ok()?;
        Some((name.to_owned(), mail.to_owned(), seconds))
    });
    parts.with_context(|| format!("git names a committer in another form: {line}"))
}
