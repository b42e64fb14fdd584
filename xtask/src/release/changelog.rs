//! The changelog: which versions it tells of, and the section that a release adds.
use cargo_metadata::semver::Version;

/// The file, at the root.
pub const FILE: &str = "CHANGELOG.md";

const UNRELEASED: &str = "## Unreleased";

/// The versions with a section.
pub fn versions(text: &str) -> Vec<Version> {
    let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
    headings
        .filter_map(|heading| Version::parse(heading.split_whitespace().next()?).ok())
        .collect()
}

/// The heading of a version's section, without its date.
pub fn heading(version: &Version) -> String {
    format!("## {version} (")
}

/// Whether something stands under `## Unreleased`.
pub fn has_unreleased(text: &str) -> bool {
    !split(text).1.trim().is_empty()
}

/// The changelog with a section for a version: what stood under `## Unreleased`, then the points of the notes.
pub fn fold(text: &str, version: &Version, date: &str, points: &str) -> String {
    let (before, unreleased, after) = split(text);
    let mut folded = format!("{}\n\n{}{date})\n\n", before.trim_end(), heading(version));
    for part in [unreleased, points] {
        if !part.trim().is_empty() {
            folded.push_str(part.trim());
            folded.push_str("\n\n");
        }
    }
    folded.push_str(after);
    format!("{}\n", folded.trim_end())
}

/// What stands before the newest section, under `## Unreleased`, and from the next section on.
fn split(text: &str) -> (&str, &str, &str) {
    let section = |text: &str| {
        if text.starts_with("## ") {
            Some(0)
        } else {
            text.find("\n## ").map(|at| at + 1)
        }
    };
    let (before, rest) = text.split_at(section(text).unwrap_or(text.len()));
    match rest.strip_prefix(UNRELEASED) {
        Some(body) if body.is_empty() || body.starts_with('\n') => {
            let (body, after) = body.split_at(section(body).unwrap_or(body.len()));
            (before, body, after)
        }
        _ => (before, "", rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-02";

    #[test]
    fn a_section_comes_before_those_that_are_there() {
        let version = Version::new(0, 2, 0);
        let folded = fold(
            "# Changelog\n\nAll of it.\n\n## 0.1.0 (2025-01-01)\n\n- First.\n",
            &version,
            NOW,
            "### Added\n\n- More.\n\n",
        );
        assert_eq!(
            folded,
            "# Changelog\n\nAll of it.\n\n## 0.2.0 (2026-01-02)\n\n### Added\n\n- More.\n\n## 0.1.0 (2025-01-01)\n\n- First.\n"
        );
        assert_eq!(versions(&folded), [version, Version::new(0, 1, 0)]);
    }

    #[test]
    fn what_was_unreleased_is_kept() {
        let text = "# Changelog\n\n## Unreleased\n\n- Old.\n\n## 0.1.0 (2025-01-01)\n";
        assert!(has_unreleased(text) && !has_unreleased("# Changelog\n\n## Unreleased\n\n## 0.1.0 (x)\n"));
        let folded = fold(text, &Version::new(0, 2, 0), NOW, "### Fixed\n\n- New.\n\n");
        assert_eq!(
            folded,
            "# Changelog\n\n## 0.2.0 (2026-01-02)\n\n- Old.\n\n### Fixed\n\n- New.\n\n## 0.1.0 (2025-01-01)\n"
        );
    }

    #[test]
    fn an_empty_changelog_gets_its_first_section() {
        let folded = fold("# Changelog\n", &Version::new(0, 1, 0), NOW, "- A.\n");
        assert_eq!(folded, "# Changelog\n\n## 0.1.0 (2026-01-02)\n\n- A.\n");
        assert!(versions("# Changelog\n## Unreleased\n").is_empty());
    }
}
