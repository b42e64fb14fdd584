//! The `use` graph between the files of a crate, re-exports resolved: it reads top down, so it has no cycle.
//!
//! A file uses another one if it imports or names something that the other one *defines*. A `mod` is no use, nor is a
//! re-export; who takes a re-exported name uses the file that defines it. Tests do not count.
mod cycles;
mod edges;
mod resolve;
mod tested;
#[cfg(test)]
mod tests;
mod tree;

use std::{fs, path::Path};

use anyhow::Result;
use cycles::{Cycle, cycles};
use edges::edges;
use tree::{Read, Tree};

/// The cycles of a crate, each as `a -> b -> a` with the items that make its steps.
pub fn of_crate(root: &Path) -> Result<Vec<String>> {
    of_files(root, &|file| fs::read_to_string(file).ok())
}

fn of_files(root: &Path, read: Read<'_>) -> Result<Vec<String>> {
    let tree = Tree::load(root, read)?;
    let found = cycles(&edges(&tree)?);
    found.iter().map(|cycle| told(&tree, cycle)).collect()
}

fn told(tree: &Tree, cycle: &Cycle) -> Result<String> {
    let mut names = Vec::new();
    for (id, _) in cycle {
        names.push(tree.module(*id)?.name.as_str());
    }
    let nexts: Vec<&str> = names.iter().copied().cycle().skip(1).take(names.len()).collect();
    let steps = cycle.iter().zip(names.iter().zip(&nexts));
    let steps = steps.map(|((_, items), (user, used))| {
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        format!("{user} uses {} of {used}", items.join(", "))
    });
    let steps: Vec<String> = steps.collect();
    let first = names.first().copied().unwrap_or_default();
    let way = names.join(" -> ");
    Ok(format!("{way} -> {first}: {}", steps.join("; ")))
}
