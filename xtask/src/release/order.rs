//! What is published, and in which order: what others depend on first, tests and examples counted.
use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::Metadata;

use super::refusal::Refusal;

/// A crate that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    /// Its folder, below the workspace's root.
    pub folder: String,
    /// All that it needs of the workspace, directly or not.
    pub needs: BTreeSet<String>,
}

/// The workspace's crates that may be published, each behind what it needs.
pub fn members(metadata: &Metadata) -> Result<Vec<Member>, Refusal> {
    let packages = metadata.workspace_packages();
    let published: Vec<_> = packages
        .iter()
        .filter(|package| {
            package
                .publish
                .as_ref()
                .is_none_or(|registries| !registries.is_empty())
        })
        .collect();
    let names: BTreeSet<&str> = published.iter().map(|package| package.name.as_str()).collect();
    let needs: BTreeMap<String, BTreeSet<String>> = published
        .iter()
        .map(|package| {
            // A dependency of tests without a version is left out of what is published.
            let stated = package.dependencies.iter().filter(|dependency| {
                names.contains(dependency.name.as_str())
                    && dependency.name != package.name.as_str()
                    && !(dependency.kind == cargo_metadata::DependencyKind::Development
                        && dependency.req.comparators.is_empty())
            });
            let needed = stated.map(|dependency| dependency.name.clone()).collect();
            (package.name.to_string(), needed)
        })
        .collect();
    let sorted = sort(needs)?;
    let folder = |name: &str| {
        let package = published.iter().find(|package| package.name.as_str() == name)?;
        let folder = package.manifest_path.parent()?;
        Some(folder.strip_prefix(&metadata.workspace_root).ok()?.to_string())
    };
    Ok(sorted
        .into_iter()
        .map(|(name, needs)| Member {
            folder: folder(&name).unwrap_or_default(),
            name,
            needs,
        })
        .collect())
}

/// Puts each name behind those that it needs, and adds to these what they need themselves.
fn sort(mut left: BTreeMap<String, BTreeSet<String>>) -> Result<Vec<(String, BTreeSet<String>)>, Refusal> {
    let mut sorted: Vec<(String, BTreeSet<String>)> = Vec::new();
    while !left.is_empty() {
        let ready = left
            .iter()
            .find(|(_, needs)| needs.iter().all(|need| !left.contains_key(need)))
            .map(|(name, _)| name.clone());
        let Some((name, direct)) = ready.and_then(|name| left.remove_entry(&name)) else {
            return Err(Refusal::Circle(left.into_keys().collect()));
        };
        let below = sorted.iter().filter(|(before, _)| direct.contains(before));
        let mut all: BTreeSet<String> = below.flat_map(|(_, needs)| needs.iter().cloned()).collect();
        all.extend(direct);
        sorted.push((name, all));
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        edges
            .iter()
            .map(|(name, needs)| ((*name).to_owned(), owned(needs)))
            .collect()
    }

    #[test]
    fn each_stands_behind_what_it_needs() {
        let sorted = sort(graph(&[("a", &["b"]), ("b", &["c"]), ("c", &[]), ("d", &["a"])]));
        let sorted = sorted.unwrap_or_default();
        let names: Vec<&str> = sorted.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["c", "b", "a", "d"]);
        assert_eq!(
            sorted.last().map(|(_, needs)| needs.len()),
            Some(3),
            "what is needed by what is needed"
        );
    }

    #[test]
    fn a_circle_is_refused_by_name() {
        let sorted = sort(graph(&[("a", &["b"]), ("b", &["a"]), ("c", &[])]));
        assert_eq!(sorted, Err(Refusal::Circle(vec!["a".into(), "b".into()])));
    }
}
