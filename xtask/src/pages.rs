//! What the pages refer to: files and headings that are there, and a row for each dependency.
use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use cargo_metadata::Metadata;

/// The page with a row for each direct dependency.
const DEPENDENCIES: &str = "docs/dependencies.md";

/// A page and what is wrong with it.
pub type Finding = (String, String);

/// The links of a page to files and headings of the workspace that are not there.
pub fn dead_links(page: &Path, text: &str) -> Vec<Finding> {
    let here = page.parent().unwrap_or(Path::new(""));
    let dead = |link: &&str| !is_elsewhere(link) && !leads_somewhere(here, page, link);
    let found = links(text).into_iter().filter(dead);
    found
        .map(|link| {
            (
                page.display().to_string(),
                format!("links to {link}, which is not there"),
            )
        })
        .collect()
}

fn is_elsewhere(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// What stands in round brackets behind square ones, outside of code.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            // Of pieces between backticks every second one is code.
            let mut rest = line;
            while let Some((before, after)) = rest.split_once("](") {
                let end = after.find([')', ' ']).unwrap_or(after.len());
                if before.matches('`').count() % 2 == 0 || before.ends_with('`') {
                    found.extend(after.get(..end));
                }
                rest = after;
            }
        }
    }
    found
}

fn leads_somewhere(here: &Path, page: &Path, link: &str) -> bool {
    let (file, anchor) = link
        .split_once('#')
        .map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() {
        page.to_path_buf()
    } else {
        here.join(file)
    };
    match anchor {
        None => target.exists(),
        Some(anchor) if target.extension().is_some_and(|end| end == "md") => {
            fs::read_to_string(target).is_ok_and(|text| anchors(&text).contains(anchor))
        }
        Some(_) => target.exists(),
    }
}

/// The headings of a page as links name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter_map(|char| match char {
                ' ' => Some('-'),
                '-' | '_' => Some(char),
                _ => char.is_alphanumeric().then_some(char),
            });
            kept.collect()
        })
        .collect()
}

/// The direct dependencies that have no row.
pub fn dependencies_without_a_row(metadata: &Metadata) -> Vec<Finding> {
    let page = fs::read_to_string(DEPENDENCIES).unwrap_or_default();
    let packages = metadata.workspace_packages();
    let own: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let all = packages.iter().flat_map(|package| &package.dependencies);
    let foreign: BTreeSet<&str> = all
        .map(|dependency| dependency.name.as_str())
        .filter(|name| !own.contains(name))
        .collect();
    let lacks = |name: &&str| !page.contains(&format!("`{name}`"));
    foreign
        .into_iter()
        .filter(lacks)
        .map(|name| (DEPENDENCIES.to_owned(), format!("has no row for {name}")))
        .collect()
}

/// The pages whose Rust code no documentation test compiles.
pub fn untested_code(files: &[PathBuf]) -> Vec<Finding> {
    let sources = files
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let included: BTreeSet<PathBuf> = sources
        .flat_map(|source| {
            let text = fs::read_to_string(source).unwrap_or_default();
            included(source, &text)
        })
        .collect();
    let untested = pages(files).filter(|page| {
        let text = fs::read_to_string(page).unwrap_or_default();
        has_rust(&text) && !included.contains(page.as_path())
    });
    untested
        .map(|page| {
            (
                page.display().to_string(),
                "has Rust code, and is in no documentation test".to_owned(),
            )
        })
        .collect()
}

fn has_rust(page: &str) -> bool {
    page.lines().any(|line| line.trim_start().starts_with("```rust"))
}

/// The pages that are documentation of an item in this source.
fn included(source: &Path, text: &str) -> Vec<PathBuf> {
    let here = source.parent().unwrap_or(Path::new(""));
    let named = text.split("doc = include_str!(\"").skip(1);
    let named = named.filter_map(|rest| rest.split('"').next());
    named.map(|page| resolved(&here.join(page))).collect()
}

/// Without what leads up again.
fn resolved(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    whole
}

/// The pages among the files.
pub fn pages(files: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    files
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_and_code_is_none() {
        let text = "[a](b.md) and [`c`](d.md#e), `[x](no)`\n```\n[y](no)\n```\n[z](https://x.y)";
        assert_eq!(links(text), ["b.md", "d.md#e", "https://x.y"]);
    }

    #[test]
    fn a_page_that_is_documentation_is_tested() {
        let text = "#[cfg(doctest)]\n#[doc = include_str!(\"../../docs/guide.md\")]\nstruct Guide;\ninclude_str!(\"../no.md\")";
        assert_eq!(
            included(Path::new("tests/src/lib.rs"), text),
            [Path::new("docs/guide.md")]
        );
        assert!(has_rust("a\n```rust,no_run\n") && !has_rust("```sh\n"));
    }

    #[test]
    fn headings_are_named_as_links_name_them() {
        let found = anchors("# One, two: `three`\n## The caches, and revocation\ntext");
        assert!(found.contains("one-two-three") && found.contains("the-caches-and-revocation"));
    }
}
