//! From a path to the module that defines what it names, through every import and re-export.
use std::collections::BTreeSet;

use super::tree::{Id, Name, ROOT, Tree};

/// What a path comes to. One path may come to several: a function and a module may have one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// A module, and nothing in it.
    Module(Id),
    /// Something that a module defines, under the name that it has there.
    Item(Id, String),
}

/// The names that are being looked up, so that imports in a circle end.
type Seen = BTreeSet<(Id, String)>;

/// Everything that a path of a module may mean within the crate; nothing if it leads out of it.
pub fn resolve(tree: &Tree, from: Id, path: &[String]) -> Vec<Found> {
    along(tree, from, path, &mut Seen::new())
}

fn along(tree: &Tree, from: Id, path: &[String], seen: &mut Seen) -> Vec<Found> {
    let Some((first, rest)) = path.split_first() else {
        return Vec::new();
    };
    let parent = |id: Id| tree.module(id).map_or(ROOT, |module| module.parent);
    let mut found = match first.as_str() {
        "crate" => vec![Found::Module(ROOT)],
        "self" => vec![Found::Module(from)],
        "super" => vec![Found::Module(parent(from))],
        name => look_up(tree, from, name, seen),
    };
    for segment in rest {
        let modules: Vec<Id> = found.iter().filter_map(module).collect();
        // What follows an item, such as a variant of an enum, is the item's.
        if modules.is_empty() {
            break;
        }
        found = modules
            .into_iter()
            .flat_map(|id| match segment.as_str() {
                "super" => vec![Found::Module(parent(id))],
                name => look_up(tree, id, name, seen),
            })
            .collect();
    }
    found.sort();
    found.dedup();
    found
}

fn module(found: &Found) -> Option<Id> {
    match found {
        Found::Module(id) => Some(*id),
        Found::Item(..) => None,
    }
}

/// What a name means in a module.
fn look_up(tree: &Tree, id: Id, name: &str, seen: &mut Seen) -> Vec<Found> {
    let Ok(module) = tree.module(id) else {
        return Vec::new();
    };
    if !seen.insert((id, name.to_owned())) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Some(names) = module.names.get(name) {
        for named in names {
            match named {
                Name::Module(child) => found.push(Found::Module(*child)),
                Name::Own => found.push(Found::Item(id, name.to_owned())),
                Name::Import(path) => found.extend(along(tree, id, path, seen)),
            }
        }
    } else {
        for path in &module.globs {
            for wide in along(tree, id, path, seen) {
                if let Found::Module(of) = wide {
                    found.extend(look_up(tree, of, name, seen));
                }
            }
        }
    }
    seen.remove(&(id, name.to_owned()));
    found
}
